"""Simulated suites, of which the truth is known: intervals cover it, tests reject it rarely, and a page of equal methods claims nothing.

Difficulties are Beta with concentration 1.2, like Beta(0.6, 0.6) in the middle. A seed moves a row by so many points on average, a problem
the more the less sure its answer is, so that the mean over problems and seeds is known exactly; as much again moves all rows of one seed
together. Short forms run everywhere; the long ones, 2,000 suites a cell, are marked, and what they gave stands in tests/bench/RESULTS.md.

Shapes: B suites, M rows, S seeds, P problems.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pytest

from harness.statistics import FEWEST_SEEDS, bounded, crossed, half_width, holm, p_value, rank_intervals, sign_flips

SAMPLES = 16
CONCENTRATION = 1.2
LONG = 2000
AT_ONCE = 3_000_000  # chances held at a time
EXAMS = (30, 30, 30, 39, 100)


def rates(random, suites, rows, seeds, problems, mean=0.5, seed_sd=0.0, uneven=0.0, base=False) -> np.ndarray:
    """[B, M, S, P], the chance to be right. `uneven`: how far apart rows are on single problems, and alike on average, of at most 1.
    `base`: one row more, before all others, which no seed moves."""
    p = random.beta(CONCENTRATION * mean, CONCENTRATION * (1 - mean), (suites, 1, 1, problems))
    unsure = mean * (1 - mean) * CONCENTRATION / (CONCENTRATION + 1)  # the mean of p(1-p)
    moved = random.normal(0, seed_sd, (suites, 1, seeds, 1)) + random.normal(0, seed_sd, (suites, rows, seeds, 1))
    if base:
        moved = np.concatenate([np.zeros((suites, 1, seeds, 1)), moved], axis=1)
    apart = uneven * random.choice([-1.0, 1.0], (suites, moved.shape[1], 1, problems)) if uneven else 0.0
    return p + p * (1 - p) * np.clip(moved / unsure + apart, -1, 1)


def sat(random, chances) -> np.ndarray:
    """Shares of right answers."""
    return random.binomial(SAMPLES, chances) / SAMPLES


def batches(suites, each) -> Iterator[int]:
    """So many suites at a time that they fit."""
    most = max(1, AT_ONCE // each)
    yield from (min(most, suites - done) for done in range(0, suites, most))


def covers(truth, low, high) -> np.ndarray:
    return (low - 1e-12 <= truth) & (truth <= high + 1e-12)


def score_coverage(suites, problems, mean, seed=0) -> tuple[float, float]:
    """Of one sitting's score: by our interval, and by the usual one, whose error is that of 16 run means: it takes these problems for all
    there are."""
    random, ours, naive = np.random.default_rng([seed, problems, int(1000 * mean)]), 0, 0
    for some in batches(suites, problems * SAMPLES):
        chances = rates(random, some, 1, 1, problems, mean)[:, 0, 0]
        answers = random.random((some, problems, SAMPLES)) < chances[:, :, None]
        low, high = bounded(answers.mean(axis=2)[:, None], problems * SAMPLES)
        runs = answers.mean(axis=1)
        half = 1.96 * runs.std(axis=1, ddof=1) / np.sqrt(SAMPLES)
        ours += covers(mean, low, high).sum()
        naive += covers(mean, runs.mean(axis=1) - half, runs.mean(axis=1) + half).sum()
    return ours / suites, naive / suites


def p_values(exams: Sequence[np.ndarray]) -> np.ndarray:
    """[B] of lists of gaps [B, S, P], as the board takes them: by t with seeds enough, else by flipping signs of problems."""
    if exams[0].shape[1] < FEWEST_SEEDS:
        return sign_flips(np.concatenate([exam.mean(axis=1) / exam.shape[2] for exam in exams], axis=1), draws=2000)
    return p_value(*crossed(exams))


def difference_coverage(suites, problems, seeds, seed_sd, base=False, mean=0.5, uneven=0.0, seed=0) -> tuple[float, float]:
    """Of the difference of two equal methods, or of a method and the untrained student; and how often a test at 5% calls them unlike."""
    random = np.random.default_rng([seed, problems, seeds, int(1000 * seed_sd), int(1000 * mean), int(1000 * uneven), base])
    covered = rejected = 0
    for some in batches(suites, 2 * seeds * problems):
        shares = sat(random, rates(random, some, 1 if base else 2, seeds, problems, mean, seed_sd, uneven, base))
        gaps = shares[:, 1] - (shares[:, 0, :1] if base else shares[:, 0])
        value, parts = crossed([gaps])
        half = half_width(parts, 0.05)
        covered += covers(0.0, value - half, value + half).sum()
        rejected += (p_values([gaps]) < 0.05).sum()
    return covered / suites, rejected / suites


def false_claims(suites, seeds, seed_sd, base_apart=False, methods=8, seed=0) -> dict[str, float]:
    """Pages of equal methods on five exams: how often any is called above or below the untrained student, or ranked before another.

    `base_apart`: the untrained student is far below, so that only ranks can be false. Beside it what other customs would have claimed against
    the untrained student: Holm within each exam, over all cells, and 5% everywhere.
    """
    random = np.random.default_rng([seed, seeds, int(1000 * seed_sd), base_apart])
    names = ("page", "against the student", "ranks", "Holm per exam", "Holm over all cells", "uncorrected")
    found, labels = dict.fromkeys(names, 0), [str(row) for row in range(methods)]
    pairs = list(combinations(range(methods), 2))
    for some in batches(suites, (methods + 1) * seeds * sum(EXAMS) * 4):
        exams = [sat(random, rates(random, some, methods, seeds, problems, 0.5, seed_sd, base=True)) for problems in EXAMS]
        gaps = [(exam[:, 1:] - exam[:, :1, :1]).reshape(some * methods, seeds, -1) for exam in exams]
        against = p_values(gaps).reshape(some, methods)
        by_exam = np.stack([p_values([gap]).reshape(some, methods) for gap in gaps], axis=1)
        versus, values = np.ones((some, len(pairs))), np.zeros((some, len(pairs)))
        if seeds >= FEWEST_SEEDS:
            for place, (a, b) in enumerate(pairs):
                apart = [exam[:, 1 + a] - exam[:, 1 + b] for exam in exams]
                versus[:, place], values[:, place] = p_values(apart), crossed(apart)[0]
        for suite in range(some):
            tests = [
                (labels[a], labels[b], values[suite, at], p) for at, ((a, b), p) in enumerate(zip(pairs, holm(versus[suite]), strict=True))
            ]
            ranked = any(rank != (1, methods) for rank in rank_intervals(labels, tests).values())
            above = not base_apart and min(holm(against[suite])) < 0.05
            found["against the student"] += above
            found["ranks"] += ranked
            found["page"] += above or ranked
            found["Holm per exam"] += any(min(holm(exam)) < 0.05 for exam in by_exam[suite])
            found["Holm over all cells"] += min(holm(by_exam[suite].ravel())) < 0.05
            found["uncorrected"] += by_exam[suite].min() < 0.05
    return {name: count / suites for name, count in found.items()}


# Short forms: the bounds are those of the long ones, and what so few suites may miss them by.


@pytest.mark.parametrize(("problems", "mean", "least", "most"), [(30, 0.5, 0.93, 0.98), (30, 0.02, 0.9, 1.0), (229, 0.95, 0.9, 1.0)])
def test_the_interval_of_a_score_covers_and_the_usual_one_does_not(problems, mean, least, most):
    ours, naive = score_coverage(400, problems, mean)
    assert least - 0.03 <= ours <= most + 0.02
    assert naive < 0.6


@pytest.mark.parametrize(("seeds", "seed_sd", "base"), [(3, 0.0, False), (3, 0.02, False), (5, 0.01, True)])
def test_the_interval_of_a_difference_of_methods_covers(seeds, seed_sd, base):
    covered, rejected = difference_coverage(600, 30, seeds, seed_sd, base)
    assert covered >= 0.92 and rejected == pytest.approx(1 - covered)


def test_one_seed_covers_no_difference_of_methods():
    """This is why one seed gives no ranks: the interval is about these two checkpoints."""
    assert difference_coverage(300, 229, 1, 0.02, base=False)[0] < 0.6


def test_the_paired_test_rejects_no_more_than_it_may_between_equal_checkpoints():
    assert 0.02 <= difference_coverage(400, 30, 1, 0.0)[1] <= 0.08


def test_a_page_of_equal_methods_claims_nothing():
    found = false_claims(60, 3, 0.01)
    assert found["page"] <= 0.1 < 0.3 < found["uncorrected"]


# Long forms


@pytest.mark.whole
@pytest.mark.parametrize("mean", [0.02, 0.1, 0.5, 0.95])
@pytest.mark.parametrize("problems", [30, 39, 100, 229, 1055])
def test_scores_at_length(problems, mean):
    ours, naive = score_coverage(LONG, problems, mean)
    print(f"score · {problems} problems · {100 * mean:g} %: covers {100 * ours:.1f} %, the usual interval {100 * naive:.1f} %")
    assert ours >= 0.9 and (mean != 0.5 or 0.93 <= ours <= 0.98)
    assert naive < 0.6


@pytest.mark.whole
@pytest.mark.parametrize("base", [False, True], ids=["row", "base"])
@pytest.mark.parametrize("uneven", [0.0, 0.5])
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("problems", [30, 229, 1055])
@pytest.mark.parametrize("seed_sd", [0.0, 0.01, 0.02])
def test_differences_at_length(problems, seeds, seed_sd, uneven, base):
    covered, _ = difference_coverage(LONG, problems, seeds, seed_sd, base, uneven=uneven)
    against = "untrained" if base else "row"
    print(
        f"difference to {against} · {problems} problems · {seeds} seeds · SD {100 * seed_sd:g} · uneven {uneven:g}: covers {100 * covered:.1f} %"
    )
    assert 0.93 <= covered <= 0.985  # 98 %, and what 2,000 suites may miss it by


@pytest.mark.whole
@pytest.mark.parametrize("mean", [0.02, 0.1, 0.95])
@pytest.mark.parametrize("problems", [30, 229, 1055])
def test_differences_of_low_and_high_scores_at_length(problems, mean):
    covered, _ = difference_coverage(LONG, problems, 3, 0.0, False, mean)
    print(f"difference to row · {problems} problems · 3 seeds · SD 0 · {100 * mean:g} %: covers {100 * covered:.1f} %")
    assert covered >= 0.9


@pytest.mark.whole
@pytest.mark.parametrize("problems", [30, 229, 1055])
def test_the_sign_flip_test_at_length(problems):
    rejected = difference_coverage(LONG, problems, 1, 0.0)[1]
    print(f"sign flips · {problems} problems · equal checkpoints: rejects {100 * rejected:.1f} %")
    assert 0.03 <= rejected <= 0.07


@pytest.mark.whole
@pytest.mark.parametrize(
    ("seeds", "seed_sd", "base_apart"),
    [(1, 0.0, False), (3, 0.0, False), (3, 0.01, False), (3, 0.02, False), (5, 0.01, False), (5, 0.02, False), (3, 0.01, True)],
)
def test_a_page_at_length(seeds, seed_sd, base_apart):
    found = false_claims(LONG, seeds, seed_sd, base_apart)
    said = " · ".join(f"{name} {100 * share:.1f} %" for name, share in found.items())
    print(f"page · {seeds} seeds · SD {100 * seed_sd:g}{' · student far below' if base_apart else ''}: {said}")
    assert found["page"] <= 0.06
