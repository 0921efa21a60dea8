"""Avg@n, Pass@k and Maj@k: the golden vectors, brute force over all subsets, and what is refused."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations, pairwise
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics import avg_at, maj_at, pass_at
from harness.seeds import generator

A = [4, 2, 0, 1]


def test_golden_vectors() -> None:
    assert avg_at(A, 4) == 0.4375
    assert pass_at(A, 4, 2) == pytest.approx(0.583333, abs=5e-7)


@pytest.mark.parametrize(
    ("c", "row"),
    [
        (1, (0.0625, 0.125, 0.25, 0.5, 1)),
        (2, (0.125, 0.241667, 0.45, 0.766667, 1)),
        (4, (0.25, 0.45, 0.728022, 0.961538, 1)),
        (8, (0.5, 0.766667, 0.961538, 0.999922, 1)),
    ],
)
def test_golden_pass_at_k_of_sixteen(c: int, row: tuple[float, ...]) -> None:
    assert [pass_at([c], 16, k) for k in (1, 2, 4, 8, 16)] == pytest.approx(row, abs=5e-7)


def test_brute_force_over_all_subsets() -> None:
    for n in range(1, 9):
        for c in range(n + 1):
            flags = [True] * c + [False] * (n - c)
            for k in range(1, n + 1):
                assert pass_at([c], n, k) == pytest.approx(fmean(any(subset) for subset in combinations(flags, k)), abs=1e-12)


def test_samples_per_problem() -> None:
    assert avg_at([1, 3], [2, 4]) == pytest.approx(0.625)
    assert pass_at([1, 3], [2, 4], 2) == pytest.approx(1.0)
    assert pass_at([1], 10**6, 10**5) == pytest.approx(0.1)


counts = st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, n), min_size=1, max_size=8)))


@given(counts)
def test_properties(case: tuple[int, list[int]]) -> None:
    n, correct = case
    curve = [pass_at(correct, n, k) for k in range(1, n + 1)]
    assert all(0 <= low <= high + 1e-12 and high <= 1 for low, high in pairwise(curve))
    assert curve[0] == pytest.approx(avg_at(correct, n))
    assert curve[-1] == pytest.approx(fmean(c > 0 for c in correct))


@pytest.mark.parametrize(
    ("correct", "samples", "why"),
    [([], 4, "no problems"), ([1], [], "samples"), ([1, 5], 4, "problem 1"), ([-1], 4, "problem 0"), ([0.5], 4, "not a count"),
    ([True], 4, "not a count"),
     ([1], 4.0, "samples is"), ([1], [4.0], "not a count"), ([0], 0, "problem 0"), ([1, 1], [4], "samples"), (["1"], 4, "not a count")],
)  # fmt: skip
def test_refused(correct: list, samples: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        avg_at(correct, samples)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=why):
        pass_at(correct, samples, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [0, -1, 1.0, True, "2"])
def test_k_is_a_positive_integer(k: object) -> None:
    with pytest.raises(ValueError, match="k is"):
        pass_at([1], 4, k)  # type: ignore[arg-type]


def test_k_beyond_the_samples_names_the_problem() -> None:
    with pytest.raises(ValueError, match="problem 1"):
        pass_at([4, 1], [8, 2], 4)


def voted(answers: list[str | None], right: str | None, k: int) -> float:
    """Maj@k by listing every subset and counting its votes."""
    total, subsets = Fraction(0), 0
    for subset in combinations(answers, k):
        subsets += 1
        votes = Counter(answer for answer in subset if answer is not None)
        winners = [answer for answer, count in votes.items() if count == max(votes.values())]
        if right is not None and right in winners:
            total += Fraction(1, len(winners))
    return float(total / subsets)


@given(st.lists(st.sampled_from(["right", "a", "b", "c", None]), min_size=1, max_size=9), st.data())
def test_a_vote_is_the_mean_over_all_subsets(answers: list[str | None], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(answers)))
    assert maj_at([answers], ["right"], k) == pytest.approx(voted(answers, "right", k), abs=1e-12)


@pytest.mark.parametrize(
    ("answers", "right", "k", "share"),
    [
        (["r", "r", "a", "b"], "r", 4, 1.0),
        (["r", "r", "a", "a"], "r", 4, 0.5),  # a tie shares the point
        (["r", "a", "b", "c"], "r", 4, 0.25),
        (["r", "a", "a", "a"], "r", 4, 0.0),
        (["r", None, None, None], "r", 4, 1.0),  # who does not answer does not vote
        ([None, None, None, None], None, 4, 0.0),  # nobody voted
        ([None, None, "r", "r"], "r", 2, 5 / 6),
        (["a", "a", "b", "c"], None, 2, 0.0),
        (["r", "r", "r", "a"], "r", 2, 0.75),
    ],
)
def test_votes_by_hand(answers: list[str | None], right: str | None, k: int, share: float) -> None:
    assert maj_at([answers], [right], k) == pytest.approx(share)
    assert maj_at([answers, ["r"] * 4], [right, "r"], k) == pytest.approx((share + 1) / 2)


def test_a_vote_among_many_is_exact_and_helps_who_is_mostly_right() -> None:
    answers = ["r"] * 40 + ["a"] * 20 + [f"other {number}" for number in range(60)] + [None] * 8
    curve = [maj_at([answers], ["r"], k) for k in (1, 2, 4, 16, 64, 128)]
    assert curve[0] == pytest.approx(40 / 128)
    assert curve == sorted(curve) and curve[-1] == 1.0
    assert curve[3] == pytest.approx(drawn(answers, 16), abs=0.02)


def drawn(answers: list[str | None], k: int) -> float:
    """The same by drawing subsets."""
    numbers = generator(7)
    return fmean(voted([answers[place] for place in numbers.permutation(len(answers))[:k]], "r", k) for _ in range(4000))


def test_votes_that_cannot_be_taken() -> None:
    with pytest.raises(ValueError, match="problem 1: maj@3 from 2"):
        maj_at([["r"] * 3, ["r"] * 2], ["r", "r"], 3)
    for classes, right in (([], []), ([["r"]], [])):
        with pytest.raises(ValueError, match="problems"):
            maj_at(classes, right, 1)
    with pytest.raises(ValueError, match="k is 0"):
        maj_at([["r"]], ["r"], 0)
