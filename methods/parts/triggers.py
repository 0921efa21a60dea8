"""When the student loses the pen: a rule over what both models say of the tokens that it proposes.

Shape suffixes: T tokens, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor

# As released with Relay-OPD: thirteen words, and of the small forms only those that seldom mean anything else.
CAPITAL = ("Wait", "But", "Hmm", "Actually", "Hold", "However", "Yet", "Oh", "Alternatively", "No", "Ah", "Oops", "Well")
SMALL = ("wait", "but", "actually", "hold", "however", "yet", "oh", "no", "ah")
REFLECTIONS = (*(space + word for word in CAPITAL + SMALL for space in ("", " ")), " hmm")


@dataclass(frozen=True)
class Trigger:
    """The common part. `texts`: what it looks for; those that the tokenizer spells by one token count. `dictates`: whether the teacher's turn
    begins with its likeliest token instead of one that it samples."""

    version: ClassVar[int] = 1
    texts: ClassVar[tuple[str, ...]] = ()
    dictates: ClassVar[bool] = False

    def __call__(self, student_TV: Tensor, teacher_TV: Tensor, ids_T: Tensor, text_ids: tuple[int, ...]) -> Tensor:
        """[T] bool, from logits, the proposed tokens, and the ids of `texts`."""
        raise NotImplementedError(f"{type(self).__name__} does not say when the student loses the pen.")


@dataclass(frozen=True)
class Doubt(Trigger):
    """The teacher's likeliest token is a word of doubt, one that is none of the student's `top` likeliest (Relay-OPD, arXiv:2607.26057)."""

    texts: tuple[str, ...] = REFLECTIONS  # type: ignore[misc]
    top: int = 5

    dictates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.texts or not all(self.texts):
            raise ValueError(f"Doubt(texts={self.texts!r}): name the words of doubt, as texts.")
        if self.top < 1:
            raise ValueError(f"Doubt(top={self.top}): give how many of the student's likeliest tokens are looked at, 1 or more.")

    def __repr__(self) -> str:
        said = [] if self.texts == REFLECTIONS else [f"texts={self.texts!r}"]
        return f"Doubt({', '.join([*said, f'top={self.top}'])})"

    def __call__(self, student_TV: Tensor, teacher_TV: Tensor, ids_T: Tensor, text_ids: tuple[int, ...]) -> Tensor:
        likeliest_T = teacher_TV.argmax(-1)
        doubts_T = (likeliest_T[:, None] == likeliest_T.new_tensor(text_ids)).any(-1)
        foreseen_T = (student_TV.topk(min(self.top, student_TV.shape[1]), dim=-1).indices == likeliest_T[:, None]).any(-1)
        return doubts_T & ~foreseen_T & (likeliest_T != ids_T)


@dataclass(frozen=True)
class Unlikely(Trigger):
    """The token is none of the teacher's `top` likeliest (SKD, arXiv:2410.11325)."""

    top: int = 25

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"Unlikely(top={self.top}): give how many of the teacher's likeliest tokens it accepts, 1 or more.")

    def __call__(self, student_TV: Tensor, teacher_TV: Tensor, ids_T: Tensor, text_ids: tuple[int, ...]) -> Tensor:
        return ~(teacher_TV.topk(min(self.top, teacher_TV.shape[1]), dim=-1).indices == ids_T[:, None]).any(-1)
