"""Reference solutions as responses: the student's tokens, then the one that ends a response. Nobody sampled them, so they have no log-probabilities."""

from __future__ import annotations

from harness import models, prompts
from harness.records import Fault, ModelRef, Rollout
from harness.stages import Job
from harness.stages.inputs import chosen_problems
from harness.store import write_atomically
from harness.tables import to_bytes
from methods.parts.contexts import Material, Plain


def run(job: Job) -> dict:
    where = models.source(ModelRef(**job.params["model"]), job.made("weights"))
    tokenizer = models.tokenizer_of(where)
    stop = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else models.stop_ids(where, tokenizer)[0]
    most = job.params["max_tokens"]
    rollouts = []
    for problem in chosen_problems(job):
        if problem.solution is None:
            raise Fault(f"problem {problem.id!r} has no reference solution to copy. Train on problems with solutions.")
        prompt = prompts.reading(tokenizer, problem, Plain()(Material(problem.prompt)), job.params["mode"])
        ids = [*tokenizer(problem.solution, add_special_tokens=False)["input_ids"], stop]
        whole = len(ids) <= most  # one that is longer than a response may be ends where a response would
        rollouts.append(Rollout(problem.id, 0, tuple(prompt), tuple(ids[:most]), "stop" if whole else "length", ()))
    write_atomically(job.out / "rollouts.parquet", to_bytes(Rollout, rollouts))
    return {
        "rollouts": len(rollouts),
        "tokens": sum(len(r.response_ids) for r in rollouts),
        "truncated": sum(r.finish_reason == "length" for r in rollouts),
    }
