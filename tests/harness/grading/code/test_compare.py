"""When an answer is right: EvalPlus' comparison beside its own code, LiveCodeBench's lines and calls, hostile values."""

from __future__ import annotations

import math

import pytest

from harness.grading.code.compare import OPAQUE, EvalPlus, call_equal, floats, stdio_equal
from harness.grading.sandbox import Numpy


@pytest.mark.parametrize(
    ("printed", "wanted", "equal"),
    [
        ("1 2\n3\n", "1 2\n3", True), ("  1 2  \n3", "1 2\n3\n\n", True), ("1.0 2.50", "1 2.5", True), ("1e1", "10", True), ("YES", "yes", False),
        ("1 2", "1  2", True), ("a  b", "a b", False), ("1\n\n2", "1\n2", False), ("", "", True), ("", "0", False), ("1 2", "1", False),
        ("50000000000000000", "50000000000000001", False), ("0.1", "0.10000000000000001", False), ("nan", "nan", True), ("NaN", "nan", False),
        ("sNaN", "1", False), ("1e999999999999999999", "1", False), ("9" * 200_000, "9" * 199_999 + "8", False),
    ],
    ids=range(18),
)  # fmt: skip
def test_printed_lines(printed: str, wanted: str, equal: bool):
    assert stdio_equal(printed, wanted) is equal


@pytest.mark.parametrize(
    ("value", "wanted", "equal"),
    [
        ((1, 2), [1, 2], True), ([(1, 2)], [[1, 2]], False), (True, 1, True), (1.0, 1, True), ("1", 1, False), (None, None, True), (OPAQUE, None, False),
        (Numpy("int64", 3), 3, True), (Numpy("int64", [1, 2]), [1, 2], False), ({1}, [1], False), (math.nan, math.nan, False),
    ],
)  # fmt: skip
def test_called_values(value: object, wanted: object, equal: bool):
    assert call_equal(value, wanted) is equal


def test_taco_may_wrap_what_it_wants():
    assert call_equal(5, [5], unwrap=True) and call_equal([5], [5], unwrap=True) and call_equal([(1, 2)], [[1, 2]], unwrap=True)
    assert not call_equal(5, [5]) and not call_equal(5, [6], unwrap=True) and not call_equal(5, [], unwrap=True)


