"""A model reads prompts and writes: rolling out, rewriting an attempt, sitting an exam are one stage.

The work is cut into parts of fixed composition (these problems, these samples), and a part is kept as it ends. With transformers a
killed run repeats at most one part and gives the same bytes, for the shape of a batch can move the last bits of a floating-point sum.
With vLLM all parts that are missing are in one engine together; what had not ended is asked for again, under the same seeds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from harness import models, prompts
from harness.answers import decode
from harness.records import Fault, ModelRef, Place, Problem, Rollout, Sampling
from harness.sampling import Request, Sampler, Written
from harness.seeds import derive
from harness.stages import Job
from harness.stages.inputs import chosen_problems
from harness.store import write_atomically
from harness.tables import from_bytes, to_bytes
from methods.parts.contexts import Material

# A part's composition follows from params alone, and a change of either number raises the stage's number.
PART_SEQUENCES = 256
PART_TOKENS = 2**19  # at most, if every response is as long as it may be: what a cache must hold

TELL_SECONDS = 2.0  # while a part is being written


def run(job: Job) -> dict:
    attempts = {}
    if "attempts" in job.step.inputs:
        attempts = {(r.problem_id, r.sample): r for r in from_bytes(Rollout, job.input("attempts") / "rollouts.parquet")}
    parts, batch = parts_of(job)
    kept = [job.store.part(job.step.address, f"{number:05d}") for number in range(len(parts))]
    missing = [number for number, data in enumerate(kept) if data is None]
    facts: dict[str, Any] = {}
    told = Told(job, sum(map(len, parts)))
    for data in kept:
        if data is not None:
            told.found(from_bytes(Rollout, data))
    if missing:
        writer = Writer(job, batch)
        asked = [writer.ask(parts[number], attempts) for number in missing]
        for index, written in writer.sampler.write_parts([part.requests for part in asked], writer.sampling, told.tokens_more):
            data = to_bytes(Rollout, asked[index].rollouts(written))
            job.store.keep_part(job.step.address, f"{missing[index]:05d}", data)
            kept[missing[index]] = data
            told.rollouts_more(len(written))
        facts = writer.sampler.facts
    rollouts = [rollout for data in kept for rollout in from_bytes(Rollout, data)]
    write_atomically(job.out / "rollouts.parquet", to_bytes(Rollout, rollouts))
    return {
        "rollouts": len(rollouts),
        "tokens": sum(len(r.response_ids) for r in rollouts),
        "truncated": sum(r.finish_reason == "length" for r in rollouts),
        **facts,
    }


@dataclass(frozen=True)
class Opening:
    """A response to be written: which sample of a problem, and what of it stands already. None: nothing does, and nobody asks for more."""

    problem: Problem
    sample: int
    begun: tuple[int, ...] | None = None


def parts_of(job: Job) -> tuple[list[list[Opening]], int]:
    """Everything that is to be written, in parts of fixed composition, and how many sequences fit into one."""
    limit = job.params["sampling"]["max_tokens"]
    if "places" in job.step.inputs:
        openings = places_to_go_on(job)
        batch = max(1, min(PART_SEQUENCES, PART_TOKENS // (limit + max((len(each.begun or ()) for each in openings), default=0))))
        return [openings[i : i + batch] for i in range(0, len(openings), batch)], batch
    start, stop = job.params["samples"]
    problems = chosen_problems(job) if job.params["problems"]["seed"] is not None else gradable(chosen_problems(job))
    batch = max(1, min(PART_SEQUENCES, PART_TOKENS // limit))
    size = max(1, batch // (stop - start))  # whole problems
    parts = [problems[i : i + size] for i in range(0, len(problems), size)]
    return [[Opening(problem, sample) for problem in part for sample in range(start, stop)] for part in parts], batch


def places_to_go_on(job: Job) -> list[Opening]:
    """One for each place, in their order."""
    problems = {p.id: p for p in from_bytes(Problem, job.input("problems") / "problems.parquet")}
    begun = {(r.problem_id, r.sample): r.response_ids for r in from_bytes(Rollout, job.input("begun") / "rollouts.parquet")}
    places = from_bytes(Place, job.input("places") / "places.parquet")
    return [Opening(problems[p.problem_id], p.sample, begun[p.problem_id, p.sample][: p.at]) for p in places]


class Told:
    """What a watcher is told while it is written."""

    def __init__(self, job: Job, total: int) -> None:
        self.job, self.total = job, total
        self.done = self.tokens = 0
        self.last = time.monotonic()

    def found(self, rollouts: list[Rollout]) -> None:
        self.tokens += sum(len(r.response_ids) for r in rollouts)
        self.rollouts_more(len(rollouts))

    def tokens_more(self, tokens: int) -> None:
        self.tokens += tokens
        if time.monotonic() - self.last > TELL_SECONDS:
            self._tell()

    def rollouts_more(self, rollouts: int) -> None:
        self.done += rollouts
        self._tell()

    def _tell(self) -> None:
        self.last = time.monotonic()
        self.job.report({"doing": "write", "done": self.done, "of": self.total, "tokens": self.tokens})


def gradable(problems: list[Problem]) -> list[Problem]:
    """All of them. Raises Fault where an exam asks what nobody can grade, before anybody sits it."""
    lacking = [problem.id for problem in problems if problem.answer is None and problem.tests is None]
    if lacking:
        raise Fault(
            f"exam {problems[0].source}: {len(lacking)} of {len(problems)} problems have neither answer nor tests, {lacking[0]!r} first, and "
            "cannot be graded. Leave them out of its source, for example by `only`."
        )
    return problems


@dataclass(frozen=True)
class Asked:
    """One part: which sample of which problem, and its request."""

    samples: tuple[tuple[str, int], ...]
    requests: tuple[Request, ...]

    def rollouts(self, written: list[Written]) -> list[Rollout]:
        return [
            Rollout(problem_id, sample, request.prompt_ids, w.response_ids, w.finish_reason, w.logprobs)
            for (problem_id, sample), request, w in zip(self.samples, self.requests, written, strict=True)
        ]


class Writer:
    """The loaded model with its sampler: made when a part that is not there yet needs it."""

    def __init__(self, job: Job, batch: int) -> None:
        self.params = job.params
        ref = ModelRef(**job.params["model"])
        where = models.source(ref, job.made("weights"))
        trained = job.input("trained") / job.params.get("checkpoint", "") if "trained" in job.step.inputs else None
        self.tokenizer = models.tokenizer_of(where)
        stops = models.stop_ids(where, self.tokenizer)
        vocabulary = models.vocabulary_of(self.tokenizer)
        self.sampler: Sampler
        if job.params["engine"] == "vllm":
            from harness.sampling.vllm import VllmSampler

            rank = job.machine.get("lora_ranks", {}).get(ref.path)
            self.sampler = VllmSampler(ref, where, trained, stops, vocabulary, rank)
        else:
            from harness.sampling.hf import HfSampler

            pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else stops[0]
            self.sampler = HfSampler(models.load(ref, where, trained), stops, pad, vocabulary, batch)
        self.reads = decode(job.params["reads"])
        self.sampling = Sampling(**job.params["sampling"])

    def ask(self, openings: list[Opening], attempts: dict) -> Asked:
        seeds = self.params["seeds"]
        asked, requests = [], []
        for opening in openings:
            problem, sample = opening.problem, opening.sample
            attempt = attempts.get((problem.id, sample))
            text = prompts.decode(self.tokenizer, attempt.response_ids) if attempt else None
            message = self.reads(Material(problem.prompt, problem.solution, text, problem.answer))
            ids = tuple(prompts.reading(self.tokenizer, problem, message, self.params["mode"]))
            limit = self.params.get("prompt_limit")
            if limit and len(ids) > limit:
                raise Fault(
                    f"{problem.source}: the prompt of {problem.id} has {len(ids)} tokens, and the protocol allows {limit}. An exam's question "
                    "is neither cut nor left out: sit it under a protocol with room, or look whether tokenizer and template are the ones meant."
                )
            begun = () if opening.begun is None else opening.begun
            further = () if opening.begun is None else ("from", len(begun))
            seed = derive(seeds["seed"], seeds["purpose"], seeds["round"], problem.id, sample, *further)
            asked.append((problem.id, sample))
            requests.append(Request((*ids, *begun), seed))
        return Asked(tuple(asked), tuple(requests))
