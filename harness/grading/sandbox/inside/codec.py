"""Plain data to bytes and back, by exact builtin type: JSON in which an object is a tag with its content.

Both sides use it. The reader trusts nothing: whatever `encode` could not have written is a ValueError, and neither depth, size nor
colliding hashes make it slow. A value of any other type, subclasses included, is not written at all: an object may lie about equality,
its content may not. `collections.Counter`, `OrderedDict` and `defaultdict` are written as the dict they equal.
"""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

MAX_DEPTH = 100
SAFE_INT = 2**63  # larger ones are written in hexadecimal, whose reading is linear and knows no limit of digits
MOST_COLLISIONS = 1000  # members of one set or dict that share a hash: a thousand honest ones do not

_FLAT = {type(None), bool, float, str}
_LEAVES = _FLAT | {int}
_DICTS = (dict, Counter, OrderedDict, defaultdict)
_SEQUENCES = {tuple: "t", set: "s", frozenset: "f", deque: "q"}
_write = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Numpy:
    """A numpy scalar (`data` a number) or array (`data` nested lists), with the name of its dtype."""

    dtype: str
    data: Any


class Unserialisable(Exception):
    """A value that is not plain data; its text names the type."""


class TooLarge(Exception):
    """More than the bytes allowed."""


def encode(value: Any, most_bytes: int) -> bytes:
    """Raises Unserialisable or TooLarge."""
    text = _write(_tagged(value, 0, [most_bytes // 2 + 1])).encode("ascii")
    if len(text) > most_bytes:
        raise TooLarge(f"{len(text)} bytes")
    return text


def decode(payload: bytes) -> Any:
    """The value that `encode` wrote; raises ValueError on anything else."""
    try:
        return _untagged(json.loads(payload), 0)
    except (RecursionError, TypeError, KeyError, ArithmeticError) as fault:
        raise ValueError(f"no encoded value: {type(fault).__name__}") from None


def plain(value: Any) -> Any:
    """The value with numpy's numbers and arrays as the numbers and lists that they hold."""
    kind = type(value)
    if kind is Numpy:
        return value.data
    if kind in (list, tuple, set, frozenset, deque):
        return kind(plain(each) for each in value)
    if kind is dict:
        return {plain(key): plain(each) for key, each in value.items()}
    return value


def _tagged(value: Any, depth: int, left: list[int]) -> Any:
    """`left`: how many more members fit; it ends a structure that contains itself twice before memory does."""
    kind = type(value)
    if kind in _FLAT:
        return value
    if kind is int:
        return value if -SAFE_INT < value < SAFE_INT else {"i": hex(value)}
    if depth == MAX_DEPTH:
        raise Unserialisable(f"a structure more than {MAX_DEPTH} deep")
    if kind is list:
        return _members(value, depth, left)
    if kind in _SEQUENCES:
        return {_SEQUENCES[kind]: _members(list(value), depth, left)}
    if kind in _DICTS:
        return {"d": [_members(list(value), depth, left), _members(list(value.values()), depth, left)]}
    if kind is complex:
        return {"c": [value.real, value.imag]}
    if kind in (bytes, bytearray):
        return {"b" if kind is bytes else "y": base64.b64encode(value).decode("ascii")}
    if kind is range:
        return {"r": [_tagged(bound, depth, left) for bound in (value.start, value.stop, value.step)]}
    if kind is Decimal:
        return {"D": str(value)}
    if kind is Fraction:
        return {"F": [_tagged(value.numerator, depth, left), _tagged(value.denominator, depth, left)]}
    return {"n": _numpy(value)}


def _members(values: list, depth: int, left: list[int]) -> list:
    left[0] -= len(values)
    if left[0] < 0:
        raise TooLarge("too many members")
    kinds = set(map(type, values))
    if kinds <= _FLAT or (kinds == {int} and min(values) > -SAFE_INT and max(values) < SAFE_INT):
        return values
    return [_tagged(each, depth + 1, left) for each in values]


def _numpy(value: Any) -> list:
    numpy = sys.modules.get("numpy")
    kind = type(value)
    if numpy is not None and (kind is numpy.ndarray or (issubclass(kind, numpy.generic) and numpy.dtype(kind).type is kind)):
        data = value.tolist()
        if value.dtype.kind in "biufcUS" and type(data) in (*_LEAVES, complex, bytes, list):
            return [str(value.dtype), _tagged(data, 0, [value.size * 2 + 1000])]
    raise Unserialisable(f"{kind.__module__}.{kind.__qualname__}" if kind.__module__ != "builtins" else kind.__qualname__)


def _untagged(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in _LEAVES:
        return value
    if depth > MAX_DEPTH + 2:  # an answer is a tuple around the value
        raise ValueError(f"a structure more than {MAX_DEPTH} deep")
    if kind is list:
        if set(map(type, value)) <= _LEAVES:
            return value
        return [_untagged(each, depth + 1) for each in value]
    ((tag, content),) = value.items()
    if tag == "i":
        return int(content, 16)
    if tag == "c":
        return complex(*map(float, content))
    if tag in ("b", "y"):
        return (bytes if tag == "b" else bytearray)(base64.b64decode(content, validate=True))
    if tag == "D":
        return Decimal(content)
    members = _untagged(content, depth)
    if type(members) is not list:
        raise ValueError(f"tag {tag!r} without members")
    if tag == "t":
        return tuple(members)
    if tag == "q":
        return deque(members)
    if tag == "s":
        return set(_spread(members))
    if tag == "f":
        return frozenset(_spread(members))
    if tag == "d":
        keys, values = members
        return dict(zip(_spread(keys), values, strict=True))
    if tag == "r":
        return range(*members)
    if tag == "F":
        return Fraction(*members)
    if tag == "n":
        dtype, data = members
        return Numpy(str(dtype), data)
    raise ValueError(f"no tag {tag!r}")


def _spread(members: list) -> list:
    """The members, unless so many share a hash that a set of them would take its square in time."""
    if len(members) > MOST_COLLISIONS and max(Counter(map(hash, members)).values()) > MOST_COLLISIONS:
        raise ValueError("members chosen to share a hash")
    return members
