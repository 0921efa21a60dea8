"""Pictures for a page, drawn when it is rendered: curves and points over two axes. Geometry only; the template has the markup."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypedDict

from reports.axes import rounded, steps, thinned
from reports.charts import APART, HUES, LONGEST, spread
from reports.placing import Box, beside
from reports.words import DASH, short

TOP, BOTTOM = 14, 40  # pixels around the plot
FEW = 12  # lines: with more, bands would cover one another and are shown where one points
DOTS = 40  # values of a line: with more, their dots would touch
Names = Literal["at the end", "beside", "none"]  # where names stand: on the right, by each point, nowhere
Named = tuple[tuple[str, str, str], tuple[str, str, str, str] | None]  # x, y and anchor of a name; its lead


class Tabled(TypedDict):
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Series:
    """What is drawn in one colour: values over places, joined or not, with a band where there are bounds."""

    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    bounds: tuple[tuple[float, float] | None, ...] = ()
    hue: int | None = None  # None: a reference, in grey
    joined: bool = True
    told: bool = True  # it has a name, and a line in the table


@dataclass(frozen=True)
class Drawn:
    name: str
    said: str
    hue: int | None
    dashed: bool
    path: str
    band: str
    whiskers: tuple[tuple[str, str, str], ...]  # x, low and high of each
    dots: tuple[tuple[str, str], ...]
    text: tuple[str, str, str] | None  # x, y and anchor of its name
    lead: tuple[str, str, str, str] | None  # a thin line from it to its name


@dataclass(frozen=True)
class Plot:
    """`head` and `rows` are its values as a table; `unnamed` are those for whose names there is no room."""

    title: str
    said: str
    width: int
    height: int
    left: int
    right: int
    bottom: int
    across: tuple[tuple[str, str], ...]
    up: tuple[tuple[str, str], ...]
    x_title: str
    y_title: str
    lines: tuple[Drawn, ...]
    crowded: bool
    unnamed: tuple[str, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def plot(
    title: str,
    series: Sequence[Series],
    x_title: str,
    y_title: str,
    shown: Callable[[float], str] = short,
    logarithmic: bool = False,
    width: int = 760,
    height: int = 300,
    names: Names = "at the end",
    ticks: Sequence[float] = (),
    across: Callable[[float], str] = short,
    dotted: bool = True,
    upright_logarithmic: bool = False,
) -> Plot:
    """`shown` says a value of the upright axis, `across` one of the other; `ticks` are those of the other, else round ones."""
    told = [each for each in series if each.told]
    left, right = 52, width - (228 if names == "at the end" else 16)
    plotted = max(height, {"at the end": APART, "beside": 11, "none": 0}[names] * len(told))
    bottom = TOP + plotted
    every_x = [value for each in series for value in each.xs]
    every_y = [value for each in series for value in each.ys]
    every_y += [end for each in series for bounds in each.bounds if bounds for end in bounds]
    low_x, high_x = _span(every_x, logarithmic)
    least = min(
        (value for value in every_y if value > 0), default=1.0
    )  # what is not above zero is drawn at the bottom of a logarithmic axis
    if upright_logarithmic:
        (low_y, high_y), rungs = _span([max(value, least) for value in every_y], True), steps(least, max(least, *every_y))
    else:
        low_y, high_y, rungs = rounded(min(every_y, default=0.0), max(every_y, default=1.0))
    if not ticks:
        ticks = steps(min(every_x), max(every_x)) if logarithmic else rounded(low_x, high_x)[2]

    def x(value: float) -> float:
        place = math.log10(value) if logarithmic else value
        return left + (place - low_x) / (high_x - low_x) * (right - left)

    def y(value: float) -> float:
        place = math.log10(max(value, least)) if upright_logarithmic else value
        return bottom - (place - low_y) / (high_y - low_y) * plotted

    stairs = [each for each in series if not each.told]
    placed = _named(
        names, told, x, y, (left + 4.0, TOP - 8.0, right + 12.0, bottom - 2.0), [box for each in stairs for box in _along(each, x, y)]
    )
    lines = []
    for each in series:
        points = [(f"{x(a):.1f}", f"{y(b):.1f}") for a, b in zip(each.xs, each.ys, strict=True)]
        band, whiskers = _around(each, x, y)
        text, lead = placed.get(id(each), (None, None))
        lines.append(
            Drawn(
                name=shortened(each.name),
                said=f"{each.name}: {_values(each, across, shown)}",
                hue=None if each.hue is None else each.hue % HUES,
                dashed=each.hue is None or each.hue >= HUES,
                path="M" + " L".join(" ".join(point) for point in points) if each.joined and len(points) > 1 else "",
                band=band,
                whiskers=whiskers,
                dots=tuple(points) if each.told and dotted and len(points) <= DOTS else (),
                text=text,
                lead=lead,
            )
        )
    places = [(x(tick), across(tick)) for tick in ticks if left - 0.5 <= x(tick) <= right + 0.5]
    return Plot(
        title=title,
        said=f"{title}: {y_title} over {x_title}, of {', '.join(each.name for each in told)}.",
        width=width,
        height=bottom + BOTTOM,
        left=left,
        right=right,
        bottom=bottom,
        across=tuple((f"{place:.1f}", text) for place, text in thinned(places)),
        up=tuple((f"{y(rung):.1f}", shown(rung)) for rung in rungs),
        x_title=x_title,
        y_title=y_title,
        lines=tuple(lines),
        crowded=len(told) > FEW,
        unnamed=tuple(each.name for each in told if names == "beside" and id(each) not in placed),
        **_table(told, across, shown),
    )


def shortened(name: str) -> str:
    """A name as it stands in a picture; its title has it whole."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _values(each: Series, across: Callable[[float], str], shown: Callable[[float], str]) -> str:
    if len(each.xs) > FEW:
        return f"{shown(each.ys[0])} to {shown(each.ys[-1])}"
    return ", ".join(f"{across(a)}: {shown(b)}" for a, b in zip(each.xs, each.ys, strict=True))


