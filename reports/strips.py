"""Strips of marks beside names, all on one axis: differences, lengths. Geometry only; the template has the markup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reports.axes import rounded, thinned
from reports.charts import HUES
from reports.placing import LETTER
from reports.plots import BOTTOM, TOP, shortened


@dataclass(frozen=True)
class Mark:
    """One value on a strip, with the interval around it."""

    value: float
    interval: tuple[float, float] | None
    hue: int | None
    said: str
    hollow: bool = False


@dataclass(frozen=True)
class StripMark:
    x: str
    low: str | None
    high: str | None
    y: str
    hue: int | None
    said: str
    hollow: bool


@dataclass(frozen=True)
class Strips:
    title: str
    said: str
    width: int
    height: int
    left: int
    right: int
    bottom: int
    across: tuple[tuple[str, str], ...]
    zero: str | None
    x_title: str
    labels: tuple[tuple[str, str], ...]  # y and text
    marks: tuple[StripMark, ...]
    key: tuple[tuple[str, int | None, bool], ...]  # what a colour means: name, hue, hollow


def strips(
    title: str,
    rows: Sequence[tuple[str, Sequence[Mark]]],
    x_title: str,
    key: Sequence[tuple[str, int | None, bool]],
    shown: Callable[[float], str],
    width: int = 700,
) -> Strips:
    """Each row's marks beside its name, all on one axis; zero is always on it."""
    left, right = 24 + round(LETTER * max((len(shortened(label)) for label, _ in rows), default=0)), width - 24
    step = 9 if any(mark.interval for _, marks in rows for mark in marks) else 4  # from mark to mark: lines need more room than dots
    apart = max(20, step * max((len(marks) for _, marks in rows), default=1) + 6)
    bottom = TOP + apart * len(rows)
    ends = [0.0, *(end for _, marks in rows for mark in marks for end in (mark.value, *(mark.interval or ())))]
    low, high, rungs = rounded(min(ends), max(ends))

    def x(value: float) -> str:
        return f"{left + (value - low) / (high - low) * (right - left):.1f}"

    placed, labels = [], []
    for number, (label, marks) in enumerate(rows):
        middle = TOP + apart * (number + 0.5)
        labels.append((f"{middle:.1f}", shortened(label)))
        for at, mark in enumerate(marks):
            height = f"{middle + step * (at - (len(marks) - 1) / 2):.1f}"
            bounds = (x(mark.interval[0]), x(mark.interval[1])) if mark.interval else (None, None)
            hue = None if mark.hue is None else mark.hue % HUES
            placed.append(StripMark(x(mark.value), *bounds, height, hue, f"{label}, {mark.said}", mark.hollow))
    said = f"{title}: {x_title}. The figures stand in the tables."
    across = tuple((f"{place:.1f}", text) for place, text in thinned([(float(x(rung)), shown(rung)) for rung in rungs]))
    zero = x(0.0)
    return Strips(title, said, width, bottom + BOTTOM, left, right, bottom, across, zero, x_title, tuple(labels), tuple(placed), tuple(key))
