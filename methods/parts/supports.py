"""On which tokens of the vocabulary student and teacher are compared, and what becomes of the others.

Source: Fu et al., arXiv:2603.25562 (teacher's top k, renormalised; the sampled token); arXiv:2601.20802 (student's top k and a tail bucket).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, init=False)
class TopK:
    """Compare on the k most likely tokens of the teacher or the student. `tail` says what becomes of the others: always said.

    renorm: both are renormalised over the k (Fu et al., Eq. 8). bucket: all others are one further entry on each side.
    drop: left out, for ablations only: its gradient does not vanish where student equals teacher, unless the divergence is one of
    measures (GeneralisedReverseKL) or the route a policy gradient. k ≥ V is the full vocabulary.
    """

    k: int
    of: Literal["teacher", "student"] = "teacher"
    tail: Literal["renorm", "bucket", "drop"]

    version: ClassVar[int] = 1

    # Written out because the generated one would answer a missing tail with a TypeError that does not know the remedy.
    def __init__(self, k: int, of: Literal["teacher", "student"] = "teacher", *, tail: Literal["renorm", "bucket", "drop"] | None = None):
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ValueError(f"TopK(k={k!r}): k counts tokens. Give a whole number from 1 up.")
        if of not in ("teacher", "student"):
            raise ValueError(f"TopK(of={of!r}): say whose top k it is, of='teacher' or of='student'.")
        if tail not in ("renorm", "bucket", "drop"):
            raise ValueError(
                f"TopK(tail={tail!r}): say what becomes of the tokens outside the top {k}: tail='renorm' (the published recipes), "
                "tail='bucket' (they form one entry; never negative, hides nothing) or tail='drop' (ablations only)."
            )
        for name, value in (("k", k), ("of", of), ("tail", tail)):
            object.__setattr__(self, name, value)

    def entries(self, student_TV: Tensor, teacher_TV: Tensor) -> Tensor:
        """Ids of the entries compared, [T, K], likeliest first."""
        by_TV = teacher_TV if self.of == "teacher" else student_TV
        return by_TV.detach().topk(min(self.k, by_TV.shape[-1]), dim=-1).indices

    def log_probabilities(self, student_TV: Tensor, teacher_TV: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [T, V] to log-probabilities [T, K] on the support, both sides."""
        if self.k >= student_TV.shape[-1]:
            return student_TV.log_softmax(-1), teacher_TV.log_softmax(-1)
        support_TK = self.entries(student_TV, teacher_TV)
        return self._on(support_TK, student_TV), self._on(support_TK, teacher_TV)

    def _on(self, support_TK: Tensor, logits_TV: Tensor) -> Tensor:
        if self.tail == "drop":
            return logits_TV.log_softmax(-1).gather(-1, support_TK)
        kept_TK = logits_TV.gather(-1, support_TK)
        if self.tail == "bucket":
            # The rest as a log-sum-exp of its own, not as log(1 − mass): exact even where the mass outside is 1e-12.
            rest_T1 = logits_TV.scatter(-1, support_TK, -math.inf).logsumexp(-1, keepdim=True)
            import torch

            kept_TK = torch.cat([kept_TK, rest_T1], dim=-1)
        return kept_TK.log_softmax(-1)


@dataclass(frozen=True)
class Sampled:
    """Compare at the sampled token alone: one draw estimates the reverse KL (k1). Only as a policy gradient: see `Policy`."""

    version: ClassVar[int] = 1
