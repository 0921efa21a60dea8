"""Trees of math-verify's parser, valued by our own walk: exact fractions where possible, else 120 digits. sympy computes nothing here.

The parser leaves its trees unevaluated, so a tower of powers is a small tree; the walk refuses what would not fit (TooBig).
"""

from __future__ import annotations

import logging
from fractions import Fraction
from functools import lru_cache, reduce
from math import factorial
from operator import add, mul
from typing import Any

import mpmath
import sympy
from latex2sympy2_extended.latex2sympy2 import NormalizationConfig
from math_verify import LatexExtractionConfig, parse

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns at the first parse without its own timeout; ours is the worker's

WORKING_DIGITS = 120
mp = mpmath.MPContext()  # our own: the precision of mpmath at large is as other graders in this process expect it
mp.dps = WORKING_DIGITS
AGREE = mp.mpf(10) ** -60  # relative; irrational values that agree to 60 digits are one
MAX_BITS = 400_000  # of an exact power, about 120 000 decimal digits
MAX_EXPONENT = 10**6
MAX_FACTORIAL = 5000


# units and equations are ours (math_text): theirs strips the t of `2t`.
_CONFIG = LatexExtractionConfig(
    boxed_match_priority=0,
    normalization_config=NormalizationConfig(
        basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="last", equations=False
    ),
)
Number = Fraction | Any  # Any: an mpmath number, real or complex

_FUNCTIONS = {
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "cot": mp.cot, "sec": mp.sec, "csc": mp.csc, "exp": mp.exp,
    "asin": mp.asin, "acos": mp.acos, "atan": mp.atan, "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh,
}  # fmt: skip


class Unreadable(Exception):
    """No value can be read from this text."""


class TooBig(Unreadable):
    """A value that would not fit: a tower of powers, a giant factorial."""


@lru_cache(maxsize=4096)
def tree(text: str) -> Any:
    """The parser's tree of one expression, None where it finds none. Only ever a \\boxed{…} is passed on."""
    try:
        found = parse(r"\boxed{" + text + "}", extraction_config=[_CONFIG], fallback_mode="no_fallback", parsing_timeout=None)  # pyright: ignore[reportArgumentType]  None: no timer
    except (RecursionError, ValueError, TypeError, AttributeError, ZeroDivisionError, OverflowError, IndexError, KeyError):
        return None
    return found[0] if found and not isinstance(found[0], str) else None


def exact(value: Number) -> Fraction | None:
    return value if isinstance(value, Fraction) else None


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(exponent, Fraction) and exponent.denominator == 1 and isinstance(base, Fraction):
        if base in (0, 1, -1):
            if base == 0 and exponent <= 0:
                raise Unreadable("a power of zero")
            return base if base != -1 or exponent % 2 else Fraction(1)
        if abs(exponent) * max(base.numerator.bit_length(), base.denominator.bit_length()) > MAX_BITS:
            raise TooBig("a power of too many digits")
        return base ** int(exponent)
    if abs(_real(exponent)) > MAX_EXPONENT or abs(_real(base)) > mp.mpf(10) ** MAX_EXPONENT:
        raise TooBig("an exponent too large")
    if base == 0:
        if _real(exponent).real > 0:
            return Fraction(0)
        raise Unreadable("a power of zero")
    b, e = _real(base), _real(exponent)
    if isinstance(exponent, Fraction) and exponent.denominator % 2 == 1 and b.imag == 0 and b.real < 0:
        root = mp.power(-b, e)  # the real root of a negative number, as in the cube root of -8
        return -root if exponent.numerator % 2 else root
    return mp.power(b, e)


def _real(value: Number) -> Any:
    return mp.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def _combine(operation: Any, left: Number, right: Number) -> Number:
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        value = operation(left, right)
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > 4 * MAX_BITS:
            raise TooBig("too many digits")
        return value
    return operation(_real(left), _real(right))


def _whole(value: Number, what: str) -> int:
    if not isinstance(value, Fraction) or value.denominator != 1:
        raise Unreadable(f"{what} of a number that is not whole")
    return int(value)


