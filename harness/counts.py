"""What an exam comes to: from verdicts and lengths to counts per problem. Pure; the score stage reads and writes around it.

A sample that is not there makes its exam incomplete and is named; it is never a wrong answer. One that is there twice, or that nobody
asked for, is a fault: a silent score would count somebody's answer twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

from harness.grading import UNGRADED
from harness.grading.classes import answer_class
from harness.metrics import maj_share
from harness.records import Fault, Grade, Length
from harness.step import digest

NAMED = 5  # so many of the samples at fault are named, the rest counted
CAPS = 10  # at most so many token limits, the exam's own among them

Place = tuple[str, int]  # problem id, sample


class Placed(Protocol):
    """Anything that belongs to one sample of one problem."""

    @property
    def problem_id(self) -> str: ...
    @property
    def sample(self) -> int: ...


Thing = TypeVar("Thing", bound=Placed)


def counted(
    exam: str,
    ids: Sequence[str],
    samples: int,
    grades: Iterable[Grade],
    lengths: Iterable[Length],
    max_tokens: int,
    votes: Sequence[int] = (),
) -> dict[str, Any]:
    """Counts per problem, in the order of `ids`, of `samples` answers each; `votes`: the k of each Maj@k asked for.

    `graded`, `correct`, `unfinished`: answers with a verdict of the model's doing, right ones, ones cut or never closed. `under_cap`: right
    ones per problem had the limit been so many tokens (a longer answer would have been cut: not right, and not left out). `votes`: each
    problem's part of Maj@k, None where an answer of it is missing or has no verdict. Raises Fault on doubled and on unknown samples.
    """
    verdicts = placed(exam, "grades", ids, samples, grades)
    written = placed(exam, "responses", ids, samples, lengths)
    wanted = [(problem, sample) for problem in ids for sample in range(samples)]
    there = [place for place in wanted if place in verdicts and place in written]
    missing = [place for place in wanted if place not in verdicts or place not in written]
    judged = [place for place in there if verdicts[place].verdict.verdict not in UNGRADED]
    right = [place for place in judged if verdicts[place].verdict.correct]
    graded = per_problem(ids, judged)
    whole = {problem: count == samples for problem, count in zip(ids, graded, strict=True)}
    return {
        "problems": len(ids),
        "samples": samples,
        "problems_hash": digest(list(ids))[:16],
        "graded": graded,
        "correct": per_problem(ids, right),
        "unfinished": per_problem(ids, (place for place in judged if verdicts[place].verdict.verdict == "unfinished")),
        "ungraded": len(there) - len(judged),
        "missing": len(missing),
        "missing_first": [named(place) for place in missing[:NAMED]],
        "verdicts": dict(sorted(Counter(verdicts[place].verdict.verdict for place in there).items())),
        "truncated": sum(written[place].cut for place in there),
        "mean_length": sum(written[place].tokens for place in there) / len(there) if there else None,
        "under_cap": {
            str(cap): per_problem(ids, (place for place in right if cap == max_tokens or written[place].tokens <= cap))
            for cap in ladder(max_tokens)
        },
        "votes": {
            str(k): [
                elected([verdicts[problem, sample] for sample in range(samples)], k) if whole[problem] else None for problem in ids
            ]
            for k in votes
        },
    }  # fmt: skip


def placed(exam: str, what: str, ids: Iterable[str], samples: int, things: Iterable[Thing]) -> dict[Place, Thing]:
    """By problem and sample. Raises Fault where one stands twice, and where one belongs to no problem or sample of the exam."""
    known, found, doubled, strange = set(ids), {}, [], []
    for thing in things:
        place = thing.problem_id, thing.sample
        if place[0] not in known or not 0 <= place[1] < samples:
            strange.append(place)
        elif place in found:
            doubled.append(place)
        found[place] = thing
    for faults, fault in ((doubled, "stand there more than once"), (strange, f"are none of its {len(known)} problems × {samples}")):
        if faults:
            raise Fault(
                f"{exam}: {len(faults)} of its {what} {fault}: {listed(faults)}. No score is made of them; "
                "remove those rows, or have them written and graded again."
            )
    return found


def named(place: Place) -> str:
    return f"{place[0]} sample {place[1]}"


def listed(places: Sequence[Place]) -> str:
    """The first few by name, and how many more."""
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return ", ".join(map(named, places[:NAMED])) + more


def per_problem(ids: Sequence[str], places: Iterable[Place]) -> list[int]:
    found = Counter(problem for problem, _ in places)
    return [found[problem] for problem in ids]


def ladder(max_tokens: int) -> list[int]:
    """Token limits to look at, ascending: powers of two, those times 1.5, and last the exam's own."""
    steps = sorted({2**power for power in range(max_tokens.bit_length())} | {3 * 2**power for power in range(max_tokens.bit_length())})
    return [*[cap for cap in steps if cap < max_tokens][-(CAPS - 1) :], max_tokens]


def elected(grades: Sequence[Grade], k: int) -> float:
    """One problem's part of Maj@k: its answers vote by what they mean, right ones together."""
    right = next((answer_class(grade.verdict) for grade in grades if grade.verdict.correct), None)
    return maj_share([answer_class(grade.verdict) for grade in grades], right, k)
