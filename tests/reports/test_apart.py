"""One cell apart: which rows differ in one answer alone, and what that answer is worth over many suites."""

import numpy as np
import pytest

from harness.pooling import pooled
from harness.results import Answers
from reports.apart import Change, fields
from reports.index import index
from reports.tables import board

EXAMS = {"chain-held-out": 24, "chain-hard": 12}
SUPPORT = Change("loss.support", "–", "TopK(32, of='teacher', tail='renorm')")


@pytest.fixture(scope="module")
def suites(make_row):
    """Three suites of one seed, one of three; each has reverse KL with and without a support."""
    rows = []
    for number, suite in enumerate(("a", "b", "c", "d")):
        for label in ("student", "reverse_kl", "reverse_kl_topk", "forward_kl", "trd", "placebo"):
            for seed in (0, 1, 2) if suite == "d" and label != "student" else (0,):
                level = 0.5 + 0.02 * number * (label == "reverse_kl_topk")
                rows.append(make_row(label, suite=suite, seed=seed, level=level, exams=EXAMS))
    return rows


def paired(rows, suite, before, after):
    """By hand, for one seed: the mean over exams of the mean difference of shares, and its standard error."""
    value = variance = 0.0
    for exam, problems in EXAMS.items():
        a, b = (
            np.array(next(r for r in rows if (r.suite, r.label) == (suite, label)).scores[exam].correct) / 16 for label in (before, after)
        )
        value += (b - a).mean() / 2
        variance += (b - a).var(ddof=1) / problems / 4
    return value, variance**0.5


def test_the_differences_are_paired_and_pooled(suites):
    found = {each.change: each for each in board(suites).apart}[SUPPORT]
    assert [(each.suite, each.before, each.after, each.seeds) for each in found.comparisons] == [
        ("a", "reverse_kl", "reverse_kl_topk", 1), ("b", "reverse_kl", "reverse_kl_topk", 1), ("c", "reverse_kl", "reverse_kl_topk", 1),
        ("d", "reverse_kl", "reverse_kl_topk", 3),
    ]  # fmt: skip
    for each in found.comparisons[:3]:
        value, error = paired(suites, each.suite, each.before, each.after)
        assert (each.delta.value, each.delta.stderr) == (pytest.approx(value, abs=1e-12), pytest.approx(error, abs=1e-12))
    expected = pooled([each.delta.value for each in found.comparisons], [each.delta.stderr for each in found.comparisons])
    assert found.pooled == expected and found.pooled.count == 4
    half = 50 * (expected.interval95[1] - expected.interval95[0])
    assert found.said == f"loss.support: full vocabulary → teacher's top 32: {100 * expected.value:+.1f} ± {half:.1f} over 4 comparisons".replace("+-", "−").replace(": -", ": −")  # fmt: skip


def test_only_rows_one_answer_apart_are_compared(suites):
    """forward_kl and trd differ in two answers, reverse_kl_topk and forward_kl in two fields of one."""
    changes = {each.change for each in board(suites).apart}
    assert changes == {
        SUPPORT,
        Change("loss.divergence", "ForwardKL()", "ReverseKL()"),
        Change("loss", "Loss(ForwardKL())", "Loss(ReverseKL(), support=TopK(32, of='teacher', tail='renorm'))"),
    }


@pytest.mark.parametrize("change", ["a setting of training", "a division", "a further term"])
def test_rows_that_differ_elsewhere_too_are_not_compared(suites, change):
    def other(row):
        if row.label != "reverse_kl_topk":
            return row
        if change == "a setting of training":
            return row.model_copy(update={"overrides": {"optim.learning_rate": "0.1"}})
        if change == "a division":
            return row.model_copy(update={"division": "authors"})
        return row.model_copy(update={"answers": Answers(**{**row.answers.model_dump(), "also": {"sft": "Term()"}})})

    assert SUPPORT not in {each.change for each in board([other(row) for row in suites]).apart}


def test_an_override_of_the_answer_itself_is_no_other_difference(suites):
    rows = [row.model_copy(update={"overrides": {"loss.support.k": "32"}}) if row.label == "reverse_kl_topk" else row for row in suites]
    assert SUPPORT in {each.change for each in board(rows).apart}


def test_other_pairs_protocols_and_seeds_do_not_meet(suites):
    def moved(row):
        if row.label != "reverse_kl_topk":
            return row
        if row.suite == "a":
            return row.model_copy(update={"pair": "elsewhere"})
        if row.suite == "b":
            return row.model_copy(update={"seed": 9})
        if row.suite == "c":
            return row.model_copy(
                update={"scores": {name: score.model_copy(update={"protocol": "other@1"}) for name, score in row.scores.items()}}
            )
        return row

    found = {each.change: each for each in board([moved(row) for row in suites]).apart}[SUPPORT]
    assert [each.suite for each in found.comparisons] == ["d"]


def test_numbers_go_up_and_texts_are_never_run():
    assert fields("TopK(8, of='teacher')") == ("TopK", {"k": "8", "of": "'teacher'"})
    assert fields("__import__('os').system('true')") is None
    assert fields("(" * 5000) is None and fields("x" * 10) is None


def test_the_index_has_every_suite_and_what_each_method_did_in_it(suites):
    found = index(board(suites))
    assert [entry.name for entry in found.suites] == ["a", "b", "c", "d"]
    assert [entry.name for entry in found.methods] == ["forward_kl", "placebo", "reverse_kl", "reverse_kl_topk", "trd"]
    trd = found.methods[-1]
    assert [[row.label for row in rows] for rows in trd.rows] == [["trd"]] * 4 and trd.rows[-1][0].seeds == (0, 1, 2)
    assert [entry.file for entry in found.suites] == [f"leaderboards/{name}.html" for name in "abcd"]
    assert found.suites[0].pairs == ("small-world",) and "trd" in found.suites[0].methods
