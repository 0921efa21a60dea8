"""Pictures for a page, drawn when it is rendered: curves over an axis, and strips of marks. Geometry only; the template has the markup."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reports.charts import APART, HUES, LONGEST, spread
from reports.words import short

TOP, BOTTOM = 14, 40  # pixels around the plot


@dataclass(frozen=True)
class Series:
    """What is drawn in one colour: values over places, joined or not, with a band where there are bounds."""

    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    bounds: tuple[tuple[float, float] | None, ...] = ()
    hue: int | None = None  # None: a reference, in grey
    joined: bool = True


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
    end: tuple[str, str]
    at: str


@dataclass(frozen=True)
class Plot:
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
    named: bool  # names stand at the ends of lines


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


def plot(
    title: str,
    series: Sequence[Series],
    x_title: str,
    y_title: str,
    shown: Callable[[float], str] = short,
    logarithmic: bool = False,
    width: int = 760,
    height: int = 300,
    named: bool = True,
    ticks: Sequence[float] = (),
) -> Plot:
    """`shown` says a value of the upright axis; `ticks` those of the other, else round ones."""
    left, right = 52, width - (228 if named else 16)
    plotted = max(height, APART * len(series) if named else 0)
    bottom = TOP + plotted
    every_x = [value for each in series for value in each.xs]
    every_y = [value for each in series for value in each.ys]
    every_y += [end for each in series for bounds in each.bounds if bounds for end in bounds]
    low_x, high_x = _span(every_x, logarithmic)
    low_y, high_y, rungs = rounded(min(every_y, default=0.0), max(every_y, default=1.0))
    if ticks == () and logarithmic:
        ticks = [10.0**power for power in range(math.floor(low_x), math.ceil(high_x) + 1) if low_x <= power <= high_x]
        if len(ticks) < 2:
            ticks = sorted({min(every_x), max(every_x)})
    elif ticks == ():
        ticks = [tick for tick in rounded(low_x, high_x)[2] if low_x - 1e-9 <= tick <= high_x + 1e-9]

    def x(value: float) -> float:
        place = math.log10(value) if logarithmic else value
        return left + (place - low_x) / (high_x - low_x) * (right - left)

    def y(value: float) -> float:
        return bottom - (value - low_y) / (high_y - low_y) * plotted

    heights = spread([y(each.ys[-1]) for each in series], TOP, bottom) if named else [y(each.ys[-1]) for each in series]
    lines = []
    for each, height_at in zip(series, heights, strict=True):
        points = [(f"{x(a):.1f}", f"{y(b):.1f}") for a, b in zip(each.xs, each.ys, strict=True)]
        said = (
            ", ".join(f"{short(a)}: {shown(b)}" for a, b in zip(each.xs, each.ys, strict=True))
            if len(points) <= 40
            else f"{len(points)} values, {shown(each.ys[0])} to {shown(each.ys[-1])}"
        )
        band, whiskers = _around(each, x, y)
        lines.append(
            Drawn(
                name=each.name if len(each.name) <= LONGEST else each.name[: LONGEST - 1] + "…",
                said=f"{each.name}: {said}",
                hue=None if each.hue is None else each.hue % HUES,
                dashed=each.hue is None or each.hue >= HUES,
                path="M" + " L".join(" ".join(point) for point in points) if each.joined and len(points) > 1 else "",
                band=band,
                whiskers=whiskers,
                dots=tuple(points) if len(points) <= 40 else (),
                end=points[-1],
                at=f"{height_at:.1f}",
            )
        )
    return Plot(
        title=title,
        said=f"{title}: {y_title} over {x_title}, of {', '.join(each.name for each in series)}.",
        width=width,
        height=bottom + BOTTOM,
        left=left,
        right=right,
        bottom=bottom,
        across=tuple((f"{x(tick):.1f}", short(tick)) for tick in ticks),
        up=tuple((f"{y(rung):.1f}", shown(rung)) for rung in rungs),
        x_title=x_title,
        y_title=y_title,
        lines=tuple(lines),
        named=named,
    )


def strips(
    title: str,
    rows: Sequence[tuple[str, Sequence[Mark]]],
    x_title: str,
    key: Sequence[tuple[str, int | None, bool]],
    shown: Callable[[float], str],
    width: int = 760,
) -> Strips:
    """Each row's marks beside its name, all on one axis; zero is always on it."""
    left, right = 220, width - 16
    apart = max(22, 9 * max((len(marks) for _, marks in rows), default=1) + 6)
    bottom = TOP + apart * len(rows)
    ends = [0.0, *(end for _, marks in rows for mark in marks for end in (mark.value, *(mark.interval or ())))]
    low, high, rungs = rounded(min(ends), max(ends))

    def x(value: float) -> str:
        return f"{left + (value - low) / (high - low) * (right - left):.1f}"

    placed, labels = [], []
    for number, (label, marks) in enumerate(rows):
        middle = TOP + apart * (number + 0.5)
        labels.append((f"{middle:.1f}", label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"))
        for at, mark in enumerate(marks):
            height = f"{middle + 9 * (at - (len(marks) - 1) / 2):.1f}"
            bounds = (x(mark.interval[0]), x(mark.interval[1])) if mark.interval else (None, None)
            hue = None if mark.hue is None else mark.hue % HUES
            placed.append(StripMark(x(mark.value), *bounds, height, hue, f"{label}, {mark.said}", mark.hollow))
    said = f"{title}: {x_title}. The figures stand in the tables."
    across = tuple((x(rung), shown(rung)) for rung in rungs)
    zero = x(0.0)
    return Strips(title, said, width, bottom + BOTTOM, left, right, bottom, across, zero, x_title, tuple(labels), tuple(placed), tuple(key))


def rounded(low: float, high: float) -> tuple[float, float, tuple[float, ...]]:
    """Both ends of an axis on round numbers, and three to seven of these between them."""
    if high - low < 1e-12:
        low, high = low - (abs(low) / 2 or 0.5), high + (abs(high) / 2 or 0.5)
    power = 10.0 ** math.floor(math.log10(high - low))
    step = next(step for step in (power / 5, power / 2, power, 2 * power) if (high - low) / step <= 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return first * step, last * step, tuple(step * at for at in range(first, last + 1))


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
