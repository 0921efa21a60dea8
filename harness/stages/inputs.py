"""What several stages read of their inputs: the problems that they work on, what was written, and verdicts on it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.grading import UNGRADED
from harness.records import Grade, Problem, Rollout
from harness.rounds import heads, round_problems
from harness.stages import Job
from harness.tables import from_bytes, grades_from

Key = tuple[str, int]  # problem, sample
Hands = tuple[int, ...]  # of each token of a response that two wrote: 1 the teacher's, 0 the student's; nothing where one wrote it

HANDS = "hands.parquet"  # beside rollouts.parquet, row by row


def problems_of_round(job: Job, choice: dict) -> list[Problem]:
    """The round's problems, in its order; all of a set where the choice names no seed."""
    problems = from_bytes(Problem, job.input("problems") / "problems.parquet")
    return problems if choice["seed"] is None else round_problems(problems, choice["seed"], choice["round"], choice["size"])


def chosen_problems(job: Job) -> list[Problem]:
    """Those of the round that the step's `where` names: all, those without a right response so far, or one side of a coin."""
    choice, where = job.params["problems"], job.params.get("where")
    problems = problems_of_round(job, choice)
    if where == "unsolved":
        solved = {problem for (problem, _), right in rights_of(job, "verdicts").items() if right}
        return [problem for problem in problems if problem.id not in solved]
    if where:
        side = where["coin"] == "heads"
        return [p for p in problems if heads(choice["seed"], choice["round"], p.id, where["share"]) is side]
    return problems


def rollouts_of(job: Job, role: str) -> list[Rollout]:
    return [r for folder in job.inputs(role) for r in from_bytes(Rollout, folder / "rollouts.parquet")]


def rollouts_of_step(job: Job, role: str) -> list[Rollout]:
    """Of an input that is one step."""
    return from_bytes(Rollout, job.input(role) / "rollouts.parquet")


def hands_of(folder: Path, count: int) -> list[Hands]:
    """Of the `count` rollouts of a payload."""
    path = folder / HANDS
    return [tuple(each) for each in pq.read_table(path)["by_teacher"].to_pylist()] if path.exists() else [()] * count


def hands_to_bytes(rows: Iterable[Hands]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"by_teacher": pa.array([list(row) for row in rows], pa.list_(pa.int8()))}), sink, compression="zstd")
    return sink.getvalue()


def grades_of(job: Job, role: str) -> list[Grade]:
    return [grade for folder in job.inputs(role) for grade in grades_from(folder / "grades.parquet")]


def rights_of(job: Job, role: str) -> dict[Key, bool | None]:
    """Was it right; None where the grader failed."""
    return {(g.problem_id, g.sample): None if g.verdict.verdict in UNGRADED else g.verdict.correct for g in grades_of(job, role)}
