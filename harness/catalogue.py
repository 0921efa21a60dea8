"""What suites may call by name: problem sets, models and exam protocols, from `suites/*.yaml` of this repository."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import harness
from harness import protocols
from harness.document import Document, did_you_mean, read
from harness.protocols import Protocol
from harness.records import Fault
from harness.releases import chosen, meanings
from harness.sources import (
    BRANCHES,
    DOMAINS,
    INLINE,
    TEXTS,
    UNPINNED,
    Misread,
    check_entry,
    check_parts,
    check_rows,
    download_name,
    hub_name,
    refuse_unknown,
)

__all__ = ["BRANCHES", "DOMAINS", "UNPINNED", "Misread", "ProblemSet", "Protocol", "Unknown"]

FOLDER = Path(harness.__file__).parent.parent / "suites"
REPORTED = Path("results") / "reported"  # here, and in this repository

LOCALLY = ("domain", "date", *TEXTS, "only", "count", "rows", "grader", "lists", "window")  # what holds of a local form, too


def reported() -> dict[str, Path]:
    """The tables that others published, by name: the folders of results/reported/, those of this repository and, before them, those here."""
    homes = [FOLDER.parent / REPORTED, REPORTED]
    return {path.name: path for home in homes if home.is_dir() for path in sorted(home.iterdir()) if path.is_dir()}


class Unknown(KeyError):
    """A name that the catalogue does not have; its text says what it has."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class ProblemSet:
    """One entry, or a source written out in a suite. `entry` is what was written.

    `count` is how many problems it holds, None where only loading tells; `about` an estimate that decides nothing. `listed` is the name
    under which the catalogue has it, None for a source written out. `parts`: of a set made of others, these, and how many problems are
    taken of each.
    """

    name: str
    entry: dict[str, Any]
    domain: str | None = None
    solution: bool = True
    count: int | None = None
    about: int | None = None
    listed: str | None = None
    parts: tuple[tuple[ProblemSet, int | str], ...] = ()

    @property
    def members(self) -> tuple[ProblemSet, ...]:
        """The sets that it is made of: itself, as a rule."""
        return tuple(part for part, _ in self.parts) or (self,)

    @property
    def domains(self) -> tuple[str, ...]:
        """Of its problems."""
        return tuple(dict.fromkeys(part.domain for part in self.members if part.domain))

    @property
    def unpinned(self) -> str | None:
        """`owner/name@unpinned` where the data set of the hub has no revision yet."""
        hub = self.entry.get("hub")
        return f"{hub['id']}@{UNPINNED}" if isinstance(hub, dict) and hub.get("revision") == UNPINNED else None

    def under(self, protocol: str | None = None) -> ProblemSet:
        """As it is read under a protocol: with its texts for that one, or else those for any. In training, for none."""
        if self.parts:
            return replace(self, parts=tuple((part.under(protocol), take) for part, take in self.parts))
        texts = {key: said.get(protocol, said["any"]) for key in TEXTS if isinstance(said := self.entry.get(key), dict)}
        entry = {key: value for key, value in {**self.entry, **texts}.items() if value is not None}
        return replace(self, entry=entry) if texts else self

    def same_questions(self, other: ProblemSet) -> bool:
        """Whether both are made of the same rows, whatever they are called: read from one place, or made by the same draw."""
        if self.listed and self.listed == other.listed:
            return True
        if self.parts or other.parts:
            return any(mine.same_questions(its) for mine in self.members for its in other.members)
        for key in ("hub", "file", "made", "download"):
            mine, its = self.entry.get(key), other.entry.get(key)
            if mine and its:
                return place_of(key, mine) == place_of(key, its)
        return False


def place_of(key: str, source: Any) -> Any:
    """Of a source: what tells it from others, without how much of it is taken."""
    if key == "hub":
        return [source.get(name) for name in ("id", "config", "split")]
    if key == "made":
        return {name: value for name, value in source.items() if name not in ("count", "prefix")}
    return os.path.realpath(source) if key == "file" else source["md5"]


@functools.cache
def document(kind: str) -> Document:
    """`problems`, `models` or `protocols` as a document; an absent file is an empty catalogue."""
    file = FOLDER / f"{kind}.yaml"
    if not file.is_file():
        return Document(str(file), {}, {})
    found = read(file)
    if not isinstance(found.data, dict) or not all(isinstance(entry, dict) for entry in found.data.values()):
        raise Fault(found.fault((), "a catalogue maps each name to a mapping of its fields."))
    return found


def names(kind: str) -> tuple[str, ...]:
    return tuple(document(kind).data)


def entry_of(kind: str, name: str) -> dict[str, Any]:
    known = document(kind).data
    if name not in known:
        raise Unknown(f"{document(kind).file} has no {name!r}.{did_you_mean(name, known)}")
    return known[name]


def problem_set(name: str) -> ProblemSet:
    """The entry of that name. Raises Unknown with what there is, and Fault for an entry that is not one."""
    entry = entry_of("problems", name)
    try:
        check_entry(entry, names("protocols"))
    except Misread as fault:
        raise Fault(document("problems").fault((name, *fault.path), str(fault), at_key=fault.at_key or not fault.path)) from None
    if isinstance(entry.get("file"), str):  # beside the catalogue, unless it says a whole path
        entry = {**entry, "file": str(FOLDER / entry["file"])}
    return replace(describe(name, entry), listed=name)


