"""From a draft to a row: its cells, marks, cost and diagnostics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness import metrics
from harness.grading import UNGRADED
from harness.results import ExamScore, Meters, Result
from harness.statistics import Estimate, mean_share
from reports.drafts import Draft, Endpoint, Seed, difference, mean, on
from reports.margins import kept
from reports.nouns import Beside, Cell, Exam, Primary, Row
from reports.recovered import Way, recovered
from reports.sees import sees
from reports.words import DASH, percent, plural, says, series


@dataclass(frozen=True)
class Field:
    """What a row is compared with."""

    exams: tuple[Exam, ...]
    primary: Primary
    endpoint: Endpoint | None
    untrained: Draft | None
    best_control: Draft | None
    baseline: Draft | None
    seeds: int  # the most that any trained row has
    way: Way = Way()
    margins: Mapping[str, float] = field(default_factory=dict)  # exam or task → the fraction that it may lose
    beside: Beside | None = None


def row(draft: Draft, among: Field, rank: tuple[int, int] | None, anchor: str) -> Row:
    first, done = draft.first, draft.done
    shown = done or draft.results
    untrained = among.untrained if draft is not among.untrained and draft.role != "reported" else None
    trains = draft.block in ("method", "control")
    cells = tuple(_cell(draft, exam, untrained) for exam in among.exams)
    others = [other if trains and draft is not other else None for other in (among.best_control, among.baseline)]
    control, baseline = (difference(draft, other, among.endpoint) for other in others)
    found = mean(draft, among.endpoint)
    return Row(
        label=draft.label,
        title=first.title,
        role=draft.role,
        block=draft.block,
        division=first.division,
        status="done" if done else first.status,
        seeds=tuple(result.seed for result in done if result.seed is not None) if trains else (),
        primary=found,
        base=difference(draft, untrained, among.endpoint, test=True),
        control=control,
        baseline=baseline,
        rank=rank,
        beyond=None,
        sees=sees(first.answers),
        marks=tuple(_marks(draft, among, cells, found)),
        reason=None if done else _reason(first),
        answers=first.answers,
        overrides=first.overrides,
        cells=cells,
        cost=_mean_cost(shown) if trains else None,
        seconds=_average([result.cost.measured.get("seconds") for result in shown]) if trains else None,
        ended_by=" · ".join(dict.fromkeys(result.ended_by for result in shown if result.ended_by)) or None,
        diagnostics=_mean_diagnostics(shown),
        anchor=anchor,
        method=first.method,
        gaps=tuple(_gaps_of(draft)),
        recovered=recovered(draft, among.way),
        kept=kept(draft, among.margins, among.exams, cells, among.beside, among.untrained),
    )


def made_by(result: Result) -> list[str]:
    """Which tools measured a row that was imported."""
    return list(dict.fromkeys(" ".join(filter(None, (each.tool, each.version))) for each in result.provenance.imported))


def _reason(result: Result) -> str:
    return f"{result.status}: {result.reason or 'no reason given'}"


def _marks(draft: Draft, among: Field, cells: Sequence[Cell], found: Estimate | None) -> Iterable[str]:
    """What a reader must know of this row and not of all."""
    first = draft.first
    for result in draft.results:
        if result.status != "done" and draft.done:
            yield f"seed {result.seed} {_reason(result)}"
    if draft.role == "reported":
        yield f"imported from {series(made_by(first))}" if first.provenance.imported else "reported, not run here"
    gaps = [cell.note for cell in cells if cell.note and cell.note.startswith("incomplete")]
    yield from dict.fromkeys(gaps)
    yield from dict.fromkeys(cell.machinery for cell in cells if cell.machinery)
    unfinished = [cell.unfinished for exam, cell in zip(among.exams, cells, strict=True) if cell.unfinished and exam.at == "100%"]
    if unfinished and max(unfinished) >= 0.005:
        yield f"{percent(max(unfinished))}% unfinished"
    if any(score.sandbox == "none" for column in draft.scores.values() for score in column.values()):
        yield "graded without a sandbox"
    if first.provenance.imported and found is None:
        yield "scores in columns of its own"
    elif draft.done and found is None and not gaps:
        missing = [name for name in among.primary.over if name not in {column[0] for column in draft.scores}]
        yield f"no score on {', '.join(missing)}" if missing else "other protocol" if among.endpoint else "protocols differ"
    times = {score.at for column in draft.scores.values() for score in column.values()}
    if times and "100%" not in times:
        yield f"at {max(times, key=lambda at: (len(at), at))}"
    if draft.block in ("method", "control") and len(draft.done) == 1 < among.seeds and first.seed is not None:
        yield "one seed"
    few = [f"{name} = {value}" for name, value in sorted(first.overrides.items()) if not says(draft.label, name, value)]
    yield from few if sum(map(len, few)) <= 40 else [plural(len(few), "override")]  # all of them stand with the row's answers


def _cell(draft: Draft, exam: Exam, untrained: Draft | None) -> Cell:
    scores = draft.scores.get(exam.key)
    if not scores:
        return Cell(note=DASH)
    if draft.role == "reported" and not draft.counted:
        said = next(iter(scores.values()))
        value = said.avg_at.value
        return Cell(Estimate(value, said.avg_at.stderr) if value is not None else None, said.pass_at.get(str(exam.pass_k)), note="reported")
    unfinished, length = _unfinished(scores.values()), _average(score.mean_length for score in scores.values())
    if draft.first.provenance.imported:
        unfinished = None  # nobody counted them
    whole = [score for score in scores.values() if score.complete]
    if len(whole) < len(scores):
        graded = sum(sum(score.graded) for score in scores.values())
        asked = sum(score.problems * score.samples for score in scores.values())
        return Cell(
            unfinished=unfinished,
            note=f"incomplete {graded:,}/{asked:,}",
            mean_length=length,
            machinery=_machinery(scores.values()),
            gaps=tuple(_gaps(scores)),
        )
    passed = sum(metrics.pass_at(list(each.correct), list(each.graded), exam.pass_k) for each in whole) / len(whole)
    avg = mean_share(
        [np.stack([np.array(each.correct) / np.array(each.graded) for each in whole])], sum(sum(each.graded) for each in whole)
    )
    voted = tuple(_average(score.maj_at.get(str(k)) for score in whole) for k in exam.votes)
    delta = difference(draft, untrained and untrained.before(exam), on(exam.key))
    return Cell(avg, passed, delta, unfinished, voted=voted, mean_length=length)


def _unfinished(scores: Collection[ExamScore]) -> float | None:
    """The share of the answers that are there. Files from before the verdict was counted say how many the limit cut."""
    there = sum(sum(score.graded) + score.ungraded for score in scores)
    return sum(score.truncated if score.unfinished is None else score.unfinished for score in scores) / there if there else None


def _machinery(scores: Iterable[ExamScore]) -> str | None:
    found: Counter[str] = Counter()
    for score in scores:
        named = {name: score.verdicts[name] for name in UNGRADED if score.verdicts.get(name)}
        found.update(named or {"ungraded": score.ungraded})
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items()) if count) or None


def _gaps(scores: Mapping[Seed, ExamScore]) -> Iterable[str]:
    """What is missing of one exam, seed by seed."""
    for seed, score in scores.items():
        if not score.complete:
            first = ", ".join(score.missing_first) + (" …" if len(score.missing_first) < score.missing else "")
            missing = f"{score.missing} missing" + (f" ({first})" if score.missing_first else "")
            why = [*([missing] if score.missing else []), *filter(None, [_machinery([score])])]
            counts = f"incomplete {sum(score.graded):,}/{score.problems * score.samples:,}"
            yield ", ".join([("" if seed is None else f"seed {seed}: ") + counts, *why])


def _gaps_of(draft: Draft) -> Iterable[str]:
    """What is missing of a row: seeds that ended before they were done, and answers."""
    if draft.role == "reported" and not draft.counted:
        return
    for result in draft.results:
        if result.status == "incomplete":
            yield ("" if result.seed is None else f"seed {result.seed}: ") + _reason(result)
    for (exam, _, _), scores in draft.scores.items():
        yield from (f"{exam}: {gap}" for gap in _gaps(scores))


def _average(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _mean_cost(results: Sequence[Result]) -> Meters:
    found = {name: _average(getattr(result.cost.charged, name) for result in results) for name in Meters.model_fields}
    fractions = ("epochs", "rounds", "flops", "gpu_hours")
    return Meters.model_validate({name: value if value is None or name in fractions else round(value) for name, value in found.items()})


def _mean_diagnostics(results: Sequence[Result]) -> dict[str, float]:
    names = sorted({name for result in results for name in result.diagnostics})
    found = {name: _average(result.diagnostics.get(name) for result in results) for name in names}
    return {name: value for name, value in found.items() if value is not None}
