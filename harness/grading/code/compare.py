"""Is what a program answered right? On plain data alone, in our own process, which the program never enters.

Three semantics: EvalPlus 0.3.1 (its oracles are taken from the package itself), LiveCodeBench's stdin tests and its calls. A value that
is no plain data is OPAQUE: it equals nothing, and it is not None.
"""

from __future__ import annotations

import importlib
import math
from decimal import Decimal, DecimalException
from typing import Any

from harness.grading.sandbox import Numpy, plain
from harness.records import Fault

OPAQUE = object()
REMEDY = (
    "HumanEval+ and MBPP+ are graded by EvalPlus' own rules, and evalplus is not installed. `pip install --no-deps evalplus==0.3.1 wget==3.2 "
    "tempdir==0.7.1 appdirs==1.4.4` is enough; `pip install 'opd-harness[code]'` brings all that it names, clients of web services included"
)


def evalplus(module: str) -> Any:
    """A light module of evalplus; it is never asked to fetch or to run anything. Raises Fault where the package is missing."""
    try:
        return importlib.import_module(f"evalplus.{module}")
    except ImportError as fault:
        raise Fault(f"{REMEDY} ({fault})") from None


def stdio_equal(printed: str, wanted: str) -> bool:
    """Stripped lines, one by one: equal as text, or else token by token as decimal numbers."""
    ours, theirs = printed.strip().split("\n"), wanted.strip().split("\n")
    return len(ours) == len(theirs) and all(map(_line_equal, ours, theirs))


def _line_equal(ours: str, theirs: str) -> bool:
    ours, theirs = ours.strip(), theirs.strip()
    if ours == theirs:
        return True
    try:
        return [Decimal(token) for token in ours.split()] == [Decimal(token) for token in theirs.split()]
    except (DecimalException, ValueError):
        return False


def call_equal(value: Any, wanted: Any, unwrap: bool = False) -> bool:
    """A tuple counts as a list. `unwrap`, of TACO: the wanted value may stand in a list of its own, and rows may be tuples too."""
    if type(value) is Numpy and isinstance(value.data, list):  # whether an array equals a list has no one answer
        return False
    value = plain(value)
    value = list(value) if isinstance(value, tuple) else value
    if value == wanted:
        return True
    if not unwrap or not isinstance(wanted, list) or not wanted:
        return False
    rows = [list(row) if isinstance(row, tuple) else row for row in value] if isinstance(value, list) else value
    return rows in (wanted, wanted[0])


class EvalPlus:
    """The comparison of one task. `find_zero` is judged by its polynomial alone, whatever the canonical solution found."""

    def __init__(self, dataset: str, entry_point: str) -> None:
        self.dataset, self.entry_point = dataset, entry_point
        self.oracles = evalplus("eval._special_oracle")

    @property
    def only_not_none(self) -> bool:
        """Whether the task asks for no more than an answer, or none, where its canonical solution has one (Mbpp: re's matches)."""
        return self.dataset == "mbpp" and self.entry_point in self.oracles.MBPP_OUTPUT_NOT_NONE_TASKS

    @property
    def by_value(self) -> bool:
        """Whether an answer that is the canonical one, to the letter, is right."""
        return not self.only_not_none and self.entry_point != "find_zero"

    def equal(self, arguments: list[Any], value: Any, wanted: Any, atol: float) -> bool:
        """`atol`: the task's, or 1e-6 from its first wanted float on (`floats`): there EvalPlus keeps the tolerance it then sets."""
        try:
            return self._equal(arguments, value, wanted, atol)
        except Exception:  # an answer of the wrong kind: EvalPlus too takes what its comparison raises for a failure
            return False

    def _equal(self, arguments: list[Any], value: Any, wanted: Any, atol: float) -> bool:
        if type(value) is Numpy:  # as numpy compares: a scalar exactly, an array with nothing
            return not isinstance(value.data, list) and value.data == wanted
        value = plain(value)
        if self.dataset == "humaneval" and self.entry_point == "find_zero":
            return abs(self.oracles._poly(*arguments, value)) <= atol
        exact = self._special(arguments, value, wanted, atol) if self.dataset == "mbpp" else value == wanted
        if exact or atol == 0:
            return bool(exact)
        if type(value) is not type(wanted) or (isinstance(wanted, list | tuple) and len(value) != len(wanted)):
            return False
        # numpy makes an array of anything, as wide as its longest text; of what is no number EvalPlus' allclose always fails.
        return _numbers(value) and _numbers(wanted) and _allclose(value, wanted, atol)

    def _special(self, arguments: list[Any], value: Any, wanted: Any, atol: float) -> bool:
        """MBPP's tasks with more than one right answer."""
        name = self.entry_point
        if name in self.oracles.MBPP_OUTPUT_SET_EQ_TASKS:
            return _same_set(value, wanted)
        if name in self.oracles.MBPP_OUTPUT_NOT_NONE_TASKS:
            return value == wanted if isinstance(value, bool) else wanted == (value is not None)
        if value == wanted or name == "are_equivalent":
            return True
        if name == "sum_div":
            return value == 0
        if name == "surface_Area":
            return abs(value - self.oracles._surface_Area(*arguments)) <= atol
        return name == "digit_distance_nums" and value == self.oracles._digit_distance_nums(*arguments)


def _same_set(value: Any, wanted: Any) -> bool:
    """set(value) == set(wanted) without a set of the answer: its members may all have one hash."""
    known = set(wanted)
    missing = set(wanted)
    for member in value:
        if member not in known:
            return False
        missing.discard(member)
    return not missing


def floats(wanted: Any) -> bool:
    """Whether EvalPlus compares with a tolerance even where the task names none."""
    if isinstance(wanted, list | tuple):
        return bool(wanted) and all(isinstance(each, float) for each in wanted)
    return isinstance(wanted, float)


def _numbers(value: Any) -> bool:
    return all(map(_numbers, value)) if isinstance(value, list | tuple) else isinstance(value, int | float | complex)


def _allclose(value: Any, wanted: Any, atol: float) -> bool:
    if isinstance(value, float) and isinstance(wanted, float) and math.isfinite(value) and math.isfinite(wanted):
        return abs(value - wanted) <= atol + 1e-07 * abs(wanted)
    import numpy as np

    return bool(np.allclose(value, wanted, rtol=1e-07, atol=atol))
