"""What no single section can tell: contradictions, settings that take effect in no row, names that nobody knows.

Inertness is judged only of what this very file says: a setting inherited through `like` had its effect where it stands.
"""

from __future__ import annotations

import copy
import math
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness import catalogue
from harness.document import Document, did_you_mean, dotted
from harness.spec.faults import Faults, inside
from harness.spec.model import Budget, EvalGroup, PairSpec, Report, RoleSampling, SamplingSpec, Train
from harness.spec.rows import RowSpec
from methods.method import Method, Term
from methods.parts.contexts import Plain
from methods.parts.teachers import Frozen, Nobody, Pair

if TYPE_CHECKING:
    from harness.spec import Suite

SUITE_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\Z")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z")
REVISION = re.compile(r"[A-Za-z0-9][\w./-]*\Z")
BRANCHES = ("main", "master", "head", "latest", "dev", "develop")
METRIC = re.compile(r"(avg|pass)@([1-9][0-9]*)\Z")
Lines = Iterator[str]


def check(suite: Suite, document: Document, faults: Faults) -> None:
    """All checks; what they find is added to `faults`."""
    for each in (names, seeds, pairs, problems, data, rows, sampling, limits, optim, batches, budgets, exams, report):
        faults += each(suite, document)


# --- names, seeds ----------------------------------------------------------------------------------------------------


def names(suite: Suite, document: Document) -> Lines:
    if not SUITE_NAME.match(suite.suite):
        yield document.fault(
            ("suite",),
            f"{suite.suite!r} cannot name a suite: it becomes a folder. Use small letters, digits and single dashes, "
            "for example equal-budgets.",
        )
    for section, entries in (("pairs", suite.pairs), ("budgets", suite.budgets)):
        seen: dict[str, str] = {}
        for name in entries:
            if not FILE_NAME.match(name):
                yield document.fault(
                    (section, name), f"{name!r} becomes part of file names. Use letters, digits, dots, dashes and underscores.", at_key=True
                )
            if name.casefold() in seen:
                yield document.fault(
                    (section, name),
                    f"{name!r} and {seen[name.casefold()]!r} differ in capitals alone, which does not tell files apart. Rename one.",
                    at_key=True,
                )
            seen[name.casefold()] = name


def seeds(suite: Suite, document: Document) -> Lines:
    yield from repeated(document, ("seeds", "train"), suite.seeds.train, "the same seed twice is the same run twice")


def repeated(document: Document, path: tuple[str | int, ...], values: list[Any], why: str) -> Lines:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield document.fault((*path, index), f"{value} stands in this list twice: {why}. Take one away.")


# --- pairs -----------------------------------------------------------------------------------------------------------


def located(pair: PairSpec, document: Document, name: str) -> PairSpec:
    """The pair with local folders as they are found: beside the file that names them, or from here."""
    found = {}
    for role in ("student", "teacher"):
        model = getattr(pair, role)
        if model and model not in catalogue.names("models"):
            folder = os.path.dirname(document.value_place(("pairs", name, role)).file)
            path = catalogue.find_path(model, folder)
            if path is not None and path.is_dir():
                found[role] = str(path)
    return pair.model_copy(update=found)


def pairs(suite: Suite, document: Document) -> Lines:
    for name, pair in suite.pairs.items():
        place = ("pairs", name)
        for role in ("student", "teacher"):
            model = getattr(pair, role)
            if model is not None and (text := wrong_model(model)):
                yield document.fault((*place, role), text)
        yield from repeated(document, (*place, "differ"), pair.differ, "once is enough")
        modes_differ = pair.modes.student != pair.modes.teacher
        if modes_differ and "mode" not in pair.differ:
            at = (*place, "modes") if (*place, "modes") in document.marks else place
            yield document.fault(
                at,
                f"the student speaks {pair.modes.student}, the teacher {pair.modes.teacher}: their texts look different at every token. "
                "If that is meant, add `differ: [mode]`; else give both the same mode.",
            )
        if "mode" in pair.differ and not modes_differ:
            yield document.fault(
                (*place, "differ"), f"declares that modes differ, but both are {pair.modes.student}. Take `mode` out, or set `modes`."
            )
        if pair.teacher is None:
            for word in pair.differ:
                if word != "mode":
                    yield document.fault(
                        (*place, "differ"),
                        f"declares that {word} differs, but this pair has no teacher to differ from. Take `{word}` out, or add `teacher`.",
                    )
        elif pair.teacher == pair.student:
            yield document.fault(
                (*place, "teacher"),
                "is the student itself: where both read the same, they agree at every token. Leave `teacher` out; "
                "self-distillation (teacher: Frozen) needs none.",
            )


