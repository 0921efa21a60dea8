"""How a gradient is taken: of the divergence itself ("direct"), or of an expectation over tokens, as a policy's.

Shape suffixes: T tokens, K entries of the vocabulary, L tokens of one response.
Sources: Fu et al., arXiv:2603.25562 (sampled token); arXiv:2604.13016 (several entries at once); Gu et al., arXiv:2306.08543 (credit from
later tokens); Schulman et al., arXiv:1707.06347 (the clip).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

from methods.parts import schedule

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Credit:
    """What later tokens of a response give back to a token: A_t = Σ_{i ≥ t} γ^(i−t) (log p_teacher − log p_student)(y_i).

    `gamma` 1 is the gradient of the divergence of whole responses, 0 that of one token. `own`: whether a token's own log-ratio is in it; a
    method that has it exactly, as a term of its own, leaves it out. `per_token`: divided by the number of tokens summed (MiniLLM).
    """

    gamma: float = 1.0
    own: bool = True
    per_token: bool = False

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if schedule.turns(self):  # looked at as it is at each of its points
            return
        if not 0 <= self.gamma <= 1:
            raise ValueError(f"Credit(gamma={self.gamma}): a discount is between 0 and 1.")
        if not self.own and self.gamma == 0:
            raise ValueError("Credit(gamma=0, own=False): neither a token's own log-ratio nor a later one counts, so nothing is taught.")

    def __call__(self, log_ratios_L: Sequence[float]) -> list[float]:
        """log p_teacher − log p_student of one response's tokens, in nats, to advantages."""
        found, later, count = [], 0.0, 0
        for log_ratio in reversed(log_ratios_L):
            here = self.gamma * later + (log_ratio if self.own else 0.0)
            summed = count + 1 if self.own else count
            found.append(here / max(1, summed) if self.per_token else here)
            later, count = self.gamma * later + log_ratio, count + 1
        return found[::-1]


@dataclass(frozen=True, repr=False)
class Policy:
    """The gradient as a policy's: −ratio · advantage, where the advantage, detached, is log p_teacher − log p_student at the sampled token.

    ratio = p_student / p_sampler. `ratio_clip` is PPO's ε: beyond 1 ± ε, in the direction that the advantage asks for, there is no gradient.
    `ratio_cap` bounds the ratio from above (truncated importance weights). `bound` limits the advantage to ± nats. `credit` lets later
    tokens give back to earlier ones; None: no credit flows (γ = 0).

    Over the student's top k instead of the sampled token: Σ_v w_v · advantage_v, the student's own weights renormalised over the k and
    detached. There is no sampler's probability of tokens that were not sampled, so the ratio is 1 and is not clipped.
    """

    ratio_clip: float | None = None
    bound: float | None = None
    ratio_cap: float | None = None
    credit: Credit | None = None

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if schedule.turns(self):  # looked at as it is at each of its points
            return
        for name in ("ratio_clip", "bound", "ratio_cap"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"Policy({name}={value}): give a finite number above 0, or None for no limit.")

    def __repr__(self) -> str:
        """Whatever differs from its default: what a leaderboard shows."""
        said = [f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if getattr(self, each.name) != each.default]
        return f"Policy({', '.join(said)})"

    def bounded(self, advantage: Tensor) -> Tensor:
        return advantage if self.bound is None else advantage.clamp(-self.bound, self.bound)

    def at_sampled(self, log_p_T: Tensor, advantage_T: Tensor, sampler_log_p_T: Tensor) -> Tensor:
        """[T] log-probabilities of the sampled tokens to [T] values: k1 where student and sampler agree."""
        return surrogate(log_p_T, self.bounded(advantage_T), sampler_log_p_T, self.ratio_clip, self.ratio_cap)

    def over_entries(self, log_p_TK: Tensor, teacher_log_p_TK: Tensor) -> Tensor:
        """[T, K] log-probabilities, normalised over the whole vocabulary, to [T]: Σ_v w_v (log p_student − log p_teacher)(v)."""
        weight_TK = log_p_TK.detach().softmax(-1)
        advantage_TK = self.bounded(teacher_log_p_TK - log_p_TK.detach())
        ratio_TK = (log_p_TK - log_p_TK.detach()).exp()  # 1, with the gradient of the log-probability
        return -(weight_TK * advantage_TK * ratio_TK).sum(-1)


def surrogate(log_p_T: Tensor, advantage_T: Tensor, sampler_log_p_T: Tensor, clip: float | None = None, cap: float | None = None) -> Tensor:
    """−min(r A, clip(r, 1 ± ε) A) of the ratio r of student to sampler at the sampled tokens; the advantage is a constant."""
    ratio_T = (log_p_T - sampler_log_p_T).exp()
    if cap is not None:
        ratio_T = ratio_T.clamp(max=cap)
    gain_T = ratio_T * advantage_T.detach()
    if clip is not None:
        gain_T = gain_T.minimum(ratio_T.clamp(1 - clip, 1 + clip) * advantage_T.detach())
    return -gain_T
