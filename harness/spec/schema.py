"""The JSON Schema of a suite file (draft 2020-12): editors complete and check from it.

It knows shapes, names of methods and parts; what only looking across sections tells is left to `load_suite`.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from harness.spec.faults import LATER
from harness.spec.model import SuiteFile
from harness.spec.parts import hints, kinds, members, turning
from harness.spec.rows import ANSWERS, LABEL, TRAIN
from methods import METHODS
from methods.method import Method, Term

# Sections that a suite with `like` may leave incomplete.
MERGED = (
    "Seeds",
    "Overlap",
    "Report",
    "Primary",
    "Train",
    "ProblemsSpec",
    "SamplingSpec",
    "RoleSampling",
    "Limits",
    "Format",
    "Rounds",
    "Optim",
    "Lora",
)


def schema() -> dict[str, Any]:
    """The schema as plain data."""
    whole = SuiteFile.model_json_schema(ref_template="#/$defs/{model}")
    defs = whole.pop("$defs")
    for name in MERGED:
        defs[f"{name}Partial"] = partial(defs[name])
    defs |= part_definitions()
    defs["Row"] = row()
    properties = whole["properties"]
    properties["suite"] = {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "description": "The suite's name; it becomes a folder."}
    properties["like"] = {"type": "string", "description": "A suite file, beside this one, that this one overrides."}
    properties["methods"] = {"type": "array", "minItems": 1, "items": {"anyOf": [{"enum": sorted(METHODS)}, ref("Row")]}}
    inherited = {
        key: {"anyOf": [partial_refs(value), {"type": "null"}]} for key, value in properties.items() if key not in ("suite", "like")
    }
    inherited |= {key: {"type": "null", "description": "Cleared; not yet known in this version."} for key in LATER[""]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A suite of opd-harness",
        "type": "object",
        "if": {"required": ["like"], "properties": {"like": {"type": "string"}}},
        "then": {
            "required": ["suite"],
            "properties": {"suite": properties["suite"], "like": properties["like"], **inherited},
            "additionalProperties": False,
        },
        "else": {"required": whole["required"], "properties": properties, "additionalProperties": False},
        "$defs": defs,
    }


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def partial(definition: dict[str, Any]) -> dict[str, Any]:
    """The section with nothing required, within and below: what a child of `like` or a row may say of it."""
    loose = partial_refs(definition)
    loose.pop("required", None)
    return loose


def partial_refs(node: Any) -> Any:
    if isinstance(node, list):
        return [partial_refs(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: partial_refs(value) for key, value in node.items()}
    name = str(node.get("$ref", "")).removeprefix("#/$defs/")
    return found | ref(f"{name}Partial") if name in MERGED else found


# --- rows and parts --------------------------------------------------------------------------------------------------


def row() -> dict[str, Any]:
    dotted = "^(" + "|".join(("train", *ANSWERS, *TRAIN)) + r")\..+$"
    questions = hints(Method)
    return {
        "type": "object",
        "required": ["method"],
        "properties": {
            "method": {"enum": sorted(METHODS)},
            "label": {"type": "string", "pattern": "^" + LABEL.pattern.replace(r"\Z", "$")},
            "grid": {
                "type": "object",
                "description": "Dotted paths into the method or train, each with its values: one row for each combination.",
                "minProperties": 1,
                "additionalProperties": {"type": "array", "minItems": 1},
                "propertyNames": {"pattern": "^(" + "|".join(("train", *ANSWERS, *TRAIN)) + r")(\..+)?$"},
            },
            "train": ref("TrainPartial"),
            **{question: value_of(questions[question]) for question in ANSWERS},
        },
        "patternProperties": {dotted: {}},
        "additionalProperties": False,
    }


def part_definitions() -> dict[str, Any]:
    """Every part that a method's answers can name, and those inside them."""
    found: dict[str, Any] = {}
    waiting = [kind for question in ANSWERS for kind in part_kinds(hints(Method)[question])]
    while waiting:
        kind = waiting.pop()
        if f"part.{kind.__name__}" not in found:
            found[f"part.{kind.__name__}"] = fields_of(kind)
            waiting += [inner for hint in hints(kind).values() for inner in part_kinds(hint)]
    return found


def part_kinds(hint: Any) -> list[type]:
    inner = [arguments[-1] for each in members(hint) if (arguments := typing.get_args(each)) and typing.get_origin(each) is not Literal]
    return [*kinds(hint).values(), *(kind for each in inner for kind in part_kinds(each))]


def fields_of(kind: type) -> dict[str, Any]:
    described = {
        "type": "object",
        "properties": {name: value_of(hint, kind in turning()) for name, hint in hints(kind).items()},
        "additionalProperties": False,
    }
    if kind is Term:
        return described | {"description": "A further term of the objective, or the fields of one to change."}
    text = (kind.__doc__ or "").strip().partition("\n")[0]
    return described | ({"description": text} if text and not text.startswith(f"{kind.__name__}(") else {})


def over() -> dict[str, Any]:
    """What follows the run: points of it, each with what stands there."""
    point = {"type": "array", "minItems": 2, "maxItems": 2}
    points = {"type": "array", "minItems": 2, "items": point}
    return {"type": "object", "required": ["Over"], "properties": {"Over": points}, "additionalProperties": False}


def value_of(hint: Any, may_turn: bool = False) -> dict[str, Any]:
    """What may be written for a field: a part's name, a part written out, fields to change, or a plain value."""
    known = kinds(hint)
    choices: list[dict[str, Any]] = [over()] if may_turn else []
    if known:
        choices.append({"enum": sorted(known)})
        choices += [
            {"type": "object", "required": [name], "properties": {name: ref(f"part.{name}")}, "additionalProperties": False}
            for name in sorted(known)
        ]
        choices += [{**ref(f"part.{name}"), "minProperties": 1} for name, kind in sorted(known.items()) if dataclasses.fields(kind)]
    for each in members(hint):
        origin = typing.get_origin(each)
        if each is types.NoneType:
            choices.append({"type": "null"})
        elif origin is Literal:
            choices.append({"enum": list(typing.get_args(each))})
        elif each in (int, float, str, bool):
            choices.append({"type": {int: "integer", float: "number", str: "string", bool: "boolean"}[each]})
        elif origin in (tuple, list):
            choices.append({"type": "array"})
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            inner = typing.get_args(each)[1]
            terms = [ref(f"part.{kind.__name__}") for kind in kinds(inner).values()] or [{}]
            choices.append({"type": "object", "additionalProperties": {"anyOf": [*terms, {"type": "null"}]}})
    return choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {}
