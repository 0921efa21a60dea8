"""What a row's trajectories looked like, joined afterwards from verdicts and per-trajectory sums; never an input of training.

The quantities are those of arXiv:2606.08432: lengths and pass rates of attempt and rewrite, their joint outcomes (§B.1); KL by the attempt's
outcome, perplexities and the mass of doubt over the course of training (§C.5). Round 0 was graded by steps that rows share; what later
rounds wrote is graded here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import pyarrow.parquet as pq

from harness import models, prompts
from harness.grading import UNGRADED
from harness.records import ModelRef, Problem, Rollout
from harness.stages import Job
from harness.stages.signal import ranking, sampled
from harness.stages.verdicts import Judge
from harness.tables import from_bytes, grades_from

PARTS = 10  # of a run
WRITERS = ("student", "teacher")
PRODUCTS = {"student": "student", "teacher": "teacher", "relay": "student"}  # that are looked at, and as whose
KINDS = ("kl_forward", "kl_reverse")


@dataclass(frozen=True)
class Text:
    """One response: how long, whether cut, whether right; None where the grader failed."""

    length: int
    cut: bool
    right: bool | None


Texts = dict[tuple[int, str, int], Text]  # (round, problem, sample) → text


def run(job: Job) -> dict:
    texts = {who: first_round(job, who) for who in WRITERS}
    for who, later in later_rounds(job).items():
        texts[who] |= later
    attempts, responses = texts["student"], texts["teacher"]
    rows = [row for row in pq.read_table(job.input("train") / "trajectories.parquet").to_pylist() if row["term"] == "main"]
    return {
        "attempts": written(attempts.values()),
        "rewrites": written(responses.values()),
        "outcomes": outcomes(attempts, responses) if attempts and responses else None,
        "course": course(rows, attempts),
        "sampled": sampled(rows, lambda token: tokenizer(job).decode([token])),
        "ranking": ranking(rows, {key: each.right for key, each in (responses or attempts).items()}),
    }


def first_round(job: Job, who: str) -> Texts:
    rollouts = [r for folder in job.inputs(f"{who}_rollouts") for r in from_bytes(Rollout, folder / "rollouts.parquet")]
    grades = [g for folder in job.inputs(f"{who}_grades") for g in grades_from(folder / "grades.parquet")]
    verdicts = {(g.problem_id, g.sample): g.verdict.verdict for g in grades}
    return {(0, r.problem_id, r.sample): text(r, verdicts[r.problem_id, r.sample]) for r in rollouts}


def later_rounds(job: Job) -> dict[str, Texts]:
    """What the main term's student, and its teacher, wrote from round 1 on, graded."""
    trained = job.store.record(job.step.inputs["train"])
    assert trained is not None
    main = list(trained.step["params"]["terms"]).index("main")
    files = sorted(path for name in PRODUCTS for path in (job.input("train") / "rounds").glob(f"*-{main}-{name}-*.parquet"))
    rollouts = [(path, rollout) for path in files for rollout in from_bytes(Rollout, path)]
    problems = {p.id: p for p in from_bytes(Problem, job.input("problems") / "problems.parquet")}
    found: dict[str, Texts] = defaultdict(dict)
    if not rollouts:
        return found
    words = tokenizer(job)
    answered = [(problems[r.problem_id], r, prompts.decode(words, r.response_ids)) for _, r in rollouts]
    with Judge(job.params["grader"], any_gold=True, machine=job.machine) as judge:
        verdicts = judge.grade(answered)
    for (path, rollout), verdict in zip(rollouts, verdicts, strict=True):
        round_, who = round_and_writer(path)
        found[who][round_, rollout.problem_id, rollout.sample] = text(rollout, verdict.verdict)
    return found


def tokenizer(job: Job) -> Any:
    return models.tokenizer_of(models.source(ModelRef(**job.params["model"]), job.made("weights")))


def round_and_writer(path: Path) -> tuple[int, str]:
    round_, _, product, _ = path.stem.split("-")
    return int(round_), PRODUCTS[product]


def text(rollout: Rollout, verdict: str) -> Text:
    return Text(len(rollout.response_ids), rollout.finish_reason == "length", None if verdict in UNGRADED else verdict == "correct")


def written(texts: Iterable[Text]) -> dict[str, Any] | None:
    """Counts and lengths in tokens; None where nobody wrote."""
    found = list(texts)
    if not found:
        return None
    lengths = {right: [t.length for t in found if t.right is right] for right in (True, False)}
    return {
        "count": len(found),
        "right": len(lengths[True]),
        "ungraded": sum(t.right is None for t in found),
        "truncated": sum(t.cut for t in found),
        "mean_length": fmean(t.length for t in found),
        "median_length": float(median(t.length for t in found)),
        "mean_length_right": fmean(lengths[True]) if lengths[True] else None,
        "mean_length_wrong": fmean(lengths[False]) if lengths[False] else None,
    }


def outcomes(attempts: Texts, rewrites: Texts) -> dict[str, int]:
    """The joint outcome matrix, attempt first; pairs in which one has no verdict are left out."""
    names = {True: "right", False: "wrong"}
    counts = Counter((attempts[key].right, rewrite.right) for key, rewrite in rewrites.items() if key in attempts)
    return {f"{names[a]} {names[b]}": counts[a, b] for a in (False, True) for b in (False, True)}


def course(rows: list[dict[str, Any]], attempts: Texts) -> list[dict[str, Any]]:
    """The run in parts of equal many updates; every mean is over tokens."""
    last = max((row["update"] for row in rows), default=0)
    parts = min(PARTS, last)
    grouped: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[(row["update"] - 1) * parts // last].append(row)
    return [{"until": (part + 1) / parts, **moment(grouped[part], attempts)} for part in sorted(grouped)]


def moment(rows: list[dict[str, Any]], attempts: Texts) -> dict[str, Any]:
    def mean(name: str, of: list[dict[str, Any]], sign: int = 1) -> float | None:
        known = [row for row in of if row.get(name) is not None]
        tokens = sum(row["tokens"] for row in known)
        return sign * sum(row[name] for row in known) / tokens if tokens else None

    by_outcome: dict[bool | None, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        attempt = attempts.get((row["round"], row["problem_id"], row["sample"]))
        by_outcome[attempt.right if attempt else None].append(row)
    split = {
        f"{kind}_{name}": mean(kind, by_outcome[right]) if by_outcome[right] else None
        for kind in KINDS
        for name, right in (("right", True), ("wrong", False))
    }
    return {
        "tokens": sum(row["tokens"] for row in rows),
        "student_nll": mean("student_logprob", rows, -1),
        "teacher_nll": mean("teacher_logprob", rows, -1),
        **{kind: mean(kind, rows) for kind in KINDS},
        **split,
        "epistemic_mass": mean("epistemic_mass", rows),
    }
