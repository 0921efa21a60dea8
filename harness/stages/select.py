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
    tokenizer = models.tokenizer_of(student)
    voices = [(tokenizer, pair["modes"]["student"])]  # who may read a prompt: tokenizers differ in their templates
    differences: dict[str, str] = {}
    for role in (role for role in pair if pair[role] and role.partition("/")[0] in ("teacher", "teachers")):
        teacher = models.source(ModelRef(**pair[role]), job.made(role))
        spec = PairSpec(student="", teacher="", modes=pair["modes"], differ=job.params["differ"])
        differences = models.check_pair(job.step.title.removeprefix("select · "), spec, student, teacher)
        voices.append((models.tokenizer_of(teacher), pair["modes"]["teacher"]))
    if pair.get("reference"):
        models.check_reference(
            job.step.title.removeprefix("select · "), student, models.source(ModelRef(**pair["reference"]), job.made("reference"))
        )
    problems = from_bytes(Problem, job.input("problems") / "problems.parquet")
    readings = [decode(item["reads"]) for item in job.params["readings"]]
    needed = [reading for reading, item in zip(readings, job.params["readings"], strict=True) if item["needed"]]
    kept, dropped, stood_in = [], Counter(), 0
    for problem in problems:
        reason = unusable(problem, needed) or over_limit(problem, readings, limits, voices)
        if reason:
            dropped[reason] += 1
        else:
            kept.append(problem)
            stood_in += problem.solution is None
    if not kept:
        why = ", ".join(f"{count} by `{reason}`" if reason in limits else f"{count} with {reason}" for reason, count in dropped.items())
        raise Fault(f"every one of {len(problems)} problems is dropped: {why}. Raise `train.limits`, or train on other problems.")
    write_atomically(job.out / "problems.parquet", to_bytes(Problem, kept))
    return {
        "problems": len(kept),
        "dropped": dict(sorted(dropped.items())),
        "answer_for_solution": stood_in if needed else 0,
        "differences": differences,
    }


def material(problem: Problem) -> Material:
    """What can be told of a problem before anybody wrote; the attempt is left blank."""
    return Material(problem.prompt, problem.solution, "", problem.answer)


def unusable(problem: Problem, needed: list) -> str | None:
    """Why no row can train on it, or None."""
    if problem.answer is None and problem.tests is None:
        return "no answer"
    if any(reading.solution_of(material(problem)) is None for reading in needed):
        return "no solution"
    return None


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
        if reading.needs_solution and reading.solution_of(material(problem)) is None:
            continue
        text = reading(material(problem))
        longest = max(len(prompts.reading(tokenizer, problem, text, mode)) for tokenizer, mode in voices)
        limit = "teacher_prompt" if reading.needs_solution else "prompt"
        if limits[limit] and longest > limits[limit]:
            return limit
    return None
