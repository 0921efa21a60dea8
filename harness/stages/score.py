"""A cell: counts per problem, from which every other figure is derived."""

from __future__ import annotations

import json

from harness.grading import UNGRADED
from harness.records import Problem
from harness.stages import Job
from harness.step import digest
from harness.store import write_atomically
from harness.tables import from_bytes, grades_from


def run(job: Job) -> dict:
    ids = [p.id for p in from_bytes(Problem, job.input("problems") / "problems.parquet")]
    grades = [grade for folder in job.inputs("grades") for grade in grades_from(folder / "grades.parquet")]
    graded, correct = dict.fromkeys(ids, 0), dict.fromkeys(ids, 0)
    ungraded = 0
    for grade in grades:
        if grade.verdict.verdict in UNGRADED:
            ungraded += 1
            continue
        graded[grade.problem_id] += 1
        correct[grade.problem_id] += grade.verdict.correct
    facts = {
        "problems": len(ids),
        "samples": job.params["samples"],
        "problems_hash": digest(ids)[:16],
        "graded": list(graded.values()),
        "correct": list(correct.values()),
        "ungraded": ungraded,
        "truncated": sum(
            job.store.record(address).facts["truncated"] for role, address in job.step.inputs.items() if role.startswith("grades/")
        ),
    }
    write_atomically(job.out / "score.json", json.dumps(facts, sort_keys=True).encode())
    return facts
