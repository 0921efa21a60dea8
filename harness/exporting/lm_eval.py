"""lm-eval: `<row>/results_<date>.json` and `<row>/samples_<exam>_<date>.jsonl`, as its own tools and the viewers of its users read them.

A document has all its samples in one line; its metrics are `avg@n` and `pass@n`, over the n responses.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.exporting.answers import Answer
from harness.results import ExamScore, Result
from harness.store import write_atomically

NO_DATE = "1970-01-01T00-00-00"


def name_of(result: Result) -> str:
    """The row as lm-eval names a model: one folder."""
    parts = [result.suite, result.pair, result.label, result.budget, None if result.seed is None else f"seed{result.seed}"]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", "__".join(part for part in parts if part))


def date_of(result: Result) -> str:
    """Of the run that made it, as lm-eval spells dates in file names."""
    return (result.provenance.date or NO_DATE)[:19].replace(":", "-")


def write(out: Path, result: Result, sat: dict[str, list[Answer]]) -> list[Path]:
    """`sat`: the answers by exam. The files written."""
    folder, date = out / name_of(result), date_of(result)
    written, hashes = [], {}
    for exam, found in sat.items():
        lines = list(samples(result.scores[exam].samples, found))
        hashes[exam] = _hash("".join(line["doc_hash"] + line["prompt_hash"] + line["target_hash"] for line in lines))
        path = folder / f"samples_{exam}_{date}.jsonl"
        write_atomically(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
        written.append(path)
    path = folder / f"results_{date}.json"
    scores = {exam: result.scores[exam] for exam in sat}
    write_atomically(path, (json.dumps(results(result, scores, hashes), indent=2, ensure_ascii=False) + "\n").encode())
    return [*written, path]


def samples(n: int, found: Iterable[Answer]) -> Iterable[dict[str, Any]]:
    for number, (problem, group) in enumerate(groupby(found, key=lambda answer: answer.problem)):
        mine = list(group)
        doc = {"id": problem.id, "prompt": problem.prompt, "source": problem.source}
        target = problem.answer or ""
        right = sum(answer.verdict.correct for answer in mine)
        texts = [answer.text for answer in mine]
        yield {
            "doc_id": number,
            "doc": doc,
            "target": target,
            "arguments": {"gen_args_0": {"arg_0": mine[0].prompt, "arg_1": {"repeats": n}}},
            "resps": [texts],
            "filtered_resps": [texts],
            "filter": "none",
            "metrics": [f"avg@{n}", f"pass@{n}"],
            "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False)),
            "prompt_hash": _hash(mine[0].prompt),
            "target_hash": _hash(target),
            "verdicts": [answer.verdict.verdict for answer in mine],
            "extracted": [answer.verdict.extracted for answer in mine],
            f"avg@{n}": right / n,
            f"pass@{n}": float(right > 0),
        }


def results(result: Result, scores: dict[str, ExamScore], hashes: dict[str, str]) -> dict[str, Any]:
    name = name_of(result)
    figures: dict[str, Any] = {}
    for exam, score in scores.items():
        n = score.samples
        # lm-eval's table shows what has a `_stderr` beside it; of Pass@n there is none that counts alone give
        figures[exam] = {
            "alias": exam, f"avg@{n},none": score.avg_at.value, f"avg@{n}_stderr,none": score.avg_at.stderr if score.avg_at.stderr is not None else "N/A",
            f"pass@{n},none": score.pass_at.get(str(n)), f"pass@{n}_stderr,none": "N/A", "sample_len": score.problems,
        }  # fmt: skip
    return {
        "results": figures,
        "group_subtasks": {exam: [] for exam in scores},
        "configs": {
            exam: {"task": exam, "output_type": "generate_until", "repeats": score.samples, "metadata": {"protocol": score.protocol, "grader": score.grader}}
            for exam, score in scores.items()
        },
        "versions": {exam: score.protocol for exam, score in scores.items()},
        "n-shot": dict.fromkeys(scores, 0),
        "higher_is_better": {exam: {f"avg@{score.samples}": True, f"pass@{score.samples}": True} for exam, score in scores.items()},
        "n-samples": {exam: {"original": score.problems, "effective": score.problems} for exam, score in scores.items()},
        "config": {"model": "opd-harness", "model_args": {"suite": result.suite, "pair": result.pair, "row": result.label, "seed": result.seed}, "limit": None},
        "git_hash": result.provenance.commit,
        "date": result.provenance.date,
        "model_source": "opd-harness",
        "model_name": "/".join(filter(None, (result.suite, result.pair, result.label))),
        "model_name_sanitized": name,
        "lm_eval_version": None,
        "task_hashes": hashes,
        "total_evaluation_time_seconds": None,
    }  # fmt: skip


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
