"""Answers that mean the same: the classes among which a majority vote is taken."""

from __future__ import annotations

from harness.records import Verdict

RIGHT = "right"  # the class of every correct answer, however it is written
OTHER = "answer: "  # before the text of any other, so that no answer's text is ever taken for RIGHT


def answer_class(verdict: Verdict) -> str | None:
    """The class of an answer: one for all correct ones, else its text without case and space. None where there is no answer, or an unfinished one."""
    if verdict.correct:
        return RIGHT
    if verdict.extracted is None or verdict.verdict in ("no_answer", "unfinished"):
        return None
    return OTHER + "".join(verdict.extracted.split()).casefold()
