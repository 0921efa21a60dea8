"""Which tokens count, and how much.

A rule has two sides. `__call__` sees the ids of one response, before anybody scored it. `weigh` sees what both models say of all tokens of
an optimizer step; the engine asks for it only where the rule names, in `needs`, the figures that it reads. The two are multiplied.
Shape suffixes: T tokens of an optimizer step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor

Lookup = Callable[[str], int | None]


@dataclass(frozen=True, eq=False)
class TokenStats:
    """What the models say of the tokens that count: figures by name, [T] in nats or shares; `lengths`: tokens of each response, in order."""

    figures: Mapping[str, Tensor]
    lengths: tuple[int, ...]

    def responses(self, name: str) -> Iterator[Tensor]:
        """A figure, response by response."""
        return iter(self.figures[name].split(list(self.lengths)))


@dataclass(frozen=True)
class Tokens:
    """The common part: a rule gives each token of a response a weight of 0 or more.

    The objective is a mean over what these weigh; of a rule that `dilutes`, a mean over all tokens, in which those left out count as zeros.
    """

    version: ClassVar[int] = 1
    dilutes: ClassVar[bool] = False
    texts: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ()

    def __call__(self, ids: Sequence[int], id_of: Lookup) -> list[float]:
        """One weight a token of one response. `id_of` maps a text to the id of the one token that spells it, None where none does."""
        return [1.0] * len(ids)

    def weigh(self, stats: TokenStats) -> Tensor:
        """[T] weights, from the figures that `needs` names."""
        raise NotImplementedError(f"{type(self).__name__} names figures in `needs`, but does not say what they weigh.")


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


@dataclass(frozen=True)
class Prefix(Tokens):
    """The first `count` tokens of each response (arXiv:2602.15260); what follows is written, and not trained on."""

    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"Prefix(count={self.count}): give how many tokens count, 1 or more.")

    def __call__(self, ids: Sequence[int], id_of: Lookup) -> list[float]:
        return [float(place < self.count) for place in range(len(ids))]


def top(values_T: Tensor, share: float) -> Tensor:
    """1 for the `share` of the largest, at least one, 0 for the others; of equals the earlier ones."""
    kept_T = values_T.new_zeros(len(values_T))
    order_T = values_T.argsort(descending=True, stable=True)
    kept_T[order_T[: max(1, math.ceil(share * len(values_T) - 1e-9))]] = 1.0
    return kept_T


def refuse_share(rule: Tokens, share: float, name: str = "share") -> None:
    if not 0 < share <= 1:
        raise ValueError(f"{type(rule).__name__}({name}={share}): the share of tokens is above 0 and at most 1.")


@dataclass(frozen=True)
class TopEntropy(Tokens):
    """The `share` of each response's tokens at which the student is least sure (Fu et al., arXiv:2603.25562)."""

    share: float = 0.2

    needs: ClassVar[tuple[str, ...]] = ("student_entropy",)

    def __post_init__(self) -> None:
        refuse_share(self, self.share)

    def weigh(self, stats: TokenStats) -> Tensor:
        import torch

        return torch.cat([top(each, self.share) for each in stats.responses("student_entropy")])


@dataclass(frozen=True)
class Tip(Tokens):
    """The `share` of an optimizer step's tokens that are unsure or in disagreement: s = h + d − h·d, with the student's entropy h and the

    reverse KL d each spread from 0 to 1 over the step (TIP, arXiv:2604.14084). Entropy alone would miss sure and wrong.
    """

    share: float = 0.5

    needs: ClassVar[tuple[str, ...]] = ("student_entropy", "kl_reverse")

    def __post_init__(self) -> None:
        refuse_share(self, self.share)

    def weigh(self, stats: TokenStats) -> Tensor:
        unsure_T, apart_T = (spread(stats.figures[name]) for name in self.needs)
        return top(unsure_T + apart_T - unsure_T * apart_T, self.share)


