"""Grade a completion whose answer stands in a \\boxed{}, by one of four profiles (harness.grading.MATH).

`typed`, ours: extraction here, then a comparison of typed values in a killable worker. `string`: the comparison of text that the trd
protocol used. `math-verify`: as shipped, from the whole completion. `amo`: AMO-Bench's own parser. The last two run in the worker too.

Source of the typed rules: docs of the exams, "Math grading" (a)-(e). Verdicts: `correct`, `wrong`, `no_answer` (no box after the
thinking, or the last one never closes), `unfinished` (thinking never closed), `parse_error` (the box holds nothing that we can read),
`timeout` (the comparison overran its time or memory), `grader_error` (our machinery failed: never a wrong answer). A *gold* that cannot
be read raises `Fault`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from harness.grading import MATH, math_string
from harness.grading.math_text import lists_several
from harness.records import Fault, Verdict

MAX_CHARS = 2000  # of an extracted answer: longer ones are no answers, and antlr is superlinear
MAX_DEPTH = 40  # nested brackets: the parser recurses
MAX_DIGITS = 1200  # of one literal: python's own limit for int(str) is 4300
MAX_POWERS = 60  # `^` signs in one answer

MAX_COMPLETION = 400_000  # characters from the end that math-verify and AMO's parser are given: more than any protocol lets a model write
MAX_BRACES = 1_000_000  # between the last box and its end

_OPENING = re.compile(r"\\boxed\s*\{")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_JOINT = re.compile(r"(?:\s|\$|\\[()\[\]]|\\q?quad\b|\\[,;: ]|\*\*)*")
_SEPARATOR = re.compile(r"[,;]?\s*(?:\\text\s*\{[\s,]*)?\b(?:and|or)\b(?:\s*\})?|[,;]")
_INTEGER = re.compile(r"[+-]?[0-9]{1,1200}")


@dataclass(frozen=True)
class Box:
    """`start` at the backslash, `inside` past the brace, `end` past the closing brace (characters); `end` -1 where it never closes."""

    start: int
    inside: int
    end: int


def last_box(text: str, before: int | None = None) -> Box | None:
    """The box that opens last, of those that open before a place. Time linear in the text, however many boxes and braces it holds."""
    start = len(text) if before is None else before
    while (start := text.rfind("\\boxed", 0, start)) >= 0:
        opening = _OPENING.match(text, start)
        if opening:
            return Box(start, opening.end(), _closing(text, opening.end()))
    return None


def _closing(text: str, inside: int) -> int:
    depth = 1
    for count, token in enumerate(_BRACE.finditer(text, inside)):
        depth += {"{": 1, "}": -1}.get(token.group(), 0)
        if depth == 0:
            return token.end()
        if count > MAX_BRACES:
            break
    return -1


def extract(completion: str, several: bool = False) -> str | Verdict:
    """What stands in the last box after the last </think>, or the verdict where there is none.

    A last box that never closes leaves no answer: an earlier one is not what the model said last. With `several` (a gold of several
    values) the boxes joined to the last by nothing but a comma, a semicolon, "and" or "or" are read as one list; for a single-valued
    gold never.
    """
    after = completion.rsplit("</think>", 1)[-1]
    if "<think>" in after:
        return Verdict("unfinished")
    box = last_box(after)
    if box is None:
        return Verdict("no_answer")
    if box.end < 0:
        return Verdict("no_answer", None, "its last box never closes")
    chain = [box]
    while several and sum(each.end - each.inside for each in chain) <= MAX_CHARS:
        box = last_box(after, chain[0].start)
        if box is None or not 0 <= box.end <= chain[0].start or not _joined(after[box.end : chain[0].start]):
            break
        chain.insert(0, box)
    if sum(each.end - each.inside for each in chain) > MAX_CHARS:
        return Verdict("parse_error", after[chain[0].inside : chain[0].inside + 100], f"longer than {MAX_CHARS} characters")
    return ", ".join(after[each.inside : each.end - 1].strip() for each in chain)


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


def first_look(answer: str, completion: str, profile: str = "typed") -> Verdict | tuple[str, str, str]:
    """The verdict where it takes no mathematics, else an item for a worker: (profile, gold, what is compared with it).

    Raises Fault for a gold without content, and for a profile that there is not.
    """
    if profile not in MATH:
        near = difflib.get_close_matches(str(profile), MATH, n=1, cutoff=0.5)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise Fault(f"there is no math profile {profile!r}.{meant} Known: {', '.join(MATH)}.")
    if not isinstance(answer, str) or not answer.strip():
        raise Fault(f"gold answer {answer!r}: empty. A problem without an answer cannot be graded; drop it from the problem set.")
    if not isinstance(completion, str):
        return Verdict("no_answer", None, f"the completion is a {type(completion).__name__}, not text")
    if profile == "string":
        return math_string.grade(answer, completion)
    if profile != "typed":
        return profile, answer, completion[-MAX_COMPLETION:]
    gold = plain_integer(answer)
    found = extract(completion, several=gold is None and lists_several(answer))
    if isinstance(found, Verdict):
        return found
    if not found:
        return Verdict("parse_error", "", "an empty box")
    ours = plain_integer(found)
    if gold is not None and ours is not None:
        return Verdict("correct" if gold == ours else "wrong", found)
    reason = too_much(found)
    return Verdict("parse_error", found, reason) if reason else (profile, answer, found)


def grade(answer: str, completion: str, profile: str = "typed") -> Verdict:
    """Grade one completion against a gold answer by a profile of harness.grading.MATH, from any thread.

    Never raises on a completion, whatever it holds. Raises Fault where the gold itself cannot be read: that is a fault of the data, no
    verdict on the model.
    """
    from harness.grading.workers import shared_pool  # here: a pool imports this module

    looked = first_look(answer, completion, profile)
    return looked if isinstance(looked, Verdict) else shared_pool().judge_many([looked])[0]
