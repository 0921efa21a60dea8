"""Values that follow the course of a run."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar


@dataclass(frozen=True)
class Over:
    """Points (progress, value) of a run, progress from 0 to 1: numbers go straight from one to the next, anything else holds until the next.

    Stands in for any number or part of a loss: `Bridge(over((0, 0.8), (1, 0.0)))`, `Loss(over((0, ForwardKL()), (0.5, ReverseKL())))`.
    """

    points: tuple[tuple[float, Any], ...]

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", tuple((float(place), plain(value)) for place, value in self.points))
        places = [place for place, _ in self.points]
        if len(places) < 2 or places[0] != 0 or places != sorted(set(places)) or places[-1] > 1:
            raise ValueError(f"{self!r}: give two or more points of the run, the first at 0, each later than the one before, none after 1.")
        if len({isinstance(value, float) for _, value in self.points}) > 1:
            raise ValueError(f"{self!r}: a number can only become another number.")

    def __repr__(self) -> str:
        return f"Over({', '.join(f'{place:g}: {value!r}' for place, value in self.points)})"

    def at(self, progress: float) -> Any:
        before = max((point for point in self.points if point[0] <= progress), key=lambda point: point[0])
        after = next((point for point in self.points if point[0] > progress), None)
        if after is None or not isinstance(before[1], float):
            return before[1]
        share = (progress - before[0]) / (after[0] - before[0])
        return before[1] + share * (after[1] - before[1])


def over(*points: tuple[float, Any]) -> Any:
    """An `Over`, where something else is asked for."""
    return Over(points)


def plain(value: Any) -> Any:
    """A number as a float: 0 and 0.0 are one point of one address."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def at(value: Any, progress: float) -> Any:
    """The value with everything in it that follows the run as it is at this point; itself where nothing does."""
    if isinstance(value, Over):
        return at(value.at(progress), progress)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changed = {f.name: now for f in fields(value) if (now := at(getattr(value, f.name), progress)) is not getattr(value, f.name)}
    return replace(value, **changed) if changed else value


def turns(value: Any) -> list[float]:
    """The points of the run at which something in the value turns; none where nothing follows the run."""
    if isinstance(value, Over):
        return sorted({place for place, _ in value.points} | {place for _, inner in value.points for place in turns(inner)})
    if not is_dataclass(value) or isinstance(value, type):
        return []
    return sorted({place for f in fields(value) for place in turns(getattr(value, f.name))})
