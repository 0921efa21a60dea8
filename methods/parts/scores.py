"""What a loss sees: what the models say at every token trained on. T tokens, V vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # reading the catalogue must not cost an import of torch
    from torch import Tensor

COLUMNS = ("sampler_logprobs_T", "advantage_T")  # one number a token, for the losses that name them in `needs`


@dataclass(frozen=True, eq=False)
class TokenScores:
    """What both models say at every token trained on: logits [T, V] each, and the token that the writer sampled, [T].

    `teacher_TV` is None where nobody teaches. Further columns are there for the losses that name them in `needs`:
    `sampler_logprobs_T`, the log-probability under which the token was sampled, in nats, at temperature 1 without truncation;
    `advantage_T`, signed, what the token is worth beyond what was expected.
    """

    student_TV: Tensor
    teacher_TV: Tensor | None
    token_ids_T: Tensor
    sampler_logprobs_T: Tensor | None = None
    advantage_T: Tensor | None = None

    def __post_init__(self) -> None:
        if self.student_TV.ndim != 2:
            raise ValueError(f"TokenScores: student_TV must be [T, V], not {list(self.student_TV.shape)}.")
        if self.teacher_TV is not None and self.teacher_TV.shape != self.student_TV.shape:
            raise ValueError(
                f"TokenScores: teacher_TV is {list(self.teacher_TV.shape)}, student_TV {list(self.student_TV.shape)}. "
                "Score the same tokens with both, and cut both heads to the tokenizer's real vocabulary."
            )
        for name in ("token_ids_T", *COLUMNS):
            column = getattr(self, name)
            if column is not None and column.shape != self.student_TV.shape[:1]:
                raise ValueError(f"TokenScores: {name} is {list(column.shape)}, but there are {len(self.student_TV)} tokens.")


def of_written(logits_TV: Tensor, token_ids_T: Tensor) -> Tensor:
    """[T]: the log-probability of the token that was written."""
    return logits_TV.log_softmax(-1).gather(-1, token_ids_T[:, None])[:, 0]


def at_least_fp32(logits_TV: Tensor) -> Tensor:
    """Half-precision logits widened: in bf16 a reverse KL is off by 27 % at the median and at times negative."""
    return logits_TV.float() if logits_TV.element_size() < 4 else logits_TV


def column_of(scores: TokenScores, name: str, asker: object) -> Tensor:
    """A further column, as wide as the student's scores. Raises ValueError where it is not there."""
    column_T = getattr(scores, name)
    if column_T is None:
        said = {
            "sampler_logprobs_T": "the log-probabilities under which the tokens were sampled",
            "advantage_T": "what each token is worth beyond what was expected",
        }
        raise ValueError(f"{asker!r} needs {said[name]} ({name}).")
    return column_T.to(at_least_fp32(scores.student_TV).dtype)