CASES = [
    # dataset, entry_point, arguments, value, wanted, atol
    ("humaneval", "f", [], 1, 1, 0), ("humaneval", "f", [], 1.0, 1, 0), ("humaneval", "f", [], True, 1, 0), ("humaneval", "f", [], (1,), [1], 0),
    ("humaneval", "f", [], 0.1 + 0.2, 0.3, 0), ("humaneval", "f", [], 0.31, 0.3, 0), ("humaneval", "f", [], 0.3, 0.3 + 2e-6, 0),
    ("humaneval", "f", [], [0.1 + 0.2], [0.3], 0), ("humaneval", "f", [], (0.1 + 0.2,), [0.3], 0), ("humaneval", "f", [], [0.1 + 0.2, 1], [0.3, 1], 0),
    ("humaneval", "f", [], [0.1 + 0.2, 1], [0.3, 1], 1e-6), ("humaneval", "f", [], [[0.1 + 0.2]], [[0.3]], 1e-6), ("humaneval", "f", [], 1, 1.0 + 1e-9, 0),
    ("humaneval", "f", [], 1e10, 1e10 + 1, 0), ("humaneval", "f", [], math.nan, math.nan, 0), ("humaneval", "f", [], math.inf, math.inf, 0),
    ("humaneval", "f", [], math.inf, 1.0, 0), ("humaneval", "f", [], 1.0, math.inf, 0), ("humaneval", "f", [], "a", "b", 1e-6),
    ("humaneval", "f", [], [1.0], [1.0, 2.0], 1e-6), ("humaneval", "f", [], [], [0.5], 0), ("humaneval", "f", [], {"a": 0.1 + 0.2}, {"a": 0.3}, 1e-6),
    ("humaneval", "f", [], [0.1 + 0.2, "a"], [0.3, "a"], 1e-6), ("humaneval", "f", [], None, 0.3, 0), ("humaneval", "f", [], 1j, 1j, 0),
    ("humaneval", "f", [], [10**400], [0.5], 1e-6), ("humaneval", "f", [], [[1.0], 2.0], [[1.0], 2.1], 1e-6), ("humaneval", "f", [], [[[0.1 + 0.2]]], [0.3], 0),
    ("mbpp", "similar_elements", [], [1, 2, 2], (2, 1), 0), ("mbpp", "similar_elements", [], [1], (2, 1), 0), ("mbpp", "Diff", [], [[1]], [1], 0),
    ("mbpp", "Diff", [], None, [1], 0), ("mbpp", "Diff", [], [3, 1], [1], 0), ("mbpp", "check_str", [], "match", True, 0), ("mbpp", "check_str", [], None, True, 0),
    ("mbpp", "check_str", [], None, False, 0), ("mbpp", "check_str", [], False, True, 0), ("mbpp", "check_str", [], True, True, 0),
    ("mbpp", "are_equivalent", [], 7, True, 0), ("mbpp", "sum_div", [4], 0, 3, 0), ("mbpp", "sum_div", [4], 2, 3, 0), ("mbpp", "surface_Area", [3, 4], 33, 40, 0),
    ("mbpp", "surface_Area", [3, 4], 35, 33, 0), ("mbpp", "surface_Area", [3, 4], "33", 40, 0), ("mbpp", "digit_distance_nums", [1, 23], 4, 9, 0),
    ("mbpp", "digit_distance_nums", [1, 23], 5, 9, 0), ("mbpp", "f", [], 1.0000000001, 1.0, 0), ("mbpp", "f", [], {1, 2}, {2, 1}, 0),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_evalplus_would_say_the_same(case: tuple):
    """Its own loop runs a program that returns the value, in a process of its own."""
    evaluation = pytest.importorskip("evalplus.eval", reason="evalplus is not installed: the extra `code`")
    dataset, name, arguments, value, wanted, atol = case
    program = f"from math import inf, nan\ndef {name}(*_): return {value!r}"
    status, _ = evaluation.untrusted_check(dataset, program, [arguments], name, [wanted], atol, [0.0])
    ours = EvalPlus(dataset, name).equal(arguments, value, wanted, atol or (1e-6 if floats(wanted) else 0))
    assert ours is (status == "pass")


def test_find_zero_is_judged_by_its_polynomial():
    """Upstream's loop counts no input of this task as done, so nothing passes there; the oracle itself is sound."""
    pytest.importorskip("evalplus.eval", reason="evalplus is not installed: the extra `code`")
    rules = EvalPlus("humaneval", "find_zero")
    assert rules.equal([[1, 2]], -0.5, -0.4, 1e-4) and not rules.equal([[1, 2]], -0.4, -0.4, 1e-4) and not rules.by_value
    assert not any(rules.equal([[1, 2]], bad, -0.5, 1e-4) for bad in (None, "x", math.nan, OPAQUE, [], 1e308))


@pytest.mark.parametrize(
    "value",
    [OPAQUE, Numpy("float64", [0.3]), ["x" * 10**6, *["y"] * 10**5], [[[["y"]]]], 10**5000, {"a": 1}, "0.3", b"0.3", [None] * 10**6],
    ids=range(9),
)
def test_no_answer_of_the_wrong_kind_passes_or_raises(value: object):
    pytest.importorskip("evalplus.eval", reason="evalplus is not installed: the extra `code`")
    assert not any(EvalPlus("humaneval", "f").equal([], value, wanted, 1e-6) for wanted in (0.3, [0.3], ["x"] * 3, "y", [[1.5, 2.5]]))


def test_numpy_scalars_are_the_numbers_they_hold():
    pytest.importorskip("evalplus.eval", reason="evalplus is not installed: the extra `code`")
    rules = EvalPlus("humaneval", "f")
    assert rules.equal([], Numpy("float64", 0.5), 0.5, 0) and rules.equal([], [Numpy("int64", 1)], [1], 0)
    assert not rules.equal([], Numpy("float64", 0.1 + 0.2), 0.3, 1e-6)  # another type: EvalPlus allows it no tolerance
