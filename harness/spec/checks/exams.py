"""Exams, their metrics, and what the report is to show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from harness import catalogue
from harness.document import Document, did_you_mean, dotted
from harness.spec.checks.data import known_set
from harness.spec.checks.names import Lines, repeated
from harness.spec.model import EvalGroup, MathGrader, Report, SamplingSpec
from harness.spec.rows import RowSpec

if TYPE_CHECKING:
    from harness.spec import Suite


GRADERS = get_args(MathGrader)
METRIC = re.compile(r"(avg|pass|maj)@([1-9][0-9]*)\Z")


def exams(suite: Suite, document: Document) -> Lines:
    sat: dict[tuple[str, str, str], tuple[str | int, ...]] = {}
    for index, group in enumerate(suite.evaluate):
        place = ("evaluate", index)
        yield from repeated(document, (*place, "at"), group.at, "once is enough")
        if group.lm_eval or not group.benchmarks:
            continue  # these are looked at in checks/lm_eval.py
        yield from how_sat(document, place, group)
        if group.protocol is not None and group.protocol not in catalogue.names("protocols"):
            continue
        for number, benchmark in enumerate(group.benchmarks):
            path = (*place, "benchmarks", number)
            found, lines = known_set(suite, document, benchmark, path)
            yield from lines
            if found is None:
                continue
            if found.parts:
                names = ", ".join(part.name for part in found.members)
                yield document.fault(path, f"{found.name} is several sets as one, to train on. Name those that are exams: {names}.")
                continue
            sampling = group.sampling
            if group.protocol is not None:
                protocol = catalogue.protocol(group.protocol)
                manner = protocol.manner(found.domain, next(iter(suite.pairs.values())).modes.student)
                sampling = None if manner is None else SamplingSpec(**vars(manner.sampling))
                if manner is None:
                    yield document.fault(
                        path,
                        f"{found.name} is of domain {found.domain}, for which protocol {protocol.name} says nothing (it knows "
                        f"{', '.join(protocol.manners)}). Choose another, or write `sampling`.",
                    )
                elif manner.grader not in (None, *GRADERS):
                    yield document.fault(
                        (*place, "protocol"),
                        f"protocol {protocol.name} of suites/protocols.yaml grades by {manner.grader!r}.{did_you_mean(manner.grader, GRADERS)}",
                    )
                    continue
            if sampling is None:
                continue
            yield from graders(suite, document, place, group, benchmark, found)
            key = (found.name, sampling.model_dump_json(), suite.exam_grader(group, benchmark))
            if key in sat:
                yield document.fault(
                    path,
                    f"{found.name} is sat in the same way already, at {dotted(sat[key])}. Take one away; `at` takes several fractions.",
                )
            sat.setdefault(key, path)
            yield from metrics(document, place, group, found.name, found.domain, sampling.n)


def graders(
    suite: Suite,
    document: Document,
    place: tuple[str | int, ...],
    group: EvalGroup,
    benchmark: str | dict[str, Any],
    found: catalogue.ProblemSet,
) -> Lines:
    """A grader of mathematics judges no program, and an audit compares with others than the score's own."""
    for key, said in (("grader", group.grader), ("audit", group.audit or None)):
        if said is not None and found.domain == "code":
            yield document.fault(
                (*place, key),
                f"{found.name} asks for programs, which its tests judge. Put it into a group of its own, without `{key}`.",
                at_key=True,
            )
            return
    yield from repeated(document, (*place, "audit"), group.audit, "once is enough")
    own = suite.exam_grader(group, benchmark)
    for index, name in enumerate(group.audit):
        if name == own:
            yield document.fault((*place, "audit", index), f"{found.name} is graded by {name} anyway. An audit names others.")


def how_sat(document: Document, place: tuple[str | int, ...], group: EvalGroup) -> Lines:
    if group.protocol is None and group.sampling is None:
        yield document.fault(
            place,
            f"says not how its exams are sat. Name a protocol ({', '.join(catalogue.names('protocols'))}) or write every field of "
            "`sampling`.",
        )
    elif group.protocol is not None and group.sampling is not None:
        yield document.fault(
            (*place, "sampling"), f"says how exams are sat twice: protocol {group.protocol} and this. Keep one.", at_key=True
        )
    if group.protocol is not None and group.protocol not in catalogue.names("protocols"):
        yield document.fault(
            (*place, "protocol"), f"there is no protocol {group.protocol!r}.{did_you_mean(group.protocol, catalogue.names('protocols'))}"
        )
    if group.metrics is not None and not group.metrics:
        yield document.fault((*place, "metrics"), "an empty list measures nothing. Leave it out for avg@n and pass@n, or name some.")


