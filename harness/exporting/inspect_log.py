"""Inspect: `<row>/<exam>.eval`, a log of version 2 that `inspect view` opens: each answer is an epoch of its problem, scored by our verdict."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.exporting.answers import Answer
from harness.exporting.lm_eval import name_of
from harness.results import ExamScore, Result
from harness.store import write_atomically

VERSION = 2
NO_DATE = "1970-01-01T00:00:00+00:00"
SCORER = "verdict"


def write(out: Path, result: Result, sat: dict[str, list[Answer]]) -> list[Path]:
    written = []
    for exam, found in sat.items():
        path = out / name_of(result) / f"{exam}.eval"
        write_atomically(path, log(result, exam, result.scores[exam], found))
        written.append(path)
    return written


def log(result: Result, exam: str, score: ExamScore, found: list[Answer]) -> bytes:
    """The whole log; the same row gives the same bytes."""
    start = {"version": VERSION, "eval": spec(result, exam, score, found), "plan": {"name": "plan", "steps": [], "config": {}}}
    metrics = {"accuracy": score.avg_at.value, "stderr": score.avg_at.stderr}
    results = {
        "total_samples": len(found),
        "completed_samples": len(found),
        "scores": [
            {
                "name": SCORER,
                "scorer": SCORER,
                "reducer": "mean",
                "params": {},
                "metrics": {name: {"name": name, "value": value, "params": {}} for name, value in metrics.items() if value is not None},
            }
        ],
    }
    date = result.provenance.date or NO_DATE
    stats = {"started_at": date, "completed_at": date, "model_usage": {}}
    files: dict[str, Any] = {"_journal/start.json": start}
    summaries = []
    for answer, sample in zip(found, samples(result, found), strict=True):
        files[f"samples/{sample['id']}_epoch_{sample['epoch']}.json"] = sample
        brief = {name: sample[name] for name in ("id", "epoch", "input", "target", "scores")}
        summaries.append({**brief, "metadata": {"verdict": answer.verdict.verdict}, "completed": True})
    files |= {"summaries.json": summaries, "header.json": {**start, "status": "success", "results": results, "stats": stats}}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), json.dumps(content, ensure_ascii=False).encode(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def spec(result: Result, exam: str, score: ExamScore, found: list[Answer]) -> dict[str, Any]:
    """What was asked of whom. No argument of a sampler stands here but in the protocol, whose hash names them all."""
    return {
        "eval_id": f"{name_of(result)}-{exam}",
        "run_id": name_of(result),
        "created": result.provenance.date or NO_DATE,
        "task": exam,
        "task_id": f"{exam}-{score.problems_hash}",
        "task_version": 0,
        "dataset": {"name": exam, "samples": score.problems, "sample_ids": list(dict.fromkeys(answer.problem.id for answer in found))},
        "model": f"opd-harness/{name_of(result)}",
        "config": {"epochs": score.samples, "epochs_reducer": ["mean"]},
        "packages": result.provenance.versions,
        "metadata": {"protocol": score.protocol, "grader": score.grader, "suite": result.suite, "pair": result.pair, "row": result.label},
    }


def samples(result: Result, found: list[Answer]) -> Iterator[dict[str, Any]]:
    model = f"opd-harness/{name_of(result)}"
    for answer in found:
        said = {"role": "assistant", "content": answer.text, "source": "generate", "model": model}
        yield {
            "id": answer.problem.id,
            "epoch": answer.sample + 1,
            "input": answer.problem.prompt,
            "target": answer.problem.answer or "",
            "messages": [{"role": "user", "content": answer.problem.prompt, "source": "input"}, said],
            "output": {
                "model": model,
                "choices": [{"message": said, "stop_reason": "max_tokens" if answer.verdict.verdict == "unfinished" else "stop"}],
            },
            "scores": {
                SCORER: {
                    "value": "C" if answer.verdict.correct else "I",
                    "answer": answer.verdict.extracted,
                    "explanation": answer.verdict.detail or answer.verdict.verdict,
                    "metadata": {"verdict": answer.verdict.verdict},
                }
            },
            "metadata": {"verdict": answer.verdict.verdict},
            "store": {},
            "events": [],
            "model_usage": {},
            "attachments": {},
        }
