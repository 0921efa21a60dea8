"""A YAML file as plain data that remembers where each value was written.

YAML 1.2 core scalars: `yes`, `on` and `no` are text, `1e-6` and `60_000_000` are numbers. Nodes are composed, never
constructed, so a file cannot name a Python type. `like:` chains are merged here, and every value keeps its own file.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.records import Fault

Path_ = tuple[str | int, ...]

NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
TRUE = re.compile(r"(?:true|True|TRUE)\Z")
FALSE = re.compile(r"(?:false|False|FALSE)\Z")
WHOLE = re.compile(r"[-+]?[0-9](?:_?[0-9])*\Z")
BASED = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)\Z")
REAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9](?:_?[0-9])*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
ENDLESS = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
PLAIN_TAGS = frozenset({"str", "int", "float", "bool", "null", "seq", "map", "timestamp", "merge", "value"})

# Sections of fixed fields: `like` and a row's `train:` merge into them deeply. Everything else is replaced whole.
SECTIONS = frozenset(
    {
        ("seeds",),
        ("overlap",),
        ("report",),
        ("report", "primary"),
        ("train",),
        *(("train", name) for name in ("problems", "sampling", "limits", "format", "rounds", "optim", "lora")),
        ("train", "sampling", "student"),
        ("train", "sampling", "teacher"),
    }
)


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Composes only; the scalars' meaning is decided below."""


