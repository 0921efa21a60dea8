"""Who reads for the engine: the student, and whoever scores what was written. A reader gives last hidden states and a head."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from harness.costs import Size
from harness.engine.batching import align, hidden_states
from harness.engine.state import trainable
from harness.models import body_of, head_of, size_of


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
class PerDomain:
    """A teacher for each domain. `domain_of`: problem → domain. No micro-batch holds the trajectories of two."""

    readers: Mapping[str, Reader]
    domain_of: Mapping[str, str]

    def of(self, problem: str) -> Reader:
        return self.readers[self.domain_of[problem]]


@contextlib.contextmanager
def reading(model: torch.nn.Module) -> Iterator[None]:
    """The model without dropout, for as long as it only reads."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


@dataclass(frozen=True)
class Untrained(Reader):
    """The student as it was before its adapter: a frozen teacher that costs no memory of its own. Never differentiated."""

    @property
    def size(self) -> Size:
        return size_of(self.model, adapter=False)

    def hidden(self, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], pad_id: int) -> torch.Tensor:
        with reading(self.model), self.model.disable_adapter():
            return super().hidden(prompts, responses, pad_id)


@dataclass(frozen=True)
class Living(Reader):
    """The student as it stands, as a teacher. Never differentiated: the engine reads teachers without gradient."""

    def hidden(self, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], pad_id: int) -> torch.Tensor:
        with reading(self.model):
            return super().hidden(prompts, responses, pad_id)

    @property
    def head(self) -> torch.Tensor:
        return super().head.detach()


@dataclass(frozen=True)
class Averaged(Living):
    """The student under a running mean of its trained weights. `mean` holds them by name; reading exchanges them for the student's own."""

    rate: float = 0.05
    mean: dict[str, torch.Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, model: torch.nn.Module, vocabulary: int, rate: float) -> Averaged:
        """Begins as the student is now."""
        return cls(model, vocabulary, rate, {name: p.detach().clone() for name, p in trainable(model).items()})

    @contextlib.contextmanager
    def instead(self) -> Iterator[None]:
        """The mean in the student's place. Storage is exchanged, nothing copied, and is back before anything is differentiated."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for name, p in trainable(self.model).items():
            p.data, self.mean[name] = self.mean[name], p.data

    def hidden(self, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], pad_id: int) -> torch.Tensor:
        with self.instead():
            return super().hidden(prompts, responses, pad_id)

    @property
    def head(self) -> torch.Tensor:
        with self.instead():
            return super().head

    @torch.no_grad()
    def follow(self) -> None:
        """One step of the mean towards the student, after an update."""
        for name, p in trainable(self.model).items():
            self.mean[name].lerp_(p.detach(), self.rate)
