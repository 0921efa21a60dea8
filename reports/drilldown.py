"""From a score back to what was asked and answered, by the addresses that a row of results names. The store is read, never written.

What the store no longer has, or what does not match its hash, is not shown: counts stand without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq

from harness.records import Grade, Problem
from harness.results import Result
from harness.store import Corrupt, Record, Store
from harness.tables import from_bytes, grades_from
from harness.texts import decoder
from reports.visible import shortened

PER_CELL = 2  # completions shown of each row and problem
ROOM = 300_000_000  # characters of completions on one site: where there are many, each is shown shorter
LEAST, MOST = 1_500, 12_000  # characters of one completion


@dataclass(frozen=True)
class Completion:
    """One answer to one problem. `text` None: its tokens cannot be read here."""

    seed: int | None
    sample: int
    verdict: str
    extracted: str | None
    detail: str
    tokens: int
    cut: bool
    text: str | None
    key: str  # the step that wrote it, and its place there: for `harness show KEY --sample N`
    at: int


@dataclass(frozen=True)
class Sitting:
    """One row's exam with one seed: what was asked, every verdict, and the answers that were chosen to be shown."""

    questions: tuple[Problem, ...]
    verdicts: Mapping[str, tuple[str, ...]]  # by problem id, in the order of samples
    shown: Mapping[str, tuple[Completion, ...]]


def sitting(store: Store, result: Result, exam: str, longest: int, per_cell: int = PER_CELL) -> Sitting | None:
    """None where the store does not have it."""
    try:
        record = store.record(result.steps.get(f"score/{exam}", "score/none"))
        return _sitting(store, record, result.seed, longest, per_cell) if record else None
    except Corrupt:
        return None


def _sitting(store: Store, record: Record, seed: int | None, longest: int, per_cell: int) -> Sitting:
    inputs = record.step["inputs"]
    asked = tuple(from_bytes(Problem, store.payload(inputs["problems"]) / "problems.parquet"))
    starts = sorted(int(role.partition("/")[2]) for role in inputs if role.startswith("grades/"))
    grades = [grade for start in starts for grade in grades_from(store.payload(inputs[f"grades/{start}"]) / "grades.parquet")]
    by_problem: dict[str, list[Grade]] = {}
    for grade in sorted(grades, key=lambda grade: grade.sample):
        by_problem.setdefault(grade.problem_id, []).append(grade)
    wanted = {(grade.problem_id, grade.sample): grade for found in by_problem.values() for grade in chosen(found, per_cell)}
    shown: dict[str, list[Completion]] = {}
    for start in starts:
        for completion, problem in _read(store, inputs[f"rollouts/{start}"], wanted, seed, longest):
            shown.setdefault(problem, []).append(completion)
    return Sitting(
        asked,
        {problem: tuple(grade.verdict.verdict for grade in found) for problem, found in by_problem.items()},
        {problem: tuple(sorted(found, key=lambda each: (each.verdict != "correct", each.sample))) for problem, found in shown.items()},
    )


def chosen(grades: Sequence[Grade], count: int) -> list[Grade]:
    """The first right and the first other one, then the first of the rest: what tells most in the least room."""
    right = [grade for grade in grades if grade.verdict.correct][:1]
    other = [grade for grade in grades if not grade.verdict.correct][:1]
    first = (right + other)[:count]
    return first + [grade for grade in grades if grade not in first][: count - len(first)]


def _read(
    store: Store, address: str, wanted: Mapping[tuple[str, int], Grade], seed: int | None, longest: int
) -> Iterator[tuple[Completion, str]]:
    """Batch by batch: the tokens of an exam may be more than memory holds."""
    record = store.record(address)
    if record is None:
        return
    decode, at = decoder(store, record), 0
    path = store.payload(address) / "rollouts.parquet"
    for batch in pq.ParquetFile(path).iter_batches(256, columns=["problem_id", "sample", "response_ids", "finish_reason"]):
        places = zip(batch["problem_id"].to_pylist(), batch["sample"].to_pylist(), strict=True)
        for row, place in enumerate(places):
            at += 1
            if grade := wanted.get(place):
                ids, said = batch["response_ids"][row].as_py(), grade.verdict
                text = shortened(decode(ids), longest) if decode else None
                cut = batch["finish_reason"][row].as_py() == "length"
                key = address.rpartition("/")[2]
                yield Completion(seed, place[1], said.verdict, said.extracted, said.detail, len(ids), cut, text, key, at), place[0]


def room(cells: int) -> int:
    """How long a completion may be, in characters, where there are so many cells to be shown."""
    return max(LEAST, min(MOST, ROOM // max(1, cells * PER_CELL)))