def wrong_model(model: str) -> str | None:
    """What is wrong with a model as spelled, or None."""
    recipes = catalogue.names("models")
    if (model in recipes and "recipe" in catalogue.model(model)) or os.path.isdir(model):
        return None
    name, at, revision = model.partition("@")
    if name in recipes and "recipe" in catalogue.model(name):
        return f"{name} is made here, from its recipe in the model catalogue, and has no revision. Write just `{name}`."
    if not at:
        if not HUB_ID.match(name) or name.startswith("."):
            return f"there is no folder {model!r}, neither beside the suite nor from here.{near_recipe(model)} A hub model is written owner/name@revision."
        return (
            f"{model!r} is neither a model made here nor a folder that exists, and as a hub model it has no revision: "
            f"what it stands for may change.{near_recipe(model)} "
            f"Pin it: {model}@<commit>, or write {model}@unpinned until it is known: `plan` takes that, `run` does not."
        )
    if not HUB_ID.match(name):
        return f"{name!r} is no name of a hub model. Expected owner/name@revision, for example Qwen/Qwen3-1.7B@unpinned."
    if not REVISION.match(revision):
        return f"{revision!r} is no revision. Write the commit, or @unpinned until it is known: `plan` takes that, `run` does not."
    if revision.casefold() in BRANCHES:
        return f"@{revision} is a branch, and branches move. Write the commit, or @unpinned until it is known: `plan` takes that, `run` does not."
    return None


def near_recipe(model: str) -> str:
    made = [name for name in catalogue.names("models") if "recipe" in catalogue.model(name)]
    return did_you_mean(model, made).partition(" Known:")[0]


# --- problems --------------------------------------------------------------------------------------------------------


def problem_set(source: str | dict[str, Any], folder: str | os.PathLike[str]) -> catalogue.ProblemSet:
    """What a name or a written-out source stands for. Raises ValueError or catalogue.Unknown."""
    return catalogue.problem_set(source) if isinstance(source, str) else catalogue.inline_problem_set(source, folder)


def with_found_files(document: Document) -> Document:
    """The document with the files of written-out sources as they are found: beside the suite that names them, or from here."""
    sources: list[tuple[str | int, ...]] = [("train", "problems", "set")]
    groups = document.data.get("evaluate")
    for index, group in enumerate(groups if isinstance(groups, list) else []):
        benchmarks = group.get("benchmarks") if isinstance(group, dict) else None
        sources += [("evaluate", index, "benchmarks", number) for number in range(len(benchmarks) if isinstance(benchmarks, list) else 0)]
    data = copy.deepcopy(document.data)
    for path in sources:
        source = inside(data, path)
        if isinstance(source, dict) and isinstance(source.get("file"), str):
            found = catalogue.find_path(source["file"], os.path.dirname(document.value_place((*path, "file")).file))
            source["file"] = source["file"] if found is None else str(found)
    return replace(document, data=data)


def known_set(
    suite: Suite, document: Document, source: str | dict[str, Any], path: tuple[str | int, ...]
) -> tuple[catalogue.ProblemSet | None, Lines]:
    """The set, or the fault that tells why there is none."""
    if isinstance(source, dict) and len(source) == 1 and "file" not in source:
        (name,) = source
        if name in catalogue.names("problems") or isinstance(source[name], dict):
            return None, iter(
                [
                    document.fault(
                        path,
                        f"options of a problem set ({name}: …) are not yet known in this version. Name a set of the catalogue, "
                        "or write its file out.",
                    )
                ]
            )
    try:
        return problem_set(source, os.path.dirname(document.value_place(path).file)), iter(())
    except catalogue.Unknown:
        known = catalogue.names("problems")
        return None, iter([document.fault(path, f"there is no problem set {source!r}.{did_you_mean(source, known)}")])
    except ValueError as fault:
        return None, iter([document.fault(path, str(fault))])


