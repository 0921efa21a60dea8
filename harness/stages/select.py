"""Which training problems remain: those that no row must drop by their prompt and solution alone. Also checks the pair."""

from __future__ import annotations

from collections import Counter

from harness import models, prompts
from harness.answers import decode
from harness.records import Fault, ModelRef, Problem
from harness.spec.model import PairSpec
from harness.stages import Job
from harness.store import write_atomically
from harness.tables import from_bytes, to_bytes
from methods.parts.contexts import Material


def run(job: Job) -> dict:
    pair, limits = job.params["pair"], job.params["limits"]
    student = models.source(ModelRef(**pair["student"]), job.made("student"))
    differences = {}
    tokenizer = models.tokenizer_of(student)
    voices = [(tokenizer, pair["modes"]["student"])]  # who may read a prompt: tokenizers differ in their templates
    if pair["teacher"]:
        teacher = models.source(ModelRef(**pair["teacher"]), job.made("teacher"))
        spec = PairSpec(student="", teacher="", modes=pair["modes"], differ=job.params["differ"])
        differences = models.check_pair(job.step.title.removeprefix("select · "), spec, student, teacher)
        voices.append((models.tokenizer_of(teacher), pair["modes"]["teacher"]))
    problems = from_bytes(Problem, job.input("problems") / "problems.parquet")
    readings = [decode(item["reads"]) for item in job.params["readings"]]
    kept, dropped = [], Counter()
    for problem in problems:
        if problem.solution is None and job.params["solutions_needed"]:
            dropped["no solution"] += 1
            continue
        reason = over_limit(problem, readings, limits, voices)
        if reason:
            dropped[reason] += 1
        else:
            kept.append(problem)
    if not kept:
        raise Fault(f"{job.step.title}: every one of {len(problems)} problems is dropped ({dict(dropped)}). Raise `train.limits`.")
    write_atomically(job.out / "problems.parquet", to_bytes(Problem, kept))
    return {"problems": len(kept), "dropped": dict(sorted(dropped.items())), "differences": differences}


def over_limit(problem: Problem, readings: list, limits: dict, voices: list[tuple]) -> str | None:
    """The limit that the problem breaks for any reader, or None. Over-long prompts are dropped and counted, never cut."""
    tokenizer = voices[0][0]
    if (
        limits["solution"]
        and problem.solution
        and len(tokenizer(problem.solution, add_special_tokens=False)["input_ids"]) > limits["solution"]
    ):
        return "solution"
    for reading in readings:
        if reading.needs_solution and problem.solution is None:
            continue
        text = reading(Material(problem.prompt, problem.solution))
        longest = max(len(prompts.encode(tokenizer, text, mode)) for tokenizer, mode in voices)
        limit = "teacher_prompt" if reading.needs_solution else "prompt"
        if limits[limit] and longest > limits[limit]:
            return limit
    return None
