"""Of the suspects of a probe those at which student and teacher really part: their continuations are furthest apart (after arXiv:2606.00305).

How far: the mean cost of the best assignment of the tokens of one continuation to those of the other, 1 − cos of the teacher's frozen input
embeddings; a token without a partner costs 1, as much as one that has nothing in common. Embeddings, cost and solver are a choice of ours:
the authors' are not known.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from scipy.optimize import linear_sum_assignment

from harness import models
from harness.records import ModelRef, Place, Rollout
from harness.stages import Job
from harness.stages.inputs import HANDS, hands_to_bytes, rollouts_of_step
from harness.store import write_atomically
from harness.tables import from_bytes, to_bytes
from methods.parts.tokens import top


def run(job: Job) -> dict:
    places = from_bytes(Place, job.input("places") / "places.parquet")
    begun = {(r.problem_id, r.sample): r for r in rollouts_of_step(job, "rollouts")}
    student, teacher = (rollouts_of_step(job, f"written/{who}") for who in ("student", "teacher"))
    embeddings_VD = unit_embeddings(job)
    apart = [distance(s.response_ids, u.response_ids, embeddings_VD) for s, u in zip(student, teacher, strict=True)]
    forks = chosen(places, apart, job.params["divergent"])
    probes = [
        {**vars(place), "apart": each, "weight": 1.0 if fork else job.params["otherwise"]}
        for place, each, fork in zip(places, apart, forks, strict=True)
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(probes, PROBES), sink)
    write_atomically(job.out / "probes.parquet", sink.getvalue())
    futures = [
        (joined(begun[place.problem_id, place.sample], place.at, future), place.at)
        for place, future, fork in zip(places, teacher, forks, strict=True)
        if fork
    ]
    write_atomically(job.out / "rollouts.parquet", to_bytes(Rollout, [rollout for rollout, _ in futures]))
    write_atomically(job.out / HANDS, hands_to_bytes([(0,) * at + (1,) * (len(rollout.response_ids) - at) for rollout, at in futures]))
    return {
        "suspects": len(places),
        "forks": sum(forks),
        "apart": sum(apart) / max(1, len(apart)),
        "apart_at_forks": sum(each for each, fork in zip(apart, forks, strict=True) if fork) / max(1, sum(forks)),
    }


PROBES = pa.schema(
    [
        ("problem_id", pa.string()),
        ("sample", pa.int32()),
        ("at", pa.int32()),
        ("loss", pa.float64()),
        ("apart", pa.float64()),
        ("weight", pa.float64()),
    ]
)


def unit_embeddings(job: Job) -> np.ndarray:
    """The teacher's input embeddings, each of length 1, float64 [V, D]."""
    ref = ModelRef(**job.params["model"])
    model = models.load(ref, models.source(ref, job.made("weights")))
    embeddings_VD = model.get_input_embeddings().weight.detach().to("cpu", torch.float64).numpy()
    return embeddings_VD / np.maximum(np.linalg.norm(embeddings_VD, axis=1, keepdims=True), 1e-12)


def distance(a: Sequence[int], b: Sequence[int], embeddings_VD: np.ndarray) -> float:
    """From 0, the same tokens in any order, to 2: the mean over the longer continuation's tokens."""
    cost = 1 - embeddings_VD[list(a)] @ embeddings_VD[list(b)].T
    rows, columns = linear_sum_assignment(cost)
    return float((cost[rows, columns].sum() + abs(len(a) - len(b))) / max(len(a), len(b)))


def chosen(places: Sequence[Place], apart: Sequence[float], share: float) -> list[bool]:
    """Of each response's places the `share` that are furthest apart, at least one."""
    found = [False] * len(places)
    responses: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        responses[place.problem_id, place.sample].append(number)
    for numbers in responses.values():
        kept = top(torch.tensor([apart[n] for n in numbers], dtype=torch.float64), share)
        for number, keep in zip(numbers, kept.tolist(), strict=True):
            found[number] = bool(keep)
    return found


def joined(begun: Rollout, at: int, future: Rollout) -> Rollout:
    """What was begun, up to the place, and how the teacher went on: token for token, after the prompt that the teacher read."""
    return Rollout(
        begun.problem_id,
        begun.sample,
        future.prompt_ids[: len(future.prompt_ids) - at],
        begun.response_ids[:at] + future.response_ids,
        future.finish_reason,
        begun.logprobs[:at] + future.logprobs,
    )
