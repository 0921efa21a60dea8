"""Learning from a verifier's reward: losses that weigh each token of a response by what the response was worth within its group.

Shape suffixes: T tokens. Sources: Shao et al., arXiv:2402.03300 (GRPO); arXiv:2604.03128 (a reward guided by a teacher).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from methods.parts import schedule
from methods.parts.routes import surrogate
from methods.parts.scores import TokenScores, at_least_fp32, column_of, of_written

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Guide:
    """The size of a token's reward by a teacher, its sign by the verifier: A (1 − share + share · w), w = exp(sign(A) · δ) within 1 ± clip,

    δ = log p_teacher(y_t) − log p_student(y_t), all constants (arXiv:2604.03128).
    """

    share: float = 0.5
    clip: float = 0.2

    version: ClassVar[int] = 1

    def __call__(self, advantage_T: Tensor, apart_T: Tensor) -> Tensor:
        weight_T = (advantage_T.sign() * apart_T).exp().clamp(1 - self.clip, 1 + self.clip)
        return advantage_T * (1 - self.share + self.share * weight_T)


@dataclass(frozen=True)
class Reward:
    """A verifier's reward as PPO's clipped policy gradient: −min(r A, clip(r, 1 ± ε) A), r = p_student / p_sampler at the written token.

    The advantage A is that of the response within its group: (reward − the group's mean) / its standard deviation (GRPO, arXiv:2402.03300).
    """

    ratio_clip: float | None = 0.2
    guide: Guide | None = None

    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("sampler_logprobs_T", "advantage_T")
    on_policy: ClassVar[bool] = True
    own_sampling: ClassVar[bool] = True
    credit: ClassVar[None] = None

    def at(self, progress: float) -> Reward:
        """The loss at a point of the run, 0 to 1."""
        return schedule.at(self, progress)

    def __call__(self, scores: TokenScores) -> Tensor:
        log_p_T = of_written(at_least_fp32(scores.student_TV), scores.token_ids_T)
        advantage_T = column_of(scores, "advantage_T", self)
        if self.guide is not None:
            if scores.teacher_TV is None:
                raise ValueError(
                    f"{self!r} is guided by a teacher, but there are no teacher scores. Let somebody teach, or say guide=None."
                )
            teacher_log_p_T = of_written(at_least_fp32(scores.teacher_TV), scores.token_ids_T)
            advantage_T = self.guide(advantage_T, (teacher_log_p_T - log_p_T).detach())
        return surrogate(log_p_T, advantage_T, column_of(scores, "sampler_logprobs_T", self), self.ratio_clip)


def advantages(rewards: Sequence[float | None]) -> list[float]:
    """Rewards of one group's responses to advantages: standardised; 0 for one without a verdict, and for all where they agree."""
    known = [reward for reward in rewards if reward is not None]
    if len(set(known)) < 2:
        return [0.0] * len(rewards)
    mean = sum(known) / len(known)
    spread = math.sqrt(sum((reward - mean) ** 2 for reward in known) / len(known))
    return [0.0 if reward is None else (reward - mean) / spread for reward in rewards]
