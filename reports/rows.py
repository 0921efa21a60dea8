"""From a draft to a row: its cells, marks, cost and diagnostics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness import metrics, statistics
from harness.results import Meters, Result
from reports.drafts import Draft, Endpoint, difference, mean, on
from reports.estimates import Estimate, estimate
from reports.nouns import Cell, Exam, Primary, Row
from reports.sees import sees
from reports.words import DASH, plural, says


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


def row(draft: Draft, field: Field, rank: tuple[int, int] | None, anchor: str) -> Row:
    first, done = draft.first, draft.done
    shown = done or draft.results
    untrained = field.untrained if draft is not field.untrained and draft.role != "reported" else None
    trains = draft.block in ("method", "control")
    cells = tuple(_cell(draft, exam, untrained) for exam in field.exams)
    others = [other if trains and draft is not other else None for other in (field.best_control, field.baseline)]
    control, baseline = (difference(draft, other, field.endpoint) for other in others)
    found = mean(draft, field.endpoint)
    return Row(
        label=draft.label,
        title=first.title,
        role=draft.role,
        block=draft.block,
        division=first.division,
        status="done" if done else first.status,
        seeds=tuple(result.seed for result in done if result.seed is not None) if trains else (),
        primary=found,
        base=difference(draft, untrained, field.endpoint),
        control=control,
        baseline=baseline,
        rank=rank,
        beyond=None,
        sees=sees(first.answers),
        marks=tuple(_marks(draft, field, cells, found)),
        reason=None if done else _reason(first),
        answers=first.answers,
        overrides=first.overrides,
        cells=cells,
        cost=_mean_cost(shown) if trains else None,
        seconds=_average([result.cost.measured.get("seconds") for result in shown]) if trains else None,
        ended_by=" · ".join(dict.fromkeys(result.ended_by for result in shown if result.ended_by)) or None,
        diagnostics=_mean_diagnostics(shown),
        anchor=anchor,
    )


def _reason(result: Result) -> str:
    return f"{result.status}: {result.reason or 'no reason given'}"


def _marks(draft: Draft, field: Field, cells: Sequence[Cell], found: Estimate | None) -> Iterable[str]:
    """What a reader must know of this row and not of all."""
    first = draft.first
    for result in draft.results:
        if result.status != "done" and draft.done:
            yield f"seed {result.seed} {_reason(result)}"
    if draft.role == "reported":
        yield "reported, not run here"
    cut = [cell.truncated for cell in cells if cell.truncated]
    if cut and max(cut) >= 0.005:
        yield f"{100 * max(cut):.0f}% cut off"
    gaps = [cell.note for cell in cells if cell.note and cell.note.startswith("incomplete")]
    yield from dict.fromkeys(gaps)
    if draft.done and found is None and not gaps:
        missing = [name for name in field.primary.over if name not in {column[0] for column in draft.scores}]
        yield f"no score on {', '.join(missing)}" if missing else "other protocol" if field.endpoint else "protocols differ"
    times = {score.at for column in draft.scores.values() for score in column.values()}
    if times and "100%" not in times:
        yield f"at {max(times, key=lambda at: (len(at), at))}"
    if draft.block in ("method", "control") and len(draft.done) == 1 < field.seeds and first.seed is not None:
        yield "one seed"
    few = [f"{name} = {value}" for name, value in sorted(first.overrides.items()) if not says(draft.label, name, value)]
    yield from few if sum(map(len, few)) <= 40 else [plural(len(few), "override")]  # all of them stand with the row's answers


def _cell(draft: Draft, exam: Exam, untrained: Draft | None) -> Cell:
    scores = draft.scores.get(exam.key)
    if not scores:
        return Cell(note=DASH)
    if draft.role == "reported":
        said = next(iter(scores.values()))
        value = said.avg_at.value
        return Cell(Estimate(value, said.avg_at.stderr) if value is not None else None, said.pass_at.get(str(exam.pass_k)), note="reported")
    graded, cut = sum(sum(score.graded) for score in scores.values()), sum(score.truncated for score in scores.values())
    truncated = cut / graded if graded else None
    whole = [score for score in scores.values() if score.complete]
    if len(whole) < len(scores):
        asked = sum(score.problems * score.samples for score in scores.values())
        return Cell(truncated=truncated, note=f"incomplete {graded:,}/{asked:,}")
    passed = sum(metrics.pass_at(list(score.correct), list(score.graded), exam.pass_k) for score in whole) / len(whole)
    if len(whole) == 1:
        only = whole[0]
        error = statistics.stderr(list(only.correct), list(only.graded)) if only.problems > 1 else None
        avg = Estimate(metrics.avg_at(list(only.correct), list(only.graded)), error, only.problems - 1)
    else:
        avg = estimate([np.stack([np.array(score.correct) / np.array(score.graded) for score in whole])])
    return Cell(avg, passed, difference(draft, untrained and untrained.before(exam), on(exam.key)), truncated)


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
