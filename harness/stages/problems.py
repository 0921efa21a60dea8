"""Problems from wherever they come: made up on the spot, a local file, or a data set of the hub at a revision."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.records import Fault, Problem
from harness.seeds import derive, permutation
from harness.stages import Job
from harness.store import write_atomically
from harness.tables import to_bytes

READERS = {".jsonl": "json", ".json": "json", ".parquet": "parquet", ".csv": "csv"}


def run(job: Job) -> dict:
    source, take = job.params["source"], job.params["take"]
    problems = taken(load(source, job.step.local), take)
    if not problems:
        raise Fault(f"{source['name']}: no problem is left. Look at its source and its `fields`.")
    twice = [i for i, count in Counter(p.id for p in problems).items() if count > 1]
    if twice:
        raise Fault(f"{source['name']}: {len(twice)} ids stand more than once, {twice[0]!r} first. Ids tell problems apart; map `fields: {{id: …}}` to a unique column.")
    data = to_bytes(Problem, problems)
    write_atomically(job.out / "problems.parquet", data)
    return {"problems": len(problems), "content": hashlib.sha256(data).hexdigest()}


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
    """JSONL, JSON, Parquet or CSV through `datasets`; `fields` maps our names to the file's columns."""
    kind = READERS.get(path.suffix)
    if kind is None:
        raise Fault(f"{path}: a {path.suffix or 'nameless'} file is not read. Known: {', '.join(READERS)}.")
    from datasets import Dataset
    from datasets.exceptions import DatasetGenerationError

    reader = {"json": Dataset.from_json, "parquet": Dataset.from_parquet, "csv": Dataset.from_csv}[kind]
    try:
        rows = reader(str(path), keep_in_memory=True)
    except (OSError, ValueError, DatasetGenerationError) as fault:
        raise Fault(f"{path}: it cannot be read as {kind}: {str(fault.__cause__ or fault).splitlines()[0]}") from None
    return mapped(rows, source, str(path))


def from_hub(source: dict[str, Any]) -> list[Problem]:
    """A data set of the hub at its revision. No code of the data set is run."""
    hub = source["hub"]
    from datasets import load_dataset

    try:
        rows = load_dataset(hub["id"], hub.get("config"), split=hub.get("split", "test"), revision=hub["revision"])
    except (OSError, ValueError, RuntimeError) as fault:
        raise Fault(f"{source['name']}: data set {hub['id']}@{hub['revision']} cannot be loaded: {str(fault).splitlines()[0]}") from None
    return mapped(rows, source, f"{hub['id']}@{hub['revision']}")


def mapped(rows: Iterable[dict[str, Any]], source: dict[str, Any], place: str) -> list[Problem]:
    fields = source.get("fields") or {}
    found = []
    for number, row in enumerate(rows):
        values = {}
        for ours, theirs in fields.items():
            if theirs not in row:
                raise Fault(f"{place}: row {number} has no column {theirs!r}, which `fields` maps to {ours!r}. It has: {', '.join(row)}.")
            values[ours] = None if row[theirs] is None else str(row[theirs])
        if not values.get("prompt"):
            raise Fault(f"{place}: row {number} has an empty prompt ({fields['prompt']!r}).")
        if source.get("prompt"):
            values["prompt"] = source["prompt"].replace("{problem}", values["prompt"])
        identity = values.pop("id", None) or f"{source['name']}-{hashlib.sha256(values['prompt'].encode()).hexdigest()[:10]}"
        found.append(Problem(id=identity, domain=source.get("domain", "math"), source=place, **values))
    return found
