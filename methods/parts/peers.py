"""What others wrote to the same problem, told apart by the verifier: which of them the teacher is shown, and how.

Sources: arXiv:2605.12652 (MOPD: positive peers, and success against failure), arXiv:2601.20802 (SDPO: one success).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from methods.parts.contexts import Context, Material

Attempt = tuple[str, bool | None]  # its text, and whether it is right; None where the grader failed
Draw = Callable[[int], int]  # a whole number below its argument


@dataclass(frozen=True, repr=False)
class WithPeers(Context):
    """Up to `successes` right and `failures` wrong attempts of the group, never the rollout's own; the problem alone where there are none.

    Successes are the first ones, failures are drawn. `when`: failures "always", or only where there is "no_success". `peers`, for controls:
    "random" draws as many without regard to the verdict, and says nothing of it; "other_problem" takes them from another problem of the round.
    """

    successes: int = 2
    failures: int = 1
    when: Literal["always", "no_success"] = "always"
    peers: Literal["own", "random", "other_problem"] = "own"
    template: str = "peers"

    needs_peers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.successes, self.failures) < 0 or self.successes + self.failures == 0:
            raise ValueError(
                f"WithPeers(successes={self.successes}, failures={self.failures}): show at least one; without peers the teacher reads Plain()."
            )

    def choose(
        self, own: int, group: Sequence[Attempt], elsewhere: Sequence[Attempt], draw: Draw
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(successes, failures) for the rollout at place `own` of its group. `elsewhere`: attempts at another problem, for the control."""
        others = [attempt for place, attempt in enumerate(group) if place != own]
        pool = list(elsewhere) if self.peers == "other_problem" else others
        if self.peers == "random":
            shown = drawn(pool, self.successes + self.failures, draw)
            return tuple(text for text, _ in shown), ()
        right = [attempt for attempt in pool if attempt[1] is True][: self.successes]
        wrong = [attempt for attempt in pool if attempt[1] is False]
        wanted = 0 if right and self.when == "no_success" else self.failures
        return tuple(text for text, _ in right), tuple(text for text, _ in drawn(wrong, wanted, draw))

    def values(self, material: Material) -> dict[str, str | None]:
        label = "One solution:" if self.peers == "random" else "A correct solution:"
        again = "Another solution:" if self.peers == "random" else "Another correct solution:"
        parts = [f"{again if place else label}\n{text}" for place, text in enumerate(material.successes)]
        parts += [f"A wrong solution, whose mistake must not be made again:\n{text}" for text in material.failures]
        return {"problem": material.problem, "peers": "\n\n".join(parts)}

    def __call__(self, material: Material) -> str:
        """The user message; without peers, the problem alone."""
        return super().__call__(material) if material.successes or material.failures else material.problem


def drawn(pool: Sequence[Attempt], count: int, draw: Draw) -> list[Attempt]:
    """`count` of the pool without putting back, or all of it."""
    left, found = list(pool), []
    while left and len(found) < count:
        found.append(left.pop(draw(len(left))))
    return found