@dataclass(frozen=True)
class Place:
    """Where something stands in a file; lines and columns count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Mark:
    """The places of a key and of its value; an item of a list has no key of its own."""

    key: Place
    value: Place


def dotted(path: Iterable[str | int]) -> str:
    """('methods', 2, 'loss') -> methods[2].loss"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """` Did you mean …? Known: …` as the end of a sentence, or nothing where nothing is known."""
    known = sorted(known)
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6) or [
        name for name in known if name.casefold() == str(word).casefold()
    ]
    hint = f" Did you mean {close[0]!r}?" if close else ""
    shown = known if len(known) <= 24 else [*known[:24], "…"]
    return f"{hint} Known: {', '.join(shown)}." if known else hint


@dataclass(frozen=True)
class Document:
    """Plain data, and for each path into it where its key and its value are written."""

    file: str
    data: Any
    marks: dict[Path_, Mark]

    def mark(self, path: Iterable[str | int]) -> Mark:
        """That of the path, or of the nearest thing around it that was written."""
        path = tuple(path)
        while path not in self.marks:
            if not path:
                return Mark(Place(self.file), Place(self.file))
            path = path[:-1]
        return self.marks[path]

    def value_place(self, path: Iterable[str | int]) -> Place:
        return self.mark(path).value

    def key_place(self, path: Iterable[str | int]) -> Place:
        return self.mark(path).key

    def own(self, path: Iterable[str | int]) -> bool:
        """Was it written in this very file, rather than inherited through `like`?"""
        return self.mark(path).key.file == self.file

    def fault(self, path: Iterable[str | int], text: str, *, at_key: bool = False) -> str:
        """One line of a Fault: place, key, what is wrong and what to do."""
        path = tuple(path)
        place = self.key_place(path) if at_key else self.value_place(path)
        return f"{place}: {dotted(path)}: {text}" if path else f"{place}: {text}"


def read(file: str | os.PathLike[str]) -> Document:
    """The file as it stands, without its `like`. Raises Fault for what is not readable YAML of ours."""
    name = os.fspath(file)
    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as fault:
        raise Fault(f"{name}:1:1: cannot be read: {fault.strerror or fault}. Check the path.") from None
    except UnicodeDecodeError as fault:
        raise Fault(f"{name}:1:1: is not UTF-8 text (byte {fault.start}). Save it as UTF-8.") from None
    return parse(text, name)


def parse(text: str, file: str) -> Document:
    try:
        loader = Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        raise Fault(
            f"{place}: is not YAML: {fault.problem or fault}. Check the brackets, colons and indentation just before this place."
        ) from None
    except yaml.YAMLError as fault:
        raise Fault(f"{file}:1:1: is not YAML: {fault}".replace("\n", " ")) from None
    marks: dict[Path_, Mark] = {}
    if node is None:
        raise Fault(f"{file}:1:1: the file is empty. Expected a mapping of keys to values.")
    start = Place(file, node.start_mark.line + 1, node.start_mark.column + 1)
    marks[()] = Mark(start, start)
    return Document(file, plain(node, (), file, marks, ()), marks)


def plain(node: yaml.Node, path: Path_, file: str, marks: dict[Path_, Mark], around: tuple[yaml.Node, ...]) -> Any:
    here = place(node, file)
    if any(node is outer for outer in around):
        raise Fault(f"{here}: {dotted(path)}: this alias contains itself. Write the value out.")
    if node.tag.removeprefix("tag:yaml.org,2002:") not in PLAIN_TAGS:
        raise Fault(
            f"{here}: {dotted(path)}: the tag {node.tag} is not read here. Leave it away: values are plain text, numbers, "
            "lists and mappings."
        )
    if isinstance(node, yaml.ScalarNode):
        return scalar(node, path, file)
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, child in enumerate(node.value):
            spot = place(child, file)
            marks[(*path, index)] = Mark(spot, spot)
            items.append(plain(child, (*path, index), file, marks, (*around, node)))
        return items
    mapping: dict[str, Any] = {}
    for key_node, child in node.value:
        spot = place(key_node, file)
        if not isinstance(key_node, yaml.ScalarNode):
            raise Fault(f"{spot}: {dotted(path)}: a key must be a word. Put quotes around it, or look for a stray bracket.")
        key = key_node.value
        if key == "<<" and not key_node.style:
            raise Fault(
                f"{spot}: {dotted((*path, key))}: merge keys are not read here. Inherit from a whole file with `like:`, "
                "or write the values out."
            )
        if key in mapping:
            first = marks[(*path, key)].key
            raise Fault(f"{spot}: {dotted((*path, key))}: this key stands twice, first at line {first.line}. Keep one of them.")
        marks[(*path, key)] = Mark(spot, place(child, file))
        mapping[key] = plain(child, (*path, key), file, marks, (*around, node))
    return mapping


def place(node: yaml.Node, file: str) -> Place:
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1)


def scalar(node: yaml.ScalarNode, path: Path_, file: str) -> Any:
    text: str = node.value
    if node.style:  # quoted, or a block
        return text
    if NULL.match(text):
        return None
    if TRUE.match(text):
        return True
    if FALSE.match(text):
        return False
    if WHOLE.match(text):
        return int(text)
    if BASED.match(text):
        return int(text, 0)
    if REAL.match(text):
        value = float(text)
        if math.isfinite(value):
            return value
    elif not ENDLESS.match(text):
        return text
    raise Fault(f"{place(node, file)}: {dotted(path)}: {text} is not a number that a setting can have. Give a finite one.")


# --- like ------------------------------------------------------------------------------------------------------------


def read_chain(file: str | os.PathLike[str]) -> Document:
    """The file merged over everything that it is `like`. `suite` and `like` themselves are never inherited."""
    chain: list[Document] = []
    seen: dict[Path, str] = {}
    name = os.fspath(file)
    while True:
        resolved = Path(name).resolve()
        if resolved in seen:
            path = ("like",)
            raise Fault(
                chain[-1].fault(
                    path,
                    f"{chain[-1].data['like']} is already in this chain: {' → '.join([*seen.values(), name])}. "
                    "A suite cannot be like itself; break the circle.",
                )
            )
        if chain and not Path(name).is_file():
            siblings = [each.name for each in Path(name).parent.glob("*.yaml")] if Path(name).parent.is_dir() else []
            raise Fault(
                chain[-1].fault(
                    ("like",),
                    f"there is no file {name}; the path is taken from the folder of this file.{did_you_mean(Path(name).name, siblings)}",
                )
            )
        document = read(name)
        if not isinstance(document.data, dict):
            raise Fault(document.fault((), "expected a mapping of keys (suite, pairs, methods, …) to values."))
        seen[resolved] = name
        chain.append(document)
        like = document.data.get("like")
        if like is None:
            break
        if not isinstance(like, str):
            raise Fault(document.fault(("like",), "expected the path of one suite file, for example `like: trd_opd_math.yaml`."))
        name = os.path.join(os.path.dirname(name), like)
    merged = chain[-1]
    for document in reversed(chain[:-1]):
        base = {key: value for key, value in merged.data.items() if key not in ("suite", "like")}
        data, marks = merge(base, merged.marks, document.data, document.marks)
        merged = Document(document.file, data, marks)
    # A section cleared with null is a section that was never said.
    data = {key: value for key, value in merged.data.items() if value is not None}
    return Document(merged.file, data, merged.marks)


def merge(
    base: Any, base_marks: dict[Path_, Mark], over: Any, over_marks: dict[Path_, Mark], path: Path_ = ()
) -> tuple[Any, dict[Path_, Mark]]:
    """`over` laid upon `base`, both rooted at `path`, with the marks of what is left of each."""
    together = isinstance(base, dict) and isinstance(over, dict) and (not path or path in SECTIONS) and alike(path, base, over)
    if not together:
        return over, dict(within(over_marks, path))
    data: dict[str, Any] = {}
    mark = over_marks.get(path) or base_marks.get(path)
    marks = {path: mark} if mark else {}
    for key in [*base, *(key for key in over if key not in base)]:
        below = (*path, key)
        if key not in over:
            data[key] = base[key]
            marks.update(within(base_marks, below))
        elif key not in base:
            data[key] = over[key]
            marks.update(within(over_marks, below))
        else:
            data[key], inner = merge(base[key], base_marks, over[key], over_marks, below)
            marks.update(inner)
    return data, marks


def alike(path: Path_, base: dict, over: dict) -> bool:
    """Sampling said once for both and sampling said by role are two spellings; one does not merge into the other."""
    roles = {"student", "teacher"}
    return path != ("train", "sampling") or bool(roles & base.keys()) == bool(roles & over.keys())


def within(marks: dict[Path_, Mark], path: Path_) -> Iterator[tuple[Path_, Mark]]:
    return ((key, mark) for key, mark in marks.items() if key[: len(path)] == path)
