"""A cell: counts per problem, from which every other figure is derived."""

from __future__ import annotations

import json

from harness.counts import counted
from harness.records import Problem
from harness.stages import Job
from harness.store import write_atomically
from harness.tables import from_bytes, grades_from, lengths_from


def run(job: Job) -> dict:
    params = job.params
    facts = counted(
        job.step.title,
        [problem.id for problem in from_bytes(Problem, job.input("problems") / "problems.parquet")],
        params["samples"],
        [grade for folder in job.inputs("grades") for grade in grades_from(folder / "grades.parquet")],
        [length for folder in job.inputs("rollouts") for length in lengths_from(folder / "rollouts.parquet")],
        params["max_tokens"],
        params.get("votes", ()),
    )
    write_atomically(job.out / "score.json", json.dumps(facts, sort_keys=True).encode())
    return facts
