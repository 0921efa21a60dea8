"""How figures are written for people: percent, points, short numbers; and the generated sentences as small runs of text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

Span = tuple[str, str]  # ("text" | "code", what it says)
DASH = "–"
MINUS = "\u2212"


def percent(fraction: float | None, digits: int = 1) -> str:
    return DASH if fraction is None else f"{100 * fraction:.{digits}f}".replace("-", MINUS)


def whole_percent(fraction: float) -> str:
    return percent(fraction, 0)


def error(stderr: float) -> str:
    """One standard error of a share, in points. Zero is no error that is known: nothing varied, so there was nothing to take one from."""
    said = percent(stderr)
    return DASH if stderr == 0 else "< 0.1" if said == "0.0" else said


def points(fraction: float | None, digits: int = 1) -> str:
    """A difference of fractions in points, with its sign."""
    if fraction is None:
        return DASH
    text = f"{100 * fraction:+.{digits}f}"
    return text.replace("-", MINUS) if float(text) else f"{0:.{digits}f}"


def measured(value: float | None, share: bool, signed: bool = False) -> str:
    """A figure of any kind: a fraction in percent, or in points where it is a difference; anything else to three digits."""
    if share:
        return points(value) if signed else percent(value)
    return ("+" if signed and value and value > 0 else "") + short(value, even=bool(value)).replace("-", MINUS)


def gap(fraction: float | None, itself: bool) -> str:
    """A difference to another row, as it stands in a table: 0 for the row that the others are compared with."""
    return "0" if itself else points(fraction)


def interval(bounds: tuple[float, float] | None) -> str:
    return DASH if bounds is None else f"{points(bounds[0])} to {points(bounds[1])}"


def short(number: float | None, even: bool = False) -> str:
    """Three significant digits and a letter: 1.24 M. `even`: trailing zeros stay, for a column of them."""
    if number is None:
        return DASH
    if 0 < abs(number) < 0.0001:
        return powered(number, 1)
    if abs(number) < 999.5:
        return (f"{number:#.3g}".rstrip(".") if even else f"{number:.3g}").replace("-", MINUS)
    for power, letter in ((18, "E"), (15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if abs(number) >= 0.9995 * 10**power:
            scaled = number / 10**power
            return f"{scaled:.{2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0}f} {letter}"
    return f"{number:.0f}"


def hours(number: float | None) -> str:
    if number is None:
        return DASH
    if number == 0:
        return "0"
    if abs(number) >= 0.01:
        return f"{number:.3g}" if abs(number) < 1000 else f"{number:,.0f}"
    return powered(number, 1)


def of_an_h100(number: float) -> str:
    """Hours as a cost in words; what takes less than half a minute in a unit that can be read."""
    seconds = 3600 * number
    if seconds >= 30:
        return f"{hours(number)} H100-h"
    return f"{seconds:.2g} s of an H100" if seconds >= 0.1 else f"{1000 * seconds:.2g} ms of an H100"


def powered(number: float, digits: int) -> str:
    """1.2·10⁻⁷"""
    mantissa, power = f"{number:.{digits}e}".split("e")
    return f"{mantissa.replace('-', MINUS)}·10{str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def amount(number: float | None) -> str:
    """All digits that mean something: 1,234,567 tokens, 7.5 epochs, 1.91·10⁻⁷ hours."""
    if number is None:
        return DASH
    if abs(number) >= 1000 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.4g}" if abs(number) >= 0.01 else powered(number, 2)


def nats(number: float | None) -> str:
    """Three decimals, so that a column of them can be read down; more only where they would say zero of what is not."""
    if number is None or number == 0 or not 0.0005 <= abs(number) < 10:
        return short(number, even=bool(number))
    return f"{number:.3f}".replace("-", MINUS)


def tokens(number: float | None) -> str:
    """A length: 62.0, 1,204."""
    return DASH if number is None else f"{number:,.1f}" if number < 100 else f"{number:,.0f}"


def moment(said: str) -> str:
    """2026-11-20T23:00:49+00:00 to the minute; anything else as it is."""
    return f"{said[:10]} {said[11:16]} UTC" if len(said) == 25 and said.endswith("+00:00") else said


def bucket(low: int, high: int, of: int) -> str:
    """How many of the samples were right: 0 of 16, 1–8 of 16."""
    return f"{low} of {of}" if low == high else f"{low}–{high} of {of}"


def basis(title: str, over: Sequence[str], weight: str, asked: str | None) -> str:
    """What the primary is, truly: Avg@16 over a and b, each problem with equal weight."""
    said = f"{title} over {series(over)}" if over else title
    if len(over) > 1:
        said += f", each {'problem' if weight == 'problems' else 'exam'} with equal weight"
    return said + (f" (the suite asks for {asked})" if asked else "")


def listed(labels: Sequence[str], most: int = 6) -> list[Span]:
    """`a`, `b` and `c`; a long list names the first and counts the rest."""
    shown = list(labels[:most]) if len(labels) > most + 1 else list(labels)
    rest = len(labels) - len(shown)
    spans: list[Span] = []
    for place, label in enumerate(shown):
        if place:
            spans.append(("text", " and " if place == len(shown) - 1 and not rest else ", "))
        spans.append(("code", label))
    if rest:
        spans.append(("text", f" and {rest} more"))
    return spans


def shared(labels: Sequence[str], of: Sequence[str], few: int = 3) -> list[Span]:
    """`a`, `b` and `c`; many that leave out only a few: all 19 rows but `d`."""
    others = [label for label in of if label not in labels]
    if len(labels) <= few or len(others) > few:
        return listed(labels, most=len(labels))
    said: list[Span] = [("text", f"all {len(of)} rows")]
    return [*said, ("text", " but "), *listed(others)] if others else said


def plain(spans: Iterable[Span]) -> str:
    return "".join(f"`{text.replace('`', chr(39))}`" if kind == "code" else text for kind, text in spans)


def says(label: str, field: str, value: str) -> bool:
    """Whether the label of a row, one of a grid, gives the value already: trd[keep=Failed]."""
    return f"{field}={value.replace('()', '')}" in re.split(r"[\[\],]\s*", label)


def series(names: Sequence[str]) -> str:
    """a, b and c"""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
