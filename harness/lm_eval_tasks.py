"""A folder of lm-eval tasks, read without lm-eval: which tasks it holds, and which of its files decide what one of them asks.

What a path in such a YAML means: `include` stands beside the file that says it, data files are taken from the folder itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

BUILDERS = ("json", "csv", "parquet", "arrow", "text", "xml")  # of the library `datasets`, that read files named in `data_files`
NOT_OURS = ("__pycache__", ".ipynb_checkpoints")


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain data; a tag (`!function utils.score`) becomes its text, and nothing is imported."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: str(getattr(node, "value", "")))


@dataclass(frozen=True)
class TaskFile:
    """One YAML with what it includes: the names under which it can be asked for, and what it reads."""

    path: Path
    names: frozenset[str]  # of its task or group, and its tags
    members: frozenset[str]  # of a group
    yamls: frozenset[Path]  # itself and what it includes
    data: frozenset[Path]
    outside: tuple[str, ...]  # data files that are not in the folder, as they are written
    hub: str | None  # a data set that comes from the hub


@dataclass(frozen=True)
class LocalTask:
    """One task of a folder. `files` are those whose content decides it: all but what other tasks alone name."""

    files: tuple[Path, ...]
    outside: tuple[str, ...]
    hub: str | None


def known(folder: Path) -> tuple[str, ...]:
    """The names of all tasks, groups and tags in the folder."""
    return tuple(sorted({name for each in task_files(Path(os.path.abspath(folder))) for name in each.names}))


def local_task(folder: Path, name: str) -> LocalTask | None:
    """The task, group or tag of that name; None where the folder has none."""
    folder = Path(os.path.abspath(folder))
    every = task_files(folder)
    mine = {each.path: each for each in every if name in each.names}
    if not mine:
        return None
    while more := {m for each in mine.values() for m in each.members} - {n for each in mine.values() for n in each.names}:
        found = {each.path: each for each in every if more & each.names and each.path not in mine}
        if not found:
            break
        mine |= found
    ours = {path for each in mine.values() for path in each.yamls | each.data}
    others = {path for each in every if each.path not in mine for path in each.yamls | each.data} - ours
    files = tuple(path for path in all_files(folder) if path not in others)
    outside = tuple(dict.fromkeys(said for each in mine.values() for said in each.outside))
    return LocalTask(files, outside, next((each.hub for each in mine.values() if each.hub), None))


def all_files(folder: Path) -> list[Path]:
    """Every file below the folder but hidden ones and what Python leaves there."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(p.startswith(".") or p in NOT_OURS for p in path.relative_to(folder).parts))


def task_files(folder: Path) -> list[TaskFile]:
    """One for each YAML that defines something; one that cannot be read defines nothing, as with lm-eval itself."""
    found = []
    for path in all_files(folder):
        if path.suffix == ".yaml":
            try:
                data, yamls = merged(path)
            except (OSError, ValueError, yaml.YAMLError):
                continue
            found.append(described(folder, path, data, yamls))
    return found


def merged(path: Path, seen: tuple[Path, ...] = ()) -> tuple[dict[str, Any], frozenset[Path]]:
    """The YAML over what it includes, and all files that were read. Raises OSError, ValueError or yaml.YAMLError."""
    if path in seen:
        raise ValueError(f"{path} includes itself")
    data = yaml.load(path.read_text(encoding="utf-8"), Loader)
    if not isinstance(data, dict):
        raise ValueError(f"{path} is no mapping")
    base: dict[str, Any] = {}
    files = {path}
    for name in listed(data.pop("include", None)):
        below, more = merged(Path(os.path.normpath(path.parent / name)), (*seen, path))
        base |= below
        files |= more
    return base | data, frozenset(files)


def described(folder: Path, path: Path, data: dict[str, Any], yamls: frozenset[Path]) -> TaskFile:
    name = data.get("group", data.get("task"))
    names = {each for each in (name, *listed(data.get("tag"))) if isinstance(each, str)}
    members = frozenset(names_in(data.get("task"))) - names if "group" in data else frozenset()
    source, asked = data.get("dataset_path"), data.get("dataset_kwargs")
    patterns = list(patterns_in(asked.get("data_files"))) if isinstance(asked, dict) else []
    hub = None
    if isinstance(source, str) and source not in BUILDERS:
        if os.path.isdir(folder / source):
            patterns.append(source)
        else:
            hub = source
    hub = next((pattern for pattern in patterns if "://" in pattern), hub)
    inside: set[Path] = set()
    outside = []
    for pattern in patterns:
        if "://" in pattern:
            continue
        here = matching(folder, pattern)
        inside |= here
        outside += [] if here else [pattern]
    outside += [os.fspath(each) for each in sorted(yamls) if not each.is_relative_to(folder)]
    return TaskFile(path, frozenset(names), members, yamls, frozenset(inside), tuple(outside), hub)


def matching(folder: Path, pattern: str) -> set[Path]:
    """The files of the folder that a pattern of `data_files` names; a folder stands for what is in it."""
    whole = Path(os.path.normpath(folder / pattern))
    if not whole.is_relative_to(folder):
        return set()
    found = [whole] if whole.exists() else list(folder.glob(whole.relative_to(folder).as_posix()))
    return {path for each in found for path in (all_files(each) if each.is_dir() else [each])}


def patterns_in(value: Any) -> Iterator[str]:
    """`data_files` is a path, a list of them, or a mapping of splits to either."""
    for each in value.values() if isinstance(value, dict) else [value]:
        yield from (one for one in listed(each) if isinstance(one, str))


def names_in(value: Any) -> Iterator[str]:
    """The members of a group: names, or mappings that say `task` or `group`."""
    for each in listed(value):
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            yield from names_in(each.get("task"))
            yield from names_in(each.get("group"))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