def listed_in(source: object) -> str | None:
    """The name of the catalogue in a `set:` or `benchmarks:`, alone or before its options ({livecodebench: {release: v6}}); None in a source written out."""
    if isinstance(source, str):
        return source
    if isinstance(source, dict) and len(source) == 1:
        (name,) = source
        return name if name not in INLINE else None
    return None


def named_problem_set(source: str | dict[str, Any]) -> ProblemSet:
    """What a name stands for, with its options where it has any. Raises Unknown, and Misread for options that cannot be meant or are missing."""
    name = listed_in(source)
    assert name is not None
    found = problem_set(name)
    if isinstance(source, str):
        if "releases" in found.entry:
            raise Misread(f"{name}: {meanings(name, found.entry['releases'])}")
        return found
    named, entry = chosen(name, found.entry, source[name])
    return replace(describe(named, entry), listed=name)


def local_form(found: ProblemSet) -> dict[str, Any] | None:
    """The set as a source written out, for its rows as a local file: `file` is a base name. None where it has no such form."""
    if "local" not in found.entry:
        return None
    kept = {key: found.entry[key] for key in LOCALLY if key in found.entry}
    return {"name": found.name, **kept, **found.entry["local"]}


def describe(name: str, entry: dict[str, Any]) -> ProblemSet:
    if "parts" in entry:
        return together(name, entry)
    fields, made = entry.get("fields"), entry.get("made")
    count = made.get("count") if isinstance(made, dict) else entry.get("count")
    solution = "solution" in fields if isinstance(fields, dict) else entry.get("rows") != "livecodebench"
    return ProblemSet(name, entry, entry.get("domain"), solution, count, entry.get("about"))


def together(name: str, entry: dict[str, Any]) -> ProblemSet:
    """A set made of others. Raises Misread where one is not known, made of others itself, or has fewer problems than are taken of it."""
    parts = []
    for each, take in entry["parts"].items():
        try:
            part = named_problem_set(each)
        except Unknown as fault:
            raise Misread(str(fault), "parts", each, at_key=True) from None
        if part.parts:
            raise Misread(f"{each} is made of other sets itself. Name these.", "parts", each, at_key=True)
        if isinstance(take, int) and part.count is not None and take > part.count:
            raise Misread(f"{take} problems are more than the {part.count} of {each}. Take fewer, or write all.", "parts", each)
        parts.append((part, take))
    counts = [take if isinstance(take, int) else part.count for part, take in parts]
    count = None if None in counts else sum(counts)  # type: ignore[arg-type]
    return ProblemSet(name, entry, solution=all(part.solution for part, _ in parts), count=count, parts=tuple(parts))


def inline_problem_set(entry: dict[str, Any], folder: str | os.PathLike[str] = ".") -> ProblemSet:
    """A source written out: {file: path, …}, {hub: {id, revision, split}, …}, {download: {url, md5}, …} or {parts: {name: take, …}}.

    Raises ValueError.

    A path is looked for beside the suite first, then from here; the entry comes back with the path that was found.
    """
    refuse_unknown(entry, INLINE, "a source written out")
    sources = [key for key in ("hub", "file", "download", "parts") if key in entry]
    if len(sources) > 1:
        raise Misread(f"a source is one of {', '.join(sources)}, not {'both' if len(sources) == 2 else 'all'}. Keep one.")
    if "hub" in entry:
        stem = hub_name(entry["hub"])
    elif "download" in entry:
        stem = download_name(entry["download"])
    elif "parts" in entry:
        check_parts(entry, ("name",))
        stem = "-and-".join(entry["parts"])
    else:
        file = entry.get("file")
        if not isinstance(file, str):
            raise Misread(
                "a source written out says its file: {file: problems.jsonl, fields: {prompt: problem, answer: answer}, domain: math}."
            )
        found = find_path(file, folder)
        if found is None or not found.is_file():
            raise Misread(
                f"there is no file {file!r}, neither beside the suite nor from here.{near_files(file, folder)} Put it there, or correct the path."
            )
        stem, entry = found.stem, {**entry, "file": str(found)}
    if "parts" not in entry:
        check_rows(entry, names("protocols"))
    name = entry.get("name", stem)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
        raise Misread(f"name: {name!r} will be part of file names. Use letters, digits, dots, dashes and underscores.", "name")
    return describe(name, entry)


def find_path(path: str, folder: str | os.PathLike[str]) -> Path | None:
    """The path beside the suite, else from the current folder, else None."""
    for candidate in (Path(folder, path), Path(path)):
        if candidate.exists():
            return candidate
    return None


def near_files(path: str, folder: str | os.PathLike[str]) -> str:
    around = Path(folder, path).parent
    siblings = [each.name for each in list(around.iterdir())[:200]] if around.is_dir() else []
    return did_you_mean(Path(path).name, siblings).partition(" Known:")[0]


def model(name: str) -> dict[str, Any]:
    """The entry of that name: family, parameters and, for a model made here, its recipe. Raises Unknown."""
    return entry_of("models", name)


def protocol(name: str) -> Protocol:
    """The protocol of that name. Raises Unknown with what there is, and Fault for one that is not whole."""
    entry = entry_of("protocols", name)
    try:
        return protocols.read(name, entry)
    except Misread as fault:
        raise Fault(document("protocols").fault((name, *fault.path), str(fault), at_key=fault.at_key)) from None
