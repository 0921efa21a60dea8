"""One optimizer step on one batch, for any method: read twice, project in chunks, reduce once.

Its whole contact with a method is `term.loss.at(progress)(scores)`, `term.tokens.weigh(stats)` and weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from harness.engine.batching import micro_batches
from harness.engine.diagnostics import Observer, sampled_signal
from harness.engine.divergence import Third, chunked_loss
from harness.engine.readers import PerDomain, Reader
from harness.records import Trajectory
from methods.method import Term
from methods.parts.scores import TokenScores
from methods.parts.tokens import TokenStats

# What is known of a trajectory and makes no figure of an update.
OF_TRAJECTORIES = (
    "problem_id", "sample", "term", "tokens", "loss", "sampler_gap", "late_tokens", "late_teacher_logprob", "log_ratio_lowest", "lowest_token"
)  # fmt: skip


@dataclass(frozen=True)
class Objective:
    """The terms of a method, who scores for each (None where nobody does), and through whom a teacher is seen, where it is."""

    terms: dict[str, Term]
    teachers: dict[str, Reader | PerDomain | None]
    thirds: dict[str, Reader] | None = None


@dataclass(frozen=True)
class Seen:
    """What one update showed. `figures`: means over its tokens. `trajectories`: for each that was trained on, sums over its tokens."""

    figures: dict[str, float]
    trajectories: list[dict[str, Any]]


@dataclass(frozen=True)
class Pass:
    """How one term's trajectories are read: by the student with a gradient or without, by its teacher, in micro-batches of `tokens`."""

    term: Term
    student: Reader
    teacher: Reader | PerDomain | None
    third: Reader | None
    pad_id: int
    tokens: int

    def micro_batches(self, trajectories: Sequence[Trajectory]) -> Iterator[list[Trajectory]]:
        """Those that one teacher reads together."""
        if not isinstance(self.teacher, PerDomain):
            yield from micro_batches(trajectories, self.tokens)
            return
        groups: dict[str, list[Trajectory]] = {}
        for t in trajectories:
            groups.setdefault(self.teacher.domain_of[t.problem_id], []).append(t)
        for group in groups.values():
            yield from micro_batches(group, self.tokens)

    def score(self, micro: Sequence[Trajectory], loss: Any, weights: torch.Tensor, further: dict[str, torch.Tensor], observe: Observer):
        """`chunked_loss` of a micro-batch: weighted sum, values and columns [T], tokens in the order of its responses."""
        responses = [t.response_ids for t in micro]
        hidden = self.student.hidden([t.student_prompt_ids for t in micro], responses, self.pad_id)
        prompts = [t.teacher_prompt_ids for t in micro]
        with torch.no_grad():
            teacher = self.teacher.of(micro[0].problem_id) if isinstance(self.teacher, PerDomain) else self.teacher
            theirs = None if teacher is None else teacher.hidden(prompts, responses, self.pad_id)
            third = None
            if self.third is not None:
                third = Third(self.third.hidden(prompts, responses, self.pad_id), self.third.head, self.term.teacher)  # type: ignore[arg-type]
        device = hidden.device
        ids = torch.tensor([i for response in responses for i in response], device=device)
        return chunked_loss(
            loss,
            hidden,
            self.student.head,
            theirs,
            None if teacher is None else teacher.head,
            ids,
            weights.to(device),
            columns={name: column.to(device) for name, column in further.items()},
            third=third,
            observe=observe,
        )


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

    Objective: Σ over terms of λ · (Σ weight · value / Σ weight), sums over all tokens of the batch; of a rule that dilutes, the divisor is
    what its tokens would weigh without it. How the batch is cut
    into micro-batches of `tokens` padded tokens changes nothing but memory. A term without weight adds a zero.
    """
    figures: dict[str, float] = {}
    rows: list[dict[str, Any]] = []
    for name, term in objective.terms.items():
        # What weighs nothing is not read at all: it could add nothing.
        mine = [t for t in batch if t.term == name and any(t.weights)]
        reads = Pass(term, student, objective.teachers[name], (objective.thirds or {}).get(name), pad_id, tokens)
        loss = term.loss.at(at)
        columns = given(mine) if loss.credit is None and not term.tokens.needs else weighed(mine, loss, reads)
        counted = given(mine) if term.tokens.dilutes else columns
        total = sum(counted[id(t)]["weights"].sum().item() for t in mine)
        value = 0.0
        own: list[dict[str, Any]] = []
        for micro in reads.micro_batches([t for t in mine if columns[id(t)]["weights"].any()]):
            joined = {key: torch.cat([columns[id(t)][key] for t in micro]) for key in columns[id(micro[0])]}
            weights = joined.pop("weights")
            summed, values, seen = reads.score(micro, loss, weights, joined, observe or Observer())
            (summed * (term.weight / total)).backward()
            value += summed.item() / total
            device = values.device
            own += of_trajectories(micro, {"loss": values, **seen}, joined["sampler_logprobs_T"].to(device), (weights > 0).to(device))
        count = sum(row["tokens"] for row in own)
        prefix = "" if name == "main" else f"{name}/"
        figures[f"{prefix}loss"] = value
        kinds = [kind for kind in (own[0] if own else {}) if kind not in OF_TRAJECTORIES]
        figures |= {f"{prefix}{kind}": sum(row[kind] for row in own) / count for kind in kinds}
        rows += own
    figures["objective"] = sum(
        term.weight * figures[("" if name == "main" else f"{name}/") + "loss"] for name, term in objective.terms.items()
    )
    return Seen(figures, rows)


Columns = dict[int, dict[str, torch.Tensor]]  # id of a trajectory → its weights and the loss's further columns, one number a token


def given(trajectories: Sequence[Trajectory]) -> Columns:
    """What trajectories bring themselves. A log-probability that nobody kept is NaN."""
    found: Columns = {}
    for t in trajectories:
        count = len(t.response_ids)
        found[id(t)] = {
            "weights": torch.tensor(t.weights, dtype=torch.float64),
            "sampler_logprobs_T": torch.tensor(t.sampler_logprobs or [float("nan")] * count, dtype=torch.float32),
            "advantage_T": torch.full((count,), float("nan") if t.advantage is None else t.advantage, dtype=torch.float32),
        }
    return found


def weighed(trajectories: Sequence[Trajectory], loss: Any, reads: Pass) -> Columns:
    """The same, after a pass without gradient over the whole optimizer step: rules and credit look at all of its tokens at once."""
    found = given(trajectories)
    scores: dict[int, dict[str, torch.Tensor]] = {}
    observe = Observer(figures=reads.term.tokens.needs)
    for micro in reads.micro_batches(trajectories):
        lengths = [len(t.response_ids) for t in micro]
        with torch.no_grad():
            _, _, seen = reads.score(micro, nothing, torch.zeros(sum(lengths)), {}, observe)
        for name, column in seen.items():
            for t, own in zip(micro, column.cpu().split(lengths), strict=True):
                scores.setdefault(id(t), {})[name] = own
    if loss.credit is not None:
        for t in trajectories:
            apart = scores[id(t)]["teacher_logprob"] - scores[id(t)]["student_logprob"]
            found[id(t)]["advantage_T"] = torch.tensor(loss.credit(apart.tolist()), dtype=torch.float32)
    rule = reads.term.tokens
    if rule.needs:
        counted = [found[id(t)]["weights"] > 0 for t in trajectories]
        figures = {name: torch.cat([scores[id(t)][name][at] for t, at in zip(trajectories, counted, strict=True)]) for name in rule.needs}
        lengths = tuple(int(at.sum()) for at in counted)
        for t, at, weights in zip(
            trajectories, counted, rule.weigh(TokenStats(figures, lengths)).double().split(list(lengths)), strict=True
        ):
            found[id(t)]["weights"][at] *= weights
    return found


def nothing(scores: TokenScores) -> torch.Tensor:
    """A loss of a pass that only looks."""
    return scores.token_ids_T.new_zeros(len(scores.token_ids_T), dtype=scores.student_TV.dtype)


def of_trajectories(
    micro: Sequence[Trajectory], columns: dict[str, torch.Tensor], sampled_T: torch.Tensor, counts_T: torch.Tensor
) -> list[dict[str, Any]]:
    """Sums over the tokens of each trajectory that count. `sampler_gap`: Σ |Δ log p| of the writer here and in its sampler; NaN where one is
    not known. Where a teacher scored, also what `sampled_signal` says."""
    authors = [columns.get(f"{t.sampler}_logprob", torch.full_like(sampled_T, float("nan"))) for t in micro]
    lengths = [len(t.response_ids) for t in micro]
    own_T = torch.cat([each.split(lengths)[place] for place, each in enumerate(authors)])
    gap_T = (own_T - sampled_T).abs()
    rows_T = torch.repeat_interleave(torch.tensor(lengths)).to(sampled_T.device)
    sums = {
        name: torch.zeros(len(micro), dtype=torch.float64, device=sampled_T.device)
        .index_add(0, rows_T, values_T.double().masked_fill(~counts_T, 0.0))
        .tolist()
        for name, values_T in (*columns.items(), ("sampler_gap", gap_T), ("tokens", counts_T))
    }
    if "teacher_logprob" in columns:
        ids_T = torch.tensor([token for t in micro for token in t.response_ids], device=sampled_T.device)
        sums |= sampled_signal(columns["student_logprob"], columns["teacher_logprob"], ids_T, counts_T, lengths)
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
