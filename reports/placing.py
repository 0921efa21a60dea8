"""Where the names of points go, so that each stands by its own point and on no other name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

LINE, LETTER = 13.0, 7.3  # pixels: of a line of text, and of a letter of the type that names are set in
NEAR, DOT, GAP = 9.0, 5.0, 5.0  # from a point to its name, around a point, and between two names
FARTHEST = 9  # lines up or down

Box = tuple[float, float, float, float]  # left, top, right, bottom
Placed = tuple[float, float, bool]  # where the text begins, its middle height, and whether it is written towards the left


def beside(points: Sequence[tuple[float, float]], names: Sequence[str], inside: Box, drawn: Sequence[Box] = ()) -> list[Placed | None]:
    """One place a name, in the order given, the first that is free: beside its point, then ever farther up and down. None where none is.

    `drawn`: what else no name may stand on."""
    dots = [(x - DOT, y - DOT, x + DOT, y + DOT) for x, y in points]
    taken: list[Box] = []
    found: list[Placed | None] = []
    for at, ((x, y), name) in enumerate(zip(points, names, strict=True)):
        others = [*taken, *drawn, *dots[:at], *dots[at + 1 :]]
        free = next((each for each in _places(x, y, LETTER * len(name)) if _free(each[1], inside, others)), None)
        found.append(free[0] if free else None)
        if free:
            left, top, right, bottom = free[1]
            taken.append((left - GAP, top, right + GAP, bottom))
    return found


def _places(x: float, y: float, width: float) -> Iterator[tuple[Placed, Box]]:
    for far in range(FARTHEST + 1):
        for way in (1, -1) if far else (1,):
            height, gap = y + way * far * LINE, NEAR + 2 * far
            yield (x + gap, height, False), (x + gap, height - LINE / 2, x + gap + width, height + LINE / 2)
            yield (x - gap, height, True), (x - gap - width, height - LINE / 2, x - gap, height + LINE / 2)


def _free(box: Box, inside: Box, others: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    if left < inside[0] or top < inside[1] or right > inside[2] or bottom > inside[3]:
        return False
    return not any(left < other[2] and other[0] < right and top < other[3] and other[1] < bottom for other in others)