def _named(
    names: Names, told: Sequence[Series], x: Callable[[float], float], y: Callable[[float], float], inside: Box, drawn: Sequence[Box]
) -> dict[int, Named]:
    """Where each name stands, and its lead; a name without room is left out."""
    ends = [(x(each.xs[-1]), y(each.ys[-1])) for each in told]
    if names == "at the end":
        heights = spread([height for _, height in ends], TOP, inside[3] + 2)
        column = inside[2] - 12
        return {
            id(each): (
                (f"{column + 22:.1f}", f"{at:.1f}", "start"),
                (f"{end[0] + 5:.1f}", f"{end[1]:.1f}", f"{column + 18:.1f}", f"{at:.1f}"),
            )
            for each, end, at in zip(told, ends, heights, strict=True)
        }
    found: dict[int, Named] = {}
    if names == "beside":
        places = beside(ends, [shortened(each.name) for each in told], inside, drawn)
        for each, (a, b), place in zip(told, ends, places, strict=True):
            if place:
                at, height, leftwards = place
                text = (f"{at:.1f}", f"{height:.1f}", "end" if leftwards else "start")
                far = abs(height - b) > 1
                found[id(each)] = (text, (f"{a:.1f}", f"{b:.1f}", f"{at + (2 if leftwards else -2):.1f}", text[1]) if far else None)
    return found


def _along(each: Series, x: Callable[[float], float], y: Callable[[float], float]) -> Iterator[Box]:
    """The parts of a stair, each of them level or upright."""
    for (a, b), (c, d) in pairwise(zip(map(x, each.xs), map(y, each.ys), strict=True)):
        yield min(a, c), min(b, d) - 1, max(a, c), max(b, d) + 1


def _table(told: Sequence[Series], across: Callable[[float], str], shown: Callable[[float], str]) -> Tabled:
    """Where lines have values at the same few places: these, with their intervals, line by line."""
    places = tuple(dict.fromkeys(value for each in told for value in each.xs))
    if len(places) > FEW or all(len(each.xs) == 1 for each in told):
        return {"head": (), "rows": ()}
    rows = []
    for each in told:
        bounds = dict(zip(each.xs, each.bounds, strict=False))
        said = {
            at: shown(value) + (f" ({shown(around[0])} to {shown(around[1])})" if (around := bounds.get(at)) else "")
            for at, value in zip(each.xs, each.ys, strict=True)
        }
        rows.append((each.name, tuple(said.get(at, DASH) for at in places)))
    return {"head": tuple(across(at) for at in places), "rows": tuple(rows)}


def _span(values: Sequence[float], logarithmic: bool) -> tuple[float, float]:
    places = [math.log10(value) if logarithmic else value for value in values] or [0.0, 1.0]
    low, high = min(places), max(places)
    edge = 0.04 * (high - low) if high > low else 0.5
    return (low - edge, high + edge) if logarithmic or high == low else (low, high)


def _around(each: Series, x: Callable[[float], float], y: Callable[[float], float]) -> tuple[str, tuple[tuple[str, str, str], ...]]:
    """A band around a joined line, whiskers on points that stand alone."""
    known = [(at, bounds) for at, bounds in zip(each.xs, each.bounds, strict=False) if bounds]
    if each.joined and len(known) > 1:
        upper = [f"{x(at):.1f} {y(bounds[1]):.1f}" for at, bounds in known]
        lower = [f"{x(at):.1f} {y(bounds[0]):.1f}" for at, bounds in reversed(known)]
        return "M" + " L".join(upper + lower) + " Z", ()
    return "", tuple((f"{x(at):.1f}", f"{y(bounds[0]):.1f}", f"{y(bounds[1]):.1f}") for at, bounds in known)
