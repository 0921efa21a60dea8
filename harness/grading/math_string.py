r"""The string comparison that the trd protocol used: the last \boxed{}, both sides tidied by the MATH data set's rules, equal as text.

Reproduced as it is, oddities included (Hendrycks et al., MATH, 2021; in verl `reward_score/math_reward.py`). What is odd about it:

    a `\boxed ` with a space, anywhere, wins over every later `\boxed{`, and reaches to the next dollar sign
    `\fbox{5}` is found, but only `\boxed{5}` can be right
    only a *first* `=` behind at most two characters is a label; only the very text `0.5` is a half; `\frac{72}1` stays as it is
    text in which a rule trips (a `\sqrt` or `\frac` at the end, two units) is compared untouched, as is the other side then
    thinking is text like any other; a percent sign, degrees and a unit behind `\text{ ` are dropped

Nothing is parsed or run: strings alone, in time linear in their length.
"""

from __future__ import annotations

import re

from harness.records import Verdict

MAX_BOX = 1_000_000  # characters between the last box and its end; the original has no limit, and takes minutes beyond

_SPACED = "\\boxed "
_BRACE = re.compile(r"[{}]")
_RATIO = re.compile(r"(0|-?[1-9][0-9]{0,4299})/(0|-?[1-9][0-9]{0,4299})")
_DROPPED = ("\n", r"\!"), (r"\left", r"\right", r"^{\circ}", r"^\circ", r"\$")


class Trips(ValueError):
    """A rule of the original raises on this text."""


def last_box(text: str) -> str | None:
    """The last box, command included; None where there is none or it never closes. Raises Trips beyond MAX_BOX characters."""
    spaced = text.rfind(_SPACED)
    if spaced >= 0:
        end = text.find("$", spaced)
        end = end if end >= 0 else len(text)
        if end - spaced > MAX_BOX:
            raise Trips(f"a box of more than {MAX_BOX} characters")
        return text[spaced:end]
    start = text.rfind("\\boxed")
    start = start if start >= 0 else text.rfind("\\fbox")
    if start < 0:
        return None
    depth = 0
    for brace in _BRACE.finditer(text, start, start + MAX_BOX):
        depth += 1 if brace.group() == "{" else -1
        if brace.group() == "}" and depth == 0:
            return text[start : brace.end()]
    if len(text) > start + MAX_BOX:
        raise Trips(f"a box of more than {MAX_BOX} characters")
    return None


def inside(box: str) -> str:
    """The content of what `last_box` found. Raises Trips for an \\fbox, and for anything between the command and its brace."""
    if _SPACED in box:
        if not box.startswith(_SPACED):
            raise Trips("a spaced box within a box")
        return box.removeprefix(_SPACED)
    if not box.startswith("\\boxed{"):
        raise Trips("a box without its brace")
    return box[len("\\boxed{") : -1]


def same(ours: str, theirs: str) -> bool:
    try:
        return tidied(ours) == tidied(theirs)
    except Trips:
        return ours == theirs


def tidied(text: str) -> str:
    """One side under the rules, in their order. Raises Trips where the original raises."""
    for each in _DROPPED[0]:
        text = text.replace(each, "")
    text = text.replace("\\\\", "\\").replace("tfrac", "frac").replace("dfrac", "frac")
    for each in _DROPPED[1]:
        text = text.replace(each, "")
    pieces = text.split(r"\text{ ")  # in MATH this only ever begins a unit
    if len(pieces) > 2:
        raise Trips("two units")
    text = pieces[0].replace("\\\\%", "").replace(r"\%", "").replace(" .", " 0.").replace("{.", "{0.")
    if not text:
        return text
    if text[0] == ".":
        text = "0" + text
    label, equals, value = text.partition("=")
    if equals and len(label) <= 2 and "=" not in value:
        text = value
    text = _fractions(_roots(text).replace(" ", ""))
    text = r"\frac{1}{2}" if text == "0.5" else text
    ratio = _RATIO.fullmatch(text)
    return rf"\frac{{{ratio.group(1)}}}{{{ratio.group(2)}}}" if ratio else text


def _roots(text: str) -> str:
    r"""`\sqrt3` with its braces."""
    head, *parts = text.split(r"\sqrt")
    if not all(parts):
        raise Trips("a root of nothing")
    return head + "".join(r"\sqrt" + (part if part[0] == "{" else f"{{{part[0]}}}{part[1:]}") for part in parts)


def _fractions(text: str) -> str:
    r"""`\frac12` and `\frac1{72}` with their braces; a fraction cut short leaves the whole text as it is."""
    head, *parts = text.split(r"\frac")
    out = [head]
    for part in parts:
        if not part:
            raise Trips("a fraction of nothing")
        if part[0] != "{":
            if len(part) == 1:
                return text
            below = part[1:] if part[1] == "{" else f"{{{part[1]}}}{part[2:]}"
            part = f"{{{part[0]}}}{below}"
        out.append(r"\frac" + part)
    return "".join(out)


def grade(answer: str, completion: str) -> Verdict:
    """`correct` exactly where the original scores 1. `no_answer`: no closed box; `parse_error`: a box that it cannot take apart."""
    try:
        box = last_box(completion)
        if box is None:
            return Verdict("no_answer")
        content = inside(box)
    except Trips as why:
        return Verdict("parse_error", None, str(why))
    return Verdict("correct" if same(content, answer) else "wrong", content[:2000])