def problems(suite: Suite, document: Document) -> Lines:
    path = ("train", "problems", "set")
    found, lines = known_set(suite, document, suite.train.problems.set, path)
    yield from lines
    if found is None:
        return
    take = suite.train.problems.take
    available = found.count if take == "all" else min(take, found.count or take)
    if found.count is not None and isinstance(take, int) and take > found.count:
        yield document.fault(
            ("train", "problems", "take"), f"{take} problems are more than the {found.count} of {found.name}. Take fewer, or write all."
        )
    counts = [(suite.train.rounds.problems, ("train", "rounds", "problems"))]
    for wanted, place in counts:
        if isinstance(wanted, int) and available is not None and wanted > available:
            yield document.fault(place, f"a round over {wanted} problems is more than the {available} that train has. Write all, or fewer.")
    for row in suite.rows:
        if not found.solution and any(term.reads.needs_solution for term in row.method.terms.values()):
            yield document.fault(
                row.place,
                f"row {row.label!r} lets the teacher read solutions ({row.method.reads!r}), but {found.name} has none. "
                "Train on problems with solutions, or choose a method that reads none.",
            )


def data(suite: Suite, document: Document) -> Lines:
    """Rows of one suite meet the same problems, or the comparison is of data."""
    for row in suite.rows:
        for section, shared, own in (
            ("problems", suite.train.problems, row.train.problems),
            ("limits", suite.train.limits, row.train.limits),
            ("format", suite.train.format, row.train.format),
        ):
            if own != shared:
                yield document.fault(
                    override_place(document, row, section),
                    f"row {row.label!r} would train on other data than its neighbours (train.{section}), and no column tells. "
                    f"Make it a suite of its own: `like: {os.path.basename(suite.path)}` with this change.",
                )
        if met(row.train) != met(suite.train):
            yield document.fault(
                override_place(document, row, "rounds"),
                f"row {row.label!r} would meet {met(row.train)} problems where its neighbours meet {met(suite.train)}. "
                "Keep count × problems equal, use `count: until-budget`, or make it a suite of its own with `like:`.",
            )


def met(train: Train) -> str:
    """How many problems a row meets, as far as rounds tell."""
    count, problems = train.rounds.count, train.rounds.problems
    if count == "until-budget":
        return "as many as its budget allows"
    return f"{count} × all" if problems == "all" else str(count * problems)


def override_place(document: Document, row: RowSpec, section: str) -> tuple[str | int, ...]:
    """Where the row says something about a section of `train`; the row itself where that cannot be told."""
    place = row.place
    candidates = [
        (*place, "train", section),
        *((*place, *("grid",) * in_grid, *([path] if isinstance(path, str) else path)) for path in row.overrides for in_grid in (0, 1)),
    ]
    for candidate in candidates:
        last = str(candidate[-1]).removeprefix("train.")
        if candidate in document.marks and last.partition(".")[0] == section:
            return candidate
    return place


# --- rows ------------------------------------------------------------------------------------------------------------


def written_by(method: Method, who: str) -> bool:
    """Does the student, or the teacher, write in any term?"""
    return any(act.by == who for term in method.terms.values() for act in term.writer.acts(term.reads.needs_attempt))


def asks_pair(term: Term) -> bool:
    """Does this term need the pair's teacher: to score, or to write where nobody scores?"""
    writes = any(act.by == "teacher" for act in term.writer.acts(term.reads.needs_attempt))
    return isinstance(term.teacher, Pair) or (writes and not isinstance(term.teacher, Frozen))


def rows(suite: Suite, document: Document) -> Lines:
    for row in suite.rows:
        for name, pair in suite.pairs.items():
            if pair.teacher is None and any(asks_pair(term) for term in row.method.terms.values()):
                yield document.fault(
                    row.place,
                    f"row {row.label!r} needs the pair's teacher, but pairs.{name} has none. Add `teacher:` to that pair, "
                    "or choose methods of self-distillation (teacher: Frozen).",
                )
        for name, term in row.method.terms.items():
            for act in term.writer.acts(term.reads.needs_attempt):
                asked = row.train.sampling_of(act.by)
                try:
                    SamplingSpec.model_validate(asked.model_dump() | term.writer.overrides())
                except ValidationError as fault:
                    first = fault.errors()[0]
                    yield document.fault(
                        row.place,
                        f"row {row.label!r}, term {name}: the writer's {dotted(first['loc'])} = {first['input']} cannot be sampled with: "
                        f"{first['msg'].lower()}. Correct the override.",
                    )
                    break


# --- settings of train -----------------------------------------------------------------------------------------------


