"""From trajectories to tensors: one alignment for every method.

Shapes: B sequences, L padded length, T response tokens of a micro-batch, all sequences' together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from harness.records import Trajectory


@dataclass(frozen=True)
class Reading:
    """Prompt and response as one model reads them. Row `rows_T`, position `positions_T` holds the state that predicts each response token."""

    input_ids_BL: torch.Tensor
    mask_BL: torch.Tensor
    rows_T: torch.Tensor
    positions_T: torch.Tensor


def align(prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> Reading:
    """Padded on the right; the state at the token before predicts a token, so a prompt of p tokens starts at position p − 1.

    Order of T: sequence by sequence, token by token, whatever the prompts; so two readings of the same responses agree in it.
    Raises ValueError on an empty prompt: nothing would predict the first token.
    """
    if not all(prompts):
        raise ValueError("a prompt without tokens cannot predict the first token of its response")
    sequences = [list(prompt) + list(response) for prompt, response in zip(prompts, responses, strict=True)]
    width = max(map(len, sequences))
    ids = torch.full((len(sequences), width), pad_id)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    rows = [row for row, response in enumerate(responses) for _ in response]
    positions = [len(prompt) - 1 + t for prompt, response in zip(prompts, responses, strict=True) for t in range(len(response))]
    as_tensor = lambda values: torch.tensor(values, dtype=torch.long, device=device)  # noqa: E731
    return Reading(ids.to(device), mask.to(device), as_tensor(rows), as_tensor(positions))


def hidden_states(body, reading: Reading) -> torch.Tensor:
    """The last hidden states [T, D] that predict the response tokens, in the order of the reading."""
    out = body(input_ids=reading.input_ids_BL, attention_mask=reading.mask_BL, use_cache=False)
    return out.last_hidden_state[reading.rows_T, reading.positions_T]


def whole_problem_batches(trajectories: Sequence[Trajectory], size: int) -> list[list[Trajectory]]:
    """Optimizer steps: whole problems in the order given, each batch cut at the end of the problem that fills it.

    `size` counts trajectories of the main term that weigh something; the last batch may be smaller.
    """
    problems: dict[str, list[Trajectory]] = {}
    for trajectory in trajectories:
        problems.setdefault(trajectory.problem_id, []).append(trajectory)
    batches: list[list[Trajectory]] = [[]]
    filled = 0
    for group in problems.values():
        if filled >= size:
            batches.append([])
            filled = 0
        batches[-1].extend(group)
        filled += sum(t.term == "main" and t.weight > 0 for t in group)
    if filled == 0 and len(batches) > 1:  # a rest that weighs nothing: no update of its own
        rest = batches.pop()
        batches[-1].extend(rest)
    return [batch for batch in batches if batch]


def micro_batches(trajectories: Iterable[Trajectory], tokens: int) -> list[list[Trajectory]]:
    """Sorted by length, each within a budget of padded tokens (at least one sequence); nothing is padded wider than its neighbours need."""

    def length(t: Trajectory) -> int:
        return max(len(t.student_prompt_ids), len(t.teacher_prompt_ids)) + len(t.response_ids)

    groups: list[list[Trajectory]] = []
    width = 0
    for trajectory in sorted(trajectories, key=length, reverse=True):  # stable: ties keep their order
        if not groups or (len(groups[-1]) + 1) * width > tokens:
            groups.append([])
            width = length(trajectory)
        groups[-1].append(trajectory)
    return groups
