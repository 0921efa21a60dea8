"""Random effects: against published numbers, against the likelihood itself, and by how often the interval holds the truth."""

import numpy as np
import pytest
from scipy import stats

from harness.pooling import pooled

# Thirteen trials of a vaccine (Colditz et al. 1994): ill and well among the vaccinated, ill and well among the others.
TRIALS = np.array(
    [
        (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761), (180, 1361, 372, 1079),
        (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197),
        (5, 2493, 3, 2338), (27, 16886, 29, 17825),
    ],
    dtype=np.float64,
)  # fmt: skip


def log_risk_ratios():
    a, b, c, d = TRIALS.T
    return np.log(a / (a + b) / (c / (c + d))), np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))


def test_it_gives_what_metafor_gives():
    """rma(yi, vi, method = "REML", test = "knha") prints -0.7145, 0.1808, -1.1084, -0.3206 and tau^2 = 0.3132."""
    found = pooled(*log_risk_ratios())
    assert found.value == pytest.approx(-0.7145, abs=5e-5)
    assert found.stderr == pytest.approx(0.1808, abs=5e-5)
    assert found.interval95 == pytest.approx((-1.1084, -0.3206), abs=5e-5)
    assert found.spread**2 == pytest.approx(0.3132, abs=5e-5)
    assert found.count == 13


def test_the_spread_is_where_the_likelihood_is_highest():
    """The restricted likelihood of a common mean, written out and searched by brute force."""
    y, s = log_risk_ratios()

    def likelihood(tau2):
        w = 1 / (s**2 + tau2)
        mean = (w * y).sum() / w.sum()
        return 0.5 * (np.log(w).sum() - np.log(w.sum()) - (w * (y - mean) ** 2).sum())

    grid = np.linspace(0.25, 0.40, 150_001)
    best = grid[np.argmax([likelihood(tau2) for tau2 in grid[::100]]) * 100]
    near = np.linspace(best - 2e-4, best + 2e-4, 4001)
    assert pooled(y, s).spread ** 2 == pytest.approx(near[np.argmax([likelihood(tau2) for tau2 in near])], abs=2e-6)


def test_alike_comparisons_have_no_spread_and_are_no_surer_than_their_noise():
    found = pooled([0.02, 0.02, 0.02], [0.01, 0.01, 0.01])
    assert (found.value, found.spread) == (pytest.approx(0.02), 0.0)
    assert found.stderr == pytest.approx(0.01 / 3**0.5)
    half = stats.t.ppf(0.975, 2) * 0.01 / 3**0.5
    assert found.interval95 == pytest.approx((0.02 - half, 0.02 + half))


def test_one_comparison_is_itself():
    found = pooled([0.03], [0.01])
    assert (found.value, found.stderr, found.count) == (0.03, 0.01, 1)
    assert found.interval95 == pytest.approx((0.03 - 1.959964 * 0.01, 0.03 + 1.959964 * 0.01))
    assert pooled([0.03], [0.01], [4]).interval95[0] == pytest.approx(0.03 - 2.776445 * 0.01)


def test_the_interval_holds_the_truth_where_the_classical_one_does_not():
    """Five comparisons of unlike precision, with a spread between them like their noise."""
    random = np.random.default_rng(3)
    held = naive = 0
    for _ in range(600):
        s = random.uniform(0.005, 0.03, 5)
        y = random.normal(0.01, 0.015, 5) + random.normal(0, s)
        low, high = pooled(y, s).interval95
        held += low <= 0.01 <= high
        w = 1 / s**2
        naive += abs((w * y).sum() / w.sum() - 0.01) <= 1.96 / w.sum() ** 0.5
    assert held / 600 >= 0.93
    assert naive / 600 < 0.85


@pytest.mark.parametrize(("values", "errors"), [([], []), ([0.1], []), ([float("nan")], [0.1])])
def test_what_cannot_be_pooled_is_refused(values, errors):
    with pytest.raises(ValueError, match="are wanted"):
        pooled(values, errors)
