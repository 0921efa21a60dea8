"""Small lines for the page, drawn when it is rendered: geometry only, the template has the markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from reports import words
from reports.nouns import Course, CourseRow, Line, Measure, Measured

WIDTH, HEIGHT, EDGE = 76, 30, 3  # pixels


@dataclass(frozen=True)
class Drawn:
    """`path` is that of an SVG; `dots` mark the last value, and every value that has no neighbour to be joined to."""

    of: str
    path: str
    dots: tuple[tuple[str, str], ...]
    first: str
    last: str
    value: float  # the last one, to sort by
    moved: bool  # there are at least two values


@dataclass(frozen=True)
class Sparkline:
    lines: tuple[Drawn, ...]
    zero: str | None  # height of zero, where it is not the bottom
    said: str  # in words, for those who do not see it
    lacks: str | None
    width: int = WIDTH
    height: int = HEIGHT


def sparklines(course: Course, row: CourseRow) -> list[Sparkline]:
    """Of one row, one a measure."""
    return [
        sparkline(row.places, measured, measure, scale)
        for measure, measured, scale in zip(course.measures, row.measured, course.scales, strict=True)
    ]


def sparkline(places: Sequence[float], measured: Measured, measure: Measure, scale: tuple[float, float] | None) -> Sparkline:
    low, high = scale or (0.0, 0.0)

    def y(value: float) -> str:
        share = (value - low) / (high - low) if high > low else 0.0
        return f"{HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE):.1f}"

    drawn, said = [], []
    for line in measured.lines:
        if line.known:
            points = [
                (f"{EDGE + at * (WIDTH - 2 * EDGE):.1f}", y(value)) if value is not None else None
                for at, value in zip(places, line.values, strict=True)
            ]
            drawn.append(_drawn(line, points, measure))
            named = f"{line.of}: " if line.of != "all" else ""
            said.append(named + ", ".join(shown(value, measure) for value in line.values))
    return Sparkline(tuple(drawn), y(0.0) if low < 0 else None, f"{measure.head} over the run, {'; '.join(said)}", measured.lacks)


def _drawn(line: Line, points: Sequence[tuple[str, str] | None], measure: Measure) -> Drawn:
    runs = [list(run) for there, run in groupby(points, key=lambda point: point is not None) if there]
    path = " ".join("M" + " L".join(f"{x} {y}" for x, y in _there(run)) for run in runs if len(run) > 1)
    alone = [point for run in runs[:-1] if len(run) == 1 for point in _there(run)]
    known = line.known
    return Drawn(
        line.of, path, (*alone, *_there(runs[-1][-1:])), shown(known[0], measure), shown(known[-1], measure), known[-1], len(known) > 1
    )


def _there(run: Iterable[tuple[str, str] | None]) -> list[tuple[str, str]]:
    return [point for point in run if point is not None]


def shown(value: float | None, measure: Measure) -> str:
    """As a figure of its measure."""
    if value is None:
        return words.DASH
    if measure.kind == "percent":
        return f"{words.percent(value, 2)}%"
    said = words.nats(value)
    return f"+{said}" if measure.kind == "signed" and value > 0 else said
