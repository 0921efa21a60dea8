"""Which model teaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Pair:
    """The pair's teacher: another, usually larger model."""

    version: ClassVar[int] = 1


@dataclass(frozen=True)
class ByDomain:
    """One teacher for each domain of the problems (the pair's `teachers`): whoever is at home in a problem's domain scores what was written to

    it, alone; no two are averaged (multi-teacher distillation, arXiv:2606.30406).
    """

    version: ClassVar[int] = 1


@dataclass(frozen=True)
class Frozen:
    """The untrained student: self-distillation. Its source is the student's starting weights, never a hub id read again."""

    version: ClassVar[int] = 1


@dataclass(frozen=True)
class Current:
    """The student itself as it stands at each update, without gradient: self-distillation from what it reads beyond the problem."""

    version: ClassVar[int] = 1


@dataclass(frozen=True)
class Ema:
    """A running mean of the student's weights: after each update w ← (1 − rate) · w + rate · student. It starts as the untrained student."""

    rate: float = 0.05

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise ValueError(
                f"Ema(rate={self.rate}): the student's share in each step of the mean is between 0 and 1. For its ends say Frozen() or Current()."
            )


@dataclass(frozen=True)
class Extrapolated:
    """The pair's teacher, further away from a reference than it is: log p = log p_ref + scale · (log p_T − log p_ref), renormalised

    (arXiv:2602.12125). scale 1 is the teacher itself. `over`: the untrained student, or the pair's `reference` model.
    """

    scale: float = 1.25
    over: Literal["student", "reference"] = "student"

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 < self.scale < 10:
            raise ValueError(f"Extrapolated(scale={self.scale}): 1 is the teacher itself, more goes beyond it. Give a number above 0.")

    def __call__(self, teacher_TV: Tensor, reference_TV: Tensor) -> Tensor:
        """Logits to logits."""
        if self.scale == 1:
            return teacher_TV
        reference_TV = reference_TV.log_softmax(-1)
        return reference_TV + self.scale * (teacher_TV.log_softmax(-1) - reference_TV)


@dataclass(frozen=True)
class Nobody:
    """No teacher scores anything: supervised rows and placebos."""

    version: ClassVar[int] = 1
