"""Any budget: had the runs ended earlier, how would the rows stand? Read from examinations on the way, by what each row had spent by then.

Only where the learning rate had not begun to fall does a checkpoint stand for a shorter run; other rows are read at their end alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from harness.results import Result
from harness.statistics import Difference, Estimate
from harness.store import Corrupt, Store
from reports.drafts import Draft, Endpoint, difference, mean, rank_intervals
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
    rank: tuple[int, int] | None  # among the methods read here; None below three seeds
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
    title: str  # of the score: "Avg@16"
    curve: tuple[str, ...]  # the exams read, where the primary's own were not sat on the way
    meters: tuple[Meter, ...]
    bound: tuple[str, ...]  # rows whose learning rate falls all the way: read at their end alone


@dataclass(frozen=True)
class Checkpoint:
    label: str
    at: str
    spent: Mapping[str, float]
    score: Estimate
    base: Difference | None
    draft: Draft  # with what was sat there as its scores on the endpoint's columns


def any_budget(group: Group, found: Mapping[str, Draft], endpoint: Endpoint | None, store: Store | None) -> AnyBudget | None:
    """None where no row may be read before its end, or the store does not say what had been spent there.

    Rows are read on the primary's exams where these were sat on the way, else on those that were.
    """
    untrained = found.get(group.untrained or "")
    if endpoint is None or untrained is None or store is None:
        return None
    over, curve = _on_the_way(group, untrained, endpoint)
    points: list[Checkpoint] = []
    bound: list[str] = []
    for row in group.trained:
        if row.label in found:
            draft = found[row.label]
            mine = list(_checkpoints(draft, untrained, group.exams, over, store))
            if not _free(draft.results, store):
                bound += [row.label] if any(point.at != "100%" for point in mine) else []
                mine = [point for point in mine if point.at == "100%"]
            points += mine
    if all(point.at == "100%" for point in points):
        return None
    ranks: dict[tuple[tuple[str, str], ...], dict[str, tuple[int, int]]] = {}  # by who is read where: limits share it
    meters = tuple(made for name in METERS if len((made := _meter(name, points, over, ranks)).limits) > 1)
    samples = {exam.samples for exam in curve}
    title = group.primary.title if not curve else f"Avg@{samples.pop()}" if len(samples) == 1 else "Avg@k"
    return AnyBudget(group, title, tuple(exam.sat[0] for exam in curve), meters, tuple(bound)) if meters else None


def _on_the_way(group: Group, untrained: Draft, endpoint: Endpoint) -> tuple[Endpoint, tuple[Exam, ...]]:
    """The primary; or, where its exams were sat at the end alone, the exams of the curve, which weigh as the primary's do."""
    primary = {exam.sat for exam in group.exams if exam.key in endpoint.columns}
    early = [exam for exam in group.exams if exam.at != "100%"]
    curve = tuple({exam.sat: exam for exam in early if exam.sat in untrained.whole}.values())
    if not curve or any(exam.sat in primary for exam in early):
        return endpoint, ()
    sizes = [exam.problems if group.primary.weight == "problems" else 1 for exam in curve]
    return Endpoint(tuple(exam.sat for exam in curve), tuple(size / sum(sizes) for size in sizes)), curve


def _meter(name: str, points: Sequence[Checkpoint], over: Endpoint, ranks: dict) -> Meter:
    places = sorted({point.spent[name] for point in points if point.spent.get(name)})
    if len(places) > LIMITS:
        places = [places[round(at * (len(places) - 1) / (LIMITS - 1))] for at in range(LIMITS)]
    return Meter(name, tuple(_limited(name, limit, points, over, ranks) for limit in places))


def _limited(name: str, limit: float, points: Sequence[Checkpoint], over: Endpoint, ranks: dict) -> Limited:
    """Each row at the last checkpoint that it reached within the limit."""
    within: dict[str, Checkpoint] = {}
    for point in points:
        spent = point.spent.get(name, 0.0)
        if spent <= limit and (point.label not in within or spent >= within[point.label].spent.get(name, 0.0)):
            within[point.label] = point
    read = tuple((point.label, point.at) for point in within.values())
    if read not in ranks:
        ranks[read] = rank_intervals([point.draft for point in within.values() if point.draft.role == "method"], over)
    made = [
        Standing(
            point.label, point.at, point.spent.get(name, 0.0), point.score, point.base, ranks[read].get(point.label), point.at == "100%"
        )
        for point in within.values()
    ]
    labels = dict.fromkeys(point.label for point in points)
    return Limited(limit, tuple(sorted(made, key=lambda each: -each.score.value)), tuple(label for label in labels if label not in within))


def _checkpoints(draft: Draft, untrained: Draft, exams: Sequence[Exam], endpoint: Endpoint, store: Store) -> Iterator[Checkpoint]:
    """`draft` as it stood at each share of the budget at which all exams of the endpoint were sat."""
    once = {exam.key: exam.sat for exam in exams}
    sat = [once.get(key, key) for key in endpoint.columns]
    for at in dict.fromkeys(exam.at for exam in exams):
        there = {exam.sat: exam.key for exam in exams if exam.at == at}
        if not all(each in there for each in sat):
            continue
        columns = {key: there[each] for key, each in zip(endpoint.columns, sat, strict=True)}
        here = replace(draft, whole={key: draft.whole[of] for key, of in columns.items() if of in draft.whole})
        before = replace(untrained, whole={key: untrained.whole[each] for key, each in zip(endpoint.columns, sat, strict=True)
                                           if each in untrained.whole})  # fmt: skip
        score, spent = mean(here, endpoint), _spent(draft.results, at, store)
        if score is not None and spent:
            yield Checkpoint(draft.label, at, spent, score, difference(here, before, endpoint), here)


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