def evaluate(node: Any, point: dict[str, Fraction]) -> Number:
    """The value of a tree at a point (symbol name -> value). Raises Unreadable for what it does not know, TooBig for what will not fit."""
    if isinstance(node, sympy.Rational):
        return Fraction(int(node.p), int(node.q))
    if isinstance(node, sympy.Float):
        return Fraction(str(node))
    if isinstance(node, sympy.Symbol):
        if node.name in point:
            return point[node.name]
        if node.name == "i":
            return mp.mpc(0, 1)
        raise Unreadable(f"free symbol {node.name}")
    if node is sympy.pi:
        return +mp.pi
    if node is sympy.E:
        return +mp.e
    if node is sympy.I:
        return mp.mpc(0, 1)
    name = type(node).__name__
    if not isinstance(node, sympy.Basic) or not node.args:
        raise Unreadable(f"no value for {name}")
    values = [evaluate(arg, point) for arg in node.args]
    if isinstance(node, sympy.Add):
        return reduce(lambda a, b: _combine(add, a, b), values)
    if isinstance(node, sympy.Mul):
        return reduce(lambda a, b: _combine(mul, a, b), values)
    if isinstance(node, sympy.Pow):
        return _power(*values)
    if name == "UnevaluatedExpr":
        return values[0]
    if name == "factorial":
        n = _whole(values[0], "factorial")
        if n > MAX_FACTORIAL:
            raise TooBig("a factorial of too many digits")
        if n < 0:
            raise Unreadable("factorial of a negative number")
        return Fraction(factorial(n))
    if name == "binomial":
        return _binomial(*values)
    if name in ("floor", "ceiling"):
        value = values[0] if isinstance(values[0], Fraction) else values[0].real
        return Fraction(int(getattr(mp, name[:5] if name == "floor" else "ceil")(_real(value))))
    if name == "Abs":
        return abs(values[0])
    if name == "log":
        if any(value == 0 for value in values):
            raise Unreadable("logarithm of zero")
        return mp.log(_real(values[0])) / (mp.log(_real(values[1])) if len(values) > 1 else 1)
    if name in _FUNCTIONS and len(values) == 1:
        if abs(_real(values[0])) > MAX_EXPONENT:
            raise TooBig("an argument too large")
        return _FUNCTIONS[name](_real(values[0]))
    raise Unreadable(f"no value for {name}")


def _binomial(n_value: Number, k_value: Number) -> Fraction:
    n, k = _whole(n_value, "binomial"), _whole(k_value, "binomial")
    if not 0 <= k <= n:
        raise Unreadable("binomial out of range")
    if n > MAX_FACTORIAL:
        raise TooBig("a binomial of too many digits")
    return Fraction(factorial(n) // factorial(k) // factorial(n - k))


def same_number(a: Number, b: Number) -> bool:
    """Exact for two fractions. Else relative agreement; a long decimal never stands for an irrational it approximates."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a == b
    for value, other in ((a, b), (b, a)):
        if isinstance(value, Fraction):
            if value == 0:
                return bool(abs(other) < mp.mpf(10) ** (20 - WORKING_DIGITS))  # what cancellation leaves of a zero
            if value.denominator > 10**30:
                return False
    x, y = _real(a), _real(b)
    if mp.isnan(x) or mp.isnan(y) or mp.isinf(x) or mp.isinf(y):
        return False
    return bool(abs(x - y) <= AGREE * max(abs(x), abs(y)))


def less(a: Number, b: Number) -> bool:
    """a < b, for real numbers; False for others."""
    x, y = (value if isinstance(value, Fraction) else value.real for value in (a, b))
    return bool(x < y) if isinstance(x, Fraction) and isinstance(y, Fraction) else bool(_real(x) < _real(y))


_INTEGER_NAMES = frozenset("nmkNjlMK")


def _points(names: list[str], whole: bool) -> list[dict[str, Fraction]]:
    """Fixed points, no two symbols alike: for whole numbers 8 of them, else 5 in general position."""
    if whole:
        return [{name: Fraction(p + 2 + 3 * j + (p * j) % 2) for j, name in enumerate(names)} for p in range(8)]
    return [{name: Fraction(7 + 11 * p + 13 * j * (p + 1), 5 + 2 * j + 3 * p) for j, name in enumerate(names)} for p in range(5)]


def symbols(*trees: Any) -> list[str]:
    names = {symbol.name for node in trees for symbol in node.free_symbols}
    return sorted(names - {"i"} if names == {"i"} else names)


def same_function(a: Any, b: Any) -> bool:
    """Whether two trees agree at every point where both have a value, at three points or more; index-like names are also tried whole."""
    names = symbols(a, b)
    tries = [False] + ([True] if set(names) <= _INTEGER_NAMES else [])
    for whole in tries:
        agreed = 0
        for point in _points(names, whole):
            try:
                if not same_number(evaluate(a, point), evaluate(b, point)):
                    break
                agreed += 1
            except TooBig:
                raise
            except (Unreadable, ZeroDivisionError):
                continue
        else:
            if agreed >= 3:
                return True
    return False


def proportional(a: Any, b: Any) -> bool:
    """Whether two trees differ by one constant factor: the same equation `tree = 0`."""
    ratios: list[Number] = []
    for point in _points(symbols(a, b), False):
        try:
            top, bottom = evaluate(a, point), evaluate(b, point)
        except (Unreadable, ZeroDivisionError):
            continue
        if top == 0 or bottom == 0:
            return False
        ratios.append(top / bottom if isinstance(top, Fraction) and isinstance(bottom, Fraction) else _real(top) / _real(bottom))
    return len(ratios) >= 3 and all(same_number(ratios[0], ratio) for ratio in ratios[1:])
