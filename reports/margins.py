"""What training must not break: `report.margins` names exams and tasks of lm-eval, and how much each may lose. "Not significant" is not "not hurt"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import hypot

from harness.statistics import Difference
from reports.columns import full_name
from reports.drafts import Draft
from reports.findings import Kept
from reports.nouns import Beside, BesideRow, Cell, Exam

Z95 = 1.96


def kept(
    draft: Draft, margins: Mapping[str, float], exams: Sequence[Exam], cells: Sequence[Cell], beside: Beside | None, untrained: Draft | None
) -> tuple[Kept, ...]:
    """One for each margin; none for a row that was not trained. Kept where the whole interval lies above the loss that is allowed."""
    if draft.block not in ("method", "control"):
        return ()
    return tuple(_kept(name, margin, list(_deltas(name, draft, exams, cells, beside, untrained))) for name, margin in margins.items())


def _kept(name: str, margin: float, deltas: Sequence[Difference]) -> Kept:
    """Of several columns of one name (protocols, figures of a task) the one that lost most."""
    known = [delta for delta in deltas if delta.interval95]
    if not known:
        return Kept(name, margin, None, None, "nothing to compare, or no error of it is known")
    worst = min(known, key=lambda delta: delta.interval95[0] if delta.interval95 else 0.0)
    low, high = worst.interval95 or (0.0, 0.0)
    return Kept(name, margin, worst, "kept" if low > -margin else "lost" if high < -margin else "unclear")


def _deltas(
    name: str, draft: Draft, exams: Sequence[Exam], cells: Sequence[Cell], beside: Beside | None, untrained: Draft | None
) -> Iterable[Difference]:
    column = full_name(name, exams)
    for exam, cell in zip(exams, cells, strict=True):
        if exam.name == column and cell.delta:
            yield cell.delta
    rows = {row.label: row for row in beside.rows} if beside else {}
    if beside and untrained and draft.label in rows and untrained.label in rows:
        yield from _of_task(name, beside, rows[draft.label], rows[untrained.label])


def _of_task(name: str, beside: Beside, mine: BesideRow, base: BesideRow) -> Iterable[Difference]:
    """Shares alone, of which more is better. Errors as if independent: on the same documents the true one is smaller."""
    places = [(task.name, figure) for task in beside.tasks for figure in task.figures]
    for (task, figure), cell, other in zip(places, mine.cells, base.cells, strict=True):
        named = task == name or task.startswith(f"{name}/")
        if not named or not figure.share or figure.higher_is_better is False or cell.delta is None or not (cell.value and other.value):
            continue
        if cell.value.stderr is not None and other.value.stderr is not None:
            error = hypot(cell.value.stderr, other.value.stderr)
            yield Difference(cell.delta, (cell.delta - Z95 * error, cell.delta + Z95 * error), error)
