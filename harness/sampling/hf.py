"""The transformers sampler: batched, with a KV cache, one stream of randomness per sample.

Shapes: B sequences, L tokens so far, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from harness.records import Sampling
from harness.sampling import Report, Request, Written
from harness.seeds import uniforms


def pick(logits_BV: torch.Tensor, sampling: Sampling, draws_B: torch.Tensor) -> torch.Tensor:
    """One token id per row by inverting the cumulative distribution at the row's own draw in [0, 1)."""
    scaled = logits_BV / sampling.temperature
    if 0 < sampling.top_k < scaled.shape[1]:
        floor = scaled.topk(sampling.top_k, dim=1).values[:, -1:]
        scaled = scaled.masked_fill(scaled < floor, float("-inf"))
    probs = scaled.softmax(1)
    if sampling.top_p < 1.0:
        ordered, order = probs.sort(dim=1, descending=True, stable=True)
        beyond = ordered.cumsum(1) - ordered >= sampling.top_p  # the token that crosses top_p stays
        probs = probs.masked_fill(torch.zeros_like(beyond).scatter(1, order, beyond), 0.0)
    mass = probs.double().cumsum(1)
    ids = torch.searchsorted(mass, draws_B[:, None] * mass[:, -1:], right=True).squeeze(1)
    # A draw at the very end of the mass must not fall on a token without any.
    last = probs.shape[1] - 1 - (probs.flip(1) > 0).int().argmax(1)
    return torch.minimum(ids, last)


class HfSampler:
    """`vocabulary`: ids at and beyond it are padding of the head, never sampled."""

    def __init__(self, model, stop_ids: list[int], pad_id: int, vocabulary: int, batch: int = 256) -> None:
        self.model = model
        self.stop_ids = torch.tensor(stop_ids, device=model.device)
        self.pad_id = pad_id
        self.vocabulary = vocabulary
        self.batch = batch
        self.facts: dict[str, Any] = {}

    def write_parts(
        self, parts: Sequence[Sequence[Request]], sampling: Sampling, report: Report = lambda tokens: None
    ) -> Iterator[tuple[int, list[Written]]]:
        """Part after part, each in batches of its own: what a part holds alone decides its bytes."""
        for index, part in enumerate(parts):
            yield index, self.write(part, sampling, report)

    @torch.no_grad()
    def write(self, requests: Sequence[Request], sampling: Sampling, report: Report = lambda tokens: None) -> list[Written]:
        """The responses, in the order of the requests. `report` is told how many tokens were written since it was last called.

        Raises ValueError on a prompt that is empty or begins with padding: prompts come as they are, and are padded here.
        """
        for request in requests:
            if not request.prompt_ids or request.prompt_ids[0] == self.pad_id:
                raise ValueError(
                    f"a prompt that begins {list(request.prompt_ids[:3])} is empty or padded (the padding id is {self.pad_id})"
                )
        order = sorted(range(len(requests)), key=lambda i: (len(requests[i].prompt_ids), requests[i].prompt_ids, i))
        written: dict[int, Written] = {}
        for start in range(0, len(order), self.batch):
            chunk = order[start : start + self.batch]
            for index, response in zip(chunk, self._batch([requests[i] for i in chunk], sampling, report), strict=True):
                written[index] = response
        return [written[i] for i in range(len(requests))]

    def _prefill(self, prompts: list[tuple[int, ...]]):
        """Read each prompt once, padded on the left."""
        width = max(map(len, prompts))
        ids = torch.tensor([[self.pad_id] * (width - len(p)) + list(p) for p in prompts], device=self.model.device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=self.model.device)
        cache = DynamicCache(config=self.model.config)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        out = self.model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        return cache, mask, out.logits[:, -1]

    def _batch(self, requests: list[Request], sampling: Sampling, report: Report) -> list[Written]:
        prompts = list(dict.fromkeys(r.prompt_ids for r in requests))
        cache, mask, logits = self._prefill(prompts)
        rows = torch.tensor([prompts.index(r.prompt_ids) for r in requests], device=mask.device)
        if len(prompts) < len(requests):
            cache.batch_select_indices(rows)
        mask, logits = mask[rows], logits[rows]
        draws = torch.from_numpy(np.stack([uniforms(r.seed, sampling.max_tokens) for r in requests])).to(mask.device)

        count = len(requests)
        ids_BL = torch.full((count, sampling.max_tokens), self.pad_id, device=mask.device)
        logprobs_BL = torch.zeros((count, sampling.max_tokens), device=mask.device)
        length_B = torch.full((count,), sampling.max_tokens, device=mask.device)
        stopped_B = torch.zeros(count, dtype=torch.bool, device=mask.device)
        alive = torch.arange(count, device=mask.device)  # which request each row of the cache belongs to
        for t in range(sampling.max_tokens):
            logits = logits[:, : self.vocabulary].float()
            token = pick(logits, sampling, draws[alive, t])
            ids_BL[alive, t] = token
            logprobs_BL[alive, t] = logits.log_softmax(1).gather(1, token[:, None]).squeeze(1)
            report(len(alive))
            ended = torch.isin(token, self.stop_ids)
            length_B[alive[ended]] = t + 1
            stopped_B[alive[ended]] = True
            if t + 1 == sampling.max_tokens:
                break
            if ended.any():  # rows that stopped leave the cache
                going = (~ended).nonzero().squeeze(1)
                if len(going) == 0:
                    break
                cache.batch_select_indices(going)
                mask, token, alive = mask[going], token[going], alive[going]
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
            positions = mask.sum(1, keepdim=True) - 1
            logits = self.model(
                input_ids=token[:, None], attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
            ).logits[:, -1]
        ids, logprobs = ids_BL.tolist(), logprobs_BL.tolist()
        return [
            Written(tuple(ids[i][:n]), "stop" if stopped else "length", tuple(logprobs[i][:n]))
            for i, (n, stopped) in enumerate(zip(length_B.tolist(), stopped_B.tolist(), strict=True))
        ]
