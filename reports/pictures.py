"""The charts of one group: accuracy against cost, differences by exam, Pass@k, training, lengths of what was written."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.results import Result
from harness.store import Store
from reports.charts import coloured
from reports.findings import PassCurves
from reports.nouns import Group, Row
from reports.plots import Plot, Series, plot
from reports.strips import Mark, Strips, strips
from reports.training import Training, on_the_way, training
from reports.words import points, tokens, whole_percent

UNITS = (("H100-hours", 1.0), ("H100-minutes", 60.0), ("H100-seconds", 3.6e3), ("H100-milliseconds", 3.6e6), ("H100-microseconds", 3.6e9))


@dataclass(frozen=True)
class Pictures:
    group: Group
    pareto: Plot | None
    front: tuple[str, ...]  # labels of the rows that nothing beats at their cost
    forest: Strips | None
    curves: tuple[Plot, ...]
    on_the_way: tuple[Plot, ...]  # exams over the course of training
    training: Training | None
    lengths: Strips | None

    @property
    def jumps(self) -> tuple[tuple[str, str], ...]:
        """Where on the page each chart stands, and what it is called in a list of them."""
        there = (
            ("cost", "cost", self.pareto),
            ("forest", "differences", self.forest),
            ("pass", "Pass@k", self.curves),
            ("training", "training", self.on_the_way or self.training),
            ("caps", "token limit", self.group.under_caps),
            ("lengths", "lengths", self.lengths),
            ("outcomes", "attempt and rewrite", self.group.writing and self.group.writing.outcomes),
        )
        return tuple((f"{self.group.anchor}--{name}", said) for name, said, made in there if made)


def pictures(group: Group, found: Mapping[str, Sequence[Result]] | None = None, store: Store | None = None) -> Pictures:
    """`found`: the results behind each row, whose logs are drawn as far as the store has them."""
    colours = {label: at for at, label in enumerate(coloured(group))}
    priced = [row for row in group.trained if row.primary and row.cost and row.cost.gpu_hours > 0]
    on_front = front(priced)
    curves = tuple(made for found in group.curves if (made := _curves(found, colours)))
    return Pictures(
        group,
        _pareto(group, priced, on_front, colours),
        on_front,
        _forest(group),
        curves,
        on_the_way(group, colours),
        training(found or {}, store, colours),
        _lengths(group),
    )


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
    unit, much = next(
        ((unit, much) for unit, much in UNITS if max(row.cost.gpu_hours for row in priced if row.cost) * much >= 1), UNITS[-1]
    )
    series = []
    best_first = sorted(priced, key=lambda row: (row.label not in on_front, -(row.primary.value if row.primary else 0)))
    for row in best_first:  # names on the front find their places first
        assert row.cost and row.primary
        bounds = row.primary.interval95
        series.append(Series(row.label, (row.cost.gpu_hours * much,), (row.primary.value,), (bounds,), colours[row.label], joined=False))
    at = {each.name: (each.xs[0], each.ys[0]) for each in series}
    corners = [at[label] for label in on_front]
    xs, ys = [corners[0][0]], [corners[0][1]]
    for (_, low), (x, high) in itertools.pairwise(corners):  # nothing between two costs: a stair
        xs, ys = [*xs, x, x], [*ys, low, high]
    last = max(x for x, _ in at.values())
    stair = Series("front", (*xs, last), (*ys, ys[-1]), hue=None, told=False)
    title = f"{group.primary.title} against charged cost"
    return plot(
        title, [stair, *series], f"{unit}, modelled, charged as if run alone; logarithmic", "percent", whole_percent, True, names="beside"
    )


def _curves(found: PassCurves, colours: Mapping[str, int]) -> Plot | None:
    """Over k, with the 95% interval of each; k = n is the last."""
    series = []
    for row in found.rows:
        if len(row.points) > 1:
            xs, ys = tuple(float(point.k) for point in row.points), tuple(point.value.value for point in row.points)
            series.append(Series(row.label, xs, ys, tuple(point.value.interval95 for point in row.points), colours.get(row.label)))
    if not series:
        return None
    x_title = f"k, of {found.ks[-1]} answers a problem"
    return plot(f"Pass@k on {found.exam}", series, x_title, "percent", whole_percent, True, ticks=found.ks)


def _forest(group: Group) -> Strips | None:
    """Paired differences to the untrained student, exam by exam."""
    rows = []
    for row in (*group.block("control"), *group.block("method")):
        marks = [
            Mark(cell.delta.value, cell.delta.interval95, at, f"{exam.name}: {points(cell.delta.value)}", covers(cell.delta.interval95))
            for at, (exam, cell) in enumerate(zip(group.exams, row.cells, strict=True))
            if cell.delta and exam.at == "100%"
        ]
        if marks:
            rows.append((row.label, marks))
    key = [(exam.name, at, False) for at, exam in enumerate(group.exams) if exam.at == "100%"]
    return strips("Difference to the untrained student", rows, "points, with the paired 95% interval", key, points_) if rows else None


def covers(interval: tuple[float, float] | None) -> bool:
    """Zero lies inside, or nothing is known: no difference may be claimed."""
    return interval is None or interval[0] <= 0 <= interval[1]


def _lengths(group: Group) -> Strips | None:
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
    return strips("Lengths of what was written", rows, "tokens, mean", key, lambda value: f"{value:,.0f}") if rows else None


def _who(labels: Iterable[str]) -> str:
    first, *rest = labels
    return f"{first} and {len(rest)} more" if rest else first


def points_(value: float) -> str:
    return points(value, 0)
