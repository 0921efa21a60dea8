"""Problem sets: known, large enough, and the same for every row."""

from __future__ import annotations

import copy
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness import catalogue
from harness.document import Document, did_you_mean
from harness.spec.asked import responses_each
from harness.spec.checks.names import Lines
from harness.spec.faults import inside
from harness.spec.model import Train
from harness.spec.rows import RowSpec

if TYPE_CHECKING:
    from harness.spec import Suite


def problem_set(source: str | dict[str, Any], folder: str | os.PathLike[str]) -> catalogue.ProblemSet:
    """What a name, a name with options or a written-out source stands for. Raises ValueError or catalogue.Unknown."""
    if catalogue.listed_in(source) is not None:
        return catalogue.named_problem_set(source)
    assert isinstance(source, dict)
    return catalogue.inline_problem_set(source, folder)


def with_found_files(document: Document) -> Document:
    """The document with the files of written-out sources, and folders of tasks, as they are found: beside the suite that names them, or from here."""
    sources: list[tuple[str | int, ...]] = [("train", "problems", "set")]
    groups = document.data.get("evaluate")
    for index, group in enumerate(groups if isinstance(groups, list) else []):
        for key in ("benchmarks", "lm_eval"):
            entries = group.get(key) if isinstance(group, dict) else None
            sources += [("evaluate", index, key, number) for number in range(len(entries) if isinstance(entries, list) else 0)]
    data = copy.deepcopy(document.data)
    for path in sources:
        source, key = inside(data, path), "include" if "lm_eval" in path else "file"
        if isinstance(source, dict) and isinstance(source.get(key), str):
            found = catalogue.find_path(source[key], os.path.dirname(document.value_place((*path, key)).file))
            source[key] = source[key] if found is None else str(found)
    return replace(document, data=data)


def known_set(
    suite: Suite, document: Document, source: str | dict[str, Any], path: tuple[str | int, ...]
) -> tuple[catalogue.ProblemSet | None, Lines]:
    """The set, or the fault that tells why there is none."""
    try:
        return problem_set(source, os.path.dirname(document.value_place(path).file)), iter(())
    except catalogue.Unknown:
        known = catalogue.names("problems")
        name = catalogue.listed_in(source)
        return None, iter([document.fault(path, f"there is no problem set {name!r}.{did_you_mean(name, known)}")])
    except catalogue.Misread as fault:
        return None, iter([document.fault((*path, *fault.path), str(fault), at_key=fault.at_key)])


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


def overlap(suite: Suite, document: Document) -> Lines:
    """Nobody trains on an exam's own questions without saying so."""
    trained, _ = known_set(suite, document, suite.train.problems.set, ("train", "problems", "set"))
    sat: dict[str, catalogue.ProblemSet] = {}
    for index, group in enumerate(suite.evaluate):
        for number, benchmark in enumerate(group.benchmarks):
            path = ("evaluate", index, "benchmarks", number)
            exam, _ = known_set(suite, document, benchmark, path)
            if exam is None:
                continue
            sat |= {name: exam for name in (exam.name, exam.listed) if name}
            if trained is not None and trained.same_questions(exam) and not suite.declared(exam):
                yield document.fault(
                    path,
                    f"{exam.name} asks the questions that train.problems trains on ({trained.name}). Take another exam; or, if that is meant, "
                    f"say so: `overlap: {{declared: {exam.listed or exam.name}, why: …}}`, and its column bears a mark.",
                )
    for index, name in enumerate(suite.overlap.names if suite.overlap else ()):
        path = ("overlap", "declared", *((index,) if isinstance(suite.overlap and suite.overlap.declared, list) else ()))
        if name not in sat and document.own(("overlap", "declared")):
            yield document.fault(path, f"there is no exam {name!r} in evaluate.{did_you_mean(name, sat)}")


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


def available(suite: Suite, row: RowSpec) -> int | None:
    """How many problems there are to train on, or None where only loading tells."""
    problems = row.train.problems
    if isinstance(problems.take, int):
        return problems.take
    found = trained_on(suite)
    return found and found.count


def trained_on(suite: Suite) -> catalogue.ProblemSet | None:
    """The set that rows train on, or None where there is none of that name."""
    try:
        return suite.problem_set(suite.train.problems.set)
    except (ValueError, KeyError):
        return None


def each_round(suite: Suite, row: RowSpec) -> int | None:
    """The most trajectories of the main term that a round of this row gives, or None where only running tells."""
    rounds = row.train.rounds
    asked = available(suite, row) if rounds.problems == "all" else rounds.problems
    if asked is None:
        return None
    return asked * responses_each(row.method.terms["main"], row.train)
