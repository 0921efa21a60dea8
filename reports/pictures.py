"""The charts of one group: accuracy against cost, Pass@k curves, differences by exam, lengths of what was written."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports.findings import PassCurves
from reports.nouns import Group, Row
from reports.plots import Mark, Plot, Series, Strips, plot, strips
from reports.words import percent, points, tokens


@dataclass(frozen=True)
class Pictures:
    group: Group
    pareto: Plot | None
    front: tuple[str, ...]  # labels of the rows that nothing beats at their cost
    curves: tuple[Plot, ...]
    forest: Strips | None
    lengths: Strips | None


def pictures(group: Group) -> Pictures:
    colours = {row.label: at for at, row in enumerate(group.trained)}
    priced = [row for row in group.trained if row.primary and row.cost and row.cost.gpu_hours > 0]
    on_front = front(priced)
    curves = tuple(made for found in group.curves if (made := _curves(found, colours)))
    return Pictures(group, _pareto(group, priced, on_front, colours), on_front, curves, _forest(group), _lengths(group, colours))


def front(rows: Sequence[Row]) -> tuple[str, ...]:
    """From the cheapest on, every row that scores more than all cheaper ones."""
    best, kept = -1.0, []
    for row in sorted(rows, key=lambda row: (row.cost.gpu_hours if row.cost else 0.0, -(row.primary.value if row.primary else 0.0))):
        if row.primary and row.primary.value > best:
            best = row.primary.value
            kept.append(row.label)
    return tuple(kept)


def _pareto(group: Group, priced: Sequence[Row], on_front: Sequence[str], colours: Mapping[str, int]) -> Plot | None:
    if len(priced) < 2:
        return None
    series = []
    for row in priced:
        assert row.cost and row.primary
        bounds = row.primary.interval95
        series.append(Series(row.label, (row.cost.gpu_hours,), (row.primary.value,), (bounds,), colours[row.label], joined=False))
    at = {each.name: (each.xs[0], each.ys[0]) for each in series}
    steps = [at[label] for label in on_front]
    xs, ys = [steps[0][0]], [steps[0][1]]
    for (_, low), (x, high) in itertools.pairwise(steps):  # nothing between two costs: a stair
        xs, ys = [*xs, x, x], [*ys, low, high]
    last = max(x for x, _ in at.values())
    stair = Series("front", (*xs, last), (*ys, ys[-1]), hue=None)
    title = f"{group.primary.title} against charged cost"
    return plot(
        title,
        [*series, stair],
        "modelled H100-hours, charged as if run alone",
        f"{group.primary.title}, percent",
        _percent,
        True,
        ticks=_hours([x for x, _ in at.values()]),
    )


def _hours(costs: Sequence[float]) -> tuple[float, ...]:
    """Three places between the least and the most, where no power of ten would show."""
    low, high = min(costs), max(costs)
    return tuple(dict.fromkeys(float(f"{low * (high / low) ** share:.2g}") for share in (0.0, 0.5, 1.0)))


def _curves(found: PassCurves, colours: Mapping[str, int]) -> Plot | None:
    """Over k, with the 95% interval of each; k = n is the last."""
    series = []
    for row in found.rows:
        if len(row.points) > 1:
            xs, ys = tuple(float(point.k) for point in row.points), tuple(point.value.value for point in row.points)
            series.append(Series(row.label, xs, ys, tuple(point.value.interval95 for point in row.points), colours.get(row.label)))
    if not series:
        return None
    x_title = f"k; k = {found.ks[-1]} is all samples: one draw a problem"
    return plot(f"Pass@k on {found.exam}", series, x_title, "Pass@k, percent", _percent, True, ticks=found.ks)


def _forest(group: Group) -> Strips | None:
    """Paired differences to the untrained student, exam by exam."""
    rows = []
    for row in (*group.block("control"), *group.block("method")):
        marks = [
            Mark(cell.delta.value, cell.delta.interval95, at, f"{exam.name}: {points(cell.delta.value)}", covers(cell.delta.interval95))
            for at, (exam, cell) in enumerate(zip(group.exams, row.cells, strict=True))
            if cell.delta
        ]
        if marks:
            rows.append((row.label, marks))
    key = [(exam.name, at, False) for at, exam in enumerate(group.exams)]
    return (
        strips("Differences to the untrained student, exam by exam", rows, "points, paired, with 95% intervals", key, points_)
        if rows
        else None
    )


def covers(interval: tuple[float, float] | None) -> bool:
    """Zero lies inside, or nothing is known: no difference may be claimed."""
    return interval is None or interval[0] <= 0 <= interval[1]


def _lengths(group: Group, colours: Mapping[str, int]) -> Strips | None:
    """How long attempts and rewrites were, the right ones and the wrong ones."""
    if group.writing is None:
        return None
    rows: list[tuple[str, list[Mark]]] = []
    for texts, labels in (*group.writing.attempts, *group.writing.rewrites):
        marks = [
            Mark(value, None, hue, f"{name}: {tokens(value)} tokens", hollow)
            for name, value, hue, hollow in (
                ("right", texts.mean_right, 0, False),
                ("wrong", texts.mean_wrong, 1, True),
                ("all", texts.mean, None, False),
            )
            if value is not None
        ]
        if marks:
            rows.append((f"{texts.kind}: {_who(labels)}", marks))
    key = (("right ones", 0, False), ("wrong ones", 1, True), ("all", None, False))
    return strips("Lengths of what was written", rows, "tokens, mean", key, tokens) if rows else None


def _who(labels: Iterable[str]) -> str:
    first, *rest = labels
    return f"{first} +{len(rest)}" if rest else first


def _percent(value: float) -> str:
    return percent(value, 0)


def points_(value: float) -> str:
    return points(value, 0)
