"""A method's answers as plain data and back: what a step's params keep, and what the engine calls."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from methods import METHODS
from methods.method import Method, Term
from methods.parts import contexts, keep, losses, teachers, tokens, writers


def values_in(value: Any) -> Iterator[Any]:
    """Every dataclass value inside, itself included."""
    if is_dataclass(value) and not isinstance(value, type):
        yield value
        for f in fields(value):
            yield from values_in(getattr(value, f.name))
    elif hasattr(value, "values"):
        for item in value.values():
            yield from values_in(item)


def part_types() -> dict[str, type]:
    """All classes that an answer may be made of: the parts of this repository, and those of registered entries."""
    modules = (contexts, keep, losses, teachers, tokens, writers)
    types = {name: item for module in modules for name, item in vars(module).items() if isinstance(item, type) and is_dataclass(item)}
    for method in METHODS.values():
        types.update({type(value).__name__: type(value) for value in values_in(method)})
    return {**types, "Term": Term}


def decode(data: Any, types: dict[str, type] | None = None) -> Any:
    """The inverse of `step.canonical` for answers. Raises ValueError on a class that is not registered."""
    types = part_types() if types is None else types
    if isinstance(data, dict) and "type" in data:
        if data["type"] not in types:
            raise ValueError(f"no registered part is called {data['type']!r}; is the package with its entry point installed?")
        kind = types[data["type"]]
        return kind(**{f.name: decode(data[f.name], types) for f in fields(kind) if f.init})
    if isinstance(data, dict):
        return {key: decode(item, types) for key, item in data.items()}
    if isinstance(data, list):
        return tuple(decode(item, types) for item in data)
    return data


def fingerprint(method_terms: dict[str, Term]) -> str:
    """A hash of the source of every part in the answers, comments and docstrings left out: it moves when an answer's code is edited."""
    kinds = {type(value) for term in method_terms.values() for value in values_in(term)} - {Term, Method}
    sources = {f"{base.__module__}.{base.__qualname__}": meaning(base) for kind in kinds for base in kind.__mro__ if base is not object}
    return hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()[:16]


def meaning(kind: type) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError):
        return kind.__qualname__
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body[0].value.value = ""
    return ast.dump(tree)
