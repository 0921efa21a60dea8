"""What is told before anything is spent: against the published figures, against simulation, and from a plan."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from harness.commands import power as lines_of
from harness.commands.plan import describe, text
from harness.plan import plan
from harness.plan.power import power
from harness.spec import load_suite
from harness.statistics import crossed, p_value
from harness.statistics.power import (
    Difficulty,
    Sat,
    detectable,
    fitted,
    power_at,
    sample_noise,
    samples_for,
    seeds_and_samples_for,
)
from harness.store import Store

ROOT = Path(__file__).parents[2]


def test_the_smallest_difference_of_two_checkpoints():
    """In points, for n = 4, 16 and 64: simulated elsewhere as 13.4, 6.9, 3.7 at 30 problems, 2.3, 1.2, 0.6 at 1,055."""
    for problems, wanted in ((30, (13.4, 6.9, 3.7)), (1055, (2.3, 1.2, 0.6))):
        found = [100 * detectable([Sat(problems, n)], 1) for n in (4, 16, 64)]
        assert found == pytest.approx(wanted, rel=0.1)


def test_noise_of_samples():
    assert sample_noise(Difficulty(0.6, 0.6), 16) == pytest.approx(0.36 / (1.2 * 2.2) / 16)
    assert sample_noise(Difficulty(0.7, 1.3), 16, 1) == pytest.approx(sample_noise(Difficulty(0.7, 1.3), 16))
    random = np.random.default_rng(0)
    p = random.beta(0.7, 1.3, 20_000)
    drawn = random.binomial(8, p) > 0
    assert sample_noise(Difficulty(0.7, 1.3), 8, 8) == pytest.approx(np.mean((1 - p) ** 8 * (1 - (1 - p) ** 8)), rel=0.05)
    assert drawn.mean() == pytest.approx(np.mean(1 - (1 - p) ** 8), abs=0.01)


def test_difficulty_is_fitted_to_counts():
    random = np.random.default_rng(1)
    found = fitted(random.binomial(16, random.beta(0.5, 1.5, 4000)).tolist(), 16)
    assert (found.a, found.b) == (pytest.approx(0.5, rel=0.1), pytest.approx(1.5, rel=0.1))
    assert 0 < fitted([0] * 30, 16).mean < 0.01 and 0.99 < fitted([16] * 30, 16).mean < 1


@pytest.mark.parametrize(("seeds", "against"), [(3, "base"), (5, "row")])
def test_a_difference_as_large_as_told_is_found_as_often_as_told(seeds, against):
    exam, seed_sd, random = Sat(60, 16, difficulty=Difficulty(4, 4)), 0.01, np.random.default_rng(seeds)
    truth = detectable([exam], seeds, 0.05, against, seed_sd)
    assert power_at(truth, [exam], seeds, 0.05, against, seed_sd) == pytest.approx(0.8)
    p = random.beta(4, 4, (1500, 1, 60))
    row, other = (np.clip(p + lead + random.normal(0, seed_sd, (1500, seeds, 1)), 0, 1) for lead in (truth, 0.0))
    row = random.binomial(16, row) / 16
    other = random.binomial(16, p) / 16 if against == "base" else random.binomial(16, other) / 16
    found = (p_value(*crossed([row - other])) < 0.05).mean()
    assert found == pytest.approx(0.8, abs=0.1)  # the sizes of the parts vary, and the model takes their means


def test_more_answers_find_less_until_seeds_are_all_that_is_left():
    few, many = (detectable([Sat(30, n)], 3, seed_sd=0.01) for n in (16, 4096))
    assert few > many > detectable([Sat(30, 4096)], 5, seed_sd=0.01)
    assert samples_for(0.01, [Sat(30, 16)], 3, seed_sd=0.02) is None
    (n,) = samples_for(0.02, [Sat(30, 16)], 1)
    assert detectable([Sat(30, n)], 1) <= 0.02 < detectable([Sat(30, n - 1)], 1)


def test_answers_are_asked_where_they_are_cheap():
    exams = [Sat(30, 16, 0.5, cost=1.0), Sat(30, 16, 0.5, cost=9.0)]
    cheap, dear = samples_for(0.02, exams, 1)
    assert cheap == pytest.approx(3 * dear, rel=0.1)  # by the root of the cost

    def cost(asked):
        return sum(exam.problems * exam.cost * n for exam, n in zip(exams, asked, strict=True))

    even = next(n for n in range(2, 4096) if detectable([Sat(30, n, 0.5), Sat(30, n, 0.5)], 1) <= 0.02)
    assert cost((cheap, dear)) < cost((even, even))


def test_seeds_and_answers_that_would_decide():
    seeds, times = seeds_and_samples_for(0.03, [Sat(100, 16)], 0.05, "row", 0.01)
    assert detectable([Sat(100, 16 * times)], seeds, 0.05, "row", 0.01) <= 0.03
    assert seeds_and_samples_for(0.0001, [Sat(30, 16)], 0.05, "row", 0.01) is None


@pytest.fixture
def suite(tmp_path):
    said = f"""\
suite: told
like: {ROOT}/suites/quickstart.yaml
methods: [forward_kl, trd, placebo]
seeds: {{train: [0, 1, 2]}}
report: {{baseline: null, controls: [placebo]}}
claims:
  - {{say: better, that: trd > forward_kl + 1.0, exam: chain-hard, metric: pass@8}}
  - {{say: there is something to learn, that: teacher > student}}
"""
    (tmp_path / "told.yaml").write_text(said)
    return load_suite(tmp_path / "told.yaml")


def test_a_plan_tells_what_its_exams_detect(suite, tmp_path):
    made = plan(suite)
    known = {"chain-hard": ([1] * 32 + [0] * 32, 16)}
    found = power(suite, made, known, 0.05)
    assert (found.seeds, found.comparisons, [exam.name for exam in found.exams]) == (3, 3, ["chain-exam", "chain-hard"])
    unknown, hard = found.exams
    assert unknown.base is None and hard.base == pytest.approx(1 / 32)
    assert hard.alone < unknown.alone  # where few answers are right, there is less to vary
    assert found.primary.alone < found.primary.among == pytest.approx(found.primary.by_seeds[3])
    assert found.primary.by_seeds[12] < found.primary.by_seeds[5]
    row, references = found.claims
    assert row.seeds == 3 and row.detects > 0.05 and 0 < row.power_at_wanted < 0.8
    assert references.seeds == 0 and references.power_at_wanted > row.power_at_wanted
    described = describe(made, Store(tmp_path / "store"))
    assert "smallest differences" not in text(described, "told")
    said = text(described | {"power": asdict(found)}, "told")
    assert "smallest differences of methods" in said and "as the first of 3 comparisons" in said and "trd > forward_kl + 1.0" in said
    assert max(map(len, lines_of.lines(asdict(found)))) <= 140


def test_where_answers_alone_do_not_help_the_plan_says_what_would(suite):
    found = asdict(power(suite, plan(suite), {}, 0.001))
    assert found["primary"]["samples_wanted"] is None
    assert "  no number of answers per problem finds 0.1: it takes more seeds, or more problems" in lines_of.lines(found)


def test_one_seed_tells_of_checkpoints_and_decides_no_claim(suite):
    one = replace(suite, seeds=suite.seeds.model_copy(update={"train": [0]}))
    found = power(one, plan(one), {}, 0.02)
    said = "\n".join(lines_of.lines(asdict(found)))
    assert "of these checkpoints" in said and "nothing with 1 seed; with 3 " in said
