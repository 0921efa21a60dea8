"""Looking at many: Holm's adjustment, and the ranks that all pairwise tests leave open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjustment: compare with 0.05, and a false claim anywhere in the family stays rarer than that."""
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        running = max(running, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = running
    return adjusted


def rank_intervals(
    labels: Sequence[str], tests: Iterable[tuple[str, str, float, float]], alpha: float = 0.05
) -> dict[str, tuple[int, int]]:
    """1 + rows surely above … K − rows surely below. A test: two labels, the first minus the second, its p adjusted over all pairs."""
    above: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for one, other, value, p_value in tests:
        if p_value < alpha:
            better, worse = (one, other) if value > 0 else (other, one)
            above[worse] += 1
            below[better] += 1
    return {label: (1 + above[label], len(labels) - below[label]) for label in labels}
