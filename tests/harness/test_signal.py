"""What the teacher's word was worth: the ranking against counting pairs and against SciPy, the log-ratios' figures by hand."""

from __future__ import annotations

import random

import pytest
from scipy.stats import mannwhitneyu

from harness.stages.signal import auc, ranking, sampled


def row(problem: str, sample: int, score: float, tokens: int = 4, round_: int = 0, **more) -> dict:
    return {"round": round_, "problem_id": problem, "sample": sample, "tokens": tokens, "teacher_logprob": score * tokens, **more}


def test_auc_is_the_share_of_pairs_in_order() -> None:
    draw = random.Random(0)
    for _ in range(50):
        right, wrong = ([float(draw.randrange(6)) for _ in range(draw.randrange(1, 9))] for _ in range(2))  # ties are many
        in_order = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in right for b in wrong)
        assert auc(right, wrong) == pytest.approx(in_order / (len(right) * len(wrong)))
        assert auc(right, wrong) == pytest.approx(mannwhitneyu(right, wrong).statistic / (len(right) * len(wrong)))


def test_ranking_averages_groups_then_problems() -> None:
    rows = [
        row("a", 0, -1.0), row("a", 1, -2.0), row("a", 2, -3.0),  # right, wrong, right: one pair of two in order
        row("a", 0, -1.0, round_=1), row("a", 1, -2.0, tokens=2, round_=1),  # in order: a's mean is three quarters
        row("b", 0, -2.0), row("b", 1, -1.0),  # the wrong one scores higher
        row("c", 0, -1.0), row("c", 1, -2.0),  # both right: no pair
        row("d", 0, -1.0), row("d", 1, -2.0),  # one without a verdict
        {**row("b", 2, -9.0), "teacher_logprob": None},  # nobody scored it
    ]  # fmt: skip
    right = {
        (0, "a", 0): True, (0, "a", 1): False, (0, "a", 2): True, (1, "a", 0): True, (1, "a", 1): False,
        (0, "b", 0): True, (0, "b", 1): False, (0, "b", 2): True, (0, "c", 0): True, (0, "c", 1): True,
        (0, "d", 0): True, (0, "d", 1): None,
    }  # fmt: skip
    found = ranking(rows, right)
    assert found == {"auc": pytest.approx(3 / 8), "stderr": pytest.approx(3 / 8), "problems": 2}
    assert ranking(rows[7:9], right) is None
    assert ranking(rows[5:7], right) == {"auc": 0.0, "stderr": None, "problems": 1}


def test_a_long_rollout_is_no_worse_for_its_length() -> None:
    rows = [row("a", 0, -1.0, tokens=100), row("a", 1, -2.0, tokens=3)]
    assert ranking(rows, {(0, "a", 0): True, (0, "a", 1): False}) == {"auc": 1.0, "stderr": None, "problems": 1}


def of_ratios(ratios: list[float], teacher: list[float]) -> dict:
    """The sums of one response, written out."""
    half = len(ratios) - len(ratios) // 2
    return {
        "tokens": len(ratios),
        "teacher_logprob": sum(teacher),
        "log_ratio_abs": sum(map(abs, ratios)),
        "log_ratio_square": sum(each**2 for each in ratios),
        "log_ratio_negative": float(sum(each < 0 for each in ratios)),
        "log_ratio_steep": float(sum(abs(each) > 5 for each in ratios)),
        "late_tokens": float(len(ratios) - half),
        "late_teacher_logprob": sum(teacher[half:]),
        "log_ratio_lowest": min(ratios),
        "lowest_token": ratios.index(min(ratios)),
    }


def test_failure_modes_by_hand() -> None:
    even = sampled([of_ratios([1.0, -1.0, 1.0, -1.0], [-1.0, -1.0, -3.0, -3.0])], str)
    assert even == {"negative": 0.5, "evenness": 1.0, "drift": 2.0, "steep": 0.0, "lowest": -1.0, "lowest_token": "1"}
    spiked = sampled([of_ratios([0.0, 0.0, 0.0, -19.2], [-1.0] * 4), of_ratios([0.0] * 4, [-1.0] * 4)], "<{}>".format)
    assert spiked == {
        "negative": 1 / 8, "evenness": pytest.approx(1 / 8), "drift": 0.0, "steep": 1 / 8, "lowest": -19.2, "lowest_token": "<3>"
    }  # fmt: skip


def test_without_a_teacher_and_without_a_difference_there_is_nothing_to_say() -> None:
    assert sampled([row("a", 0, -1.0, log_ratio_abs=None)], str) is None
    assert sampled([row("a", 0, -1.0)], str) is None
    alike = sampled([of_ratios([0.0, 0.0], [-1.0, -1.0])], str)
    assert alike is not None and alike["evenness"] is None
