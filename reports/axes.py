"""Ticks of an axis: round numbers, far enough apart to be read."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.placing import LETTER

TICK = 36  # pixels from one tick to the next at least


def rounded(low: float, high: float) -> tuple[float, float, tuple[float, ...]]:
    """Both ends of an axis on round numbers, and three to seven of these between them."""
    if high - low < 1e-12:
        low, high = low - (abs(low) / 2 or 0.5), high + (abs(high) / 2 or 0.5)
    power = 10.0 ** math.floor(math.log10(high - low))
    step = next(step for step in (power / 5, power / 2, power, 2 * power) if (high - low) / step <= 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return first * step, last * step, tuple(step * at for at in range(first, last + 1))


def steps(low: float, high: float) -> tuple[float, ...]:
    """Round numbers for a logarithmic axis: 1, 2, 5, 10 …; powers of ten alone where these are many; even steps where there are fewer than two, or else the ends."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1,)):
        found = tuple(float(f"{digit}e{power}") for power in powers for digit in digits if low <= float(f"{digit}e{power}") <= high)
        if 2 <= len(found) <= 8:
            return found
    even = tuple(float(f"{tick:.6g}") for tick in rounded(low, high)[2] if low <= tick <= high)
    return even if len(even) > 1 else tuple(dict.fromkeys(float(f"{end:.2g}") for end in (low, high)))


def thinned(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Places and texts without those whose text would touch that of the one before."""
    kept: list[tuple[float, str]] = []
    for place, text in ticks:
        if not kept or place - kept[-1][0] >= max(TICK, LETTER * (len(text) + 1)):
            kept.append((place, text))
    return kept
