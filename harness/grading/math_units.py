"""Units in words. They are taken off a value and remembered; only where both sides name one that we know can two units disagree."""

from __future__ import annotations

import re

_NAMES = {
    "mm": "millimeter millimetre", "cm": "centimeter centimetre", "m": "meter metre", "km": "kilometer kilometre", "in": "inch inches",
    "ft": "foot feet", "yd": "yard", "mi": "mile", "g": "gram", "mg": "milligram", "kg": "kilogram", "lb": "pound lbs", "oz": "ounce",
    "s": "sec second", "min": "minute", "h": "hour hr", "day": "day", "week": "week", "month": "month", "year": "year yr",
    "degree": "degree deg", "radian": "radian rad", "dollar": "dollar usd", "cent": "cent", "euro": "euro eur", "l": "liter litre",
    "ml": "milliliter millilitre", "mph": "mph", "m/s": "m/s", "km/h": "km/h kph", "hz": "hertz", "n": "newton", "j": "joule", "w": "watt",
    "k": "kelvin", "c": "celsius", "f": "fahrenheit",
}  # fmt: skip
_CANONICAL = {word: unit for unit, words in _NAMES.items() for word in (unit, *words.split())}
_POWERS = {"square": "2", "sq": "2", "squared": "2", "cubic": "3", "cubed": "3", "cu": "3"}


def unit(words: str) -> str:
    """The canonical unit (`cm2` for "square centimeters" and "cm^2"), "" for words that name none."""
    pieces = re.findall(r"[a-z]+(?:/[a-z]+)?|[23]", words.lower())
    power = "".join(_POWERS.get(piece, piece if piece in "23" else "") for piece in pieces)[:1]
    names = [piece for piece in pieces if piece not in _POWERS and piece not in "23"]
    if len(names) != 1:
        return ""
    name = _CANONICAL.get(names[0]) or _CANONICAL.get(names[0].removesuffix("s"))
    return name + power if name else ""
