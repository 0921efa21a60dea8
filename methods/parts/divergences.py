"""How far apart two distributions are: summands whose sum over the compared entries is the divergence, in nats.

Shape suffixes: T tokens, K entries compared (the vocabulary without a support, k with one, k + 1 with a tail bucket).
Sources: Agarwal et al., arXiv:2306.13649 (GKD); Ko et al., arXiv:2402.03898 (DistiLLM: skew); arXiv:2606.30406, Eq. 5 (generalised
reverse KL on a truncated support).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from methods.parts import schedule

if TYPE_CHECKING:
    from torch import Tensor


class Divergence:
    """What `Loss` asks of a divergence; a new one overrides `summands`. Arguments are log-probabilities [T, K].

    `whole`: whether it needs both sides to sum to 1 over the K entries. One that does not may stand on a support whose tail is dropped.
    """

    version: ClassVar[int] = 1
    whole: ClassVar[bool] = True

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        """[T, K]; their sum over K is the divergence."""
        raise NotImplementedError(f"{type(self).__name__} must say its summands.")

    def surplus(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor | float:
        """What rounding of the two normalisers took from the sum, [T]: exactly zero if both were exact.

        Without it an fp32 KL of two nearly equal flat distributions over 151,936 entries comes out at −2e-6 (measured).
        """
        return 0.0


@dataclass(frozen=True)
class ForwardKL(Divergence):
    """KL(teacher ‖ student): covers the teacher's modes."""

    version: ClassVar[int] = 1

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        return teacher_TK.exp() * (teacher_TK - student_TK)

    def surplus(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        return (student_TK.exp() - teacher_TK.exp()).sum(-1)


@dataclass(frozen=True)
class WeightedForwardKL(Divergence):
    """Forward KL whose weights alone, not its log-ratios, are renormalised over the entries compared (BRTS, arXiv:2605.09725, `teacher_topk`).

    Without a support it is ForwardKL. Cut off without renormalising, its gradient does not vanish where student equals teacher.
    """

    version: ClassVar[int] = 1

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        return teacher_TK.softmax(-1) * (teacher_TK - student_TK)


@dataclass(frozen=True)
class ReverseKL(Divergence):
    """KL(student ‖ teacher): seeks the teacher's mode."""

    version: ClassVar[int] = 1

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        return student_TK.exp() * (student_TK - teacher_TK)

    def surplus(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        return (teacher_TK.exp() - student_TK.exp()).sum(-1)


@dataclass(frozen=True)
class GeneralisedReverseKL(Divergence):
    """Σ p_S (log p_S − log p_T) − p_S + p_T: the reverse KL of measures that need not sum to 1 (arXiv:2606.30406, Eq. 5).

    Every summand is ≥ 0, and none has a gradient where student equals teacher: so it may stand on a top K without a word on the tail.
    """

    version: ClassVar[int] = 1
    whole: ClassVar[bool] = False

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        p_TK = student_TK.exp()
        return p_TK * (student_TK - teacher_TK) - p_TK + teacher_TK.exp()


@dataclass(frozen=True)
class JSD(Divergence):
    """b·KL(teacher ‖ M) + (1−b)·KL(student ‖ M) with M = b·teacher + (1−b)·student, where b is `teacher_mix`.

    The orientation of GKD, OPSD and TRL, without their special end points: the formula itself goes to 0 at both.
    """

    teacher_mix: float

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if schedule.turns(self):  # looked at as it is at each of its points
            return
        if not 0.05 <= self.teacher_mix <= 0.95:
            raise ValueError(
                f"JSD(teacher_mix={self.teacher_mix}): towards 0 and 1 this divergence vanishes and trains nothing. "
                "Keep it in [0.05, 0.95]; for the pure divergences say ForwardKL() or ReverseKL()."
            )

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        mix = self.teacher_mix
        apart_TK = student_TK - teacher_TK
        # log(M / teacher) from the ratio of the two, not from M itself: rounded at the size of the ratio, not of a log-probability of −12.
        middle_TK = (apart_TK + math.log1p(-mix)).logaddexp(apart_TK.new_tensor(math.log(mix)))
        return (1 - mix) * student_TK.exp() * (apart_TK - middle_TK) - mix * teacher_TK.exp() * middle_TK


class Skewed:
    """A share of the one side mixed into the other, so that the ratio of the two is bounded."""

    share: float

    def __post_init__(self) -> None:
        if schedule.turns(self):  # looked at as it is at each of its points
            return
        if not 0 < self.share <= 0.9:
            raise ValueError(
                f"{type(self).__name__}(share={self.share}): what is mixed in keeps the ratio bounded, and at 1 nothing is left to compare. "
                "Give a number above 0, at most 0.9; for none say ForwardKL() or ReverseKL()."
            )


@dataclass(frozen=True)
class SkewReverseKL(Skewed, Divergence):
    """KL(student ‖ share·student + (1−share)·teacher) (DistiLLM, arXiv:2402.03898)."""

    share: float = 0.1

    version: ClassVar[int] = 1

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        mixed_TK = (student_TK + math.log(self.share)).logaddexp(teacher_TK + math.log1p(-self.share))
        return student_TK.exp() * (student_TK - mixed_TK)


@dataclass(frozen=True)
class SkewForwardKL(Skewed, Divergence):
    """KL(teacher ‖ share·teacher + (1−share)·student) (DistiLLM, arXiv:2402.03898)."""

    share: float = 0.1

    version: ClassVar[int] = 1

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        mixed_TK = (teacher_TK + math.log(self.share)).logaddexp(student_TK + math.log1p(-self.share))
        return teacher_TK.exp() * (teacher_TK - mixed_TK)