def metrics(document: Document, place: tuple[str | int, ...], group: EvalGroup, exam: str, domain: str | None, n: int) -> Lines:
    for number, metric in enumerate(group.metrics or []):
        path = (*place, "metrics", number)
        if text := wrong_metric(metric, n, exam) or wrong_vote(metric, exam, domain):
            yield document.fault(path, text)
    yield from repeated(document, (*place, "metrics"), group.metrics or [], "once is enough")


def wrong_metric(metric: str, n: int, exam: str) -> str | None:
    found = METRIC.match(metric)
    if not found:
        return f"there is no metric {metric!r}. Known: avg@k, pass@k and maj@k, for example avg@{n} and pass@{n}."
    if int(found[2]) > n:
        return f"{metric} needs {found[2]} answers a problem, but {exam} is sat with n = {n}. Raise n, or ask for {found[1]}@{n}."
    return None


def wrong_vote(metric: str, exam: str, domain: str | None) -> str | None:
    if metric.startswith("maj@") and domain != "math":
        return (
            f"{metric}: {exam} is of domain {domain}. A vote needs answers that can be the same, as those of mathematics are; no two programs "
            f"are. Ask for pass@{metric.removeprefix('maj@')}, or leave it out."
        )
    return None


def report_of_rows(wanted: Report, rows: tuple[RowSpec, ...], document: Document) -> Report:
    """The report without inherited names of rows that this suite does not have: they had their effect where they stand."""
    labels = {row.label for row in rows}
    baseline, controls = wanted.baseline, wanted.controls
    if baseline not in labels and not document.own(("report", "baseline")):
        baseline = None
    if not document.own(("report", "controls")):
        controls = [label for label in controls if label in labels]
    return wanted.model_copy(update={"baseline": baseline, "controls": controls})


def report(suite: Suite, document: Document) -> Lines:
    labels = [row.label for row in suite.rows]
    wanted = suite.report
    if wanted.baseline is not None and wanted.baseline not in labels:
        yield document.fault(("report", "baseline"), f"there is no row {wanted.baseline!r}.{did_you_mean(wanted.baseline, labels)}")
    for index, label in enumerate(wanted.controls):
        if label not in labels:
            yield document.fault(("report", "controls", index), f"there is no row {label!r}.{did_you_mean(label, labels)}")
    yield from repeated(document, ("report", "controls"), wanted.controls, "once is enough")
    known = list(catalogue.reported())
    for index, name in enumerate(wanted.reported):
        if name not in known:
            yield document.fault(
                ("report", "reported", index),
                f"there are no published figures {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}; `harness import TABLE.csv` adds more.",
            )
    yield from repeated(document, ("report", "reported"), wanted.reported, "once is enough")
    if wanted.primary is None:
        return
    path = ("report", "primary")
    samples = exam_samples(suite)
    over = list(samples) if wanted.primary.over == "all" else wanted.primary.over
    if not over:
        yield document.fault((*path, "over"), "an empty list has no score. Write all, or name exams of `evaluate`.")
    yield from repeated(document, (*path, "over"), over, "an exam counts once")
    for index, exam in enumerate(over):
        at = (*path, "over") if wanted.primary.over == "all" else (*path, "over", index)
        if exam not in samples:
            yield document.fault(at, f"there is no exam {exam!r} in evaluate.{did_you_mean(exam, samples)}")
        elif wanted.primary.metric.startswith("maj@"):
            yield document.fault(
                (*path, "metric"),
                f"{wanted.primary.metric} ranks nothing: it has no standard error that counts per problem could give. Name avg@k or pass@k.",
            )
            break
        elif text := wrong_metric(wanted.primary.metric, samples[exam], exam):
            yield document.fault((*path, "metric"), text)
            break


def exam_samples(suite: Suite) -> dict[str, int]:
    """Name of each exam -> the most answers a problem that any group asks for. Exams that are not known are left out."""
    found: dict[str, int] = {}
    for group in suite.evaluate:
        for benchmark in group.benchmarks:
            try:
                name = suite.problem_set(benchmark).name
                n = suite.exam_sampling(group, benchmark).n
            except (AssertionError, KeyError, ValueError):
                continue
            found[name] = max(found.get(name, 0), n)
    return found
