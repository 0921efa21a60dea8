"""What a source of problems may say, in the catalogue or written out in a suite. Each check raises Misread at the place."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path, PurePath
from typing import Any

from harness.document import did_you_mean

DOMAINS = ("math", "code")
SOURCES = ("made", "hub", "file", "download", "parts")
GENERATORS = ("chain", "programs")
FIELDS = ("id", "prompt", "answer", "tests", "solution")
NATIVE = ("evalplus-humaneval", "evalplus-mbpp", "livecodebench", "taco")  # rows as they are published, read whole
TEXTS = ("prompt", "system", "prefill")
BRANCHES = ("main", "master", "head", "latest", "dev", "develop")
UNPINNED = "unpinned"
NOT_READ = "not-read"

SAID = ("domain", "date", *TEXTS, "only", "window", "count", "content", "grader", "lists", "rows", "fields")  # of any rows
INLINE = ("hub", "file", "download", "parts", "name", *SAID)
ENTRY = (*SOURCES, *SAID, "about", "licence", "local", "releases", "partial")
HUB = ("id", "revision", "split", "config", "files")
MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])\Z")


class Misread(ValueError):
    """What is wrong with a source of problems; `path` leads from its mapping to the place."""

    def __init__(self, text: str, *path: str, at_key: bool = False) -> None:
        super().__init__(text)
        self.path, self.at_key = path, at_key


def check_entry(entry: dict[str, Any], protocols: Collection[str]) -> None:
    """An entry of the catalogue."""
    refuse_unknown(entry, ENTRY, "a problem set")
    sources = [key for key in SOURCES if key in entry]
    if len(sources) != 1:
        raise Misread(f"expected exactly one source: {', '.join(SOURCES)}.")
    if "made" in entry:
        if not isinstance(entry["made"], dict) or entry["made"].get("kind") not in GENERATORS:
            raise Misread(f"expected a generator ({', '.join(GENERATORS)}) and its arguments: {{kind: chain, count: 64, …}}.", "made")
        check_domain(entry)
        return
    if "parts" in entry:
        check_parts(entry, ("date",))
        return
    check_place(entry)
    check_rows(entry, protocols)
    if "count" in entry and "about" in entry:
        raise Misread("count is exact and about is a guess. Keep one.", "about", at_key=True)
    check_number(entry, "about")
    check_local(entry)
    for name, release in (entry.get("releases") or {}).items():
        if not (isinstance(release, dict) and {"files", "count"} == release.keys()):
            raise Misread("expected {files: [test.jsonl], count: 400}: what it holds with those before it.", "releases", name)


def check_parts(entry: dict[str, Any], beside: tuple[str, ...]) -> None:
    """Of a set made of others: their names in the catalogue, and how many problems are taken of each."""
    for key in entry:
        if key not in ("parts", *beside):
            raise Misread(f"a set made of others has no {key!r} of its own: it is that of each part.", key, at_key=True)
    parts = entry["parts"]
    if not isinstance(parts, dict) or len(parts) < 2:
        raise Misread(
            "expected two sets or more, and how many problems are taken of each: {chain-train: 320, program-train: all}.", "parts"
        )
    for name, take in parts.items():
        if not isinstance(name, str) or not (take == "all" or (type(take) is int and take > 0)):
            raise Misread(f"{name}: expected how many problems are taken of it, a whole number above 0, or all.", "parts", str(name))


def check_place(entry: dict[str, Any]) -> None:
    """Where its rows lie."""
    if "hub" in entry:
        hub_name(entry["hub"])
    if "download" in entry:
        download_name(entry["download"])


def check_local(entry: dict[str, Any]) -> None:
    local = entry.get("local")
    if local is None:
        return
    wanted = {"file"} if "rows" in entry else {"file", "fields"}
    if not (isinstance(local, dict) and wanted <= local.keys() <= wanted | {"count"}):
        raise Misread("expected {file: name.jsonl, fields: {prompt: problem, answer: answer}}, and count where it differs.", "local")
    if not isinstance(local["file"], str) or Path(local["file"]).name != local["file"]:
        raise Misread("a base name; where the file lies is said when it is used.", "local", "file")
    if "fields" in local:
        check_fields(local["fields"], "local", "fields")


def check_rows(entry: dict[str, Any], protocols: Collection[str]) -> None:
    check_texts(entry, protocols)
    if "rows" in entry:
        if entry["rows"] not in NATIVE:
            raise Misread(f"rows: expected one of {', '.join(NATIVE)}: the form in which the rows are published.", "rows")
        if "fields" in entry:
            raise Misread("rows that are read whole need no fields. Keep one.", "fields", at_key=True)
    else:
        check_fields(entry.get("fields"), "fields")
    check_domain(entry)
    check_number(entry, "count")
    only = entry.get("only", {"": [""]})
    if not (isinstance(only, dict) and only and all(isinstance(values, list) and values for values in only.values())):
        raise Misread("only: expected columns and the values of the rows to keep: {answer_type: [number, set]}.", "only")
    if "window" in entry and entry.get("rows") != "livecodebench":
        raise Misread("window: only the rows of LiveCodeBench say when their contest was.", "window", at_key=True)
    if "window" in entry:
        check_window(entry["window"], "window")
    lists = entry.get("lists", {})
    if not (isinstance(lists, dict) and all(isinstance(each, str) for each in lists.values())):
        raise Misread("lists: expected columns that hold a list, and what its texts are joined by: {final_answer: ', '}.", "lists")
    content = entry.get("content", NOT_READ)
    if content != NOT_READ and not re.fullmatch(r"[0-9a-f]{16}", str(content)):
        raise Misread(f"content: expected the 16 digits that a record of these problems shows, or {NOT_READ}.", "content")


def check_texts(entry: dict[str, Any], protocols: Collection[str]) -> None:
    """One text, or one for each protocol that has its own and `any` for all others."""
    for key in TEXTS:
        said = entry.get(key)
        if isinstance(said, dict):
            if "any" not in said:
                raise Misread(f"{key}: says nothing of `any`, which holds for training and for every protocol that is not named.", key)
            for name in said:
                if name not in ("any", *protocols):
                    raise Misread(f"{key}: there is no protocol {name!r}.{did_you_mean(name, protocols)}", key, name, at_key=True)
        for text in said.values() if isinstance(said, dict) else [said]:
            if key == "prompt" and "{problem}" not in str(text if key in entry else "{problem}"):
                raise Misread("prompt: the template has no place for the question. Write {problem} where it goes.", "prompt")
            if not (text is None or isinstance(text, str)):
                raise Misread(f"{key}: expected a text, or a mapping from protocols to texts.", key)


def check_fields(fields: Any, *path: str) -> None:
    if not isinstance(fields, dict) or not all(isinstance(each, str) for each in fields.values()):
        raise Misread("fields: expected a mapping from our names to the file's: {prompt: problem, answer: answer}.", *path)
    for key in fields:
        if key not in FIELDS:
            raise Misread(f"fields: a problem has no {key!r}.{did_you_mean(key, FIELDS)}", *path, key, at_key=True)
    if "prompt" not in fields or not {"answer", "tests"} & fields.keys():
        raise Misread("fields: a problem needs its prompt, and its answer or tests. Say which columns hold them.", *path)


def check_window(window: Any, *path: str) -> None:
    """The first and the last month of contests, both included."""
    if not (
        isinstance(window, list | tuple) and len(window) == 2 and all(isinstance(month, str) and MONTH.match(month) for month in window)
    ):
        raise Misread("window: expected all, or the first and the last month: [2024-08, 2025-05].", *path)
    if window[0] > window[1]:
        raise Misread(f"window: {window[0]} is after {window[1]}. Turn them round.", *path)


def check_domain(entry: dict[str, Any]) -> None:
    if entry.get("domain") not in DOMAINS:
        raise Misread(f"domain: expected one of {', '.join(DOMAINS)}; it decides how answers are graded.", "domain")


def check_number(entry: dict[str, Any], key: str) -> None:
    number = entry.get(key, 1)
    if type(number) is not int or number < 1:
        raise Misread(f"{key}: expected how many problems there are, a whole number above 0.", key)


def refuse_unknown(entry: dict[str, Any], known: tuple[str, ...], what: str) -> None:
    for key in entry:
        if key not in known:
            raise Misread(f"{what} has no {key!r}.{did_you_mean(key, known)}", key, at_key=True)


def hub_name(hub: object) -> str:
    """The last part of a data set's id, once id and revision are there."""
    if not isinstance(hub, dict) or not {"id", "revision"} <= hub.keys() <= set(HUB):
        raise Misread(
            "hub: expected {id: owner/name, revision: <commit>, split: test}; a data set carries its revision, or it may be another tomorrow.",
            "hub",
        )
    files = hub.get("files", [""])
    if not (isinstance(files, list) and files and all(isinstance(each, str) for each in files)):
        raise Misread("hub: files is a list of names in the data set, or patterns of them: [ALL/train-*.parquet].", "hub", "files")
    if "files" in hub and {"split", "config"} & hub.keys():
        raise Misread("hub: files name the rows; split and config have no say beside them. Keep one.", "hub", "files", at_key=True)
    for key, value in hub.items():
        if key != "files" and not isinstance(value, str):
            raise Misread("hub: id, revision, split and config are text.", "hub", key)
    if hub["revision"].casefold() in BRANCHES:
        raise Misread(
            f"hub: {hub['revision']} is a branch, and branches move. Write the commit, or {UNPINNED}: `plan` takes that, `run` does not "
            "until `harness lock` has looked it up.",
            "hub",
            "revision",
        )
    return hub["id"].rpartition("/")[2]


def download_name(download: object) -> str:
    """The stem of the file that an address leads to, once its content is pinned."""
    if not isinstance(download, dict) or download.keys() != {"url", "md5"}:
        raise Misread("download: expected {url: https://…/name.jsonl.gz, md5: <of the bytes, unpacked>}.", "download")
    if not re.fullmatch(r"https?://\S+/[\w.-]+", str(download["url"])):
        raise Misread("download: url is an address of a file: https://…/name.jsonl.gz.", "download", "url")
    if not re.fullmatch(r"[0-9a-f]{32}", str(download["md5"])):
        raise Misread("download: md5 is 32 hexadecimal digits: of the file's bytes, unpacked where it ends in .gz.", "download", "md5")
    return base_name(download["url"]).partition(".")[0]


def base_name(url: str) -> str:
    return url.rpartition("/")[2]


def format_of(name: str) -> str:
    """`.jsonl`, `.jsonl.gz`, …: how a file of this name is read."""
    path = PurePath(name)
    return "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
