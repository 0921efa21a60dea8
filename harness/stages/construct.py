"""The window between writing and training: the exact token ids that both models read, and what each response cost."""

from __future__ import annotations

from harness import models, prompts
from harness.answers import decode
from harness.grading import UNGRADED
from harness.records import ModelRef, Problem, Rollout, Trajectory
from harness.stages import Job
from harness.store import write_atomically
from harness.tables import from_bytes, grades_from, to_bytes
from methods.parts.contexts import Material, Plain
from methods.parts.keep import Outcome


def run(job: Job) -> dict:
    params = job.params
    problems = {p.id: p for p in from_bytes(Problem, job.input("problems") / "problems.parquet")}
    rollouts = [r for folder in job.inputs("rollouts") for r in from_bytes(Rollout, folder / "rollouts.parquet")]
    attempts = {(r.problem_id, r.sample): r for folder in job.inputs("attempts") for r in from_bytes(Rollout, folder / "rollouts.parquet")}
    # Student and teacher share token ids, but not always the template: each reads under its own.
    tokenizer = models.tokenizer_of(models.source(ModelRef(**params["models"]["student"]), job.made("student")))
    scorer = tokenizer
    if params["scored"]:
        scorer = models.tokenizer_of(models.source(ModelRef(**params["models"]["teacher"]), job.made("teacher")))
    reads, modes, limits = decode(params["reads"]), params["modes"], params["limits"]
    keep, tokens = decode(params["keep"]), decode(params["tokens"])
    verdicts = {whose: verdicts_of(job, whose) for whose in keep.needs}
    paid = set(params.get("paid", ()))  # an earlier term of this row is charged for it
    starts = sorted(int(role.rpartition("/")[2]) for role in job.step.inputs if role.startswith("rollouts/"))
    id_of = tokenizer.get_vocab().get  # a text that several tokens spell has no id
    trajectories, over, ungraded = [], 0, 0
    for rollout in rollouts:
        problem, attempt = problems[rollout.problem_id], attempts.get((rollout.problem_id, rollout.sample))
        student_prompt = prompts.reading(tokenizer, problem, Plain()(Material(problem.prompt)), modes["student"])
        teacher_prompt: list[int] = []
        if params["scored"]:
            text = prompts.decode(scorer, attempt.response_ids) if attempt else None
            material = Material(problem.prompt, problem.solution, text, problem.answer)
            teacher_prompt = prompts.reading(scorer, problem, reads(material), modes["teacher"])
        too_long = reads.needs_attempt and limits["teacher_prompt"] is not None and len(teacher_prompt) > limits["teacher_prompt"]
        over += too_long
        said = {whose: verdicts[whose][rollout.problem_id, rollout.sample] for whose in keep.needs}
        ungraded += None in said.values()
        kept = keep(Outcome(said.get("attempt"), said.get("response")))
        weights = tokens(rollout.response_ids, id_of)
        by_teacher = params["writer"] == "teacher"
        start = max(each for each in starts if each <= rollout.sample)
        by_student = 0 if f"student/{start}" in paid else 1
        taught = int(by_teacher and f"teacher/{start}" not in paid)
        trajectories.append(
            Trajectory(
                problem_id=rollout.problem_id,
                sample=rollout.sample,
                term=params["term"],
                student_prompt_ids=tuple(student_prompt),
                teacher_prompt_ids=tuple(teacher_prompt),
                response_ids=rollout.response_ids,
                weight=0.0 if too_long else kept,
                token_weights=() if all(weight == 1 for weight in weights) else tuple(weights),
                sampler_logprobs=rollout.logprobs,
                student_written=by_student * (len(attempt.response_ids) if attempt else 0 if by_teacher else len(rollout.response_ids)),
                teacher_written=taught * len(rollout.response_ids),
                teacher_read=taught * len(rollout.prompt_ids)
                + (len(teacher_prompt) + len(rollout.response_ids) if params["scored"] and not too_long else 0),
            )
        )
    write_atomically(job.out / "trajectories.parquet", to_bytes(Trajectory, trajectories))
    return {
        "trajectories": len(trajectories),
        "kept": sum(t.weight > 0 for t in trajectories),
        "over_teacher_prompt": over,
        "ungraded": ungraded,
        "tokens": sum(len(t.response_ids) for t in trajectories),
        "masked": sum(weight == 0 for t in trajectories for weight in t.token_weights),
        "unknown_texts": [text for text in tokens.texts if id_of(text) is None],
    }


def verdicts_of(job: Job, whose: str) -> dict[tuple[str, int], bool | None]:
    """(problem, sample) → was it right; None where the grader failed."""
    grades = [grade for folder in job.inputs(f"{whose}_grades") for grade in grades_from(folder / "grades.parquet")]
    return {(g.problem_id, g.sample): None if g.verdict.verdict in UNGRADED else g.verdict.correct for g in grades}
