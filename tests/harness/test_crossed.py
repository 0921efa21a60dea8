"""The crossed variance: against the textbook case of one seed, against simulation with several."""

import numpy as np
import pytest

from harness.statistics import estimate, holm


def test_one_seed_is_the_mean_over_problems_and_its_error():
    scores = np.array([[1.0, 0.5, 0.0, 0.25]])
    found = estimate([scores])
    assert found.value == pytest.approx(0.4375)
    assert found.stderr == pytest.approx(0.213478, abs=1e-6)
    assert found.parts == ((pytest.approx(0.213478**2, rel=1e-5), 3),)


def test_exams_weigh_alike_whatever_their_size():
    found = estimate([np.array([[1.0] * 10]), np.array([[0.0, 0.0]])])
    assert found.value == 0.5
    assert found.stderr == 0.0


def test_one_problem_has_no_error():
    found = estimate([np.array([[0.5]])])
    assert (found.stderr, found.interval95, found.p_value) == (None, None, None)


@pytest.mark.parametrize("seed_sd", [0.0, 0.03])
def test_the_interval_over_seeds_and_problems_covers(seed_sd):
    dice = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        seed_part, hits = dice.normal(0, seed_sd, (3, 1)), []
        for problems in (30, 60):
            hits.append(0.1 + seed_part + dice.normal(0, 0.2, (1, problems)) + dice.normal(0, 0.1, (3, problems)))
        low, high = estimate(hits).interval95
        covered += low <= 0.1 <= high
    assert 0.93 <= covered / 400 <= 1.0


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
