"""Figures that others printed: the scores that follow from them, and the marks of those that cannot be right as they stand.

Counts are whole numbers, so a printed score must be a count over all answers to within its rounding (the GRIM test of Brown & Heathers 2017).
A mark is no proof of a fault: a mean of several runs fails the test too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.results import ExamScore, Figure, Mark, Result

METRIC = re.compile(r"(avg|mean|pass)@([1-9][0-9]*)")
UNTRAINED = "student"  # the label of a row before any training: the same quantity under whatever pair it is printed


def metric_of(figure: Figure) -> tuple[str, int] | None:
    """("avg" | "pass", k) of a score; None for anything else."""
    found = METRIC.fullmatch(figure.metric)
    return None if not found or figure.exam is None or figure.unit != "share" else ("pass" if found[1] == "pass" else "avg", int(found[2]))


def scores(figures: Iterable[Figure], protocol: str) -> dict[str, ExamScore]:
    """What a reader of scores can use: without counts or errors, and where a figure is printed more than once, as it stands first."""
    from harness.results import AvgAt, ExamScore

    found: dict[str, ExamScore] = {}
    for figure in figures:
        said = metric_of(figure)
        if said is None or figure.exam is None:
            continue
        kind, k = said
        before = found.get(figure.exam) or ExamScore(
            problems=figure.problems or 0, samples=k, problems_hash="", graded=(), correct=(),
            avg_at=AvgAt(k=k, value=None, stderr=None), pass_at={}, protocol=protocol,
        )  # fmt: skip
        if kind == "avg" and before.avg_at.value is None:
            before = before.model_copy(update={"avg_at": AvgAt(k=k, value=figure.value, stderr=None)})
        elif kind == "pass" and str(k) not in before.pass_at:
            before = before.model_copy(update={"pass_at": {**before.pass_at, str(k): figure.value}})
        found[figure.exam] = before.model_copy(update={"samples": max(before.samples, k), "problems": figure.problems or before.problems})
    return found


def protocol(study: str) -> str:
    """What stands where a protocol's hash would: figures of different studies were made under unlike ones, known or not."""
    return f"as reported in {study}"


def faults(result: Result) -> Iterator[str]:
    """Where the scores of a published row are not those that its figures give."""
    said = result.reported
    if said is not None and result.scores != scores(said.figures, protocol(said.study)):
        yield "scores are not those that reported.figures give"


def marked(rows: Sequence[Result]) -> list[Result]:
    """The same rows of one study with the marks that their figures deserve, and no other; scores follow anew."""
    printed = [(row, figure) for row in rows if row.reported for figure in row.reported.figures]
    found = []
    for row in rows:
        if row.reported is None:
            found.append(row)
            continue
        figures = tuple(figure.model_copy(update={"marks": tuple(_marks(row, figure, printed))}) for figure in row.reported.figures)
        told = row.reported.model_copy(update={"figures": figures})
        found.append(row.model_copy(update={"reported": told, "scores": scores(figures, protocol(told.study))}))
    return found


def _marks(row: Result, figure: Figure, printed: Sequence[tuple[Result, Figure]]) -> Iterator[Mark]:
    from harness.results import Mark

    said = metric_of(figure)
    if said is not None and figure.problems is not None:
        kind, k = said
        fault = unattainable(figure.value, figure.digits, figure.problems * (k if kind == "avg" else 1))
        if fault is not None:
            yield Mark(kind=fault[0], detail=fault[1])  # pyright: ignore[reportArgumentType]
    same_place = [
        (other, its) for other, its in printed if other.pair == row.pair and its.where == figure.where and its.metric == figure.metric
    ]
    if figure.delta is not None:
        base = next((its for other, its in same_place if other.label == figure.against and its.exam == figure.exam), None)
        if base is None:
            yield Mark(kind="delta", detail=f"there is no figure of {figure.against} in {figure.where} to compare it with")
        elif abs(exact(figure.value, figure.digits) - exact(base.value, base.digits) - exact(figure.delta, figure.digits)) > unit(figure):
            right = exact(figure.value, figure.digits) - exact(base.value, base.digits)
            yield Mark(kind="delta", detail=f"printed {_points(figure.delta)}; the printed values differ by {_points(right)}")
    if figure.mean_of:
        parts = [its for exam in figure.mean_of for other, its in same_place if other.label == row.label and its.exam == exam]
        if len(parts) == len(figure.mean_of):
            mean = sum((exact(part.value, part.digits) for part in parts), Fraction(0)) / len(parts)
            if abs(exact(figure.value, figure.digits) - mean) > unit(figure):
                yield Mark(kind="mean", detail=f"the printed figures that it averages have the mean {_percent(mean)}")
    again = {
        its.where: exact(its.value, its.digits)
        for other, its in printed
        if (its.exam, its.metric) == (figure.exam, figure.metric) and _same(row, other)
    }
    if len(set(again.values())) > 1:
        yield Mark(kind="cross_table", detail="; ".join(f"{where}: {_percent(value)}" for where, value in sorted(again.items())))


def _same(row: Result, other: Result) -> bool:
    """One row, or the same untrained student under two pairs."""
    if row.label == other.label == UNTRAINED and row.reported and other.reported and row.reported.student:
        return row.reported.student == other.reported.student
    return (row.pair, row.label) == (other.pair, other.label)


def unattainable(value: float, digits: int, answers: int) -> tuple[str, str] | None:
    """The kind of mark and its detail where no count of `answers` gives the printed share by rounding; None where one does.

    Half up and half to even are both rounding. Exact fractions throughout.
    """
    printed, step = exact(value, digits), Fraction(1, 10**digits)
    below = (printed * answers).__floor__()
    counts = [Fraction(count, answers) for count in range(max(0, below - 1), min(answers, below + 2) + 1)]
    if any(abs(count - printed) <= step / 2 for count in counts):
        return None
    low, high = Fraction(below, answers), Fraction(below + 1, answers)
    detail = f"between {below} and {below + 1} of {answers:,} ({_percent(low, digits + 1)}, {_percent(high, digits + 1)})"
    if any(printed <= count < printed + step for count in counts):
        return "trunc_only", f"{detail}: right only if cut off instead of rounded"
    if any(printed - step < count <= printed for count in counts):
        return "ceil_only", f"{detail}: right only if always rounded up"
    return "unattainable", detail


def exact(value: float, digits: int) -> Fraction:
    """The printed decimal, without the error of a binary fraction."""
    return Fraction(round(value * 10**digits), 10**digits)


def unit(figure: Figure) -> Fraction:
    """One of the last printed digit: what two roundings and that of their difference can come to."""
    return Fraction(1, 10**figure.digits)


def _points(share: float | Fraction) -> str:
    return f"{float(100 * share):+.1f}".replace("-", "−")


def _percent(share: Fraction, digits: int = 3) -> str:
    return f"{float(100 * share):.{max(0, digits - 2)}f}"
