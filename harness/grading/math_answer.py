"""Grade a completion whose answer stands in a \\boxed{}: extraction here, the typed comparison in a killable worker.

Source of the rules: docs of the exams, "Math grading" (a)-(e). Verdicts: `correct`, `wrong`, `no_answer` (no balanced box after the
thinking), `unfinished` (thinking never closed), `parse_error` (the box holds nothing that we can read), `timeout` (the comparison overran
its time or memory), `grader_error` (our machinery failed: never a wrong answer). A *gold* that cannot be read raises `Fault`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.records import Fault, Verdict

MAX_CHARS = 2000  # of an extracted answer: longer ones are no answers, and antlr is superlinear
MAX_DEPTH = 40  # nested brackets: the parser recurses
MAX_DIGITS = 1200  # of one literal: python's own limit for int(str) is 4300
MAX_POWERS = 60  # `^` signs in one answer

_TOKEN = re.compile(r"\\boxed\s*\{|\\.|[{}]", re.DOTALL)
_JOINT = re.compile(r"(?:\s|\$|\\[()\[\]]|\\q?quad\b|\\[,;: ]|\*\*)*")
_SEPARATOR = re.compile(r"(?:[,;]|,?\s*(?:\\text\s*\{\s*)?\b(?:and|or)\b(?:\s*\})?)")
_INTEGER = re.compile(r"[+-]?[0-9]{1,1200}")


@dataclass(frozen=True)
class Box:
    """A balanced box: `start` at the backslash, `end` past the closing brace (characters)."""

    start: int
    end: int
    content: str


def boxes(text: str) -> list[Box]:
    """All balanced boxes in order of their start, in one pass: a million braces cost a second, not a square of that."""
    found: list[Box] = []
    stack: list[tuple[int, int] | None] = []
    spans: list[tuple[int, int, int]] = []
    for token in _TOKEN.finditer(text):
        piece = token.group()
        if piece == "{":
            stack.append(None)
        elif piece == "}":
            opened = stack.pop() if stack else None
            if opened is not None:
                spans.append((opened[0], opened[1], token.end()))
        elif piece.startswith("\\boxed"):
            stack.append((token.start(), token.end()))
    # Nested boxes share their text, so only the last few contents are cut out: a tower of them would be quadratic.
    for start, inside, end in sorted(spans)[-64:]:
        found.append(Box(start, end, text[inside : end - 1].strip()))
    return found


def extract(completion: str, several: bool = False) -> tuple[str, str | None]:
    """(status, answer): ("boxed", text), ("no_answer", None) or ("unfinished", None).

    The last balanced box after the last </think>. With `several` (a gold of several values) the boxes joined to it by nothing but
    a comma, a semicolon, "and" or "or" are read as one list; for a single-valued gold never.
    """
    after = completion.rsplit("</think>", 1)[-1]
    if "<think>" in after:
        return "unfinished", None
    found = boxes(after)
    if not found:
        return "no_answer", None
    chain = [found[-1]]
    for box in reversed(found[:-1]):
        if not several or box.end > chain[0].start or not _joined(after[box.end : chain[0].start]):
            break
        chain.insert(0, box)
    return "boxed", ", ".join(box.content for box in chain)


def _joined(between: str) -> bool:
    if len(between) > 60:
        return False
    bare = _JOINT.match(between)
    rest = between[bare.end() :] if bare else between
    separator = _SEPARATOR.match(rest)
    return bool(separator) and _JOINT.fullmatch(rest[separator.end() :]) is not None


def plain_integer(text: str) -> str | None:
    """The canonical digits of a plain integer literal, None for anything else."""
    text = text.strip()
    if not _INTEGER.fullmatch(text):
        return None
    digits = text.lstrip("+-").lstrip("0") or "0"
    return "-" + digits if text[0] == "-" and digits != "0" else digits


def too_much(text: str) -> str | None:
    """Why a text must not reach the parser, or None. Runs before any parsing, on strings alone."""
    if len(text) > MAX_CHARS:
        return f"longer than {MAX_CHARS} characters"
    if re.search(rf"[0-9]{{{MAX_DIGITS + 1}}}", text):
        return f"a number of more than {MAX_DIGITS} digits"
    if text.count("^") > MAX_POWERS:
        return f"more than {MAX_POWERS} powers"
    depth = deepest = 0
    for char in text:
        depth += (char in "{([") - (char in "})]")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH or text.count("\\sqrt") + text.count("\\frac") > 4 * MAX_DEPTH:
        return f"nested deeper than {MAX_DEPTH}"
    return None


def first_look(answer: str, completion: str, several: bool | None = None) -> Verdict | tuple[str, str]:
    """The verdict where it takes no mathematics, else (gold, extracted) for a worker. Raises Fault for a gold without content."""
    if not isinstance(answer, str) or not answer.strip():
        raise Fault(f"gold answer {answer!r}: empty. A problem without an answer cannot be graded; drop it from the problem set.")
    gold = plain_integer(answer)
    if not isinstance(completion, str):
        return Verdict("no_answer", None, f"the completion is a {type(completion).__name__}, not text")
    status, extracted = extract(completion, several=gold is None and (may_be_several(answer) if several is None else several))
    if extracted is None:
        return Verdict(status)
    if not extracted:
        return Verdict("parse_error", "", "an empty box")
    ours = plain_integer(extracted)
    if gold is not None and ours is not None:
        return Verdict("correct" if gold == ours else "wrong", extracted)
    reason = too_much(extracted)
    if reason:
        return Verdict("parse_error", extracted[:MAX_CHARS], reason)
    return answer, extracted


def may_be_several(answer: str) -> bool:
    """Whether a gold lists several values at its top level; `1,234` and `(1, 2)` do not. Strings alone: no sympy in the parent."""
    from harness.grading.math_text import lists_several

    return lists_several(answer)


def grade(answer: str, completion: str) -> Verdict:
    """Grade one completion against a gold answer, from any thread. Never raises on a completion, whatever it holds.

    Raises Fault where the gold itself cannot be read: that is a fault of the data, no verdict on the model.
    """
    from harness.grading.workers import shared_pool  # here: a pool imports this module

    looked = first_look(answer, completion)
    return looked if isinstance(looked, Verdict) else shared_pool().judge_many([looked])[0]
