"""Verdicts and lengths to counts: what is missing is said and never zero, what is doubled is refused, and lower limits lose no answer."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.counts import counted, ladder
from harness.metrics import avg_at, maj_at
from harness.records import Fault, Grade, Length, Verdict

IDS = [f"q{number}" for number in range(30)]
N, LIMIT = 16, 4096


def sat(right=lambda problem, sample: (problem * 7 + sample) % 3 == 0) -> tuple[list[Grade], list[Length]]:
    """30 problems × 16; the longest answers were cut, and are unfinished."""
    grades, lengths = [], []
    for number, problem in enumerate(IDS):
        for sample in range(N):
            tokens = min(LIMIT, 40 * (number + 1) * (sample + 1))
            cut = tokens == LIMIT
            verdict = "unfinished" if cut else "correct" if right(number, sample) else "wrong"
            grades.append(Grade(problem, sample, Verdict(verdict, None if cut else "7" if verdict == "correct" else str(sample % 2))))
            lengths.append(Length(problem, sample, tokens, cut))
    return grades, lengths


def test_whole_counts() -> None:
    grades, lengths = sat()
    found = counted("exam", IDS, N, grades, lengths, LIMIT, (1, 8, 16))
    assert (found["problems"], found["samples"], found["graded"]) == (30, 16, [16] * 30)
    assert (found["missing"], found["missing_first"], found["ungraded"]) == (0, [], 0)
    assert sum(found["verdicts"].values()) == 480
    assert found["verdicts"]["correct"] == sum(found["correct"])
    assert found["verdicts"]["unfinished"] == sum(found["unfinished"]) == found["truncated"] == sum(each.cut for each in lengths) > 0
    assert found["mean_length"] == pytest.approx(fmean(each.tokens for each in lengths))
    assert fmean(found["votes"]["1"]) == pytest.approx(avg_at(found["correct"], 16))  # a vote of one is the answer itself
    classes = [[("7" if g.verdict.correct else g.verdict.extracted) for g in grades if g.problem_id == problem] for problem in IDS]
    for k in (8, 16):
        assert fmean(found["votes"][str(k)]) == pytest.approx(maj_at(classes, ["7"] * 30, k))


@pytest.mark.parametrize("which", ["grades", "lengths", "both"])
def test_any_sample_of_480_that_is_not_there_is_missing_and_never_zero(which) -> None:
    """The answer's problem has one answer fewer, no count of any other changes, and no mean is made over zeros (lighteval, issue 771)."""
    grades, lengths = sat()
    whole = counted("exam", IDS, N, grades, lengths, LIMIT)
    for gone in range(480):
        less = [grades[:gone] + grades[gone + 1 :], lengths[:gone] + lengths[gone + 1 :]]
        found = counted("exam", IDS, N, grades if which == "lengths" else less[0], lengths if which == "grades" else less[1], LIMIT)
        number, sample = divmod(gone, N)
        assert found["missing"] == 1 and found["missing_first"] == [f"q{number} sample {sample}"]
        assert sum(found["graded"]) == 479 and found["graded"][number] == 15
        was_right = grades[gone].verdict.correct
        assert found["correct"] == [count - (was_right and place == number) for place, count in enumerate(whole["correct"])]
        assert found["ungraded"] == 0


def test_a_problem_without_any_answer_is_missing_whole() -> None:
    grades, lengths = sat(lambda problem, sample: True)
    found = counted("exam", IDS, N, [g for g in grades if g.problem_id != "q3"], lengths, LIMIT, (4,))
    assert found["missing"] == 16 and len(found["missing_first"]) == 5
    assert found["graded"][3] == 0 and found["votes"]["4"][3] is None and found["votes"]["4"][0] == 1.0


def test_a_fault_of_the_machinery_is_neither_wrong_nor_missing() -> None:
    grades, lengths = sat()
    place = next(at for at, grade in enumerate(grades) if grade.verdict.correct)
    grades[place] = replace(grades[place], verdict=Verdict("infra_error", None, "killed"))
    found = counted("exam", IDS, N, grades, lengths, LIMIT, (4,))
    assert (found["ungraded"], found["missing"], sum(found["graded"])) == (1, 0, 479)
    assert found["verdicts"]["infra_error"] == 1
    assert found["votes"]["4"][place // N] is None and found["votes"]["4"][place // N + 1] is not None


def doubled(grades, lengths):
    return [*grades, grades[5], grades[5], grades[100]], lengths


def doubled_length(grades, lengths):
    return grades, [*lengths, lengths[17]]


def foreign(grades, lengths):
    return [*grades, Grade("q99", 0, Verdict("correct", "7"))], lengths


def beyond(grades, lengths):
    return grades, [*lengths, Length("q2", 16, 5, False)]


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (doubled, ["3 of its grades stand there more than once", "q0 sample 5", "q6 sample 4"]),
        (doubled_length, ["1 of its responses stand there more than once", "q1 sample 1"]),
        (foreign, ["1 of its grades are none of its 30 problems × 16", "q99 sample 0"]),
        (beyond, ["1 of its responses are none of", "q2 sample 16"]),
    ],
)
def test_what_is_doubled_or_unknown_is_named_and_refused(spoilt, said) -> None:
    with pytest.raises(Fault) as fault:
        counted("score aime · trd", IDS, N, *spoilt(*sat()), LIMIT)
    for text in ("score aime · trd: ", "remove", *said):
        assert text in str(fault.value)


def test_the_ladder_of_limits() -> None:
    assert ladder(32768) == [1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768]
    assert ladder(48) == [2, 3, 4, 6, 8, 12, 16, 24, 32, 48]
    assert ladder(1000)[-3:] == [512, 768, 1000]
    assert [ladder(limit) for limit in (1, 2, 3)] == [[1], [1, 2], [1, 2, 3]]


answers = st.lists(
    st.tuples(st.sampled_from(["correct", "wrong", "no_answer", "unfinished"]), st.integers(1, 300)), min_size=12, max_size=12
)


@given(answers, st.integers(1, 300))
@settings(max_examples=60, deadline=None)
def test_a_lower_limit_never_gains_and_the_last_is_the_score(said, limit) -> None:
    ids = ["a", "b", "c"]
    places = [(problem, sample) for problem in ids for sample in range(4)]
    grades = [Grade(*place, Verdict(verdict, "7")) for place, (verdict, _) in zip(places, said, strict=True)]
    lengths = [Length(*place, min(tokens, limit), tokens >= limit) for place, (_, tokens) in zip(places, said, strict=True)]
    found = counted("exam", ids, 4, grades, lengths, limit)
    curves = [found["under_cap"][str(cap)] for cap in ladder(limit)]
    assert list(found["under_cap"]) == list(map(str, ladder(limit)))
    assert curves[-1] == found["correct"]
    for low, high in pairwise(curves):
        assert all(a <= b for a, b in zip(low, high, strict=True))
    for cap, counts in zip(ladder(limit)[:-1], curves, strict=False):
        by_hand = [
            sum(g.verdict.correct and length.tokens <= cap for g, length in zip(grades, lengths, strict=True) if g.problem_id == one)
            for one in ids
        ]
        assert counts == by_hand
