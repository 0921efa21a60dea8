"""The sign-flip test over problems: were the two alike, each problem's difference would bear either sign with equal chance."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from harness import seeds

EXACT_FLIPS = 2**16  # up to here all sign patterns are counted
BLOCK = 4_000_000  # signs held at once


def sign_flip(d: Sequence[float] | np.ndarray, seed: int = 0, draws: int = 100_000) -> float:
    """Two-sided p of mean(d) = 0 when each problem's sign is a coin: all patterns where they are few, else `draws` of them by `seed`.

    Drawn patterns count the observed one too, (1 + hits) / (1 + draws), so p is never 0. Zeros flip into themselves and count for nothing.
    """
    values = np.asarray(d, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError("the differences must be a non-empty list of finite numbers, one per problem")
    return float(sign_flips(values[None], seed, draws)[0])


def sign_flips(d_BP: np.ndarray, seed: int = 0, draws: int = 100_000) -> np.ndarray:
    """[B], as `sign_flip`, of many lists of differences at once; all of them meet the same draws."""
    if draws < 1:
        raise ValueError(f"draws is {draws}; at least one is needed")
    d_BP = np.asarray(d_BP, dtype=np.float64)
    few = 2.0 ** (d_BP != 0).sum(axis=1) <= EXACT_FLIPS
    found = np.ones(len(d_BP))
    for row in np.flatnonzero(few):
        found[row] = _exact(d_BP[row])
    if not few.all():
        found[~few] = _drawn(d_BP[~few], seed, draws)
    return found


def _exact(d: np.ndarray) -> float:
    values = d[d != 0]
    if len(values) == 0:
        return 1.0
    sums = _patterns(len(values)) @ values
    return float((np.abs(sums) >= _least(values)).mean())


@cache
def _patterns(problems: int) -> np.ndarray:
    """[2^problems, problems] of +1 and -1."""
    return ((np.arange(2**problems)[:, None] >> np.arange(problems)) & 1) * 2.0 - 1.0


def _drawn(d_BP: np.ndarray, seed: int, draws: int) -> np.ndarray:
    """A coin is a bit: the sum under flips is twice the sum of those whose bit is set, less the sum of all."""
    problems, total, least = d_BP.shape[1], d_BP.sum(axis=1), _least(d_BP)
    random, hits, left = seeds.generator(seed), np.zeros(len(d_BP)), draws
    while left:
        count = min(left, max(1, BLOCK // problems))
        coins = np.unpackbits(random.integers(0, 256, size=(count, -(-problems // 8)), dtype=np.uint8), axis=1, count=problems)
        sums = 2.0 * (coins.astype(np.float64) @ d_BP.T) - total
        hits += (np.abs(sums) >= least).sum(axis=0)
        left -= count
    return (1 + hits) / (1 + draws)


def _least(d: np.ndarray) -> np.ndarray:
    """What counts as no less than the observed: sums of the same terms in another order are equal, not nearly so."""
    return np.abs(d.sum(axis=-1)) - 1e-9 * np.abs(d).sum(axis=-1)
