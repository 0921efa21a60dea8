"""A method's answers as plain data and back: what a step's params keep, and what the engine calls."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any

from harness.records import Fault
from methods import METHODS
from methods.method import Method, Term
from methods.parts import (
    contexts,
    divergences,
    keep,
    losses,
    peers,
    rewards,
    routes,
    schedule,
    supports,
    teachers,
    tokens,
    triggers,
    writers,
)

MODULES = (contexts, divergences, keep, losses, peers, rewards, routes, schedule, supports, teachers, tokens, triggers, writers)


def values_in(value: Any) -> Iterator[Any]:
    """Every dataclass value inside, itself included."""
    if is_dataclass(value) and not isinstance(value, type):
        yield value
        for f in fields(value):
            yield from values_in(getattr(value, f.name))
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from values_in(item)


@functools.cache
def part_types() -> dict[str, type]:
    """All classes that an answer may be made of: the parts of this repository, and those of registered entries.

    An address knows a class by its bare name, so two classes of one name cannot both take part. Raises Fault.
    """
    types = {name: item for module in MODULES for name, item in vars(module).items() if isinstance(item, type) and is_dataclass(item)}
    for method in METHODS.values():
        for kind in map(type, values_in(method)):
            if types.setdefault(kind.__name__, kind) is not kind:
                other = types[kind.__name__]
                raise Fault(
                    f"method {method.name!r}: its part {kind.__module__}.{kind.__name__} bears the name of {other.__module__}.{other.__name__}, "
                    "and addresses in the store could not tell them apart. Give the class another name."
                )
    return {**types, "Term": Term}


def decode(data: Any, types: dict[str, type] | None = None) -> Any:
    """The inverse of `step.canonical` for answers. Raises ValueError on a class that is not registered."""
    types = part_types() if types is None else types
    if isinstance(data, dict) and "type" in data:
        if data["type"] not in types:
            raise ValueError(f"no registered part is called {data['type']!r}; is the package with its entry point installed?")
        kind = types[data["type"]]
        return kind(**{f.name: decode(data[f.name], types) for f in fields(kind) if f.init and f.name in data})  # others: at their default
    if isinstance(data, dict):
        return {key: decode(item, types) for key, item in data.items()}
    if isinstance(data, list):
        return tuple(decode(item, types) for item in data)
    return data


def fingerprint(method_terms: dict[str, Term]) -> str:
    """A hash of what the answers' code means: it moves when a part, a base of one, or a helper that they name is edited."""
    todo: list[Any] = [type(value) for term in method_terms.values() for value in values_in(term)]
    sources: dict[str, str] = {}
    while todo:
        item = todo.pop()
        name = f"{item.__module__}.{item.__qualname__}"
        if name not in sources and item not in (Term, Method, object):
            sources[name], named = meaning(item)
            todo += [*named, *getattr(item, "__bases__", ())]
    return hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()[:16]


@functools.cache
def meaning(item: type | FunctionType) -> tuple[str, list[Any]]:
    """The code of a class or function without docstrings, comments and annotations, and the helpers of its own package that it names."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(item)))
    except (OSError, TypeError):
        return item.__qualname__, []
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body[0].value.value = ""
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(...)
    around = vars(sys.modules[item.__module__])
    found = [around[name] for name in sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}) if name in around]
    package = item.__module__.partition(".")[0]
    helpers = [each for each in found if isinstance(each, type | FunctionType) and each.__module__.partition(".")[0] == package]
    constants = [each for each in found if isinstance(each, int | float | str)]
    return ast.unparse(tree) + repr(constants), helpers  # as code: `ast.dump` has another form with each Python
