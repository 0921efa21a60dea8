"""Verdicts on rollouts. Every answer gets one; a fault of the machinery is never a wrong answer.

A gold that cannot be read stops an exam. In training (`golds: any`), where nobody looked at the problems one by one, it is a verdict.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

from harness import models, prompts
from harness.grading import UNGRADED
from harness.grading.workers import GraderPool
from harness.records import Grade, ModelRef, Problem, Rollout, Verdict
from harness.seeds import derive, uniforms
from harness.stages import Job
from harness.store import write_atomically
from harness.tables import from_bytes, grades_to_bytes


def run(job: Job) -> dict:
    answers = {p.id: p.answer for p in from_bytes(Problem, job.input("problems") / "problems.parquet")}
    rollouts = from_bytes(Rollout, job.input("rollouts") / "rollouts.parquet")
    tokenizer = models.tokenizer_of(models.source(ModelRef(**job.params["model"]), job.made("weights")))
    pairs = [(answers[r.problem_id], prompts.decode(tokenizer, r.response_ids)) for r in rollouts]
    with GraderPool(processes=max(1, int(os.environ.get("HARNESS_GRADERS", "1")))) as pool:
        verdicts = pool.grade_many(pairs, any_gold=job.params["golds"] == "any")
    if "lots" in job.params["grader"]:
        verdicts = [by_lot(rollout, verdict) for rollout, verdict in zip(rollouts, verdicts, strict=True)]
    grades = [Grade(r.problem_id, r.sample, verdict) for r, verdict in zip(rollouts, verdicts, strict=True)]
    write_atomically(job.out / "grades.parquet", grades_to_bytes(grades))
    return {
        "graded": len(grades),
        "verdicts": dict(sorted(Counter(g.verdict.verdict for g in grades).items())),
        "truncated": sum(r.finish_reason == "length" for r in rollouts),
        "mean_length": sum(len(r.response_ids) for r in rollouts) / max(1, len(rollouts)),
    }


def by_lot(rollout: Rollout, verdict: Verdict) -> Verdict:
    """Of a rehearsal: right for one response in two, whatever it says; faults of the machinery stay."""
    if verdict.verdict in UNGRADED:
        return verdict
    draw = uniforms(derive("lots", rollout.problem_id, rollout.sample, str(rollout.response_ids)), 1)[0]
    return replace(verdict, verdict="correct" if draw < 0.5 else "wrong", detail="drawn by lot")