def spread(values_T: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """The values on a scale from their `low` quantile, 0, to their `high` one, 1; all 0 where these are one."""
    bottom, ceiling = (values_T.double().quantile(q).to(values_T.dtype) for q in (low, high))
    return ((values_T - bottom) / (ceiling - bottom)).clamp(0, 1) if ceiling > bottom else values_T * 0


@dataclass(frozen=True)
class Teachable(Tokens):
    """The `share` of an optimizer step's tokens at which the two disagree within the student's reach: s = D · C, with the reverse KL D

    spread between its 5 % and 95 % quantiles over the step, and C the teacher's mass on the student's top 16 (TA-OPD, arXiv:2605.26844).
    """

    share: float = 0.1

    needs: ClassVar[tuple[str, ...]] = ("kl_reverse", "teacher_on_student_top16")

    def __post_init__(self) -> None:
        refuse_share(self, self.share)

    def weigh(self, stats: TokenStats) -> Tensor:
        return top(spread(stats.figures["kl_reverse"], 0.05, 0.95) * stats.figures["teacher_on_student_top16"], self.share)


@dataclass(frozen=True)
class UnsureTeacher(Tokens):
    """The tokens at which the teacher's entropy is above `nats` (EOPD, arXiv:2603.07079). Where they are few, they weigh as few."""

    nats: float = 0.8

    version: ClassVar[int] = 2
    dilutes: ClassVar[bool] = True

    needs: ClassVar[tuple[str, ...]] = ("teacher_entropy",)

    def weigh(self, stats: TokenStats) -> Tensor:
        return (stats.figures["teacher_entropy"] > self.nats).to(stats.figures["teacher_entropy"].dtype)


@dataclass(frozen=True)
class Lasting(Tokens):
    """Every token, but of those where the two are furthest apart only where they stay apart: the rest weigh `otherwise`.

    Of each response the `share` of tokens with the largest reverse KL are suspects; of the suspects those count whose mean reverse KL over
    the next `window` tokens is among the `lasting` share of the largest. A surrogate for what TOPD (arXiv:2606.00305) asks of continuations.
    """

    share: float = 0.2
    lasting: float = 0.2
    window: int = 50
    otherwise: float = 0.0

    needs: ClassVar[tuple[str, ...]] = ("kl_reverse",)

    def __post_init__(self) -> None:
        refuse_share(self, self.share)
        refuse_share(self, self.lasting, "lasting")

    def weigh(self, stats: TokenStats) -> Tensor:
        import torch

        return torch.cat([self.of_response(each) for each in stats.responses("kl_reverse")])

    def of_response(self, apart_L: Tensor) -> Tensor:
        import torch

        suspects = top(apart_L, self.share).nonzero()[:, 0]
        total_L = torch.cat([apart_L.new_zeros(1), apart_L.cumsum(0)])
        ends = (suspects + 1 + self.window).clamp(max=len(apart_L))
        after = (total_L[ends] - total_L[suspects + 1]) / (ends - suspects - 1).clamp(min=1)  # 0 for the last token: nothing follows
        weights_L = torch.ones_like(apart_L)
        weights_L[suspects] = top(after, self.lasting).clamp(min=self.otherwise)
        return weights_L


@dataclass(frozen=True)
class Both(Tokens):
    """Two rules at once: their weights are multiplied."""

    first: Tokens
    second: Tokens

    @property
    def texts(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.first.texts + self.second.texts

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(dict.fromkeys(self.first.needs + self.second.needs))

    @property
    def dilutes(self) -> bool:  # type: ignore[override]
        return self.first.dilutes or self.second.dilutes

    def __call__(self, ids: Sequence[int], id_of: Lookup) -> list[float]:
        return [a * b for a, b in zip(self.first(ids, id_of), self.second(ids, id_of), strict=True)]

    def weigh(self, stats: TokenStats) -> Tensor:
        weights = [rule.weigh(stats) for rule in (self.first, self.second) if rule.needs]
        return weights[0] if len(weights) == 1 else weights[0] * weights[1]
