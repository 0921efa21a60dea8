"""Where graders disagree: verdicts of several profiles on the same responses, compared pair by pair. Pure; JSON by `dataclasses.asdict`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from harness.grading import UNGRADED
from harness.records import Fault, Verdict

Place = tuple[str, int]  # problem id, sample

# Verdicts on a response that holds no answer to disagree about.
UNANSWERED = ("no_answer", "unfinished")


@dataclass(frozen=True)
class Tally:
    """How often a profile gave each verdict."""

    profile: str
    verdicts: dict[str, int]


@dataclass(frozen=True)
class Pair:
    """Two profiles on the same responses: counts, and the first few places of each disagreement, in order.

    `unanswered`: neither found an answer. `ungraded`: the machinery failed one of them; in no other count. Where one found an answer and
    the other none, the other's verdict counts as wrong, and the place is in `found_by_one` too.
    """

    a: str
    b: str
    both_right: int
    only_a: int
    only_b: int
    both_wrong: int
    unanswered: int
    ungraded: int
    found_by_one: int
    only_a_places: tuple[Place, ...]
    only_b_places: tuple[Place, ...]

    @property
    def compared(self) -> int:
        return self.both_right + self.only_a + self.only_b + self.both_wrong + self.unanswered

    @property
    def agreement(self) -> float:
        """Of the compared responses, the share on which both say the same about rightness; 1 where none was compared."""
        return 1 - (self.only_a + self.only_b) / self.compared if self.compared else 1.0


@dataclass(frozen=True)
class Audit:
    responses: int
    tallies: tuple[Tally, ...]
    pairs: tuple[Pair, ...]


def audit(verdicts: Mapping[str, Mapping[Place, Verdict]], examples: int = 5) -> Audit:
    """The agreement table of profile -> (problem, sample) -> verdict, pairs in the order of the profiles.

    Raises Fault where two profiles did not judge the same responses.
    """
    places = sorted(set().union(*verdicts.values()))
    for profile, found in verdicts.items():
        missing = [place for place in places if place not in found]
        if missing:
            raise Fault(
                f"audit: the profile {profile!r} judged {len(found)} of {len(places)} responses; the first one without its verdict is "
                f"{missing[0][0]}, sample {missing[0][1]}. Grade the same responses by every profile."
            )
    tallies = tuple(Tally(profile, _counted(found)) for profile, found in verdicts.items())
    return Audit(len(places), tallies, tuple(_pair(a, b, verdicts, places, examples) for a, b in combinations(verdicts, 2)))


def _counted(found: Mapping[Place, Verdict]) -> dict[str, int]:
    names = [verdict.verdict for verdict in found.values()]
    return {name: names.count(name) for name in sorted(set(names))}


def _pair(a: str, b: str, verdicts: Mapping[str, Mapping[Place, Verdict]], places: list[Place], examples: int) -> Pair:
    cells: dict[str, list[Place]] = {name: [] for name in ("both_right", "only_a", "only_b", "both_wrong", "unanswered", "ungraded")}
    found_by_one = 0
    for place in places:
        ours, theirs = verdicts[a][place], verdicts[b][place]
        cells[_cell(ours, theirs)].append(place)
        graded = not {ours.verdict, theirs.verdict} & set(UNGRADED)
        found_by_one += graded and (ours.verdict in UNANSWERED) != (theirs.verdict in UNANSWERED)
    counts = {name: len(held) for name, held in cells.items()}
    return Pair(
        a, b, **counts, found_by_one=found_by_one,
        only_a_places=tuple(cells["only_a"][:examples]), only_b_places=tuple(cells["only_b"][:examples]),
    )  # fmt: skip


def _cell(ours: Verdict, theirs: Verdict) -> str:
    if ours.verdict in UNGRADED or theirs.verdict in UNGRADED:
        return "ungraded"
    if ours.verdict in UNANSWERED and theirs.verdict in UNANSWERED:
        return "unanswered"
    return {(True, True): "both_right", (True, False): "only_a", (False, True): "only_b"}.get((ours.correct, theirs.correct), "both_wrong")
