"""Which answers count as one answer, for a majority vote over the responses to a problem. Strings alone: no sympy."""

from __future__ import annotations

from harness.grading.math_answer import plain_integer
from harness.grading.math_text import exact_decimals, tidy
from harness.records import Verdict

CORRECT = "correct"
_ANSWERED = ("wrong", "parse_error")


def answer_class(verdict: Verdict) -> str | None:
    """The class of an answer among those to one problem; None for none: nothing extracted, unfinished, or a comparison that never ended.

    Every correct answer is one class, however it is spelled. Wrong ones share a class where their tidied texts agree; two spellings of a
    wrong value that only mathematics would join (6/8 and 0.75) stay apart, which never helps a wrong answer to a majority.
    """
    if verdict.correct:
        return CORRECT
    if verdict.verdict not in _ANSWERED or not verdict.extracted:
        return None
    text = tidy(verdict.extracted)
    return "=" + (plain_integer(text) or exact_decimals(text).replace(" ", ""))
