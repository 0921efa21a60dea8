"""Typed values of answers, and when two are the same: numbers exact, lists unordered, tuples ordered, text by its letters.

`judge(gold, answer)` runs inside a worker. Symmetric by construction: every rule below treats its two sides alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import sympy

from harness.grading import math_text, math_values
from harness.grading.math_answer import too_much
from harness.grading.math_values import TooBig, Unreadable
from harness.records import Fault, Verdict

MAX_ITEMS = 200
_DECIMAL = re.compile(r"([+-]?)\s*(\d*)(?:\.(\d*))?")
_RATIO = re.compile(r"([+-]?)\s*(?:\\frac\s*\{\s*([+-]?\d+)\s*\}\s*\{\s*(\d+)\s*\}|(\d+)\s*/\s*(\d+))")
_RECURRING = re.compile(r"([+-]?)\s*(\d*)\.(\d*)\s*\\(?:overline|bar|dot)\s*\{\s*(\d+)\s*\}")
_BASED = re.compile(r"([0-9A-Z]+)\s*_\s*\{?\s*(\d+)\s*\}?")
_NAME = r"(?:\\[a-zA-Z]+\s*|[A-Za-z])(?:_(?:\{[^{}]*\}|\w))?'*"
_LABEL = re.compile(rf"(?:{_NAME}|[A-Za-z]+\s*\([A-Za-z, ]*\)|\(\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\)|\\text\s*\{{[^{{}}]*\}})")
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


def _number(text: str) -> Fraction | None:
    """Literals without a parser: integers, decimals, plain fractions."""
    found = _DECIMAL.fullmatch(text)
    if found and (found.group(2) or found.group(3)):
        part = found.group(3) or ""
        return Fraction(int(found.group(1) + (found.group(2) or "") + part), 10 ** len(part))
    found = _RATIO.fullmatch(text)
    if found:
        top, bottom = int(found.group(2) or found.group(4)), int(found.group(3) or found.group(5))
        return Fraction(-top if found.group(1) == "-" else top, bottom) if bottom else None
    found = _RECURRING.fullmatch(text)
    if found:
        head, cycle = found.group(3), found.group(4)
        value = Fraction(int((found.group(2) or "0") + head)) + Fraction(int(cycle), 10 ** len(cycle) - 1)
        return value / 10 ** len(head) * (-1 if found.group(1) == "-" else 1)
    return None


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
    if len(numbers) == len(values):
        return first if all(same(first, other) for other in numbers) else Value("text", _text_form(text))  # 2 + 2 = 5 has no value
    if not labels and len(sides) == 2 and len(numbers) == 1:
        name = sides[0] if values[1].kind == "number" else sides[1]
        bare = re.sub(r"[_^]\s*(?:\{[^{}]*\}|\w)|(?<![A-Za-z])[A-Za-z]\s*\(\s*-?\d+\s*\)", "", name)  # indices and f(2) are part of a name
        if not re.search(r"\d", bare):  # m + n = 113 names a value; 2x = 10 does not
            return Value("number", numbers[0].data, label="".join(name.split()))
    if len(sides) == 2:
        left, right = (math_values.tree(math_text.exact_decimals(side)) for side in sides)
        if isinstance(left, sympy.Expr) and isinstance(right, sympy.Expr):
            return Value("equation", sympy.Add(left, sympy.Mul(-1, right, evaluate=False), evaluate=False))
    return Value("text", _text_form(text))


def _single(text: str) -> Value:
    number = _number(text)
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
    if re.fullmatch(r"\(?\s*[A-DF-HJ-Za-df-hj-z]\s*\)?", text):
        return Value("text", _text_form(text))  # a choice or a name; the parser would lower its case. e, E, i and I are numbers
    inside = math_text.enclosed(text)
    if inside:
        opening, body, closing = inside
        if opening == r"\{" and closing == r"\}":
            return Value("many", ()) if not body.strip() else _many([read(part) for part in math_text.split_top(body, "[,;]")])
        items = math_text.split_top(body, "[,;]")
        if len(items) > 1:
            return _many([read(part) for part in items], kind="ordered" + opening + closing)
        if opening + closing in ("()", "[]"):
            return read(body)
    if re.fullmatch(r"[+-]?\s*\\infty", text):
        return Value("text", text.replace(" ", "").replace("+", ""))
    if text in (r"\emptyset", r"\varnothing"):
        return Value("many", ())
    ratio = math_text.split_top(text, ":")
    if len(ratio) > 2 and "\\" not in text:
        return _many([read(part) for part in ratio], kind="ordered::")
    return _parsed(text)


def _parsed(text: str) -> Value:
    words = Value("text", _text_form(text))
    if too_much(text) or math_text.congruence(text):
        return words
    if re.fullmatch(r"[A-Za-z]{2,}(?:[ -][A-Za-z]+)*|\\text.*", text) or re.search(r"(?<![_^\d])\d+\s+\d", text):
        return words
    node = math_values.tree(math_text.exact_decimals(text))
    try:
        value = _from_tree(node)
    except TooBig:
        raise
    except (Unreadable, ZeroDivisionError, RecursionError):
        return words
    return words if value is None else value


def _from_tree(node: Any) -> Value | None:
    name = type(node).__name__
    if name in _RELATIONS:
        strict, flip = _RELATIONS[name]
        ends = [_from_tree(arg) for arg in (node.args[::-1] if flip else node.args)]
        return None if None in ends else Value("relation", (strict, *ends))
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
    if a.kind != b.kind:
        if {a.kind, b.kind} == {"number", "function"}:  # x - x + 3 is 3
            number, function = (a, b) if a.kind == "number" else (b, a)
            return isinstance(number.data, Fraction) and math_values.same_function(_rational(number.data), function.data)
        if {a.kind, b.kind} == {"text", "function"}:
            return _name_of(a) == _name_of(b)
        return False
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


def _rational(value: Fraction) -> sympy.Expr:
    return sympy.Rational(value.numerator, value.denominator)


def _name_of(value: Value) -> str:
    return value.data if value.kind == "text" else str(value.data) if isinstance(value.data, sympy.Symbol) else ""


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
