"""A sampler takes token ids and returns token ids with a finish reason and log-probabilities.

Two are known: transformers (`hf`) and vLLM (`vllm`). Importing this package imports neither.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.records import Sampling

Report = Callable[[int], None]  # told how many tokens were written since it was last called


@dataclass(frozen=True)
class Request:
    """One response to write. Equal prompts are read once."""

    prompt_ids: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Written:
    """`finish_reason` is "stop" (a stop token was sampled; it is the last id) or "length"; `logprobs` in nats, at temperature 1, nothing cut."""

    response_ids: tuple[int, ...]
    finish_reason: str
    logprobs: tuple[float, ...]


class Sampler(Protocol):
    """`write_parts` yields (index of a finished part, its responses in order), each part once, in whatever order they end.
    `facts` is what the step's record shall say about how this was written."""

    facts: dict[str, Any]

    def write_parts(
        self, parts: Sequence[Sequence[Request]], sampling: Sampling, report: Report
    ) -> Iterator[tuple[int, list[Written]]]: ...


def release() -> None:
    """Give back the memory that a resident engine holds, before something else needs it. Nothing is imported where none was made."""
    if engine := sys.modules.get("harness.sampling.vllm"):
        engine.release()
