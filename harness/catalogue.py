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
FIELDS = ("id", "prompt", "answer", "tests", "solution")
BRANCHES = ("main", "master", "head", "latest", "dev", "develop")
UNPINNED = "unpinned"

READ = ("hub", "file", "fields", "domain", "date", "prompt", "only", "count")  # what any source of rows may say
INLINE = (*READ, "name")
ENTRY = ("made", *READ, "about", "licence", "local")


class Unknown(KeyError):
    """A name that the catalogue does not have; its text says what it has."""

    def __str__(self) -> str:
        return str(self.args[0])


class Misread(ValueError):
    """What is wrong with a source of problems; `path` leads from its mapping to the place."""

    def __init__(self, text: str, *path: str, at_key: bool = False) -> None:
        super().__init__(text)
        self.path, self.at_key = path, at_key


@dataclass(frozen=True)
class ProblemSet:
    """One entry, or a source written out in a suite. `entry` is what was written.

    `count` is how many problems it holds, None where only loading tells; `about` an estimate that decides nothing.
    """

    name: str
    entry: dict[str, Any]
    domain: str | None = None
    solution: bool = True
    count: int | None = None
    about: int | None = None

    @property
    def unpinned(self) -> str | None:
        """`owner/name@unpinned` where the data set of the hub has no revision yet."""
        hub = self.entry.get("hub")
        return f"{hub['id']}@{UNPINNED}" if isinstance(hub, dict) and hub.get("revision") == UNPINNED else None


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
    """The entry of that name. Raises Unknown with what there is, and Fault for an entry that is not one."""
    entry = entry_of("problems", name)
    try:
        check_entry(entry)
    except Misread as fault:
        raise Fault(document("problems").fault((name, *fault.path), str(fault), at_key=fault.at_key or not fault.path)) from None
    if isinstance(entry.get("file"), str):  # beside the catalogue, unless it says a whole path
        entry = {**entry, "file": str(FOLDER / entry["file"])}
    return describe(name, entry)


def local_form(name: str) -> dict[str, Any] | None:
    """The entry as a source written out, for its rows as a local file: `file` is a base name. None where it has no such form."""
    entry = problem_set(name).entry
    if "local" not in entry:
        return None
    kept = {key: entry[key] for key in ("domain", "date", "prompt", "only", "count") if key in entry}
    return {"name": name, **kept, **entry["local"]}


def check_entry(entry: dict[str, Any]) -> None:
    """Raises Misread for an entry of the catalogue that cannot be meant."""
    refuse_unknown(entry, ENTRY, "a problem set")
    sources = [key for key in SOURCES if key in entry]
    if len(sources) != 1:
        raise Misread(f"expected exactly one source: {', '.join(SOURCES)}.")
    if "made" in entry:
        if not isinstance(entry["made"], dict):
            raise Misread("expected the arguments of a generator: {kind: chain, count: 64, …}.", "made")
        check_domain(entry)
        return
    if "hub" in entry:
        hub_name(entry["hub"])
    check_rows(entry)
    if "count" in entry and "about" in entry:
        raise Misread("count is exact and about is a guess. Keep one.", "about", at_key=True)
    check_number(entry, "about")
    local = entry.get("local")
    if local is not None:
        if not (isinstance(local, dict) and {"file", "fields"} <= local.keys() <= {"file", "fields", "count"}):
            raise Misread("expected {file: name.jsonl, fields: {prompt: problem, answer: answer}}, and count where it differs.", "local")
        if not isinstance(local["file"], str) or Path(local["file"]).name != local["file"]:
            raise Misread("a base name; where the file lies is said when it is used.", "local", "file")
        check_fields(local["fields"], "local", "fields")


def describe(name: str, entry: dict[str, Any]) -> ProblemSet:
    fields = entry.get("fields")
    made = entry.get("made")
    count = made.get("count") if isinstance(made, dict) else entry.get("count")
    solution = "solution" in fields if isinstance(fields, dict) else True
    return ProblemSet(name, entry, entry.get("domain"), solution, count, entry.get("about"))


def inline_problem_set(entry: dict[str, Any], folder: str | os.PathLike[str] = ".") -> ProblemSet:
    """A source written out: {file: path, …} or {hub: {id, revision, split}, …}, with fields and domain. Raises ValueError.

    A path is looked for beside the suite first, then from here; the entry comes back with the path that was found.
    """
    refuse_unknown(entry, INLINE, "a source written out")
    if "hub" in entry:
        stem = hub_name(entry["hub"])
        if "file" in entry:
            raise Misread("a source is a file or a data set of the hub, not both. Keep one.")
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
    check_rows(entry)
    name = entry.get("name", stem)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
        raise Misread(f"name: {name!r} will be part of file names. Use letters, digits, dots, dashes and underscores.", "name")
    return describe(name, entry)


# What any source of rows must say. Each raises Misread.


def refuse_unknown(entry: dict[str, Any], known: tuple[str, ...], what: str) -> None:
    for key in entry:
        if key not in known:
            raise Misread(f"{what} has no {key!r}.{did_you_mean(key, known)}", key, at_key=True)


def check_rows(entry: dict[str, Any]) -> None:
    if "{problem}" not in str(entry.get("prompt", "{problem}")):
        raise Misread("prompt: the template has no place for the question. Write {problem} where it goes.", "prompt")
    check_fields(entry.get("fields"), "fields")
    check_domain(entry)
    check_number(entry, "count")
    only = entry.get("only", {"": [""]})
    if not (isinstance(only, dict) and only and all(isinstance(values, list) and values for values in only.values())):
        raise Misread("only: expected columns and the values of the rows to keep: {answer_type: [number, set]}.", "only")


def check_fields(fields: Any, *path: str) -> None:
    if not isinstance(fields, dict) or not all(isinstance(each, str) for each in fields.values()):
        raise Misread("fields: expected a mapping from our names to the file's: {prompt: problem, answer: answer}.", *path)
    for key in fields:
        if key not in FIELDS:
            raise Misread(f"fields: a problem has no {key!r}.{did_you_mean(key, FIELDS)}", *path, key, at_key=True)
    if "prompt" not in fields or not {"answer", "tests"} & fields.keys():
        raise Misread("fields: a problem needs its prompt, and its answer or tests. Say which columns hold them.", *path)


def check_domain(entry: dict[str, Any]) -> None:
    if entry.get("domain") not in DOMAINS:
        raise Misread(f"domain: expected one of {', '.join(DOMAINS)}; it decides how answers are graded.", "domain")


def check_number(entry: dict[str, Any], key: str) -> None:
    number = entry.get(key, 1)
    if type(number) is not int or number < 1:
        raise Misread(f"{key}: expected how many problems there are, a whole number above 0.", key)


def hub_name(hub: object) -> str:
    """The last part of a data set's id, once id and revision are there. Raises Misread."""
    if not isinstance(hub, dict) or not {"id", "revision"} <= hub.keys() <= {"id", "revision", "split", "config"}:
        raise Misread(
            "hub: expected {id: owner/name, revision: <commit>, split: test}; a data set carries its revision, or it may be another tomorrow.",
            "hub",
        )
    for key, value in hub.items():
        if not isinstance(value, str):
            raise Misread("hub: id, revision, split and config are text.", "hub", key)
    if hub["revision"].casefold() in BRANCHES:
        raise Misread(
            f"hub: {hub['revision']} is a branch, and branches move. Write the commit, or {UNPINNED}: `plan` takes that, `run` does not "
            "until `harness lock` has looked it up.",
            "hub",
            "revision",
        )
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
