"""A model reads prompts and writes: rolling out, rewriting an attempt, sitting an exam are one stage.

The work is cut into parts of fixed composition (these problems, these samples): a killed run repeats at most one part,
and gives the same bytes, for the shape of a batch can move the last bits of a floating-point sum.
"""

from __future__ import annotations

from harness import models, prompts
from harness.answers import decode
from harness.records import Fault, ModelRef, Problem, Rollout, Sampling
from harness.rounds import round_problems
from harness.seeds import derive
from harness.stages import Job
from harness.store import write_atomically
from harness.tables import from_bytes, to_bytes
from methods.parts.contexts import Material

# A part's composition follows from params alone, and a change of either number raises the stage's number.
PART_SEQUENCES = 256
PART_TOKENS = 2**19  # at most, if every response is as long as it may be: what a cache must hold


def run(job: Job) -> dict:
    if job.params["engine"] != "transformers":
        raise Fault(f"engine {job.params['engine']!r} is not in this version; say `engine: transformers`.")
    params = job.params
    start, stop = params["samples"]
    problems = chosen_problems(job)
    attempts = {}
    if "attempts" in job.step.inputs:
        attempts = {(r.problem_id, r.sample): r for r in from_bytes(Rollout, job.input("attempts") / "rollouts.parquet")}
    batch = max(1, min(PART_SEQUENCES, PART_TOKENS // params["sampling"]["max_tokens"]))
    size = max(1, batch // (stop - start))
    parts = [problems[i : i + size] for i in range(0, len(problems), size)]
    rollouts: list[Rollout] = []
    writer = None
    total = len(problems) * (stop - start)
    for number, part in enumerate(parts):
        data = job.store.part(job.step.address, f"{number:05d}")
        if data is None:
            writer = writer or Writer(job, batch)
            data = to_bytes(Rollout, writer.write(part, range(start, stop), attempts))
            job.store.keep_part(job.step.address, f"{number:05d}", data)
        rollouts.extend(from_bytes(Rollout, data))
        job.report({"doing": "write", "done": len(rollouts), "of": total, "tokens": sum(len(r.response_ids) for r in rollouts)})
    write_atomically(job.out / "rollouts.parquet", to_bytes(Rollout, rollouts))
    return {
        "rollouts": len(rollouts),
        "tokens": sum(len(r.response_ids) for r in rollouts),
        "truncated": sum(r.finish_reason == "length" for r in rollouts),
    }


def chosen_problems(job: Job) -> list[Problem]:
    problems = from_bytes(Problem, job.input("problems") / "problems.parquet")
    choice = job.params["problems"]
    return problems if choice["seed"] is None else round_problems(problems, choice["seed"], choice["round"], choice["size"])


class Writer:
    """The loaded model with its sampler: made when the first part that is not there yet needs it."""

    def __init__(self, job: Job, batch: int) -> None:
        from harness.sampling.hf import HfSampler

        self.params = job.params
        ref = ModelRef(**job.params["model"])
        where = models.source(ref, job.made("weights"))
        trained = job.input("trained") / job.params.get("checkpoint", "") if "trained" in job.step.inputs else None
        self.tokenizer = models.tokenizer_of(where)
        stops = models.stop_ids(where, self.tokenizer)
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else stops[0]
        model = models.load(ref, where, trained)
        self.sampler = HfSampler(model, stops, pad, models.vocabulary_of(self.tokenizer), batch)
        self.reads = decode(job.params["reads"])
        self.sampling = Sampling(**job.params["sampling"])

    def write(self, problems: list[Problem], samples: range, attempts: dict) -> list[Rollout]:
        from harness.sampling.hf import Request

        seeds = self.params["seeds"]
        asked = []
        for problem in problems:
            for sample in samples:
                attempt = attempts.get((problem.id, sample))
                text = prompts.decode(self.tokenizer, attempt.response_ids) if attempt else None
                message = self.reads(Material(problem.prompt, problem.solution, text))
                ids = tuple(prompts.encode(self.tokenizer, message, self.params["mode"]))
                seed = derive(seeds["seed"], seeds["purpose"], seeds["round"], problem.id, sample)
                asked.append((problem.id, sample, Request(ids, seed)))
        written = self.sampler.write([request for _, _, request in asked], self.sampling)
        return [
            Rollout(problem_id, sample, request.prompt_ids, w.response_ids, w.finish_reason, w.logprobs)
            for (problem_id, sample, request), w in zip(asked, written, strict=True)
        ]
