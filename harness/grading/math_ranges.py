"""Sets of real numbers between bounds: `x > 2` and `(2, \\infty)`, `1 < x < 3` and `(1,3)`, `x < 1 or x > 3` and its union are one each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.grading.math_values import Number, less, same_number

if TYPE_CHECKING:
    from harness.grading.math_typed import Value


@dataclass(frozen=True)
class Range:
    """From `low` to `high`; a bound of None is infinite. Open: without the bound itself."""

    low: Number | None
    low_open: bool
    high: Number | None
    high_open: bool


def ranges(value: Value) -> list[Range] | None:
    """The ranges of an interval, a union or an inequality in one name; None for anything else."""
    if value.kind == "relation":
        return _relation(*value.data)
    if value.kind.startswith("ordered") and value.kind[7:] in ("()", "[]", "(]", "[)") and len(value.data) == 2:
        low, high = (_bound(end) for end in value.data)
        if low is None or high is None:
            return None
        return [Range(low[0], value.kind[7] == "(", high[0], value.kind[8] == ")")]
    if value.kind not in ("union", "many"):
        return None
    parts = [ranges(part) for part in value.data]
    found = [each for part in parts if part is not None for each in part]
    if not parts or None in parts:
        return None
    if value.kind == "many" and [part.kind for part in value.data] == ["relation"] * 2:
        return _both(*found)
    return found


def same_ranges(a: list[Range], b: list[Range]) -> bool:
    return len(a) == len(b) and all(any(_equal(x, y) for y in b) for x in a) and all(any(_equal(x, y) for x in a) for y in b)


def _equal(a: Range, b: Range) -> bool:
    for x, x_open, y, y_open in ((a.low, a.low_open, b.low, b.low_open), (a.high, a.high_open, b.high, b.high_open)):
        if (x is None) != (y is None) or x is not None and (x_open != y_open or not same_number(x, y)):
            return False
    return True


def _bound(end: Value) -> tuple[Number | None] | None:
    if end.kind == "number":
        return (end.data,)
    return (None,) if end.kind == "text" and end.data in ("\\infty", "-\\infty") else None


def _relation(strict: bool, small: Value, large: Value) -> list[Range] | None:
    if small.kind == "function" and small.data.is_Symbol and large.kind == "number":
        return [Range(None, True, large.data, strict)]
    if large.kind == "function" and large.data.is_Symbol and small.kind == "number":
        return [Range(small.data, strict, None, True)]
    return None


def _both(a: Range, b: Range) -> list[Range] | None:
    """Two inequalities without their "and" or "or": bounds that face each other hold together, others are a choice."""
    below, above = (a, b) if a.low is None else (b, a)
    if below.high is None or above.low is None:
        return None
    if less(above.low, below.high):
        return [Range(above.low, above.low_open, below.high, below.high_open)]
    return [below, above]
