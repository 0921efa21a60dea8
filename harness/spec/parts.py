"""Answers of a method from YAML values.

`Every` is a part with its defaults, `{TopK: {k: 32, tail: renorm}}` one written out, `{k: 128}` the part that the method
already has with that field changed. The types of the dataclass fields say what may stand where; for any field of a loss and of the
parts in it `{Over: [[0, 0.8], [1, 0.0]]}` may stand: points of the run, and what the field is there.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Union

from harness.document import did_you_mean
from methods.parts.losses import NLL, Loss, Over
from methods.parts.rewards import Reward

Where = tuple[str | int, ...]


class Misfit(Exception):
    """A value that fits no part. `path` is relative to where building began; `at_key` where the key itself is wrong."""

    def __init__(self, path: Where, text: str, at_key: bool = False):
        super().__init__(text)
        self.path, self.text, self.at_key = path, text, at_key


@functools.cache
def hints(kind: type) -> dict[str, Any]:
    """Field name -> type of the dataclass's own fields, in order."""
    resolved = typing.get_type_hints(kind)
    return {each.name: resolved[each.name] for each in dataclasses.fields(kind) if each.init or each.name in resolved}


def members(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union; the hint itself where it is none."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        return tuple(member for each in typing.get_args(hint) for member in members(each))
    if typing.get_origin(hint) is typing.Annotated:
        return members(typing.get_args(hint)[0])
    return (hint,)


def offspring(kind: type) -> list[type]:
    return [each for child in kind.__subclasses__() for each in (child, *offspring(child))]


def kinds(hint: Any) -> dict[str, type]:
    """Class name -> class of the parts that may stand here. A lone base class stands for those derived from it."""
    found: dict[str, type] = {}
    alternatives = [each for each in members(hint) if isinstance(each, type) and each is not types.NoneType]
    for kind in alternatives:
        below = offspring(kind) if kind.__module__.partition(".")[0] not in ("builtins", "typing", "collections") else []
        lone_base = bool(below) and len(alternatives) == 1
        for each in ([] if lone_base else [kind]) + below:
            if "__dataclass_fields__" in vars(each) and each is not Over:  # which may stand for anything in a loss: see `turning`
                found.setdefault(each.__name__, each)
    return found


@functools.cache
def turning() -> frozenset[type]:
    """The parts whose fields may follow the run: the losses, and what they are made of."""
    found: set[type] = set()
    todo: list[type] = [Loss, NLL, Reward]
    while todo:
        kind = todo.pop()
        if kind not in found:
            found.add(kind)
            todo += [inner for hint in hints(kind).values() for inner in kinds(hint).values()]
    return frozenset(found)


def build(value: Any, hint: Any, current: Any = None, path: Where = ()) -> Any:
    """The value as a part or a plain field of type `hint`; `current` is what stands there now. Raises Misfit."""
    alternatives = members(hint)
    if Any in alternatives:
        return value
    if value is None:
        if types.NoneType in alternatives:
            return None
        raise Misfit(path, f"null does not fit here: expected {expected(hint)}.")
    known = kinds(hint)
    if known:
        return part(value, hint, known, current, path)
    return field_value(value, alternatives, hint, current, path)


def part(value: Any, hint: Any, known: dict[str, type], current: Any, path: Where) -> Any:
    if isinstance(value, str):
        if value in words(hint):
            return value
        if value not in known:
            raise Misfit(path, f"there is no part {value!r} here.{belongs(value, known) or did_you_mean(value, known)}")
        return construct(known[value], {}, path)
    if not isinstance(value, dict):
        raise Misfit(path, f"{spelled(value)} does not fit here: expected {expected(hint)}.")
    if not value:
        raise Misfit(path, "an empty mapping changes nothing. Name a part or a field, or leave the key away.")
    named = [key for key in value if key[:1].isupper()]
    if named:
        if len(value) > 1:
            raise Misfit(
                (*path, named[0]),
                f"a part is written alone, as {{{named[0]}: {{field: value}}}}. Move the other keys into it.",
                at_key=True,
            )
        name, fields = named[0], value[named[0]]
        if name not in known:
            raise Misfit((*path, name), f"there is no part {name!r} here.{did_you_mean(name, known)}", at_key=True)
        if not isinstance(fields, dict):
            raise Misfit((*path, name), f"expected the fields of {name} as a mapping; for its defaults write just `{name}`.")
        return construct(known[name], fields, (*path, name))
    if current is None:
        if len(known) == 1:  # nothing to change, but no doubt which part is meant
            return construct(next(iter(known.values())), value, path)
        raise Misfit(path, f"nothing stands here whose fields could be changed. Name the part: {{{' | '.join(sorted(known))}: {{…}}}}.")
    return changed(current, value, path)


def belongs(value: str, known: dict[str, type]) -> str:
    """Where a part of that name may stand, if not here: as a field of one that may."""
    fields = [name for kind in known.values() for name, hint in hints(kind).items() if value in kinds(hint)]
    return f" It is a {fields[0]}: write {{{fields[0]}: {value}}}." if fields else ""


def construct(kind: type, given: dict[str, Any], path: Where) -> Any:
    """A part from its defaults and the given fields."""
    fields = hints(kind)
    refuse_unknown(kind, given, fields, path)
    defaults = {each.name: each for each in dataclasses.fields(kind)}
    values = {}
    for name, value in given.items():
        default = defaults[name].default
        values[name] = field_of(kind, value, fields[name], None if default is dataclasses.MISSING else default, (*path, name))
    missing = [
        name
        for name, each in defaults.items()
        if name not in values and each.init and each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise Misfit(
            path,
            f"{kind.__name__} has no default for {', '.join(missing)}. Say "
            f"{', '.join(f'{name}: {expected(fields[name])}' for name in missing)}.",
        )
    return called(lambda: kind(**values), path)


def changed(current: Any, given: dict[str, Any], path: Where) -> Any:
    """The part that stands here with the given fields changed."""
    fields = hints(type(current))
    refuse_unknown(type(current), given, fields, path)
    values = {name: field_of(type(current), value, fields[name], getattr(current, name), (*path, name)) for name, value in given.items()}
    return called(lambda: dataclasses.replace(current, **values), path)


def field_of(kind: type, value: Any, hint: Any, current: Any, path: Where) -> Any:
    """A field of a part; in a loss it may follow the run."""
    if kind not in turning() or not isinstance(value, dict) or "Over" not in value:
        return build(value, hint, None if isinstance(current, Over) else current, path)
    points, below = value["Over"], (*path, "Over")
    if len(value) > 1 or not isinstance(points, list) or not all(isinstance(each, list) and len(each) == 2 for each in points):
        raise Misfit(below, "expected the points of the run and what stands there, for example {Over: [[0, 0.8], [1, 0.0]]}.", at_key=True)
    built = [
        (build(place, float, None, (*below, index, 0)), build(each, hint, None, (*below, index, 1)))
        for index, (place, each) in enumerate(points)
    ]
    return called(lambda: Over(tuple(built)), below)


def refuse_unknown(kind: type, given: dict[str, Any], fields: dict[str, Any], path: Where) -> None:
    for name in given:
        if name not in fields:
            whole = f"It has: {', '.join(fields)}." if fields else "It has no fields."
            close = did_you_mean(name, fields).partition(" Known:")[0]
            raise Misfit((*path, name), f"{kind.__name__} has no field {name!r}.{close} {whole}", at_key=True)


def called(make: typing.Callable[[], Any], path: Where) -> Any:
    try:
        return make()
    except (ValueError, TypeError) as fault:
        raise Misfit(path, str(fault)) from None


def field_value(value: Any, alternatives: tuple[Any, ...], hint: Any, current: Any, path: Where) -> Any:
    """A number, a word, a list or a mapping of parts by name."""
    for kind in alternatives:
        origin = typing.get_origin(kind)
        if origin is Literal:
            if any(value == each and type(value) is type(each) for each in typing.get_args(kind)):
                return value
        elif kind is float:
            if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
        elif kind in (int, str, bool):
            if type(value) is kind:
                return value
        elif kind in (tuple, list) or origin in (tuple, list) or (isinstance(origin, type) and issubclass(origin, Sequence)):
            if isinstance(value, list):
                return items(value, typing.get_args(kind), path)
        elif isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, dict):
            return entries(value, typing.get_args(kind)[1], current or {}, path)
    known = [str(word) for word in words(hint)]
    hint_text = did_you_mean(value, known).partition(" Known:")[0] if known and isinstance(value, str) else ""
    raise Misfit(path, f"{spelled(value)} does not fit here: expected {expected(hint)}.{hint_text}")


def words(hint: Any) -> list[Any]:
    """The plain values that are named one by one."""
    return [each for kind in members(hint) if typing.get_origin(kind) is Literal for each in typing.get_args(kind)]


def items(value: list, arguments: tuple[Any, ...], path: Where) -> tuple:
    if len(arguments) > 1 and arguments[1] is not Ellipsis:
        if len(arguments) != len(value):
            raise Misfit(path, f"expected {len(arguments)} values, found {len(value)}.")
        return tuple(build(each, hint, None, (*path, index)) for index, (each, hint) in enumerate(zip(value, arguments, strict=True)))
    return tuple(build(each, arguments[0] if arguments else Any, None, (*path, index)) for index, each in enumerate(value))


def entries(value: dict, hint: Any, current: Mapping[str, Any], path: Where) -> Mapping[str, Any]:
    """Entries by the method's own names (`also`): null takes one away, fields change one, a part by name adds one."""
    result = dict(current)
    kind = next(iter(kinds(hint).values()), None)
    for name, given in value.items():
        below = (*path, name)
        if given is None:
            if name not in result:
                raise Misfit(below, f"there is no {name!r} to take away.{did_you_mean(name, result)}", at_key=True)
            del result[name]
        elif name in result:
            result[name] = build(given, hint, result[name], below)
        elif kind is not None and isinstance(given, dict) and "loss" in given:
            result[name] = construct(kind, given, below)
        else:
            raise Misfit(
                below,
                f"there is no {name!r} whose fields could be changed.{did_you_mean(name, result)} A new one says at least its loss.",
                at_key=True,
            )
    return types.MappingProxyType(result)


def expected(hint: Any) -> str:
    """What may stand here, in words."""
    known = kinds(hint)
    said = []
    if known:
        said.append(" or ".join(known))
    for kind in members(hint):
        origin = typing.get_origin(kind)
        if kind is types.NoneType:
            said.append("null")
        elif origin is Literal:
            said.append(" or ".join(str(each) for each in typing.get_args(kind)))
        elif kind in (int, float, str, bool):
            said.append({int: "a whole number", float: "a number", str: "a word", bool: "true or false"}[kind])
        elif origin in (tuple, list) or kind in (tuple, list):
            said.append("a list")
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            said.append("a mapping of names to terms")
    return " or ".join(said) or "another value"


def spelled(value: Any) -> str:
    """A value as one short word, for labels, overrides and messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(next(iter(value.values())), dict):
            ((name, fields),) = value.items()
            return f"{name}{spelled(fields)}"
        return f"({','.join(f'{key}={spelled(each)}' for key, each in value.items())})"
    if isinstance(value, list | tuple):
        return "(" + ",".join(spelled(each) for each in value) + ")"
    return str(value)


def written(value: Any) -> Any:
    """A part as the YAML value that builds it again."""
    if isinstance(value, Over):
        return {"Over": [[place, written(each)] for place, each in value.points]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {}
        for each in dataclasses.fields(value):
            own = getattr(value, each.name)
            if each.default is dataclasses.MISSING or own != each.default:
                if each.default_factory is not dataclasses.MISSING and own == each.default_factory():
                    continue
                fields[each.name] = written(own)
        return {type(value).__name__: fields} if fields else type(value).__name__
    if isinstance(value, Mapping):
        return {key: written(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [written(each) for each in value]
    return value