def sampling(suite: Suite, document: Document) -> Lines:
    for role in ("student", "teacher"):
        path = ("train", "sampling", role)
        if (
            isinstance(suite.train.sampling, RoleSampling)
            and document.own(path)
            and not any(written_by(row.method, role) for row in suite.rows)
        ):
            remedy = "Add a row in which it does, or say sampling once, without roles."
            yield document.fault(path, f"in no row does the {role} write, so this takes effect nowhere. {remedy}", at_key=True)


def limits(suite: Suite, document: Document) -> Lines:
    terms = [term for row in suite.rows for term in row.method.terms.values()]
    path = ("train", "limits", "teacher_prompt")
    own = suite.train.limits
    if own.teacher_prompt is not None and document.own(path):
        if not any(term.reads != Plain() for term in terms):
            yield document.fault(
                path,
                "in no row does the teacher read more than the problem, so this takes effect nowhere. Take it away; "
                "`prompt` holds for both.",
                at_key=True,
            )
        elif own.teacher_prompt < own.prompt:
            yield document.fault(
                path, f"{own.teacher_prompt} is less than prompt ({own.prompt}), but the teacher reads the problem and more. Give it room."
            )
    path = ("train", "limits", "solution")
    if own.solution is not None and document.own(path) and not any(term.reads.needs_solution for term in terms):
        yield document.fault(path, "in no row does anybody read a solution, so this takes effect nowhere. Take it away.", at_key=True)


def optim(suite: Suite, document: Document) -> Lines:
    settings = suite.train.optim
    for index, beta in enumerate(settings.betas):
        if beta >= 1:
            yield document.fault(
                ("train", "optim", "betas", index), f"a beta of {beta} never forgets, and AdamW divides by 1 − β. Give a value below 1."
            )
    lora = suite.train.lora
    if lora is not None and isinstance(lora.targets, list):
        path = ("train", "lora", "targets")
        if not lora.targets:
            yield document.fault(
                path, "an empty list adapts nothing. Write all-linear, name modules (q_proj, v_proj), or `lora: null` for full fine-tuning."
            )
        yield from repeated(document, path, lora.targets, "a module is adapted once")
    if lora is not None and lora.dropout >= 1:
        yield document.fault(("train", "lora", "dropout"), "a dropout of 1 leaves nothing to train. Give a value below 1.")


def batches(suite: Suite, document: Document) -> Lines:
    for row in suite.rows:
        given = each_round(suite, row)
        batch = row.train.optim.batch
        if given is not None and given < batch:
            own = override_place(document, row, "optim")
            place = ("train", "optim", "batch") if own == row.place else own
            yield document.fault(
                place,
                f"row {row.label!r} gets {given} trajectories a round, so a batch of {batch} is never full. "
                "Lower the batch, or raise rounds.problems or n.",
            )


# --- budgets ---------------------------------------------------------------------------------------------------------


def grows(meter: str, method: Method) -> bool:
    """Can this meter ever move in a row of this method?"""
    match meter:
        case "student_written" | "teacher_written":
            return written_by(method, meter.removesuffix("_written"))
        case "teacher_read":
            return any(not isinstance(term.teacher, Nobody) for term in method.terms.values())
        case _:
            return True


def budgets(suite: Suite, document: Document) -> Lines:
    for name, budget in suite.budgets.items():
        path = ("budgets", name)
        if not budget.limits:
            yield document.fault(
                path,
                "a budget without a limit ends nothing. Give at least one, for example {updates: 100} or {student_written: 60_000_000}.",
            )
            continue
        for row in suite.rows:
            if not any(grows(meter, row.method) for meter in budget.limits):
                stuck = " and ".join(budget.limits)
                if row.train.rounds.count == "until-budget":
                    yield document.fault(
                        path,
                        f"row {row.label!r} would never end: in it {stuck} never grows, and rounds go on until the budget is spent. "
                        "Add a limit that grows, for example updates.",
                    )
                else:
                    yield document.fault(
                        path,
                        f"row {row.label!r} never spends from this budget: in it {stuck} never grows, "
                        "so warm-up and decay would stand still. Add a limit that grows, for example updates.",
                    )
        if document.own(path):
            yield from beyond_reach(suite, document, name, budget)
    seen: dict[tuple, str] = {}
    for name, budget in suite.budgets.items():
        limits = tuple(sorted(budget.limits.items()))
        if limits and limits in seen:
            yield document.fault(
                ("budgets", name),
                f"says what {seen[limits]!r} says already. Every row would run twice for nothing; take one away.",
                at_key=True,
            )
        seen[limits] = name


