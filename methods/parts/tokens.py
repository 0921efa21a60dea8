"""Which tokens count, and how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

Lookup = Callable[[str], int | None]


@dataclass(frozen=True)
class Tokens:
    """The common part: a rule gives each token of a response a weight of 0 or more."""

    version: ClassVar[int] = 1
    texts: ClassVar[tuple[str, ...]] = ()

    def __call__(self, ids: Sequence[int], id_of: Lookup) -> list[float]:
        """One weight a token of one response. `id_of` maps a text to the id of the one token that spells it, None where none does."""
        return [1.0] * len(ids)


@dataclass(frozen=True)
class Every(Tokens):
    """Every token that the writer sampled, with weight 1."""


@dataclass(frozen=True)
class WithoutFirst(Tokens):
    """Every token but the first occurrence, in each response, of each of these (Fu et al., arXiv:2603.25562).

    Meant for tokens at which conventions of format differ between teacher and student. A text that no single token of the
    tokenizer spells masks nothing.
    """

    texts: tuple[str, ...] = ("<", "think", "<|im_end|>")

    def __post_init__(self) -> None:
        if not self.texts or not all(self.texts):
            raise ValueError(f"WithoutFirst(texts={self.texts!r}): name the tokens to leave out, as texts. For none of them, say Every().")

    def __call__(self, ids: Sequence[int], id_of: Lookup) -> list[float]:
        weights = [1.0] * len(ids)
        for text in self.texts:
            wanted = id_of(text)
            if wanted is not None and wanted in ids:
                weights[list(ids).index(wanted)] = 0.0
        return weights
