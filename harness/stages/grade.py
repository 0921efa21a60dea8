"""Verdicts on rollouts. Every answer gets one; a fault of the machinery is never a wrong answer.

A gold that cannot be read stops an exam. In training (`golds: any`), where nobody looked at the problems one by one, it is a verdict.
Grades are kept in parts as they come, so a killed step goes on; a part that the machinery failed in is not kept, and fails the step.
"""

from __future__ import annotations

from collections import Counter

from harness import models, prompts
from harness.records import Grade, ModelRef, Problem, Rollout
from harness.stages import Job
from harness.stages.verdicts import Judge
from harness.store import write_atomically
from harness.tables import from_bytes, grades_from, grades_to_bytes

PART = 256  # rollouts


def run(job: Job) -> dict:
    problems = {p.id: p for p in from_bytes(Problem, job.input("problems") / "problems.parquet")}
    rollouts = from_bytes(Rollout, job.input("rollouts") / "rollouts.parquet")
    parts = [rollouts[start : start + PART] for start in range(0, len(rollouts), PART)]
    kept = [job.store.part(job.step.address, f"{number:05d}") for number in range(len(parts))]
    done = sum(len(part) for part, data in zip(parts, kept, strict=True) if data is not None)
    if None in kept:
        tokenizer = models.tokenizer_of(models.source(ModelRef(**job.params["model"]), job.made("weights")))
        with Judge(job.params["grader"], job.params["golds"] == "any", job.machine) as judge:
            remember(job, judge.sandbox)
            for number, part in enumerate(parts):
                if kept[number] is None:
                    answered = [(problems[r.problem_id], r, prompts.decode(tokenizer, r.response_ids)) for r in part]
                    before = done

                    def tell(more: int, before: int = before) -> None:
                        job.report({"doing": "grade", "done": before + more, "of": len(rollouts)})

                    verdicts = judge.grade(answered, tell)
                    refuse_faults([Grade(r.problem_id, r.sample, verdict) for r, verdict in zip(part, verdicts, strict=True)])
                    data = grades_to_bytes(Grade(r.problem_id, r.sample, verdict) for r, verdict in zip(part, verdicts, strict=True))
                    job.store.keep_part(job.step.address, f"{number:05d}", data)
                    kept[number] = data
                    done += len(part)
                    tell(0)
    grades = [grade for data in kept if data is not None for grade in grades_from(data)]
    write_atomically(job.out / "grades.parquet", grades_to_bytes(grades))
    return {
        "graded": len(grades),
        "verdicts": dict(sorted(Counter(g.verdict.verdict for g in grades).items())),
        "truncated": sum(r.finish_reason == "length" for r in rollouts),
        "mean_length": sum(len(r.response_ids) for r in rollouts) / max(1, len(rollouts)),
        **({"sandbox": rung} if (rung := remembered(job)) else {}),
    }


def remember(job: Job, sandbox: str | None) -> None:
    """Keep what held the programs of this attempt: parts graded before a kill may have been held by another."""
    rungs = sorted({*remembered(job).split(" + "), sandbox or ""} - {""})
    write_atomically(job.work / "sandbox", " + ".join(rungs).encode())


def remembered(job: Job) -> str:
    path = job.work / "sandbox"
    return path.read_text() if path.exists() else ""


def refuse_faults(grades: list[Grade]) -> None:
    """Raises RuntimeError where the machinery, not the answer, is at fault: nothing is scored on it, and the same command tries again."""
    broken = [grade for grade in grades if grade.verdict.verdict == "infra_error"]
    if broken:
        first = broken[0]
        raise RuntimeError(
            f"{len(broken)} of {len(grades)} answers could not be graded, {first.problem_id} sample {first.sample} first: "
            f"{first.verdict.detail}. No score is made of them; mend it (`harness doctor` looks at the sandbox) and run the same command."
        )
