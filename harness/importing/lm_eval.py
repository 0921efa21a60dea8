"""lm-eval: `samples_<task>_<date>.jsonl`, and beside it `results_<date>.json` with versions, settings and figures.

A line is one document under one filter; it names its metrics, and holds their values. A metric is read where every value is a share of
the responses that it is about: 0 or 1 for one response, i/n for n of them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from math import fsum
from pathlib import Path
from typing import Any

from harness.importing.sheet import Counts, Sat, Sheet, json_in, named, no_doubles, objects_in
from harness.records import Fault
from harness.store import file_hash

TOOL = "lm-eval"
KNOWN_BY = "samples_<task>_<date>.jsonl of lm-eval (--log_samples)"
NAME = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl")
PASS = re.compile(r"pass@([0-9]+)")
AVG = re.compile(r"avg@([1-9][0-9]*)")
NEAR = 1e-9
SETTINGS = ("system_instruction_sha", "chat_template_sha", "fewshot_as_multiturn", "lm_eval_version")

Key = tuple[str, str]  # metric, filter


def is_samples(row: Mapping[str, Any]) -> bool:
    return "doc_id" in row and "filtered_resps" in row


def is_results(whole: Any) -> bool:
    return isinstance(whole, dict) and "results" in whole and ("configs" in whole or "versions" in whole)


def read(path: Path) -> Sheet:
    """Raises Fault for a file that is not what it says, and for documents that stand more than once."""
    name = NAME.fullmatch(path.name)
    task = name["task"] if name else path.stem.removeprefix("samples_")
    beside = path.with_name(f"results_{name['date']}.json") if name else None
    said = json_in(beside) if beside and beside.is_file() else {}
    if said and not is_results(said):
        raise Fault(
            f"{beside}: these are no results of lm-eval. Put the file there that was written with {path.name}, or take this one away."
        )
    values, hashes, samples = rows(path)
    exams, left_out = [], []
    expected = ((said.get("n-samples") or {}).get(task) or {}).get("effective")
    usable = {}
    for key, documents in values.items():
        counts = counted(key, documents, samples[key[1]])
        if counts is None:
            left_out.append(",".join(key))
        else:
            usable[key] = counts
    if not usable:
        raise Fault(
            f"{path}: none of its metrics is a share of right answers: {named(left_out)}. Rows of a leaderboard hold counts; such a figure has none."
        )
    for (metric, by), (n, problems) in usable.items():
        gaps = missing(list(problems), expected, said)
        if said and not gaps:
            agrees(path, beside, said, task, metric, by, [each.correct / n for each in problems.values()], hashes)
        settings = {**settings_of(said, task, path), "task": task, "metric": metric, "filter": by, "samples": n}
        exams.append(
            Sat(
                name=task if len(usable) == 1 else f"{task} ({metric}, {by})",
                samples=n,
                problems=problems,
                settings=settings,
                grader=" ".join(filter(None, (TOOL, said.get("lm_eval_version")))),
                missing=gaps,
            )
        )
    notes = [f"left out, no shares of right answers: {named(left_out)}"] if left_out else []
    if not said:
        notes.append(
            f"no {beside.name if beside else 'results_<date>.json'} beside it: its settings are unknown, so it has a column of its own"
        )
    return Sheet(
        tool=TOOL,
        version=said.get("lm_eval_version"),
        label=str(said.get("model_name_sanitized") or path.parent.name or path.stem),
        exams=tuple(exams),
        files={file.name: file_hash(file) for file in (path, beside) if file is not None and file.is_file()},
        date=name["date"] if name else None,
        notes=tuple(notes),
    )


def rows(path: Path) -> tuple[dict[Key, dict[str, Any]], list[str], dict[str, int]]:
    """(metric, filter) → document → value; what lm-eval hashed of each line; responses a document, by filter."""
    values: dict[Key, dict[str, Any]] = {}
    hashes: list[str] = []
    samples: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    doubled: list[str] = []
    for number, row in objects_in(path):
        if not is_samples(row):
            raise Fault(f"{path}:{number}: no sample of lm-eval: doc_id or filtered_resps is missing. Look at what wrote this line.")
        document, by = str(row["doc_id"]), str(row.get("filter", "none"))
        if (document, by) in seen:
            doubled.append(f"doc_id {document} (filter {by}, line {number})")
            continue
        seen.add((document, by))
        hashes.append("".join(str(row.get(name, "")) for name in ("doc_hash", "prompt_hash", "target_hash")))
        held = responses(row)
        if samples.setdefault(by, held) != held:
            raise Fault(
                f"{path}:{number}: {held} responses, where the lines before have {samples[by]}. Every problem needs as many samples."
            )
        metrics = row.get("metrics")
        if not isinstance(metrics, list) or not all(metric in row for metric in metrics):
            raise Fault(f"{path}:{number}: `metrics` must list the metrics whose values stand in the line. Look at what wrote it.")
        for metric in metrics:
            values.setdefault((metric, by), {})[document] = row[metric]
    no_doubles(path, "documents", doubled)
    for key, documents in values.items():
        lacking = len({document for document, by in seen if by == key[1]}) - len(documents)
        if lacking:
            raise Fault(f"{path}: {lacking} documents lack the metric {key[0]} (filter {key[1]}). Look at what wrote the file.")
    return values, hashes, samples


def responses(row: Mapping[str, Any]) -> int:
    """How many responses the metrics are about: a filter may keep the first alone, or all of them as a list of texts.

    A log-likelihood is a pair, and looks like two of them; its unfiltered response is no text.
    """
    said, kept = row.get("resps"), row["filtered_resps"]
    texts = isinstance(said, list) and len(said) == 1 and isinstance(said[0], list) and all(isinstance(each, str) for each in said[0])
    return len(kept[0]) if texts and isinstance(kept, list) and len(kept) == 1 and isinstance(kept[0], list) and kept[0] else 1


def counted(key: Key, documents: Mapping[str, Any], held: int) -> tuple[int, dict[str, Counts]] | None:
    """(n, document → counts), or None where the values are no shares of n responses."""
    if (found := PASS.fullmatch(key[0])) and int(found[1]) > 1:
        return None  # follows from counts, and gives none
    n = int(found[1]) if (found := AVG.fullmatch(key[0])) else held
    counts = {}
    for document, value in documents.items():
        if not isinstance(value, bool | int | float) or not abs(value * n - round(value * n)) < NEAR * n or not 0 <= value <= 1:
            return None
        counts[document] = Counts(n, round(value * n))
    return n, counts


def missing(documents: list[str], expected: int | None, said: Mapping[str, Any]) -> tuple[str, ...]:
    """Documents that should be there: by the number that lm-eval examined, else by the gaps in the numbers of those that are."""
    numbers = {int(document) for document in documents if document.isdecimal()}
    if expected is not None and len(documents) >= expected:
        return ()
    if len(numbers) < len(documents):
        return tuple(f"unknown {place}" for place in range(1, 1 + max(0, (expected or 0) - len(documents))))
    gaps = [str(number) for number in range(max(expected or 0, max(numbers) + 1)) if number not in numbers]
    return tuple(gaps if expected is None else gaps[: expected - len(documents)])


def settings_of(said: Mapping[str, Any], task: str, path: Path) -> dict[str, Any]:
    """What decided the responses, but for the model. A file without its results shares a column with nobody."""
    if not said:
        return {"file": file_hash(path)}
    config = (said.get("configs") or {}).get(task) or {}
    return {
        **{name: said.get(name) for name in SETTINGS},
        "version": (said.get("versions") or {}).get(task),
        "n-shot": (said.get("n-shot") or {}).get(task),
        "generation": config.get("generation_kwargs"),
        "asked": (said.get("config") or {}).get("gen_kwargs"),
        "repeats": config.get("repeats"),
    }


def agrees(
    path: Path,
    beside: Path | None,
    said: Mapping[str, Any],
    task: str,
    metric: str,
    by: str,
    shares: list[float],
    hashes: list[str],
) -> None:
    """The samples are those that lm-eval hashed, and give the figure that it printed. Raises Fault."""
    remedy = (
        f"One of the two was changed, or they come from different runs. Import {path.name} from a folder of its own to take it as it is."
    )
    claimed = (said.get("task_hashes") or {}).get(task)
    ours = hashlib.sha256("".join(hashes).encode()).hexdigest()
    if claimed and all(hashes) and claimed != ours:
        raise Fault(f"{path}: its lines hash to {ours[:12]}…, but {beside} says {claimed[:12]}… for {task}. {remedy}")
    figure = ((said.get("results") or {}).get(task) or {}).get(f"{metric},{by}")
    mean = fsum(shares) / len(shares)
    if isinstance(figure, int | float) and abs(figure - mean) > 1e-6:
        raise Fault(f"{path}: {metric} ({by}) comes to {mean:.6f}, but {beside} says {figure:.6f}. {remedy}")
