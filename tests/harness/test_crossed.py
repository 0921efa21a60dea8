"""Means over seeds × problems: against the textbook case of one seed, against sums written out, and what their intervals and tests must obey."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.metrics import pass_at
from harness.statistics import (
    Difference,
    bounded,
    estimate,
    expected_best,
    half_width,
    holm,
    mean_share,
    p_value,
    rank_intervals,
    ratio,
    sampling_variance,
    sign_flip,
    sign_flips,
)


def test_one_seed_is_the_mean_over_problems_and_its_error():
    scores = np.array([[1.0, 0.5, 0.0, 0.25]])
    found = estimate([scores])
    assert found.value == pytest.approx(0.4375)
    assert found.stderr == pytest.approx(0.213478, abs=1e-6)
    assert found.parts == ((pytest.approx(0.213478**2, rel=1e-5), 3),)
    test = stats.ttest_1samp(scores[0], 0.0)
    assert found.p_value == pytest.approx(test.pvalue)
    assert found.interval95 == pytest.approx(tuple(test.confidence_interval()))


def test_the_error_of_a_sitting_on_the_same_problems():
    """Golden: the re-run noise of the four problems of four samples."""
    assert math.sqrt(sampling_variance([4, 2, 0, 1], 4)) == pytest.approx(0.095470, abs=5e-7)


def test_three_seeds_are_problems_and_seeds_less_what_stands_in_both():
    """The analysis of variance written out in sums."""
    scores = np.random.default_rng(5).random((3, 7)) + np.arange(7) / 3
    seeds, problems = scores.shape
    total = scores.mean()
    of_problems = sum(seeds * (scores[:, p].mean() - total) ** 2 for p in range(problems)) / (problems - 1)
    of_seeds = sum(problems * (scores[s].mean() - total) ** 2 for s in range(seeds)) / (seeds - 1)
    of_rest = sum((scores[s, p] - scores[s].mean() - scores[:, p].mean() + total) ** 2 for s in range(seeds) for p in range(problems)) / (
        (seeds - 1) * (problems - 1)
    )
    found = estimate([scores])
    assert found.stderr**2 == pytest.approx((of_problems + of_seeds - of_rest) / (seeds * problems))
    half = math.sqrt(
        (of_problems - of_rest) / (seeds * problems) * stats.t.ppf(0.975, 6) ** 2
        + of_seeds / (seeds * problems) * stats.t.ppf(0.975, 2) ** 2
    )
    assert found.interval95 == pytest.approx((total - half, total + half))


def test_below_three_seeds_a_mean_is_one_checkpoint():
    two = np.random.default_rng(1).random((2, 20))
    assert estimate([two]) == estimate([two.mean(axis=0, keepdims=True)])
    assert Difference(0.1, None, seeds=2).checkpoints and Difference(0.1, None, seeds=1).checkpoints
    assert not Difference(0.1, None, seeds=3).checkpoints and not Difference(0.1, None, seeds=0).checkpoints


def test_exams_weigh_alike_whatever_their_size():
    found = estimate([np.array([[1.0] * 10]), np.array([[0.0, 0.0]])])
    assert found.value == 0.5
    assert found.stderr == 0.0


@pytest.mark.parametrize("true", [0.02, 0.1, 0.5, 0.95])
def test_the_interval_of_a_mean_over_exams_holds_near_the_ends_too(true):
    """Two exams of unlike size that weigh alike, at one seed, 16 answers a problem."""
    random, held, sittings = np.random.default_rng(11), 0, 400
    for _ in range(sittings):
        exams = [random.binomial(16, random.beta(0.6, 0.6 * (1 - true) / true, (1, problems))) / 16 for problems in (30, 60)]
        low, high = mean_share(exams, 90 * 16).interval95
        held += low <= true <= high
    assert held / sittings >= 0.9


def test_problems_that_are_all_alike_tell_what_the_next_could_be():
    """0.0 ± 0 is no certainty: of P problems none differed, so up to 1 - 0.025^(1/P) may; the interval of Clopper and Pearson."""
    found = estimate([np.zeros((1, 40)), np.zeros((1, 24))])
    unseen = stats.beta.ppf(0.975, 1, 64)
    assert found.interval95 == pytest.approx((-unseen, unseen))


def test_one_problem_has_no_error():
    found = estimate([np.array([[0.5]])])
    assert (found.stderr, found.interval95, found.p_value) == (None, None, None)


@given(st.floats(1e-4, 1.0), st.floats(0.0, 1.0), st.integers(2, 200), st.integers(2, 8), st.floats(0.001, 0.5))
@settings(deadline=None, max_examples=50)
def test_the_p_value_is_that_of_the_interval_that_ends_at_zero(first, second, freedom, seeds, alpha):
    parts = [(first, freedom), (second, seeds)]
    assert p_value(half_width(parts, alpha), parts) == pytest.approx(alpha, rel=1e-6)


@given(st.integers(2, 500), st.floats(0.01, 6.0))
@settings(deadline=None, max_examples=50)
def test_one_part_is_the_t_test(freedom, t):
    assert p_value(t * 0.3, [(0.09, freedom)]) == pytest.approx(2 * stats.t.sf(t, freedom), rel=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_between_the_p_values_and_bonferroni(p_values):
    found = holm(p_values)
    assert all(p <= adjusted <= min(1.0, len(p_values) * p) + 1e-12 for p, adjusted in zip(p_values, found, strict=True))
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    assert [found[at] for at in order] == sorted(found)


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_ranks_are_what_the_tests_leave_open():
    tests = [("a", "b", 0.1, 0.01), ("a", "c", 0.2, 0.001), ("b", "c", 0.05, 0.3)]
    assert rank_intervals(["a", "b", "c"], tests) == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}
    assert rank_intervals(["a", "b"], []) == {"a": (1, 2), "b": (1, 2)}


def test_the_interval_of_a_ratio_holds_every_ratio_that_is_not_told_apart():
    """Fieller by search: each end is where the difference to that ratio of the whole just stops being told from 0."""
    random = np.random.default_rng(2)
    base, teacher, row = (random.binomial(16, random.beta(a, 1, 60)) / 16 for a in (0.5, 4, 2))
    share, (low, high) = ratio([(row - base)[None]], [(teacher - base)[None]])
    assert share == pytest.approx((row - base).mean() / (teacher - base).mean())
    for end in (low, high):
        assert estimate([((row - base) - end * (teacher - base))[None]]).p_value == pytest.approx(0.05, abs=1e-6)
    assert ratio([(row - base)[None]], [(base - base[::-1])[None]]) is None


@pytest.mark.parametrize("pass_k", [None, 4])
def test_the_noise_of_a_sitting_is_that_of_drawing_it_again(pass_k):
    random, p = np.random.default_rng(0), np.linspace(0, 1, 40)
    drawn = random.binomial(16, p, (4000, 40))
    figure = np.array([c / 16 if pass_k is None else pass_at([c], 16, pass_k) for c in range(17)])
    again = figure[drawn].mean(axis=1).std()
    said = np.sqrt(np.mean([sampling_variance(counts, 16, pass_k) for counts in drawn[:500]]))
    assert said == pytest.approx(again, rel=0.05)


def test_the_best_of_many_that_are_equal():
    assert expected_best(1) == pytest.approx(0.0, abs=1e-6)
    assert expected_best(2) == pytest.approx(1 / math.sqrt(math.pi), abs=1e-6)
    assert expected_best(8) == pytest.approx(1.423600, abs=1e-6)


def test_many_sign_flips_are_each_its_own():
    random = np.random.default_rng(4)
    d = random.normal(0.1, 1, (5, 40))
    d[1, 10:] = 0.0  # few enough to be counted
    together = sign_flips(d, seed=3, draws=5000)
    assert list(together) == [sign_flip(row, seed=3, draws=5000) for row in d]


def test_the_interval_of_a_score_over_seeds_stays_where_scores_are():
    shares = np.random.default_rng(6).binomial(16, 0.99, (3, 30)) / 16
    found = mean_share([shares], shares.size * 16)
    low, high = found.interval95
    assert 0 < low < found.value < high <= 1
    assert (low, high) == pytest.approx(tuple(map(float, bounded(shares, shares.size * 16))))
