"""For each of the student's attempts one of several responses to its problem (BRTS, arXiv:2605.09725): a right one before a wrong one, then

the one whose tokens the student likes best. A tier is a product: its right ones come before those of the next. What the student thinks of a
token is asked of it as it stands; authors have that from sampling, so this reading is charged to nobody.
"""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from harness import models
from harness.engine.readers import Reader
from harness.records import ModelRef, Rollout
from harness.seeds import derive, uniforms
from harness.stages import Job
from harness.stages.inputs import Key, rights_of, rollouts_of
from harness.store import write_atomically
from harness.tables import to_bytes

TOP = 16  # of the student's tokens
SKIPPED = "skipped"

Liked = Callable[[Rollout, Sequence[Rollout]], list[float]]  # an attempt and responses → how well each is aligned with it


@dataclass(frozen=True)
class Choice:
    """What an attempt is given. `tier`: the product it comes from, right; "otherwise", of the first product; "skipped", to weigh nothing."""

    response: Rollout
    tier: str


def run(job: Job) -> dict:
    params = job.params
    attempts = rollouts_of(job, "attempts")
    products = [by_problem(rollouts_of(job, f"of/{number}")) for number in range(len(params["products"]))]
    rights = [rights_of(job, f"verdicts/{number}") for number in range(len(products))]
    liked = Alignment(job) if "model" in params else None
    chosen = [
        choose(
            attempt,
            list(zip(params["products"], [each[attempt.problem_id] for each in products], rights, strict=True)),
            params["prefer"],
            params["otherwise"],
            liked,
            uniforms(derive(params["seed"], "pick", params["round"], attempt.problem_id, attempt.sample), 1)[0],
        )
        for attempt in attempts
    ]
    picked = [
        Rollout(a.problem_id, a.sample, c.response.prompt_ids, c.response.response_ids, c.response.finish_reason, c.response.logprobs)
        for a, c in zip(attempts, chosen, strict=True)
    ]
    write_atomically(job.out / "rollouts.parquet", to_bytes(Rollout, picked))
    sink = io.BytesIO()
    said = [
        {"problem_id": a.problem_id, "sample": a.sample, "of_sample": c.response.sample, "tier": c.tier}
        for a, c in zip(attempts, chosen, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(said, schema=PICKS), sink)
    write_atomically(job.out / "picks.parquet", sink.getvalue())
    tiers = Counter(c.tier for c in chosen)
    return {
        "rollouts": len(picked),
        "tiers": {tier: tiers[tier] for tier in (*params["products"], "otherwise", SKIPPED)},
        "tokens": sum(len(r.response_ids) for r in picked),
        "truncated": sum(r.finish_reason == "length" for r in picked),
    }


PICKS = pa.schema([("problem_id", pa.string()), ("sample", pa.int32()), ("of_sample", pa.int32()), ("tier", pa.string())])


def by_problem(rollouts: list[Rollout]) -> dict[str, list[Rollout]]:
    found: dict[str, list[Rollout]] = defaultdict(list)
    for rollout in rollouts:
        found[rollout.problem_id].append(rollout)
    return found


def skipped(rollouts_folder) -> set[Key]:
    """The attempts that nothing was found for."""
    rows = pq.read_table(rollouts_folder / "picks.parquet").to_pylist()
    return {(row["problem_id"], row["sample"]) for row in rows if row["tier"] == SKIPPED}


def choose(
    attempt: Rollout,
    products: Sequence[tuple[str, list[Rollout], dict[Key, bool | None]]],
    prefer: Sequence[str],
    otherwise: str,
    liked: Liked | None,
    draw: float,
) -> Choice:
    """`products`: name, responses to the attempt's problem, verdicts. `draw`, in [0, 1), decides where the rule is "random"."""

    def best(responses: list[Rollout], rules: Sequence[str]) -> Rollout:
        left = responses
        for rule in rules:
            if rule == "aligned" and liked is not None:
                scores = liked(attempt, left)
                left = [response for response, score in zip(left, scores, strict=True) if score == max(scores)]
            elif rule == "random":
                left = [left[int(draw * len(left))]]
        return left[0]  # of equals the first

    rules = [rule for rule in prefer if rule != "correct"]
    first = products[0][1]
    if "correct" not in prefer:
        return Choice(best(first, rules), products[0][0])
    for name, responses, rights in products:
        right = [r for r in responses if rights.get((r.problem_id, r.sample))]
        if right:
            return Choice(best(right, rules), name)
    return Choice(first[0], SKIPPED) if otherwise == "skip" else Choice(best(first, [otherwise]), "otherwise")


class Alignment:
    """The share of places, up to the shorter of two texts, at which a response has a token that the student likes at that place of its attempt."""

    def __init__(self, job: Job) -> None:
        ref = ModelRef(**job.params["model"])
        where = models.source(ref, job.made("weights"))
        trained = job.input("trained") if "trained" in job.step.inputs else None
        self.reader = Reader(models.load(ref, where, trained), models.vocabulary_of(models.tokenizer_of(where)))
        self.head_VD = self.reader.head.detach().float()
        self.key: Key | None = None  # of the attempt read last: all of its candidates meet it at once
        self.top: list[set[int]] = []

    def __call__(self, attempt: Rollout, responses: Sequence[Rollout]) -> list[float]:
        if self.key != (attempt.problem_id, attempt.sample):
            self.key, self.top = (attempt.problem_id, attempt.sample), self.likes(attempt)
        return [aligned(self.top, response.response_ids) for response in responses]

    @torch.no_grad()
    def likes(self, attempt: Rollout) -> list[set[int]]:
        """The student's likeliest tokens at each place of its own text."""
        hidden_TD = self.reader.hidden([attempt.prompt_ids], [attempt.response_ids], 0)
        k = min(TOP, len(self.head_VD))
        return [set(row) for some in hidden_TD.split(256) for row in (some.float() @ self.head_VD.T).topk(k).indices.tolist()]


def aligned(top: Sequence[set[int]], response_ids: Sequence[int]) -> float:
    places = min(len(top), len(response_ids))
    return sum(token in liked for token, liked in zip(response_ids, top, strict=False)) / max(1, places)
