"""Where student and teacher are furthest apart on what the student wrote: the suspects of a probe (after arXiv:2606.00305).

Both read each response as training will; this reading is the loss's own, and is charged there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from harness import models, prompts
from harness.answers import decode
from harness.engine.batching import micro_batches
from harness.engine.diagnostics import Observer
from harness.engine.distill import Pass, nothing
from harness.engine.readers import Reader
from harness.records import ModelRef, Place, Problem, Trajectory
from harness.stages import Job
from harness.stages.inputs import rollouts_of_step
from harness.store import write_atomically
from harness.tables import from_bytes, to_bytes
from methods.method import Term
from methods.parts.contexts import Material
from methods.parts.losses import Loss, ReverseKL
from methods.parts.tokens import top

TOKENS = 16384  # padded, read at once: fixed, for the shape of a batch can move the last bits of a sum


def run(job: Job) -> dict:
    texts = readings(job)
    apart = losses(job, texts)
    places = [
        Place(t.problem_id, t.sample, at, apart_T[at])
        for t, apart_T in zip(texts, apart, strict=True)
        for at in suspects(apart_T, job.params["share"], job.params["most"])
    ]
    write_atomically(job.out / "places.parquet", to_bytes(Place, places))
    return {"places": len(places), "responses": len(texts)}


def suspects(apart_T: Sequence[float], share: float, most: int) -> list[int]:
    """The places of the `share` of the largest values, at most `most`, in their order; of equals the earlier ones."""
    values_T = torch.tensor(apart_T, dtype=torch.float64)
    within = top(values_T, share).nonzero()[:, 0].tolist()
    return sorted(sorted(within, key=lambda at: (-apart_T[at], at))[:most])


def readings(job: Job) -> list[Trajectory]:
    """Each response after what its student read, and after what the teacher reads."""
    params = job.params
    problems = {p.id: p for p in from_bytes(Problem, job.input("problems") / "problems.parquet")}
    scorer = models.tokenizer_of(models.source(ModelRef(**params["models"]["teacher"]), job.made("teacher")))
    reads = decode(params["reads"])
    found = []
    for r in rollouts_of_step(job, "rollouts"):
        problem = problems[r.problem_id]
        message = reads(Material(problem.prompt, problem.solution, None, problem.answer))
        theirs = prompts.reading(scorer, problem, message, params["mode"])
        found.append(Trajectory(r.problem_id, r.sample, "main", r.prompt_ids, tuple(theirs), r.response_ids))
    return found


@torch.no_grad()
def losses(job: Job, texts: list[Trajectory]) -> list[list[float]]:
    """KL(student ‖ teacher) at each token, in nats, over the whole vocabulary."""
    student_ref, teacher_ref = (ModelRef(**job.params["models"][who]) for who in ("student", "teacher"))
    where = models.source(student_ref, job.made("student"))
    tokenizer = models.tokenizer_of(where)
    vocabulary = models.vocabulary_of(tokenizer)
    trained = job.input("trained") if "trained" in job.step.inputs else None
    student = Reader(models.load(student_ref, where, trained), vocabulary)
    teacher = Reader(models.load(teacher_ref, models.source(teacher_ref, job.made("teacher"))), vocabulary)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    reads = Pass(Term(loss=Loss(ReverseKL())), student, teacher, None, pad, TOKENS)
    found: dict[int, list[float]] = {}
    for micro in micro_batches(texts, TOKENS):
        lengths = [len(t.response_ids) for t in micro]
        _, _, seen = reads.score(micro, nothing, torch.zeros(sum(lengths)), {}, Observer())
        for t, column in zip(micro, seen["kl_reverse"].cpu().split(lengths), strict=True):
            found[id(t)] = column.tolist()
    return [found[id(t)] for t in texts]
