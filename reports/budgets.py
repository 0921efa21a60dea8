"""Any budget: had the runs ended earlier, how would the rows stand? Read from examinations on the way, by what each row had spent by then.

Only where the learning rate had not begun to fall does a checkpoint stand for a shorter run; other rows are read at their end alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from harness.results import Result
from harness.statistics import Difference, Estimate
from harness.store import Corrupt, Store
from reports.drafts import Draft, Endpoint, difference, mean
from reports.nouns import Exam, Group

METERS = ("updates", "student_written", "teacher_written", "teacher_read", "trained", "flops", "gpu_hours")
LIMITS = 12  # so many limits of a meter at most, evenly among those that change anything


@dataclass(frozen=True)
class Standing:
    """One row under a limit: at which of its checkpoints it is read."""

    label: str
    at: str
    spent: float
    score: Estimate
    base: Difference | None
    whole: bool  # its run had ended by then, or was read at its end


@dataclass(frozen=True)
class Limited:
    """All rows under one limit of a meter, best first; those that had spent more by their first checkpoint are named."""

    limit: float
    standings: tuple[Standing, ...]
    beyond: tuple[str, ...]


@dataclass(frozen=True)
class Meter:
    name: str
    limits: tuple[Limited, ...]


@dataclass(frozen=True)
class AnyBudget:
    group: Group
    meters: tuple[Meter, ...]
    bound: tuple[str, ...]  # rows whose learning rate falls all the way: read at their end alone


@dataclass(frozen=True)
class Checkpoint:
    label: str
    at: str
    spent: Mapping[str, float]
    score: Estimate
    base: Difference | None


def any_budget(group: Group, found: Mapping[str, Draft], endpoint: Endpoint | None, store: Store | None) -> AnyBudget | None:
    """None where no row may be read before its end on the primary's exams, or the store does not say what had been spent there."""
    untrained = found.get(group.untrained or "")
    if endpoint is None or untrained is None or store is None:
        return None
    points: list[Checkpoint] = []
    bound: list[str] = []
    for row in group.trained:
        if row.label in found:
            draft = found[row.label]
            mine = list(_checkpoints(draft, untrained, group.exams, endpoint, store))
            if not _free(draft.results, store):
                bound += [row.label] if any(point.at != "100%" for point in mine) else []
                mine = [point for point in mine if point.at == "100%"]
            points += mine
    if all(point.at == "100%" for point in points):
        return None
    meters = tuple(made for name in METERS if len((made := _meter(name, points)).limits) > 1)
    return AnyBudget(group, meters, tuple(bound)) if meters else None


def _meter(name: str, points: Sequence[Checkpoint]) -> Meter:
    places = sorted({point.spent[name] for point in points if point.spent.get(name)})
    if len(places) > LIMITS:
        places = [places[round(at * (len(places) - 1) / (LIMITS - 1))] for at in range(LIMITS)]
    return Meter(name, tuple(_limited(name, limit, points) for limit in places))


def _limited(name: str, limit: float, points: Sequence[Checkpoint]) -> Limited:
    """Each row at the last checkpoint that it reached within the limit."""
    within: dict[str, Checkpoint] = {}
    for point in points:
        spent = point.spent.get(name, 0.0)
        if spent <= limit and (point.label not in within or spent >= within[point.label].spent.get(name, 0.0)):
            within[point.label] = point
    made = [
        Standing(point.label, point.at, point.spent.get(name, 0.0), point.score, point.base, point.at == "100%")
        for point in within.values()
    ]
    labels = dict.fromkeys(point.label for point in points)
    return Limited(limit, tuple(sorted(made, key=lambda each: -each.score.value)), tuple(label for label in labels if label not in within))


def _checkpoints(draft: Draft, untrained: Draft, exams: Sequence[Exam], endpoint: Endpoint, store: Store):
    for at in dict.fromkeys(exam.at for exam in exams):
        columns = [
            exam for exam in exams if exam.at == at and exam.sat in {(name.partition("@")[0], *rest) for name, *rest in endpoint.columns}
        ]
        if len(columns) != len(endpoint.columns):
            continue
        here = replace(endpoint, columns=tuple(exam.key for exam in columns))
        before = untrained
        for exam in columns:
            before = before.before(exam)
        score, spent = mean(draft, here), _spent(draft.results, at, store)
        if score is not None and spent:
            yield Checkpoint(draft.label, at, spent, score, difference(draft, before, here))


def _spent(results: Sequence[Result], at: str, store: Store) -> dict[str, float]:
    """What a row had spent by a share of its budget, the mean of its seeds; empty where one does not say."""
    share, seeds = float(at.rstrip("%")) / 100, [result for result in results if result.status == "done"]
    found = [_of_log(result, share, store) for result in seeds]
    if not found or not all(found):
        return {}
    return {name: sum(each[name] for each in found) / len(found) for name in METERS if all(name in each for each in found)}


def _of_log(result: Result, share: float, store: Store) -> dict[str, float]:
    address = result.steps.get("train")
    try:
        table = pq.read_table(store.payload(address) / "log.parquet").to_pylist() if address else []
    except (Corrupt, FileNotFoundError):
        return {}
    reached = next((line for line in table if line.get("share", 0.0) >= share - 1e-9), None)
    return {name: float(reached[name]) for name in METERS if reached.get(name) is not None} if reached else {}


def _free(results: Sequence[Result], store: Store) -> bool:
    """The learning rate stays level until it falls at the very end: constant, or warm-up, stable, decay."""
    for result in results:
        try:
            record = store.record(result.steps.get("train", "train/none"))
        except Corrupt:
            return False
        schedule = record.step["params"]["optim"]["schedule"] if record else None
        if not (schedule == "constant" or (isinstance(schedule, dict) and "wsd" in schedule)):
            return False
    return True
