"""Faults of a suite as a reader can act on them: file:line:column, key, what is wrong, what to do. One a line."""

from __future__ import annotations

import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from harness.document import Document, did_you_mean, dotted
from harness.records import Fault
from harness.spec.parts import members, spelled

SHOWN = 5

# Wanted, and part of the format one day; until then they are refused rather than passed over in silence.
LATER = {
    "": ("validate", "select", "tune"),
    "report": ("contrasts", "beside"),
    "train.problems": ("tests", "share", "hold_out"),
}

EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping of fields",
}
RELATIONS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


class Faults(list[str]):
    """Lines found so far; `raise_if_any` ends the work with all of them."""

    def raise_if_any(self) -> None:
        if not self:
            return
        lines = list(dict.fromkeys(self))
        more = [f"… and {len(lines) - SHOWN} more."] if len(lines) > SHOWN else []
        raise Fault("\n".join([*lines[:SHOWN], *more]))


def translate(error: ValidationError, document: Document, root: type[BaseModel], base: tuple[str | int, ...] = ()) -> list[str]:
    """Pydantic's errors in the words of the file. `base` is where the validated data stands in the document."""
    data = inside(document.data, base)
    by_path: dict[tuple[str | int, ...], list[dict[str, Any]]] = {}
    for each in error.errors(include_url=False):
        path = real_path(each["loc"], data, each["type"])
        by_path.setdefault(path, []).append(typing.cast(dict[str, Any], each))
    deepest = [path for path in by_path if not any(other != path and other[: len(path)] == path for other in by_path)]
    lines = []
    for path in sorted(deepest, key=lambda path: by_path[path][0]["type"] == "missing"):  # a misspelt key explains a missing one
        found, full = by_path[path], (*base, *path)
        first = found[0]
        if first["type"] == "extra_forbidden":
            lines.append(document.fault(full, unknown_key(full, path, data, root), at_key=True))
        elif first["type"] == "missing":
            around = dotted(full[:-1])
            lines.append(
                document.fault(
                    full, f"is missing: {around or 'a suite'} says it, for nothing stands in for it. Add `{full[-1]}:`.", at_key=True
                )
            )
        else:
            lines.append(document.fault(full, wrong_value(found)))
    return lines


def real_path(loc: tuple[str | int, ...], data: Any, kind: str) -> tuple[str | int, ...]:
    """Pydantic's place without the names of union members that it mixes in."""
    path: list[str | int] = []
    here = data
    for index, part in enumerate(loc):
        if (below := inside(here, (part,))) is not None or (isinstance(here, dict) and part in here):
            path.append(part)
            here = below
        elif kind == "missing" and index == len(loc) - 1:
            path.append(part)
    return tuple(path)


def unknown_key(full: tuple[str | int, ...], path: tuple[str | int, ...], data: Any, root: type[BaseModel]) -> str:
    key = str(path[-1])
    section = dotted(part for part in full[:-1] if isinstance(part, str))
    if key in LATER.get(section, ()):
        return f"{key!r} is not yet known in this version. Leave it out for now{', or clear an inherited one with null' if not section else ''}."
    return f"there is no key {key!r} here.{did_you_mean(key, fields_at(root, path[:-1], data))}"


def fields_at(hint: Any, path: tuple[str | int, ...], data: Any) -> list[str]:
    """The keys that may stand at a path, by the annotations of the models."""
    here = list(members(hint))
    for part in path:
        below: list[Any] = []
        for each in here:
            if isinstance(each, type) and issubclass(each, BaseModel):
                if part in each.model_fields:
                    below += members(each.model_fields[str(part)].annotation)
            elif typing.get_origin(each) in (dict, list):
                below += members(typing.get_args(each)[-1])
        here = below
    data = inside(data, path)
    found = [each for each in here if isinstance(each, type) and issubclass(each, BaseModel)]
    touched = [each for each in found if isinstance(data, dict) and data.keys() & each.model_fields.keys()]
    return [name for each in touched or found for name in each.model_fields]


def inside(data: Any, path: tuple[str | int, ...]) -> Any:
    """What stands at the path, or None."""
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        else:
            data = data[part] if isinstance(data, list) and isinstance(part, int) and part < len(data) else None
    return data


def wrong_value(found: list[dict[str, Any]]) -> str:
    """All that was expected at one place, in one sentence."""
    value = found[0]["input"]
    wants, words = [], []
    for each in found:
        kind, context = each["type"], each.get("ctx") or {}
        if kind == "literal_error":
            allowed = str(context["expected"]).replace("'", "")
            words += allowed.replace(" or ", ", ").split(", ")
            wants.append(allowed)
        elif kind in RELATIONS:
            name, word = RELATIONS[kind]
            wants.append(f"a number {word} {context[name]:g}")
        elif kind == "too_short":
            wants.append(f"at least {context['min_length']} {'entry' if context['min_length'] == 1 else 'entries'}")
        elif kind == "too_long":
            wants.append(f"at most {context['max_length']} entries")
        elif kind in EXPECTED:
            wants.append(EXPECTED[kind])
        else:
            wants.append(each["msg"].removeprefix("Value error, ").removeprefix("expected "))
    hint = did_you_mean(value, words).partition(" Known:")[0] if isinstance(value, str) and words else ""
    return f"{spelled(value)} does not fit: expected {' or '.join(dict.fromkeys(wants))}.{hint}"
