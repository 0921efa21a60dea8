"""Whose tokens are trained on. A writer spells a short list of acts; plan and the round loop interpret the acts.

Each act leaves a product under a name; later acts may read it, and the last product is what is trained on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from methods.parts.contexts import Context, Plain, WithAnswer

Where = Literal["all", "unsolved", "heads", "tails"]


@dataclass(frozen=True)
class Write:
    """`by` ("student" or "teacher") writes responses, which are called `product`. `reads`: a reading, or "method" (what the teacher reads).

    `n`: how many a problem; None leaves it to sampling. `where`: on "all" problems, on those to which no response called `after` is right
    ("unsolved"), or on those for which a coin of the round falls on "heads" (with the chance `share`) or "tails".
    """

    by: Literal["student", "teacher"]
    reads: Context | Literal["method"] = Plain()
    product: str = ""
    n: int | None = None
    where: Where = "all"
    after: str = ""
    share: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "product", self.product or self.by)


@dataclass(frozen=True)
class Copy:
    """The reference solution as a response, of nobody's sampling."""

    product: str = "solution"
    where: Where = "all"
    share: float = 1.0


@dataclass(frozen=True)
class Pick:
    """One of several responses to a problem, for each attempt. `prefer`: criteria, the first first; `of`: whose products, the first that has
    any right one; where none is right, `otherwise` says which of the first product, or "skip" for none."""

    of: tuple[str, ...]
    prefer: tuple[str, ...]
    otherwise: str
    product: str = "picked"


Act = Write | Copy | Pick


def responses(acts: tuple[Act, ...]) -> tuple[str, ...]:
    """The products that are trained on: the last one, or both sides of a coin."""
    coin = tuple(act.product for act in acts if not isinstance(act, Pick) and act.where in ("heads", "tails"))
    return coin or (acts[-1].product,)


def candidates(acts: tuple[Act, ...]) -> tuple[str, ...]:
    """The products that a response may come from: those trained on, or those that they are picked of. A writer's sampling is theirs."""
    return tuple(name for act in acts if act.product in responses(acts) for name in (act.of if isinstance(act, Pick) else (act.product,)))


def judged(acts: tuple[Act, ...]) -> tuple[str, ...]:
    """The products on whose verdicts acts depend."""
    asked = [act.after for act in acts if isinstance(act, Write) and act.where == "unsolved"]
    picks = [name for act in acts if isinstance(act, Pick) and "correct" in act.prefer for name in act.of]
    return tuple(dict.fromkeys(asked + picks))


@dataclass(frozen=True, kw_only=True)
class SamplingOverrides:
    """What a writer asks of sampling; None leaves the suite's setting."""

    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None

    version: ClassVar[int] = 1

    def overrides(self) -> dict[str, float]:
        return {name: value for name in SAMPLING if (value := getattr(self, name)) is not None}

    def __repr__(self) -> str:
        said = self.overrides() | {f.name: getattr(self, f.name) for f in fields(self) if f.name not in SAMPLING}
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in said.items())})"


SAMPLING = tuple(f.name for f in fields(SamplingOverrides))


@dataclass(frozen=True, kw_only=True, repr=False)
class Student(SamplingOverrides):
    """The student's own rollouts, from the problem alone: on-policy."""

    def acts(self, reads_attempt: bool) -> tuple[Act, ...]:
        return (Write(by="student"),)


@dataclass(frozen=True, kw_only=True, repr=False)
class Teacher(SamplingOverrides):
    """The teacher's rollouts, under what the method's teacher reads; a reading of attempts makes the student write first."""

    def acts(self, reads_attempt: bool) -> tuple[Act, ...]:
        own = Write(by="teacher", reads="method")
        return (Write(by="student"), own) if reads_attempt else (own,)


@dataclass(frozen=True, kw_only=True, repr=False)
class Solution(SamplingOverrides):
    """The reference solution, with the token that ends a response after it."""

    def acts(self, reads_attempt: bool) -> tuple[Act, ...]:
        return (Copy(),)


@dataclass(frozen=True, kw_only=True, repr=False)
class Mixed(SamplingOverrides):
    """The student's own rollouts on a `share` of the problems of each round, drawn by a coin, and on the others the tokens of another writer

    (GKD, arXiv:2306.13649, where the coin is one a batch).
    """

    share: float = 0.5
    of: Literal["solution", "teacher"] = "solution"

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(
                f"Mixed(share={self.share}): the student's share is between 0 and 1. For its ends say Student() or the other writer."
            )

    def acts(self, reads_attempt: bool) -> tuple[Act, ...]:
        other = Copy(where="tails", share=self.share) if self.of == "solution" else Write(by="teacher", where="tails", share=self.share)
        return (Write(by="student", where="heads", share=self.share), other)


@dataclass(frozen=True, kw_only=True, repr=False)
class BestOf(SamplingOverrides):
    """For each of the student's attempts the best of `n` responses of the teacher's (BRTS, arXiv:2605.09725): right ones before wrong ones,

    then by `prefer`: "aligned" (the largest share of its tokens among the student's 16 likeliest at the same place of the attempt) or
    "random". Where none is right, `recover` lets the teacher write once more under another reading; where that fails too, `otherwise`:
    the "aligned" one, or "skip".
    """

    n: int | None = 4
    prefer: tuple[Literal["correct", "aligned", "random"], ...] = ("correct", "aligned")
    recover: Context | None = WithAnswer()
    otherwise: Literal["aligned", "random", "skip"] = "aligned"

    def acts(self, reads_attempt: bool) -> tuple[Act, ...]:
        found: list[Act] = [Write(by="student"), Write(by="teacher", product="candidate", n=self.n)]
        if self.recover is not None and "correct" in self.prefer:
            found.append(Write(by="teacher", reads=self.recover, product="recovery", n=1, where="unsolved", after="candidate"))
        of = tuple(act.product for act in found[1:])
        return (*found, Pick(of, self.prefer, self.otherwise))
