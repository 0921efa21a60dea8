"""A line chart for the page, drawn when it is rendered: geometry only, the template has the markup."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from reports.nouns import Group, UnderCaps
from reports.words import percent

WIDTH = 760
LEFT, RIGHT, TOP, BOTTOM = 44, 228, 14, 40  # pixels around the plot; names of lines stand on the right
LEAST, APART, ROOM = 300, 16, 46  # height of a plot, between two names, and between two ticks across, in pixels
HUES = 8  # colours; a ninth line has the first one's again, dashed
LONGEST = 28  # characters of a name


@dataclass(frozen=True)
class Line:
    """`path` is that of an SVG, `dots` its values; its name stands at the height `at`, joined to its end by a thin line."""

    name: str
    said: str  # in words, for those who do not see it
    hue: int | None  # None: a reference, in grey
    dashed: bool
    path: str
    dots: tuple[tuple[str, str], ...]
    end: tuple[str, str]
    at: str


@dataclass(frozen=True)
class Chart:
    width: int
    height: int
    left: int
    right: int  # where the plot ends
    bottom: int
    across: tuple[tuple[str, str], ...]  # x and text of each tick
    up: tuple[tuple[str, str], ...]  # y and text
    lines: tuple[Line, ...]
    said: str


def chart(found: UnderCaps, colours: Sequence[str]) -> Chart:
    """Accuracy in percent over the token limit, which doubles from tick to tick. `colours`: the rows that have one; the others are references."""
    plot = max(LEAST, APART * len(found.rows))
    right, bottom = WIDTH - RIGHT, TOP + plot
    low, high = math.log2(found.caps[0]), math.log2(found.caps[-1])
    top, step = scale(max([value for row in found.rows for value in row.values if value is not None], default=0.0))

    def x(cap: float) -> float:
        return LEFT + (math.log2(cap) - low) / (high - low) * (right - LEFT)

    def y(value: float) -> float:
        return bottom - value / top * plot

    ends = [next((value for value in reversed(row.values) if value is not None), 0.0) for row in found.rows]
    heights = spread([y(value) for value in ends], TOP, bottom)
    lines = []
    for row, end, height in zip(found.rows, ends, heights, strict=True):
        points = [
            None if value is None else (f"{x(cap):.1f}", f"{y(value):.1f}") for cap, value in zip(found.caps, row.values, strict=True)
        ]
        runs = [[point for point in run if point] for there, run in groupby(points, key=lambda point: point is not None) if there]
        number = colours.index(row.label) if row.label in colours else None
        known = [point for point in points if point]
        said = ", ".join(f"{cap:,} tokens {percent(value)}" for cap, value in zip(found.caps, row.values, strict=True) if value is not None)
        lines.append(
            Line(
                name=row.label if len(row.label) <= LONGEST else row.label[: LONGEST - 1] + "…",
                said=f"{row.label}: {said}",
                hue=None if number is None else number % HUES,
                dashed=number is None or number >= HUES,
                path=" ".join("M" + " L".join(f"{at} {up}" for at, up in run) for run in runs),
                dots=tuple(known),
                end=(known[-1][0] if known else f"{right:.1f}", f"{y(end):.1f}"),
                at=f"{height:.1f}",
            )
        )
    best = max(found.rows, key=lambda row: row.values[-1] if row.values[-1] is not None else -1.0)
    return Chart(
        width=WIDTH,
        height=bottom + BOTTOM,
        left=LEFT,
        right=right,
        bottom=bottom,
        across=tuple(
            (f"{x(cap):.1f}", f"{cap:,}") for cap in found.caps if cap == found.caps[-1] or (whole(cap) and x(cap) + ROOM < right)
        ),
        up=tuple((f"{y(number * step):.1f}", percent(number * step, 0)) for number in range(round(top / step) + 1)),
        lines=tuple(lines),
        said=f"Accuracy on {found.exam.name} against the token limit, {found.caps[0]:,} to {found.caps[-1]:,} tokens; highest at the end: "
        f"{best.label}, {percent(best.values[-1])} percent. The figures stand in the table below.",
    )


def coloured(group: Group) -> list[str]:
    """The trained rows that any chart of the group has: a row's place here is its colour in all of them."""
    drawn = {row.label for found in group.under_caps for row in found.rows}
    drawn |= {row.label for found in group.curves for row in found.rows} | {row.label for row in group.trained if row.primary}
    return [row.label for row in group.trained if row.label in drawn]


def scale(most: float) -> tuple[float, float]:
    """The top of the axis and the step of its ticks, three to six of them, as shares."""
    step = next((step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if most / step <= 5), 0.2)
    return max(1, math.ceil(most / step - 1e-9)) * step, step


def whole(cap: int) -> bool:
    """A power of two: these and the exam's own limit are ticks."""
    return cap & (cap - 1) == 0


def spread(wanted: Sequence[float], top: float, bottom: float) -> list[float]:
    """Heights at least APART from one another, each as near to its own as a pass down and a pass up bring it."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    found = list(wanted)
    for before, index in zip([None, *order], order, strict=False):
        found[index] = max(found[index], top if before is None else found[before] + APART)
    below = None
    for index in reversed(order):
        found[index] = min(found[index], bottom if below is None else found[below] - APART)
        below = index
    return found
