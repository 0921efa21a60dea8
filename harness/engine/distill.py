"""One optimizer step on one batch, for any method: read twice, project in chunks, reduce once.

Its whole contact with a method is `term.loss.at(progress)(scores)` and weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from harness.engine.batching import align, hidden_states, micro_batches
from harness.engine.diagnostics import observe
from harness.engine.divergence import chunked_loss
from harness.models import body_of, head_of
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


@dataclass(frozen=True)
class Objective:
    """The terms of a method and who scores for each (None where nobody does)."""

    terms: dict[str, Term]
    teachers: dict[str, Reader | None]


def backward(
    objective: Objective, student: Reader, batch: Sequence[Trajectory], at: float, pad_id: int, tokens: int = 16384
) -> dict[str, float]:
    """Add the gradient of the whole batch's objective to the student's parameters; return what was seen.

    Objective: Σ over terms of λ · (Σ weight · value / Σ weight), sums over all tokens of the batch. How the batch is cut
    into micro-batches of `tokens` padded tokens changes nothing but memory. A term without weight adds a zero.
    """
    seen: dict[str, float] = {}
    for name, term in objective.terms.items():
        # A weight of 0 is not read at all: it could add nothing.
        mine = [t for t in batch if t.term == name and t.weight > 0 and t.response_ids]
        total = sum(t.weight * len(t.response_ids) for t in mine)
        loss, reader = term.loss.at(at), objective.teachers[name]
        value = 0.0
        sums: dict[str, float] = {}
        count = 0
        for micro in micro_batches(mine, tokens):
            responses = [t.response_ids for t in micro]
            hidden = student.hidden([t.student_prompt_ids for t in micro], responses, pad_id)
            with torch.no_grad():
                theirs = None if reader is None else reader.hidden([t.teacher_prompt_ids for t in micro], responses, pad_id)
            ids = torch.tensor([i for r in responses for i in r], device=hidden.device)
            weights = torch.tensor([t.weight for t in micro for _ in t.response_ids], dtype=torch.float64, device=hidden.device)
            summed, _, columns = chunked_loss(
                loss, hidden, student.head, theirs, None if reader is None else reader.head, ids, weights, observe=observe
            )
            (summed * (term.weight / total)).backward()
            value += summed.item() / total
            count += len(ids)
            for column, values in columns.items():
                sums[column] = sums.get(column, 0.0) + values.double().sum().item()
        prefix = "" if name == "main" else f"{name}/"
        seen[f"{prefix}loss"] = value
        seen |= {f"{prefix}{column}": total / count for column, total in sums.items()}
    seen["objective"] = sum(term.weight * seen[("" if name == "main" else f"{name}/") + "loss"] for name, term in objective.terms.items())
    return seen
