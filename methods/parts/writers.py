"""Whose tokens are trained on. A writer spells a short list of acts; plan and the round loop interpret the acts.

Each act leaves a product under a name; later acts may read it, and the last product is what is trained on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from methods.parts.contexts import Context, Plain, WithAnswer
from methods.parts.triggers import Doubt, Trigger

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


@dataclass(frozen=True)
class Probe:
    """Where do the two really part? Of each response called `of` the `share` of tokens with the largest KL(student ‖ teacher) are suspects, `most`
    of them at most. From before each of these student and teacher both go on for `window` tokens, and the `divergent` share of the suspects
    whose continuations are furthest apart are the forks; a token at another suspect weighs `otherwise`.

    `trains`: on the "attempts", so weighed, or on the teacher's "futures", which go on from the forks.
    """

    trains: Literal["attempts", "futures"]
    share: float
    most: int
    window: int
    divergent: float
    otherwise: float
    of: str = "student"
    product: str = "probe"

    def future(self, by: str) -> str:
        """The product of who goes on."""
        return f"{self.product}_{by}"

    def suspects(self, tokens: float) -> float:
        """How many a response of so many tokens has, on average."""
        return min(float(self.most), max(1.0, self.share * tokens))


@dataclass(frozen=True)
class Relay:
    """One response that two write by turns. The student proposes, `block` tokens at a time or all of the rest; at the first token at which the
    `trigger` fires the teacher goes on instead, until `paragraphs` of its own are ended or it has written `most` tokens, and hands back.
    After `turns` of the teacher's the response ends; None: there may be any number."""

    trigger: Trigger
    paragraphs: int | None
    most: int
    turns: int | None
    block: int | None
    product: str = "relay"

    @property
    def turn(self) -> str:
        """Whose sampling the teacher's turns have: a name beside the product's."""
        return f"{self.product}_teacher"


Act = Write | Copy | Pick | Probe | Relay


def responses(acts: tuple[Act, ...]) -> tuple[str, ...]:
    """The products that are trained on: the last one, both sides of a coin, or what was probed."""
    last = acts[-1]
    if isinstance(last, Probe):
        return (last.of if last.trains == "attempts" else last.product,)
    coin = tuple(act.product for act in acts if isinstance(act, Write | Copy) and act.where in ("heads", "tails"))
    return coin or (last.product,)


def candidates(acts: tuple[Act, ...]) -> tuple[str, ...]:
    """The products that a response may come from: those trained on, or those that they are made of. A writer's sampling is theirs."""
    return tuple(name for act in acts if act.product in responses(acts) for name in sources(act))


def sources(act: Act) -> tuple[str, ...]:
    """The products that an act's own comes from: itself, where it writes."""
    if isinstance(act, Pick):
        return act.of
    return (act.of,) if isinstance(act, Probe) else (act.product,)


def authors(acts: tuple[Act, ...]) -> dict[str, str]:
    """Product → who wrote it: student, teacher, both in a relay or, of reference solutions, nobody."""
    found: dict[str, str] = {}
    for act in acts:
        if isinstance(act, Pick):
            found[act.product] = found[act.of[0]]
        elif isinstance(act, Probe):
            found |= {act.future(by): by for by in ("student", "teacher")} | {act.product: "teacher"}
        elif isinstance(act, Relay):
            found[act.product] = "relay"
        else:
            found[act.product] = act.by if isinstance(act, Write) else "nobody"
    return found


def hands(act: Act) -> tuple[str, ...]:
    """Who writes in an act: student, teacher; nobody copies, and a choice writes nothing."""
    if isinstance(act, Write):
        return (act.by,)
    return ("student", "teacher") if isinstance(act, Probe | Relay) else ()


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


@dataclass(frozen=True, kw_only=True, repr=False)
class Probed(SamplingOverrides):
    """The student's own rollouts, probed for where the two really part (after TOPD, arXiv:2606.00305, of which an outline is known; the probe,

    described at `Probe`, is a reconstruction). `trains` on the "attempts", without the tokens at which the two only say the same otherwise, or
    on the teacher's "futures" from the forks. Terms whose probes are alike share one.
    """

    trains: Literal["attempts", "futures"] = "attempts"
    share: float = 0.2
    most: int = 32
    window: int = 50
    divergent: float = 0.2
    otherwise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("share", "divergent"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"Probed({name}={getattr(self, name)}): a share is above 0 and at most 1.")
        for name in ("most", "window"):
            if getattr(self, name) < 1:
                raise ValueError(f"Probed({name}={getattr(self, name)}): give 1 or more.")
        if not 0 <= self.otherwise <= 1:
            raise ValueError(f"Probed(otherwise={self.otherwise}): what is only worded otherwise weighs from 0 to 1.")

    def acts(self, reads_attempt: bool) -> tuple[Act, ...]:
        how = (self.share, self.most, self.window, self.divergent, self.otherwise)
        return (Write(by="student"), Probe(self.trains, *how))


@dataclass(frozen=True, kw_only=True, repr=False)
class Relayed(SamplingOverrides):
    """Responses that the student begins and the teacher takes over where the `trigger` fires (Relay-OPD, arXiv:2607.26057, whose settings these

    are; with other settings SKD, arXiv:2410.11325). The fields are those of `Relay`. Tokens are joined as they were sampled.
    """

    trigger: Trigger = Doubt()
    paragraphs: int | None = 3
    most: int = 256
    turns: int | None = 2
    block: int | None = None

    def __post_init__(self) -> None:
        for name in ("paragraphs", "most", "turns", "block"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"Relayed({name}={value}): give 1 or more{', or null for no limit' if name != 'most' else ''}.")

    def acts(self, reads_attempt: bool) -> tuple[Act, ...]:
        return (Relay(self.trigger, self.paragraphs, self.most, self.turns, self.block),)
