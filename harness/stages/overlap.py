"""The questions of an exam beside those of training: which of them were, or will be, seen."""

from __future__ import annotations

import json
from pathlib import Path

from harness.overlap import matches
from harness.records import Problem
from harness.stages import Job
from harness.store import write_atomically
from harness.tables import from_bytes

SHOWN = 20  # matches in the record; all of them are in the payload


def run(job: Job) -> dict:
    train, exam = questions(job.input("train")), questions(job.input("exam"))
    found = [
        {"exam": exam[match.exam][0], "train": train[match.train][0], "share": round(match.share, 4), "exact": match.exact}
        for match in matches((text for _, text in train), [text for _, text in exam])
    ]
    found.sort(key=lambda match: not match["exact"])
    write_atomically(job.out / "overlap.json", json.dumps(found, indent=1, ensure_ascii=False).encode())
    exact = sum(match["exact"] for match in found)
    return {"problems": len(exam), "trained": len(train), "exact": exact, "near": len(found) - exact, "matches": found[:SHOWN]}


def questions(folder: Path) -> list[tuple[str, str]]:
    """Ids and texts."""
    ids = [problem.id for problem in from_bytes(Problem, folder / "problems.parquet")]
    return list(zip(ids, json.loads((folder / "questions.json").read_bytes()), strict=True))
