"""Numbers that take no parser to read, exactly: integers, decimals, fractions, mixed numbers, recurring decimals, powers of ten."""

from __future__ import annotations

import re
from fractions import Fraction

MAX_POWER = 4000  # of ten, in either direction

_SIGN = r"(?P<sign>[+-]?)\s*"
_FRACTION = (
    r"(?:\\frac\s*(?:\{\s*(?P<top>[+-]?\d+)\s*\}|(?P<top1>\d))\s*(?:\{\s*(?P<low>\d+)\s*\}|(?P<low1>\d))|(?P<top2>\d+)\s*/\s*(?P<low2>\d+))"
)
_DECIMAL = re.compile(_SIGN + r"(?P<whole>\d*)(?:\.(?P<part>\d*))?(?:[eE](?P<power>[+-]?\d{1,4}))?")
_RATIO = re.compile(_SIGN + _FRACTION)
_MIXED = re.compile(_SIGN + r"(?P<whole>\d+)(?:\s*(?=\\frac)|\s+)" + _FRACTION)
_RECURRING = re.compile(_SIGN + r"(?P<whole>\d*)\.(?P<part>\d*)\s*\\(?:overline|bar|dot)\s*(?:\{\s*(?P<cycle>\d+)\s*\}|(?P<cycle1>\d))")


def number(text: str) -> Fraction | None:
    """The value of a tidied literal, None for anything else."""
    for pattern, value in ((_DECIMAL, _decimal), (_RATIO, _ratio), (_MIXED, _mixed), (_RECURRING, _recurring)):
        found = pattern.fullmatch(text)
        if found:
            size = value(found)
            return None if size is None else -size if found["sign"] == "-" else size
    return None


def _decimal(found: re.Match[str]) -> Fraction | None:
    whole, part, power = found["whole"], found["part"] or "", int(found["power"] or 0)
    if not whole and not part or abs(power) > MAX_POWER:
        return None
    return Fraction(int(whole + part), 10 ** len(part)) * Fraction(10) ** power


def _ratio(found: re.Match[str]) -> Fraction | None:
    top, low = int(found["top"] or found["top1"] or found["top2"]), int(found["low"] or found["low1"] or found["low2"])
    return Fraction(top, low) if low else None


def _mixed(found: re.Match[str]) -> Fraction | None:
    part = _ratio(found)
    return None if part is None or part < 0 else int(found["whole"]) + part


def _recurring(found: re.Match[str]) -> Fraction:
    head, cycle = found["part"], found["cycle"] or found["cycle1"]
    value = Fraction(int((found["whole"] or "0") + head)) + Fraction(int(cycle), 10 ** len(cycle) - 1)
    return value / 10 ** len(head)
