"""Which rollouts count, and how much: a weight of 0 or more, from what the verifier said of it and of its group.

The filters go by the verdict on the *attempt*, the student's own response to the problem alone, also where a teacher's rewrite
of it is what is trained on (arXiv:2606.08432, §B.3): so a filter picks the same problems for every row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Outcome:
    """Was it right? The student's attempt, and the response that is trained on (the attempt itself, where the student writes).

    None where the grader failed: such a rollout is neither failed nor solved. `group`: the attempts at this problem, this one among them.
    `agreement`: the share of the group's responses that give the same answer as this one, None where it gives none. `peers`: how many of
    the others' attempts the teacher was shown.
    """

    attempt: bool | None
    response: bool | None
    group: tuple[bool | None, ...] = ()
    agreement: float | None = None
    peers: int = 0


@dataclass(frozen=True)
class Keep:
    """The common part. `needs` names the verdicts that a rule looks at: those make a grade step an input of training.

    `group`: whether the rule compares rollouts of one problem, so that n of 2 or more is needed.
    """

    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ()
    group: ClassVar[bool] = False

    def __call__(self, outcome: Outcome) -> float:
        """The weight of a rollout."""
        return 1.0


@dataclass(frozen=True)
class All(Keep):
    """Every rollout, with weight 1."""


@dataclass(frozen=True)
class Failed(Keep):
    """Where the attempt is wrong."""

    needs: ClassVar[tuple[str, ...]] = ("attempt",)

    def __call__(self, outcome: Outcome) -> float:
        return float(outcome.attempt is False)


@dataclass(frozen=True)
class Solved(Keep):
    """Where the attempt is right."""

    needs: ClassVar[tuple[str, ...]] = ("attempt",)

    def __call__(self, outcome: Outcome) -> float:
        return float(outcome.attempt is True)


@dataclass(frozen=True)
class Recovered(Keep):
    """Where the attempt is wrong and the teacher's rewrite of it right."""

    needs: ClassVar[tuple[str, ...]] = ("attempt", "response")

    def __call__(self, outcome: Outcome) -> float:
        return float(outcome.attempt is False and outcome.response is True)


@dataclass(frozen=True)
class PassRate(Keep):
    """p^alpha · (1 − p)^beta with the share p of the group that is right: problems at the edge of what is known weigh most

    (PACED, arXiv:2603.11178). alpha = beta = 0 keeps all alike.
    """

    alpha: float = 1.0
    beta: float = 1.0

    needs: ClassVar[tuple[str, ...]] = ("attempt",)
    group: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if min(self.alpha, self.beta) < 0:
            raise ValueError(f"PassRate(alpha={self.alpha}, beta={self.beta}): exponents are 0 or more.")

    def __call__(self, outcome: Outcome) -> float:
        known = [right for right in outcome.group if right is not None]
        if not known:
            return 0.0
        rate = sum(known) / len(known)
        return rate**self.alpha * (1 - rate) ** self.beta


@dataclass(frozen=True)
class HasPeer(Keep):
    """Where the teacher was shown another's attempt: without one it reads what the student reads."""

    def __call__(self, outcome: Outcome) -> float:
        return float(outcome.peers > 0)


@dataclass(frozen=True)
class Agreed(Keep):
    """Where at least `share` of the group's responses give the same answer as this one: no ground truth is asked (GATES, arXiv:2602.20574)."""

    share: float = 0.5

    needs: ClassVar[tuple[str, ...]] = ("answer",)
    group: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"Agreed(share={self.share}): a share of the group is above 0 and at most 1.")

    def __call__(self, outcome: Outcome) -> float:
        return float(outcome.agreement is not None and outcome.agreement >= self.share - 1e-9)
