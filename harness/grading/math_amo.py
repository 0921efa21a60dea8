r"""AMO-Bench's own parser, by its rules, for the 39 of its 50 problems that need no judge. Runs inside a worker.

Source: meituan-longcat/AMO-Bench, grading of 2026-02-06. The text after the last "### the final answer is:" (thinking dropped, some
Unicode made ASCII, sizes of brackets removed) goes through math-verify, in both directions, floats rounded to 4 places; a `variable` gold
is compared at fixed points instead. Then the same once more with the text cut at `\medskip`. Its cut at a line of dashes is reproduced
too, and as there never bites: line breaks are gone by then.

What differs here: the type of a problem is read off its gold, and text never reaches sympy as text (there `solve` would evaluate what the
LaTeX parser could not read).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import sympy

from harness.grading.math_shipped import parse, read_gold, verify, written
from harness.grading.math_text import letters
from harness.records import Fault, Verdict

_THINKING_ENDS = ("</think>", "</longcat_think>")
_PHRASES = ("the final answer is", "the final answer", "final answer is", "final answer")
_HEADS = tuple(mark + phrase + colon for mark in ("### ", "") for colon in (":", "") for phrase in _PHRASES)  # the first one present
_SIZES = tuple(rf"\{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in "lr")
_SIZES += (r"\bigg", r"\Bigg", r"\big", r"\Big", r"\left", r"\right")
_ASCII = str.maketrans({
    "‘": "'", "’": "'", "“": '"', "”": '"', "（": "(", "）": ")", "，": ", ", "：": ": ", "；": "; ", "。": ". ", "！": "! ", "？": "? ",
    "…": "...", "–": "-", "−": "-",
})  # fmt: skip
_BRACKETS = {r"\{": "(", r"\}": ")", r"\[": "(", r"\]": ")"}

# The points at which a variable gold is tried, by the names it is written in.
_TRIALS = {
    frozenset("n"): tuple(f"n={n}" for n in range(1, 21)),
    frozenset("abc"): tuple(f"a={a},b={a + 1},c={a + 2}" for a in range(2, 19)),
}


def kind(gold: str) -> str:
    """number · set · variable. Raises Fault for a gold in names that have no trial points: it needs a judge."""
    names = letters(gold)
    if names and names not in _TRIALS:
        raise Fault(
            f"gold answer {gold[:100]!r}: the amo profile has no trial points for {', '.join(sorted(names))}. It grades numbers, sets, and "
            "formulas in n or in a, b, c; an answer in words needs a judge."
        )
    return "variable" if names else "set" if re.match(r"[\s$]*(?:\\boxed\s*\{)?\s*\\\{", gold) else "number"


def answer_text(response: str, kind: str) -> str:
    """What of a response is handed to the parser."""
    text = response.replace("：", ": ")
    for end in _THINKING_ENDS:
        text = text.rsplit(end, 1)[-1].strip()
    lower = text.lower()
    head = next((each for each in _HEADS if each in lower), None)
    if head is not None:
        text = text[-len(lower.rsplit(head, 1)[-1]) :].strip()  # nothing behind the head: the whole text, as there
    for size in _SIZES:
        text = text.replace(size, "")
    text = re.sub(r"(?<! ) +\}", "}", text.translate(_ASCII))
    text = re.sub(r"(?<!\.)\.+\}", "}", text).replace(r"\,", "").replace(r"\;", "").replace("\n", " ")
    if kind != "set":
        text = text.replace(",", "")
        for bracket, plain in _BRACKETS.items():
            text = text.replace(bracket, plain)
    return text.strip()


def cut(text: str) -> str:
    for end in (r"\medskip", "\n---"):
        text = text.split(end, 1)[0].strip()
    return text


def judge(answer: str, response: str) -> Verdict:
    """`correct` exactly where AMO-Bench's parser says so, else `wrong`, or `no_answer` where nothing is found. Raises Fault for a gold."""
    sort, gold = kind(answer), read_gold(answer)
    points = _TRIALS.get(letters(answer), ())
    text = answer_text(response, sort)
    found = parse(text)
    if _same(gold, found, points):
        return Verdict("correct", written(found))
    shorter = cut(text)
    if shorter != text and _same(gold, parse(shorter), points):
        return Verdict("correct", written(found), "in the text before the cut")
    return Verdict("wrong" if found else "no_answer", written(found))


def _same(gold: list[Any], answer: list[Any], points: tuple[str, ...]) -> bool:
    if not answer or not isinstance(answer[-1], str):
        return False
    if points:
        return _same_formula(gold[-1], answer[-1], points)
    if _both_ways(gold, answer, 4):
        return True
    _, equals, value = answer[-1].rpartition("=")
    return bool(equals) and _both_ways(gold, parse(rf"\boxed{{{value}}}"), 4)


def _both_ways(gold: list[Any], answer: list[Any], places: int) -> bool:
    return verify(gold, answer, places) or verify(answer, gold, places)


def _same_formula(ours: str, theirs: str, points: tuple[str, ...]) -> bool:
    """Whether two formulas have equal values at every point, in 8 places."""
    for space in (r"\qquad", r"\quad"):  # y = f(n) \quad (n > 0)
        theirs = theirs.split(space)[-2].strip() if space in theirs else theirs
    ours, theirs = ours.rpartition("=")[2], theirs.rpartition("=")[2]
    for point in points:
        value, wanted = _at(theirs, point), _at(ours, point)
        if value is None or wanted is None or not _both_ways([wanted], [value], 8):
            return False
    return True


@lru_cache(maxsize=64)
def _at(formula: str, point: str) -> Any:
    """The value of y where y is the formula, at a point; None where it has none."""
    system = parse(rf"\boxed{{{point}, y={formula}}}")
    if not system or not isinstance(system[0], sympy.Basic):
        return None  # text: `solve` would evaluate it
    try:
        found = sympy.solve(system[0])
        first = found[0] if isinstance(found, list) else found
        values = {str(name): value for name, value in first.items()}
        return values["y"].evalf()
    except MemoryError:
        raise
    except Exception:
        return None
