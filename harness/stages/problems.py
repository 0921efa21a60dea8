"""Problems from wherever they come: made up on the spot, a local file, or a data set of the hub at a revision."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.records import Fault, Problem
from harness.seeds import derive, permutation
from harness.stages import Job
from harness.store import write_atomically
from harness.tables import to_bytes

csv.field_size_limit(2**30)  # test cases can be long


def run(job: Job) -> dict:
    source, take = job.params["source"], job.params["take"]
    loaded = load(source, job.step.local)
    whole = without_repeats(loaded, source["name"])
    check(whole, source)
    problems = taken(whole, take)
    data = to_bytes(Problem, problems)
    write_atomically(job.out / "problems.parquet", data)
    return {
        "problems": len(problems),
        "content": hashlib.sha256(data).hexdigest(),
        "duplicates": len(loaded) - len(whole),
        "without_answer": sum(p.answer is None and p.tests is None for p in problems),
        "without_solution": sum(p.solution is None for p in problems),
    }


def without_repeats(problems: list[Problem], name: str) -> list[Problem]:
    """A problem without an id of its own is known by its text: where that stands again, the first is kept."""
    seen: set[str] = set()
    found = []
    for problem in problems:
        if problem.id not in seen or problem.id != id_of(name, problem.prompt):
            found.append(problem)
        seen.add(problem.id)
    return found


def check(problems: list[Problem], source: dict[str, Any]) -> None:
    """Raises Fault where these cannot be the problems that were meant."""
    name = source["name"]
    if not problems:
        raise Fault(f"{name}: no problem is left. Look at its source, its `fields` and, where there is one, its `only`.")
    twice = [i for i, count in Counter(p.id for p in problems).items() if count > 1]
    if twice:
        raise Fault(
            f"{name}: {len(twice)} ids stand more than once, {twice[0]!r} first. Ids tell problems apart; map `fields: {{id: …}}` to a unique column."
        )
    if all(p.answer is None and p.tests is None for p in problems):
        raise Fault(
            f"{name}: none of its {len(problems)} problems has an answer or tests. Map `fields: {{answer: …}}` to the column that holds them."
        )
    if source.get("count") not in (None, len(problems)):
        raise Fault(
            f"{name}: {len(problems)} problems, but its `count` says {source['count']}. Another source was meant, or another revision; "
            "look at what was loaded before you correct the count."
        )


def taken(problems: list[Problem], take: int | str) -> list[Problem]:
    """`take` of them by a fixed seed, in the source's order; all where there are not more."""
    if take == "all" or len(problems) <= int(take):
        return problems
    return [problems[i] for i in sorted(permutation(derive("take"), len(problems))[: int(take)])]


def load(source: dict[str, Any], local: dict[str, str]) -> list[Problem]:
    if "made" in source:
        from harness.world import chain

        made = {key: tuple(value) if isinstance(value, list) else value for key, value in source["made"].items() if key != "kind"}
        return chain.problems(**made)
    if "sha256" in source:
        return from_file(source, Path(local["file"]))
    return from_hub(source)


def from_file(source: dict[str, Any], path: Path) -> list[Problem]:
    """JSONL, JSON, Parquet or CSV; `fields` maps our names to the file's columns."""
    if path.suffix not in READERS:
        raise Fault(f"{path}: a {path.suffix or 'nameless'} file is not read. Known: {', '.join(READERS)}.")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != source["sha256"]:
            raise Fault(f"{path}: it changed since the suite was planned. Run the command again.")
    try:
        rows = READERS[path.suffix](path)
    except (OSError, ValueError, csv.Error, pa.ArrowInvalid) as fault:
        raise Fault(f"{path}: it cannot be read as {path.suffix[1:]}: {str(fault).splitlines()[0]}") from None
    return mapped(rows, source, str(path))


# Text stays as it is written: readers that guess types turn "007" into 7, "1.50" into 1.5, and "2024-01-01" into midnight.


class Digits(float):
    """A number of JSON that is shown as it was written."""

    def __new__(cls, text: str) -> Digits:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


def rows_of_jsonl(path: Path) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), 1):
        if line.strip():
            try:
                rows.append(as_row(json.loads(line, parse_float=Digits)))
            except ValueError as fault:
                raise ValueError(f"line {number}: {fault}") from None
    return rows


