"""Which rollouts count, and how much: a weight of 0 or more, from what the verifier said.

The filters go by the verdict on the *attempt*, the student's own response to the problem alone, also where a teacher's rewrite
of it is what is trained on (arXiv:2606.08432, §B.3): so a filter picks the same problems for every row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Outcome:
    """Was it right? The student's attempt, and the response that is trained on (the attempt itself, where the student writes).

    None where the grader failed: such a rollout is neither failed nor solved.
    """

    attempt: bool | None
    response: bool | None


@dataclass(frozen=True)
class Keep:
    """The common part. `needs` names the verdicts that a rule looks at: those make a grade step an input of training."""

    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ()

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
