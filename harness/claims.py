"""What a suite expects before it runs, in one line: `a > b`, `a > b + 1.0`, `a >= b - 0.5`.

`a` and `b` are labels of rows, or `student` (untrained) and `teacher`; the number is in points of the metric. So `a > b + 1.0` says that a is
better by more than a point, and `a >= b - 0.5` that it is worse by no more than half a point: the difference a − b lies above the margin.
Between > and >= statistics see no difference. Spaces stand around every sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REFERENCES = ("student", "teacher")  # that may stand in a claim beside the suite's rows
THAT = re.compile(r"(?P<a>\S+) +(?P<sign>>=|≥|>) +(?P<b>\S+)(?: +(?P<side>[+−-]) +(?P<points>\d+(?:\.\d+)?|\.\d+))?\s*\Z")
GRAMMAR = "`a > b`, `a > b + 1.0` or `a >= b - 0.5`, with labels of rows and points"


@dataclass(frozen=True)
class Order:
    """Row `a` less row `b` lies above `margin`, a fraction."""

    a: str
    b: str
    margin: float = 0.0


def parse(that: str) -> Order | None:
    """None for what is not of the grammar, and for a claim of one row about itself."""
    found = THAT.match(that.strip())
    if found is None or found["a"] == found["b"]:
        return None
    points = float(found["points"] or 0) / 100
    return Order(found["a"], found["b"], points if found["side"] == "+" else -points)
