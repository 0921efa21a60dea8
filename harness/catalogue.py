"""What suites may call by name: problem sets, models and exam protocols, from `suites/*.yaml` of this repository."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
from harness.document import Document, did_you_mean, read
from harness.records import Fault, Sampling

FOLDER = Path(harness.__file__).parent.parent / "suites"
DOMAINS = ("math", "code")
SOURCES = ("made", "hub", "file")


class Unknown(KeyError):
    """A name that the catalogue does not have; its text says what it has."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class ProblemSet:
    """One entry, or a source written out in a suite. `entry` is what was written; `count` None where only loading tells."""

    name: str
    entry: dict[str, Any]
    domain: str | None = None
    solution: bool = True
    count: int | None = None


@dataclass(frozen=True)
class Protocol:
    """Sampling by domain; `any` stands for every domain that is not named."""

    name: str
    sampling: dict[str, Sampling]

    def for_domain(self, domain: str | None) -> Sampling | None:
        return self.sampling.get(domain or "any") or self.sampling.get("any")


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
    """The entry of that name. Raises Unknown with what there is."""
    entry = entry_of("problems", name)
    sources = [key for key in SOURCES if key in entry]
    if len(sources) != 1:
        raise Fault(document("problems").fault((name,), f"expected exactly one source: {', '.join(SOURCES)}.", at_key=True))
    if isinstance(entry.get("file"), str):  # beside the catalogue, unless it says a whole path
        entry = {**entry, "file": str(FOLDER / entry["file"])}
    return describe(name, entry)


def describe(name: str, entry: dict[str, Any]) -> ProblemSet:
    fields = entry.get("fields")
    by_fields = "solution" in fields if isinstance(fields, dict) else True
    made = entry.get("made")
    counts = [entry.get("count"), *([made.get("count"), made.get("problems")] if isinstance(made, dict) else [])]
    count = next((each for each in counts if isinstance(each, int)), None)
    return ProblemSet(name, entry, entry.get("domain"), bool(entry.get("solution", by_fields)), count)


def inline_problem_set(entry: dict[str, Any], folder: str | os.PathLike[str] = ".") -> ProblemSet:
    """A source written out: {file: path, …} or {hub: {id, revision, split}, …}, with fields and domain. Raises ValueError.

    A path is looked for beside the suite first, then from here; the entry comes back with the path that was found.
    """
    known = {"file", "hub", "fields", "domain", "date", "name", "prompt"}
    for key in entry:
        if key not in known:
            raise ValueError(f"a source written out has no {key!r}.{did_you_mean(key, known)}")
    if "hub" in entry:
        stem = hub_name(entry["hub"])
        if "file" in entry:
            raise ValueError("a source is a file or a data set of the hub, not both. Keep one.")
    else:
        file = entry.get("file")
        if not isinstance(file, str):
            raise ValueError(
                "a source written out says its file: {file: problems.jsonl, fields: {prompt: problem, answer: answer}, domain: math}."
            )
        found = find_path(file, folder)
        if found is None or not found.is_file():
            raise ValueError(
                f"there is no file {file!r}, neither beside the suite nor from here.{near_files(file, folder)} Put it there, or correct the path."
            )
        stem, entry = found.stem, {**entry, "file": str(found)}
    if "{problem}" not in entry.get("prompt", "{problem}"):
        raise ValueError("prompt: the template has no place for the question. Write {problem} where it goes.")
    fields = entry.get("fields")
    if not isinstance(fields, dict) or not all(isinstance(each, str) for each in fields.values()):
        raise ValueError("fields: expected a mapping from our names to the file's: {prompt: problem, answer: answer}.")
    for key in fields:
        if key not in ("id", "prompt", "answer", "tests", "solution"):
            raise ValueError(f"fields: a problem has no {key!r}.{did_you_mean(key, ('id', 'prompt', 'answer', 'tests', 'solution'))}")
    if "prompt" not in fields or not {"answer", "tests"} & fields.keys():
        raise ValueError("fields: a problem needs its prompt, and its answer or tests. Say which columns hold them.")
    domain = entry.get("domain")
    if domain not in DOMAINS:
        raise ValueError(f"domain: expected one of {', '.join(DOMAINS)}; it decides how answers are graded.")
    name = entry.get("name", stem)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
        raise ValueError(f"name: {name!r} will be part of file names. Use letters, digits, dots, dashes and underscores.")
    return describe(name, entry)


def hub_name(hub: object) -> str:
    """The last part of a data set's id, once id and revision are there. Raises ValueError."""
    if not isinstance(hub, dict) or not {"id", "revision"} <= hub.keys() <= {"id", "revision", "split", "config"}:
        raise ValueError(
            "hub: expected {id: owner/name, revision: <commit>, split: test}; a data set carries its revision, or it may be another tomorrow."
        )
    if not all(isinstance(value, str) for value in hub.values()):
        raise ValueError("hub: id, revision, split and config are text.")
    return hub["id"].rpartition("/")[2]


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
    """The protocol of that name. Raises Unknown with what there is."""
    sampling = {}
    for domain, fields in entry_of("protocols", name).items():
        path = (name, domain)
        if domain not in (*DOMAINS, "any"):
            raise Fault(
                document("protocols").fault(path, f"there is no domain {domain!r}.{did_you_mean(domain, (*DOMAINS, 'any'))}", at_key=True)
            )
        try:
            sampling[domain] = Sampling(**fields)
        except TypeError as fault:
            said = str(fault).removeprefix("Sampling.__init__() ")
            raise Fault(document("protocols").fault(path, f"{said}. Say temperature, top_p, top_k, max_tokens and n.")) from None
    return Protocol(name, sampling)
