"""What a statistic comes to: a mean with its error, and a difference."""

from __future__ import annotations

from dataclasses import dataclass

from harness.statistics.spread import Parts, half_width, p_value

LEVEL = 0.95  # of every interval, two-sided
FEWEST_SEEDS = 3  # with fewer, two rows are compared as the checkpoints that they are, not as methods


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error; no error where one problem or nothing was seen, 0 where all problems were alike.

    `bounds`: an interval better than that of the parts.
    """

    value: float
    stderr: float | None
    parts: Parts = ()  # what the square of the error is the sum of; none where it is not known, or nothing varied
    bounds: tuple[float, float] | None = None

    @property
    def interval95(self) -> tuple[float, float] | None:
        if self.bounds is not None or self.stderr is None or (self.stderr and not self.parts):
            return self.bounds
        half = float(half_width(self.parts, 1 - LEVEL))
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float | None:
        """Two-sided, against zero."""
        if self.stderr is None or (self.stderr and not self.parts):
            return None
        return float(p_value(self.value, self.parts))


@dataclass(frozen=True)
class Difference:
    """B minus A, paired by problem and by seed, with its 95% interval.

    `seeds` is how many pairs of seeds it is over, 0 where neither side was trained. `p_value` is two-sided against zero.
    """

    value: float
    interval95: tuple[float, float] | None  # None for a single problem
    stderr: float | None = None
    p_value: float | None = None
    seeds: int = 0
    problems: int = 0

    @property
    def checkpoints(self) -> bool:
        """It compares these checkpoints, not the methods that made them: training again could turn it round."""
        return 0 < self.seeds < FEWEST_SEEDS
