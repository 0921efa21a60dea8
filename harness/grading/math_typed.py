"""Typed values of answers, and when two are the same: numbers exact, lists unordered, tuples ordered, text by its letters.

`judge(gold, answer)` runs inside a worker. Symmetric by construction: every rule below treats its two sides alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key, lru_cache
from itertools import pairwise
from typing import Any

import sympy

from harness.grading import math_literals, math_text, math_values
from harness.grading.math_answer import too_much
from harness.grading.math_ranges import ranges, same_ranges
from harness.grading.math_values import TooBig, Unreadable
from harness.records import Fault, Verdict

MAX_ITEMS = 200
_BASED = re.compile(r"\(?([0-9A-Z]+)\)?\s*_\s*\{?\s*\(?(\d+)\)?\s*\}?")
_NAME = r"(?:\\[a-zA-Z]+\s*|[A-Za-z])(?:_(?:\{[^{}]*\}|\w))?'*"
_LABEL = re.compile(rf"(?:{_NAME}|[A-Za-z]+\s*\([A-Za-z, ]*\)|\(\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\)|\\text\s*\{{[^{{}}]*\}})")
_NOTHING = re.compile(
    r"(?:there (?:is|are) )?no (?:(?:such|real|integer|positive|valid|possible) )*(?:solutions?|values?)|none|(?:the )?empty set"
)
_SUM = re.compile(r"[-+*/^]|\\frac|\\cdot|\\times")
_RELATIONS = {"StrictLessThan": (True, 0), "StrictGreaterThan": (True, 1), "LessThan": (False, 0), "GreaterThan": (False, 1)}


@dataclass(frozen=True)
class Value:
    """kind: number · function (of symbols) · equation · relation · many (unordered) · ordered · text; `data` by kind.

    `unit` and `label` are remembered, not required: they decide only where both sides have one.
    """

    kind: str
    data: Any
    unit: str = ""
    label: str = ""


def _text_form(text: str) -> str:
    """Letters of an answer in words: `\\text{(B)}`, `(B)` and `B` are one; a single letter keeps its case."""
    bare = re.sub(r"\\(?:text\w*|mbox|mathrm|operatorname)\s*\{([^{}]*)\}", r" \1 ", text)
    bare = " ".join(bare.split()).strip(" .()\"'")
    return bare if len(bare) == 1 else bare.lower()


def _many(items: list[Value], kind: str = "many") -> Value:
    if kind == "many":
        flat: list[Value] = []
        for item in items:
            flat.extend(item.data if item.kind == "many" and item.unit == "pm" else [item])
        distinct: list[Value] = []
        for item in flat:
            if not any(same(item, other) and item.label == other.label for other in distinct):
                distinct.append(item)
        items = distinct
        if len(items) == 1:
            return items[0]  # {5} is 5, and so is "a OR b" of one value spelled twice
    if len(items) > MAX_ITEMS:
        raise TooBig("too many values")
    return Value(kind, tuple(items))


def read(text: str) -> Value:
    """The value of a tidied text. Raises TooBig; what cannot be read is of kind text."""
    text = text.strip().rstrip(".").strip()
    parts = [part.strip() for part in math_text.split_top(text, "[,;]")]
    if len(parts) > 1:
        parts = parts if parts[-1] else parts[:-1]
        return Value("text", _text_form(text)) if not all(parts) else _many([read(part) for part in parts])
    spread = math_text.plus_minus(text)
    if len(spread) != 1:
        return Value("many", _many([read(each) for each in spread]).data, unit="pm") if spread else Value("text", text)
    text = spread[0]
    parts = math_text.split_top(text, r"\\cup(?![a-z])")
    if len(parts) > 1:
        return Value("union", tuple(read(part) for part in parts))
    parts = [part.strip() for part in math_text.split_top(text, r"\\approx(?![a-z])")]
    if len(parts) > 1:
        text = parts[1] if _LABEL.fullmatch(parts[0]) else parts[0]
    sides = [side.strip() for side in math_text.split_top(text, r"(?<![<>!:])=|\\in(?![a-zA-Z])")]
    if len(sides) > 1:
        return _equation(sides, text)
    text, unit = math_text.without_words(text)
    value = _single(text)
    return Value(value.kind, value.data, unit or value.unit, value.label)


def _equation(sides: list[str], text: str) -> Value:
    """A name and its value, a chain of equal values, or an equation in earnest."""
    if not all(sides):
        return Value("text", _text_form(text))
    labels = [side for side in sides if _LABEL.fullmatch(side) and side not in (r"\pi", "e", "i")]
    values = [read(side) for side in sides if side not in labels]
    if not values:
        labels, values = labels[:1], [read(side) for side in labels[1:]]
    first = values[0]
    if labels and all(same(first, other) for other in values[1:]):
        return Value(first.kind, first.data, first.unit, "".join(labels[0].split()))
    numbers = [value for value in values if value.kind == "number"]
    agree = all(same(numbers[0], other) for other in numbers[1:])
    if len(numbers) == len(values):
        return first if agree else Value("text", _text_form(text))  # 2 + 2 = 5 has no value
    if not labels and numbers and len(numbers) == len(values) - 1 and agree:
        name = next(side for side, value in zip(sides, values, strict=True) if value.kind != "number")
        bare = re.sub(r"[_^]\s*(?:\{[^{}]*\}|\w)|(?<![A-Za-z])[A-Za-z]\s*\(\s*-?\d+\s*\)", "", name)  # indices and f(2) are part of a name
        if not re.search(r"\d", bare):  # m + n = 113 names a value; 2x = 10 does not
            return Value("number", numbers[0].data, label="".join(name.split()))
    if len(sides) == 2:
        left, right = (math_values.tree(math_text.exact_decimals(side)) for side in sides)
        if isinstance(left, sympy.Expr) and isinstance(right, sympy.Expr):
            return Value("equation", sympy.Add(left, sympy.Mul(-1, right, evaluate=False), evaluate=False))
    return Value("text", _text_form(text))


def _single(text: str) -> Value:
    number = math_literals.number(text)
    if number is not None:
        return Value("number", number)
    if re.fullmatch(r".*[\d}]\s*\\?%", text):
        inner = _single(re.sub(r"\s*\\?%$", "", text))
        if inner.kind == "number":
            hundredth = math_values._combine(lambda a, b: a * b, inner.data, Fraction(1, 100))
            return Value("number", hundredth)
    based = _BASED.fullmatch(text)
    if based and 2 <= int(based.group(2)) <= 36:
        try:
            return Value("number", Fraction(int(based.group(1), int(based.group(2)))))
        except ValueError:
            return Value("text", _text_form(text))
    if re.fullmatch(r"\(?\s*[A-Za-df-hj-z]\s*\)?", text):
        return Value("text", _text_form(text))  # a choice or a name; the parser would lower its case. Only e and i are numbers
    inside = math_text.enclosed(text)
    if inside:
        opening, body, closing = inside
        if opening == r"\{" and closing == r"\}":
            builder = re.match(rf"\s*{_NAME}\s*(?:\\in\s*\\mathbb\s*\{{R\}}\s*)?(?:\\mid(?![a-z])|\\vert(?![a-z])|[|:])\s*(?=\S)", body)
            if builder:  # {x | x > 2}
                return read(body[builder.end() :])
            return Value("many", ()) if not body.strip() else _many([read(part) for part in math_text.split_top(body, "[,;]")])
        items = math_text.split_top(body, "[,;]")
        if len(items) > 1:
            return _many([read(part) for part in items], kind="ordered" + opening + closing)
        if opening + closing in ("()", "[]"):
            return read(body)
    if re.fullmatch(r"[+-]?\s*\\infty", text):
        return Value("text", text.replace(" ", "").replace("+", ""))
    words = _text_form(text)
    if text in (r"\emptyset", r"\varnothing") or _NOTHING.fullmatch(words):
        return Value("many", ())
    if words in ("infinity", "-infinity"):
        return Value("text", words.replace("infinity", r"\infty"))
    holes = re.fullmatch(r"\\mathbb\s*\{R\}\s*(?:\\setminus|\\backslash|-|\\)\s*(\\\{.*\\\})", text)
    if holes:
        return _without(read(holes.group(1))) or Value("text", words)
    listed = math_text.block(text)
    if listed and re.fullmatch(r"[A-Z]{1,4}(?:, [A-Z]{1,4})+", listed):  # \text{A and C}
        return read(listed)
    if text == r"\mathbb{R}" or words in ("all real numbers", "all reals"):
        return read(r"(-\infty, \infty)")
    ratio = math_text.split_top(text, ":")
    if len(ratio) > 2 and "\\" not in text or re.fullmatch(r"\d+\s*:\s*0+", text):  # 12:00 is no division
        return _many([read(part) for part in ratio], kind="ordered::")
    return _parsed(text)


def _parsed(text: str) -> Value:
    words = Value("text", _text_form(text))
    if too_much(text) or math_text.congruence(text):
        return words
    if re.fullmatch(r"[A-Za-z]{2,}(?:[ -][A-Za-z]+)*|\\text.*|\\(?:mathrm|mbox|operatorname)\s*\{[^{}]*\}", text) or re.search(
        r"(?<![_^\d])\d+\s+\d", text
    ):
        return words
    node = math_values.tree(math_text.exact_decimals(text))
    try:
        value = _from_tree(node)
    except TooBig:
        raise
    except (Unreadable, ZeroDivisionError, RecursionError):
        return words
    return words if value is None else value


def _without(holes: Value) -> Value | None:
    """The real numbers without these."""
    points = list(holes.data) if holes.kind == "many" else [holes]
    if any(point.kind != "number" for point in points):
        return None
    points.sort(key=cmp_to_key(lambda a, b: -1 if math_values.less(a.data, b.data) else 1))
    ends = [Value("text", r"-\infty"), *points, Value("text", r"\infty")]
    return Value("union", tuple(Value("ordered()", pair) for pair in pairwise(ends)))


def _from_tree(node: Any) -> Value | None:
    name = type(node).__name__
    if name in _RELATIONS:
        strict, flip = _RELATIONS[name]
        ends = [_from_tree(arg) for arg in (node.args[::-1] if flip else node.args)]
        return None if None in ends else Value("relation", (strict, *ends))
    if isinstance(node, sympy.Ne) and isinstance(node.lhs, sympy.Symbol):
        hole = _from_tree(node.rhs)
        return None if hole is None else _without(hole)
    if isinstance(node, sympy.And):
        ends = [_from_tree(arg) for arg in node.args]
        known = [end for end in ends if end is not None]
        return _many(known) if len(known) == len(ends) else None
    if isinstance(node, sympy.MatrixBase):
        entries = [_from_tree(entry) for entry in node]
        return None if None in entries else Value(f"ordered{node.shape}", tuple(entries))
    if not isinstance(node, sympy.Expr):
        return None
    if math_values.symbols(node):
        return Value("function", node)
    return Value("number", math_values.evaluate(node, {}))


def same(a: Value, b: Value) -> bool:
    """Whether two values are one and the same answer."""
    if a.unit and b.unit and "pm" not in (a.unit, b.unit) and a.unit != b.unit:
        return False
    if len(a.label) == len(b.label) == 1 and a.label.lower() != b.label.lower():
        return False  # x = 2 and y = 2
    if a.kind == b.kind == "number" and a.label and b.label and a.label != b.label and _SUM.search(a.label + b.label):
        left, right = _as_equation(a, named=True), _as_equation(b, named=True)  # x + y = 1 and x - y = 1
        return left is not None and right is not None and math_values.proportional(left, right)
    if a.kind != b.kind:
        return _same_of_kinds(a, b)
    if a.kind == "number":
        return math_values.same_number(a.data, b.data)
    if a.kind == "function":
        return math_values.same_function(a.data, b.data)
    if a.kind == "equation":
        return math_values.proportional(a.data, b.data)
    if a.kind == "relation":
        return a.data[0] == b.data[0] and all(same(x, y) for x, y in zip(a.data[1:], b.data[1:], strict=True))
    if a.kind == "text":
        return a.data == b.data
    if len(a.data) != len(b.data):
        return False
    if a.kind.startswith("ordered"):
        return all(same(x, y) for x, y in zip(a.data, b.data, strict=True))
    labelled = all(item.label for item in (*a.data, *b.data)) and all(len({item.label for item in side.data}) > 1 for side in (a, b))
    return all(any(same(x, y) and (not labelled or x.label == y.label) for y in b.data) for x in a.data) and all(
        any(same(x, y) for x in a.data) for y in b.data
    )


def _same_of_kinds(a: Value, b: Value) -> bool:
    """Across kinds: the same equation, the same range of numbers, the same function."""
    left, right = _as_equation(a), _as_equation(b)
    if left is not None and right is not None:
        return math_values.proportional(left, right)
    ours, theirs = ranges(a), ranges(b)
    if ours is not None and theirs is not None:
        return same_ranges(ours, theirs)
    if {a.kind, b.kind} == {"number", "function"}:  # x - x + 3 is 3
        number, function = (a, b) if a.kind == "number" else (b, a)
        return isinstance(number.data, Fraction) and math_values.same_function(_rational(number.data), function.data)
    if {a.kind, b.kind} == {"text", "function"}:
        text, function = (a, b) if a.kind == "text" else (b, a)
        if isinstance(function.data, sympy.Symbol):
            return text.data == str(function.data)
        letters = math_values.tree(" ".join(text.data)) if re.fullmatch(r"[a-z]{2,4}", text.data) else None  # xy
        return isinstance(letters, sympy.Expr) and math_values.same_function(letters, function.data)
    return False


def _as_equation(value: Value, named: bool = False) -> sympy.Expr | None:
    """The tree that is zero: of an equation, of `y = 2x + 3`, of `x + y = 1`; of `x = 5`, a value and its name, only with `named`."""
    if value.kind == "equation":
        return value.data
    if not value.label or value.kind not in ("number", "function"):
        return None
    if value.kind == "number" and not named and not _SUM.search(value.label):
        return None
    name = math_values.tree(value.label)
    data = value.data if value.kind == "function" else _rational(value.data) if isinstance(value.data, Fraction) else None
    if data is None or not isinstance(name, sympy.Expr) or not name.free_symbols:
        return None
    return sympy.Add(name, sympy.Mul(-1, data, evaluate=False), evaluate=False)


def _rational(value: Fraction) -> sympy.Expr:
    return sympy.Rational(value.numerator, value.denominator)


def _readings(text: str) -> list[Value]:
    return [read(reading) for reading in math_text.readings(math_text.tidy(text))]


@lru_cache(maxsize=4096)
def gold_values(answer: str) -> tuple[Value, ...]:
    """The readings of a gold. Raises Fault where it has none: unbalanced, too large, or prose that needs a judge."""
    remedy = "The data is at fault, not the completion: correct the answer or drop the problem."
    shown = repr(answer if len(answer) < 100 else answer[:100] + "…")
    reason = too_much(answer) or (None if math_text.balanced(answer) else "its braces do not balance")
    if reason is None and len(re.findall(r"(?<![\\A-Za-z])[A-Za-z]{3,}", answer)) > 6:
        reason = "it is prose, and needs a judge"
    if reason is None:
        try:
            values = tuple(_readings(answer))
        except TooBig as error:
            raise Fault(f"gold answer {shown} cannot be compared: {error}. {remedy}") from None
        if any(_sound(value) for value in values):
            return values
        reason = "it is no number, expression, set, tuple or short word"
    raise Fault(f"gold answer {shown} cannot be read: {reason}. {remedy}")


def _sound(value: Value) -> bool:
    if value.kind == "text":
        return bool(re.fullmatch(r"[-+]?\\infty|[A-Za-z][A-Za-z '-]{0,40}", value.data))
    return all(_sound(item) for item in value.data if isinstance(item, Value)) if isinstance(value.data, tuple) else True


def judge(gold: str, answer: str) -> Verdict:
    """The verdict of one extracted answer. Raises Fault for an unreadable gold; other exceptions are the machinery's."""
    golds = gold_values(gold)
    if math_text.tidy(gold) == math_text.tidy(answer):
        return Verdict("correct", answer, "the same text")
    try:
        values = _readings(answer)
        if any(same(ours, theirs) for ours in golds for theirs in values):
            return Verdict("correct", answer)
    except TooBig as error:
        return Verdict("parse_error", answer, str(error))
    except RecursionError:
        return Verdict("parse_error", answer, "nested too deeply")
    if all(value.kind == "text" and not _sound(value) for value in values):
        return Verdict("parse_error", answer, "no value could be read")
    return Verdict("wrong", answer)
