"""Which answers count as one answer, for a majority vote over the responses to a problem. No sympy: text and plain numbers."""

from __future__ import annotations

import re

from harness.grading.math_literals import number
from harness.grading.math_text import tidy
from harness.records import Verdict

CORRECT = "correct"
_ANSWERED = ("wrong", "parse_error")


def answer_class(verdict: Verdict) -> str | None:
    """The class of an answer among those to one problem; None for none: nothing extracted, unfinished, or a comparison that never ended.

    Every correct answer is one class, however it is spelled. Wrong ones share a class where they are the same plain number (1/2 and 0.5)
    or their tidied texts agree; two spellings that only mathematics would join stay apart, which never helps a wrong answer to a majority.
    """
    if verdict.correct:
        return CORRECT
    if verdict.verdict not in _ANSWERED or not verdict.extracted:
        return None
    text = tidy(verdict.extracted)
    value = number(text)
    if value is not None:
        return f"={value.numerator:x}/{value.denominator:x}"  # hexadecimal: Python refuses to print a decimal of 5000 digits
    return "=" + re.sub(r"\\(sqrt|frac)\s*(\w)", r"\\\1{\2}", text).replace(" ", "")