def beyond_reach(suite: Suite, document: Document, name: str, budget: Budget) -> Lines:
    """Limits that the rounds of every row end before."""
    for meter in ("rounds", "updates", "epochs"):
        limit = budget.limits.get(meter)
        if limit is None:
            continue
        reached = [most(suite, row, meter) for row in suite.rows]
        if all(each is not None and each < limit for each in reached):
            best = max(each for each in reached if each is not None)
            rounds = suite.train.rounds
            yield document.fault(
                ("budgets", name, meter),
                f"{limit:g} {meter} are never reached: rounds (count {rounds.count}, problems {rounds.problems}) end after {best:g}. "
                "Raise rounds.count, write `count: until-budget`, or lower this limit.",
            )


def most(suite: Suite, row: RowSpec, meter: str) -> float | None:
    """The most that the row's rounds can give, or None where only running tells."""
    rounds = row.train.rounds
    if rounds.count == "until-budget":
        return None
    if meter == "rounds":
        return rounds.count
    if meter == "updates":
        given = each_round(suite, row)
        return None if given is None else rounds.count * math.ceil(given / row.train.optim.batch)
    if rounds.problems == "all":
        return rounds.count
    found = available(suite, row)
    return None if found is None else rounds.count * rounds.problems / found


def available(suite: Suite, row: RowSpec) -> int | None:
    """How many problems there are to train on, or None where only loading tells."""
    problems = row.train.problems
    if isinstance(problems.take, int):
        return problems.take
    try:
        return suite.problem_set(problems.set).count
    except (ValueError, KeyError):
        return None


def each_round(suite: Suite, row: RowSpec) -> int | None:
    """The most trajectories of the main term that a round of this row gives, or None where only running tells."""
    rounds, method = row.train.rounds, row.method
    asked = available(suite, row) if rounds.problems == "all" else rounds.problems
    if asked is None:
        return None
    own = method.writer.overrides().get("n")
    writers = [act.by for act in method.writer.acts(method.reads.needs_attempt)]
    return asked * int(own if own is not None else max(row.train.sampling_of(who).n for who in writers))


# --- exams and report ------------------------------------------------------------------------------------------------


def exams(suite: Suite, document: Document) -> Lines:
    sat: dict[tuple[str, str], tuple[str | int, ...]] = {}
    for index, group in enumerate(suite.evaluate):
        place = ("evaluate", index)
        yield from how_sat(document, place, group)
        yield from repeated(document, (*place, "at"), group.at, "once is enough")
        if group.protocol is not None and group.protocol not in catalogue.names("protocols"):
            continue
        for number, benchmark in enumerate(group.benchmarks):
            path = (*place, "benchmarks", number)
            found, lines = known_set(suite, document, benchmark, path)
            yield from lines
            if found is None:
                continue
            sampling = group.sampling
            if group.protocol is not None:
                protocol = catalogue.protocol(group.protocol)
                by_domain = protocol.for_domain(found.domain)
                sampling = None if by_domain is None else SamplingSpec(**vars(by_domain))
                if sampling is None:
                    yield document.fault(
                        path,
                        f"{found.name} is of domain {found.domain}, for which protocol {protocol.name} says nothing (it knows "
                        f"{', '.join(protocol.sampling)}). Choose another, or write `sampling`.",
                    )
            if sampling is None:
                continue
            key = (found.name, sampling.model_dump_json())
            if key in sat:
                yield document.fault(
                    path,
                    f"{found.name} is sat in the same way already, at {dotted(sat[key])}. Take one away; `at` takes several fractions.",
                )
            sat.setdefault(key, path)
            yield from metrics(document, place, group, found.name, sampling.n)


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


def metrics(document: Document, place: tuple[str | int, ...], group: EvalGroup, exam: str, n: int) -> Lines:
    for number, metric in enumerate(group.metrics or []):
        path = (*place, "metrics", number)
        if text := wrong_metric(metric, n, exam):
            yield document.fault(path, text)
    yield from repeated(document, (*place, "metrics"), group.metrics or [], "once is enough")


def wrong_metric(metric: str, n: int, exam: str) -> str | None:
    found = METRIC.match(metric)
    if not found:
        return f"there is no metric {metric!r}. Known: avg@k and pass@k, for example avg@{n} and pass@{n}."
    if int(found[2]) > n:
        return f"{metric} needs {found[2]} answers a problem, but {exam} is sat with n = {n}. Raise n, or ask for {found[1]}@{n}."
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