def rows_of_json(path: Path) -> list[dict[str, Any]]:
    """One list of objects."""
    found = json.loads(path.read_text("utf-8-sig"), parse_float=Digits)
    if not isinstance(found, list):
        raise ValueError("it is not a list of objects; a file with one object a line ends in .jsonl")
    return [as_row(row) for row in found]


def as_row(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} stands where an object should")
    return value


def rows_of_csv(path: Path) -> list[dict[str, Any]]:
    """An empty cell is no value."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, strict=True))
    for number, row in enumerate(rows):
        if None in row or None in row.values():
            raise ValueError(f"row {number} has more or fewer cells than the head")
    return [{column: cell or None for column, cell in row.items()} for row in rows]


def rows_of_parquet(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


READERS = {".jsonl": rows_of_jsonl, ".json": rows_of_json, ".parquet": rows_of_parquet, ".csv": rows_of_csv}


def from_hub(source: dict[str, Any]) -> list[Problem]:
    """A data set of the hub at its revision. No code of the data set is run."""
    hub = source["hub"]
    place = f"{hub['id']}@{hub['revision']}"
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", hub["id"]):  # `json` would be a reader, and would read what lies here
        raise Fault(f"{source['name']}: {hub['id']!r} is no name of a data set. Expected owner/name, for example openai/gsm8k.")
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError, DatasetsError

    # A cache of its own: where the hub does not answer, the library takes any revision that its cache holds.
    # The prefix: a folder of that name, here, is not the data set.
    with tempfile.TemporaryDirectory() as cache:
        try:
            wanted = {"name": hub.get("config"), "split": hub.get("split", "test"), "revision": hub["revision"]}
            rows = load_dataset(f"hf://datasets/{hub['id']}", cache_dir=cache, **wanted)
        except (OSError, ValueError, RuntimeError, DatasetsError) as fault:
            why = fault.__cause__ if isinstance(fault, DatasetGenerationError) and fault.__cause__ else fault
            text = " ".join(str(why).split())[:300] or type(why).__name__
            raise Fault(f"{source['name']}: data set {place} cannot be loaded: {text}") from None
        return mapped(rows, source, place)


def mapped(rows: Iterable[dict[str, Any]], source: dict[str, Any], place: str) -> list[Problem]:
    """The rows as problems; those that `only` names, where it does. Blank text is no value."""
    fields = source.get("fields") or {}
    only = {column: [str(value) for value in values] for column, values in (source.get("only") or {}).items()}
    found = []
    for number, row in enumerate(rows):
        if only and not wanted(row, only, f"{place}: row {number}"):
            continue
        values = {}
        for ours, theirs in fields.items():
            if theirs not in row:
                raise Fault(f"{place}: row {number} has no column {theirs!r}, which `fields` maps to {ours!r}. It has: {', '.join(row)}.")
            values[ours] = as_text(row[theirs], ours, f"{place}: row {number}, column {theirs!r}")
        if not values.get("prompt"):
            raise Fault(f"{place}: row {number} has an empty prompt ({fields['prompt']!r}).")
        if source.get("prompt"):
            values["prompt"] = source["prompt"].replace("{problem}", values["prompt"])
        identity = values.pop("id", None) or id_of(source["name"], values["prompt"])
        found.append(Problem(id=identity, domain=source.get("domain", "math"), source=source["name"], **values))
    return found


def wanted(row: dict[str, Any], only: dict[str, list[str]], place: str) -> bool:
    for column in only:
        if column not in row:
            raise Fault(f"{place} has no column {column!r}, by which `only` chooses. It has: {', '.join(row)}.")
    return all(str(row[column]) in values for column, values in only.items())


def id_of(name: str, prompt: str) -> str:
    """The id of a problem that has none of its own."""
    return f"{name}-{hashlib.sha256(prompt.encode()).hexdigest()[:10]}"


def as_text(value: Any, ours: str, place: str) -> str | None:
    if isinstance(value, list | dict):
        if ours == "tests":
            return json.dumps(value)
        raise Fault(f"{place} holds a {type(value).__name__}, but {ours!r} is text. Map it to a column of text.")
    return None if value is None or not str(value).strip() else str(value)
