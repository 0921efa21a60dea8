"""Curves of training: how the exams on the way went, and what the logs of a group's rows say, one line a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.results import Result
from harness.store import Store
from reports.nouns import Group
from reports.plots import Plot, Series, plot
from reports.runs import log
from reports.words import whole_percent

DRAWN = {  # figures that mean the same for every method
    "kl_forward": ("Forward KL", "KL(teacher ‖ student), nats a token"),
    "kl_reverse": ("Reverse KL", "KL(student ‖ teacher), nats a token"),
    "student_entropy": ("Entropy of the student", "nats a token"),
}
PARTS = 20  # of a run; a part's value is the mean over its updates


@dataclass(frozen=True)
class Training:
    """`averaged`: some lines are the mean of several seeds."""

    plots: tuple[Plot, ...]
    averaged: bool


def on_the_way(group: Group, colours: Mapping[str, int]) -> tuple[Plot, ...]:
    """Accuracy over the share of the budget, of each exam that was also sat before the end; at 0 stands the untrained student."""
    made = []
    for sat in dict.fromkeys(exam.sat for exam in group.exams):
        columns = sorted((float(exam.at.rstrip("%")) / 100, at, exam) for at, exam in enumerate(group.exams) if exam.sat == sat)
        if len(columns) < 2:
            continue
        places, last = [(share, at) for share, at, _ in columns], columns[-1][2]
        untrained = next((row for row in group.rows if row.label == group.untrained), None)
        start = untrained.cells[places[-1][1]].avg if untrained else None
        series = []
        for row in group.trained:
            known = [(share, score) for share, at in places if (score := row.cells[at].avg)]
            known = [(0.0, start), *known] if start and known else known
            if len(known) > 1:
                xs, scores = zip(*known, strict=True)
                bounds = tuple(score.interval95 for score in scores)
                series.append(Series(row.label, xs, tuple(score.value for score in scores), bounds, colours.get(row.label)))
        if series:
            title = f"Avg@{last.samples} on {sat[0]} in the course of training"
            made.append(
                plot(title, series, "percent of the budget", "percent", whole_percent, ticks=(0, 0.25, 0.5, 0.75, 1), across=whole_percent)
            )
    return tuple(made)


def training(found: Mapping[str, Sequence[Result]], store: Store | None, colours: Mapping[str, int]) -> Training | None:
    """Of the rows whose logs the store has. Seeds of one length are averaged; of others the first is drawn."""
    logs = {
        label: [curves for result in found.get(label, ()) if (read := log(store, result)) and (curves := read.curves)] for label in colours
    }
    made, averaged = [], False
    for name, (title, unit) in DRAWN.items():
        series = []
        for label, seeds in logs.items():
            values = [each[name] for each in seeds if len(each.get(name, ())) > 1]
            alike = [each for each in values if len(each) == len(values[0])]
            if alike:
                averaged |= len(alike) > 1
                mean = [sum(at) / len(alike) for at in zip(*alike, strict=True)]
                xs, ys = parts(mean)
                series.append(Series(label, xs, ys, hue=colours[label]))
        if series:
            made.append(plot(title, series, "updates", unit, dotted=False, upright_logarithmic=True))
    return Training(tuple(made), averaged) if made else None


def parts(values: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """At most PARTS means, each of neighbouring updates, and the update at the middle of each."""
    count = min(PARTS, len(values))
    edges = [round(at * len(values) / count) for at in range(count + 1)]
    spans = list(pairwise(edges))
    return tuple((start + 1 + end) / 2 for start, end in spans), tuple(sum(values[start:end]) / (end - start) for start, end in spans)
