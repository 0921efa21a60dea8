"""Several problem sets as one, in the order of its parts."""

from __future__ import annotations

import json

from harness.records import Fault, Problem
from harness.stages import Job
from harness.stages.problems import taken
from harness.store import write_atomically
from harness.tables import from_bytes, to_bytes


def run(job: Job) -> dict:
    """`take` of the problems of all parts, drawn by the same fixed seed as of one set. Raises Fault where two parts share an id."""
    found: dict[str, tuple[Problem, str]] = {}
    for folder in job.inputs("part"):
        questions = json.loads((folder / "questions.json").read_bytes())
        for problem, question in zip(from_bytes(Problem, folder / "problems.parquet"), questions, strict=True):
            if problem.id in found:
                raise Fault(
                    f"two of the sets have a problem {problem.id!r}. Ids tell problems apart: give one set a `prefix` or other ids."
                )
            found[problem.id] = (problem, question)
    kept = taken(list(found.values()), job.params["take"])
    write_atomically(job.out / "problems.parquet", to_bytes(Problem, [problem for problem, _ in kept]))
    write_atomically(job.out / "questions.json", json.dumps([question for _, question in kept]).encode())
    return {"problems": len(kept), "parts": len(job.inputs("part"))}
