"""Errors, intervals and tests over problems: the golden vectors, limits, and coverage where t intervals fail."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.statistics import clopper_pearson_effective, paired_difference, sign_flip, stderr

A, B = [4, 2, 0, 1], [4, 3, 1, 2]


def test_golden_vectors() -> None:
    assert stderr(A, 4) == pytest.approx(0.213478, abs=5e-7)
    found = paired_difference(A, 4, B, 4)
    assert found.value == 0.1875 and found.stderr == pytest.approx(0.0625) and found.problems == 4
    assert found.interval95 == pytest.approx((0.1875 - 3.182446 * 0.0625, 0.1875 + 3.182446 * 0.0625), abs=1e-6)
    assert sign_flip([0.0, 0.25, 0.25, 0.25]) == 0.25


def test_the_error_is_not_one_of_those_that_are_four_times_too_small() -> None:
    """Golden too: runs as if they were the sample, and answers as if they were independent."""
    by_sample = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]])
    over_runs = by_sample.mean(axis=0).std(ddof=1) / 2
    pooled = np.sqrt(by_sample.mean() * (1 - by_sample.mean()) / by_sample.size)
    assert (over_runs, pooled) == pytest.approx((0.119678, 0.124020), abs=5e-7)
    found = stderr(by_sample.sum(axis=1).tolist(), 4)
    assert found == pytest.approx(0.213478, abs=5e-7) and found not in (pytest.approx(over_runs), pytest.approx(pooled))


def test_one_problem_has_no_error() -> None:
    assert stderr([1], 4) is None
    found = paired_difference([1], 4, [3], 4)
    assert (found.value, found.stderr, found.interval95) == (0.5, None, None)


def test_pairs_must_pair() -> None:
    with pytest.raises(ValueError, match="same ones"):
        paired_difference([1, 2], 4, [1], 4)
    assert paired_difference([1, 2], 4, [2, 4], 8).value == pytest.approx(0.0)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=2, max_size=20))
def test_difference_is_antisymmetric(pairs: list[tuple[int, int]]) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    there, back = paired_difference(a, 8, b, 8), paired_difference(b, 8, a, 8)
    assert there.value == pytest.approx(-back.value) and there.stderr == pytest.approx(back.stderr)
    assert there.interval95[0] == pytest.approx(-back.interval95[1])


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8))
@settings(deadline=None)
def test_sign_flip_is_the_brute_force(values: list[int]) -> None:
    d = [value / 4 for value in values]
    patterns = list(product((1, -1), repeat=len(d)))
    p = sum(abs(sum(s * v for s, v in zip(pattern, values, strict=True))) >= abs(sum(values)) for pattern in patterns) / len(patterns)
    assert sign_flip(d) == pytest.approx(p)
    assert sign_flip([-v for v in d]) == pytest.approx(p)


def test_sign_flip_by_drawing() -> None:
    d = np.random.default_rng(3).normal(0.2, 1.0, 40)
    p = sign_flip(d, seed=1)
    assert p == sign_flip(d, seed=1) and p == pytest.approx(sign_flip(d, seed=2), abs=0.01)
    assert sign_flip([1.0] * 60, draws=999) == pytest.approx(1 / 1000)  # never 0
    assert sign_flip([0.0] * 60) == 1.0
    sixteen, seventeen = d[:16], np.append(d[:16], 1e-12)
    assert sign_flip(seventeen) == pytest.approx(sign_flip(sixteen), abs=0.01)  # drawn next to counted
    for bad in ([], [float("nan")], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="difference"):
            sign_flip(bad)


def test_interval_at_the_ends() -> None:
    low, high = clopper_pearson_effective([0] * 30, 16)
    assert low == 0.0 and high == pytest.approx(1 - 0.025 ** (1 / 30))
    low, high = clopper_pearson_effective([16] * 30, 16)
    assert high == 1.0 and low == pytest.approx(0.025 ** (1 / 30))
    assert clopper_pearson_effective([2], 4)[0] < 0.5 < clopper_pearson_effective([2], 4)[1]


@given(st.lists(st.integers(0, 8), min_size=1, max_size=30))
def test_interval_is_ordered_and_mirrored(correct: list[int]) -> None:
    low, high = clopper_pearson_effective(correct, 8)
    assert 0 <= low <= sum(correct) / 8 / len(correct) <= high <= 1
    assert clopper_pearson_effective([8 - c for c in correct], 8) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize("mean", [0.02, 0.5, 0.98])
def test_coverage_holds_where_the_t_interval_fails(mean: float) -> None:
    random, ours, t_interval, trials = np.random.default_rng(0), 0, 0, 400
    for _ in range(trials):
        correct = random.binomial(16, random.beta(1.2 * mean, 1.2 * (1 - mean), 40)).tolist()
        low, high = clopper_pearson_effective(correct, 16)
        ours += low <= mean <= high
        t_interval += abs(np.mean(correct) / 16 - mean) <= 2.0227 * stderr(correct, 16)
    assert ours / trials >= 0.92
    assert mean == 0.5 or ours >= t_interval + 0.08 * trials
