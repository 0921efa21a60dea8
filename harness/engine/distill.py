"""One optimizer step on one batch, for any method: read twice, project in chunks, reduce once.

Its whole contact with a method is `term.loss.at(progress)(scores)` and weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from harness.costs import Size
from harness.engine.batching import align, hidden_states, micro_batches
from harness.engine.diagnostics import Observer
from harness.engine.divergence import chunked_loss
from harness.models import body_of, head_of, size_of
from harness.records import Trajectory
from methods.method import Term


@dataclass(frozen=True)
class Reader:
    """A model as the engine needs it: what reads, what projects. `vocabulary` is the tokenizer's, which student and teacher share."""

    model: torch.nn.Module
    vocabulary: int

    def hidden(self, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], pad_id: int) -> torch.Tensor:
        return hidden_states(body_of(self.model), align(prompts, responses, pad_id, next(self.model.parameters()).device))

    @property
    def head(self) -> torch.Tensor:
        return head_of(self.model, self.vocabulary)

    @property
    def size(self) -> Size:
        return size_of(self.model)


@dataclass(frozen=True)
class Untrained(Reader):
    """The student as it was before its adapter: a frozen teacher that costs no memory of its own. Never differentiated."""

    @property
    def size(self) -> Size:
        return size_of(self.model, adapter=False)

    def hidden(self, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], pad_id: int) -> torch.Tensor:
        training = self.model.training
        self.model.eval()
        try:
            with self.model.disable_adapter():
                return super().hidden(prompts, responses, pad_id)
        finally:
            self.model.train(training)


@dataclass(frozen=True)
class Objective:
    """The terms of a method and who scores for each (None where nobody does)."""

    terms: dict[str, Term]
    teachers: dict[str, Reader | None]


@dataclass(frozen=True)
class Seen:
    """What one update showed. `figures`: means over its tokens. `trajectories`: for each that was trained on, sums over its tokens."""

    figures: dict[str, float]
    trajectories: list[dict[str, Any]]


def backward(
    objective: Objective,
    student: Reader,
    batch: Sequence[Trajectory],
    at: float,
    pad_id: int,
    tokens: int = 16384,
    observe: Observer | None = None,
) -> Seen:
    """Add the gradient of the whole batch's objective to the student's parameters; return what was seen.

    Objective: Σ over terms of λ · (Σ weight · value / Σ weight), sums over all tokens of the batch. How the batch is cut
    into micro-batches of `tokens` padded tokens changes nothing but memory. A term without weight adds a zero.
    """
    figures: dict[str, float] = {}
    rows: list[dict[str, Any]] = []
    for name, term in objective.terms.items():
        # What weighs nothing is not read at all: it could add nothing.
        mine = [t for t in batch if t.term == name and any(t.weights)]
        total = sum(sum(t.weights) for t in mine)
        loss, reader = term.loss.at(at), objective.teachers[name]
        value = 0.0
        own: list[dict[str, Any]] = []
        for micro in micro_batches(mine, tokens):
            responses = [t.response_ids for t in micro]
            hidden = student.hidden([t.student_prompt_ids for t in micro], responses, pad_id)
            with torch.no_grad():
                theirs = None if reader is None else reader.hidden([t.teacher_prompt_ids for t in micro], responses, pad_id)
            column = partial(torch.tensor, device=hidden.device)
            weights = column([w for t in micro for w in t.weights], dtype=torch.float64)
            sampled = column([p for t in micro for p in t.sampler_logprobs or [float("nan")] * len(t.response_ids)], dtype=torch.float32)
            summed, values, columns = chunked_loss(
                loss,
                hidden,
                student.head,
                theirs,
                None if reader is None else reader.head,
                column([i for r in responses for i in r]),
                weights,
                sampler_logprobs_T=sampled,
                observe=observe or Observer(),
            )
            (summed * (term.weight / total)).backward()
            value += summed.item() / total
            own += of_trajectories(micro, {"loss": values, **columns}, sampled, weights > 0)
        count = sum(row["tokens"] for row in own)
        prefix = "" if name == "main" else f"{name}/"
        figures[f"{prefix}loss"] = value
        kinds = [kind for kind in (own[0] if own else {}) if kind not in ("problem_id", "sample", "term", "tokens", "loss", "sampler_gap")]
        figures |= {f"{prefix}{kind}": sum(row[kind] for row in own) / count for kind in kinds}
        rows += own
    figures["objective"] = sum(
        term.weight * figures[("" if name == "main" else f"{name}/") + "loss"] for name, term in objective.terms.items()
    )
    return Seen(figures, rows)


def of_trajectories(
    micro: Sequence[Trajectory], columns: dict[str, torch.Tensor], sampled_T: torch.Tensor, counts_T: torch.Tensor
) -> list[dict[str, Any]]:
    """Sums over the tokens of each trajectory that count. `sampler_gap`: Σ |Δ log p| of the writer here and in its sampler; NaN where one is not known."""
    who = "teacher" if any(t.teacher_written for t in micro) else "student"
    gap_T = (columns[f"{who}_logprob"] - sampled_T).abs() if f"{who}_logprob" in columns else torch.full_like(sampled_T, float("nan"))
    lengths = [len(t.response_ids) for t in micro]
    rows_T = torch.repeat_interleave(torch.tensor(lengths)).to(sampled_T.device)
    sums = {
        name: torch.zeros(len(micro), dtype=torch.float64, device=sampled_T.device)
        .index_add(0, rows_T, values_T.double().masked_fill(~counts_T, 0.0))
        .tolist()
        for name, values_T in (*columns.items(), ("sampler_gap", gap_T), ("tokens", counts_T))
    }
    return [
        {
            "problem_id": t.problem_id,
            "sample": t.sample,
            "term": t.term,
            **{name: each[i] for name, each in sums.items()},
            "tokens": int(sums["tokens"][i]),
        }
        for i, t in enumerate(micro)
    ]
