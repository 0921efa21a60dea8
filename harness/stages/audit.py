"""What several graders say of the very same answers to an exam: never the score, and never an input of one."""

from __future__ import annotations

import json
from dataclasses import asdict

from harness.grading.audit import Place, audit
from harness.records import Verdict
from harness.stages import Job
from harness.store import write_atomically
from harness.tables import grades_from


def run(job: Job) -> dict:
    """Inputs `<grader>/<first sample>`: the grades of one grader, range by range; params name the graders, the exam's own first."""
    said: dict[str, dict[Place, Verdict]] = {}
    for name in job.params["graders"]:
        grades = [grade for folder in job.inputs(name) for grade in grades_from(folder / "grades.parquet")]
        said[name] = {(grade.problem_id, grade.sample): grade.verdict for grade in grades}
    found = asdict(audit(said))
    write_atomically(job.out / "audit.json", json.dumps(found, sort_keys=True).encode())
    return {"audit": found}
