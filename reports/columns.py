"""Which exams stand as columns, and the suite's primary: one figure over some of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.results import Result
from reports.drafts import Draft, Endpoint, same_but_for_seed
from reports.nouns import AGAIN, Exam, Key, Primary

METRIC = re.compile(r"(avg|pass)@([1-9][0-9]*)")


def exam_columns(results: Sequence[Result], suite: Mapping[str, Any]) -> tuple[Exam, ...]:
    """As the suite orders them."""
    found: dict[Key, Exam] = {}
    repeats = [result for result in results if result.label == AGAIN]
    for result in [*(result for result in results if result.label != AGAIN), *repeats]:
        for name, score in result.scores.items():
            if result.label == AGAIN and any(same_but_for_seed(exam, name, score) for exam in found.values()):
                continue
            exam = Exam(
                name, score.protocol, score.problems_hash, score.problems, score.samples, score.samples, score.at,
                older=score.older_than_model, overlap=score.overlap,
            )  # fmt: skip
            found.setdefault(exam.key, exam)
    said = [exam if isinstance(exam, Mapping) else {"name": exam} for exam in suite.get("exams") or ()]
    order = {str(exam.get("name")): place for place, exam in enumerate(said)}
    dates = {str(exam.get("name")): exam.get("date") for exam in said}
    asked = {str(exam.get("name")): int(exam["pass"]) for exam in said if exam.get("pass")}  # k of Pass@k; any of the n where unsaid
    columns = sorted(found.values(), key=lambda exam: (order.get(exam.name, len(order)), exam.key))
    times = Counter(exam.name for exam in columns)
    votes = votes_of(results)
    return tuple(
        replace(
            exam,
            pass_k=asked.get(exam.name, asked.get(exam.name.partition("@")[0], exam.pass_k)),
            alone=times[exam.name] == 1,
            votes=tuple(sorted(votes.get(exam.key, ()))),
            date=str(dates[exam.name]) if dates.get(exam.name) else None,
        )
        for exam in columns
    )


def votes_of(results: Sequence[Result]) -> dict[Key, set[int]]:
    """The k of each Maj@k that any row has in a column."""
    found: dict[Key, set[int]] = {}
    for result in results:
        for name, score in result.scores.items():
            found.setdefault((name, score.protocol, score.problems_hash), set()).update(int(k) for k in score.maj_at if k.isdecimal())
    return found


def primary(suite: Mapping[str, Any], exams: Sequence[Exam]) -> tuple[Primary, int | None]:
    """What the suite's `report.primary` asks for, as far as the samples can give it; and the k of Pass@k, None for Avg."""
    said = (suite.get("report") or {}).get("primary") or {}
    over = _over(said.get("over", "all"), suite, exams)
    samples = {exam.samples for exam in exams if exam.name in over}
    asked = str(said["metric"]) if said.get("metric") else None
    metric = METRIC.fullmatch(asked or "")
    pass_k = int(metric[2]) if metric and metric[1] == "pass" and int(metric[2]) <= min(samples, default=0) else None
    title = f"Pass@{pass_k}" if pass_k else f"Avg@{samples.pop()}" if len(samples) == 1 else "Avg@k"
    weight = "problems" if said.get("weight") == "problems" else "exams"
    return Primary(title, over, weight, asked if asked and asked != title.lower() else None), pass_k


def _over(said: object, suite: Mapping[str, Any], exams: Sequence[Exam]) -> tuple[str, ...]:
    if isinstance(said, list | tuple):
        return tuple(full_name(str(name), exams) for name in said)
    named = [str(exam.get("name") if isinstance(exam, Mapping) else exam) for exam in suite.get("exams") or ()]
    last = [exam for exam in exams if exam.at == "100%"]
    on_the_way = {exam.name for exam in exams} - {exam.name for exam in last}  # a curve is no part of what was reached at the end
    return tuple(name for name in named if name not in on_the_way) or tuple(dict.fromkeys(exam.name for exam in last or exams))


def full_name(name: str, exams: Sequence[Exam]) -> str:
    """Of an exam that is sat in several ways, and so named with its protocol, the one at the end of the budget is meant."""
    if any(exam.name == name for exam in exams):
        return name
    found = {exam.name for exam in exams if exam.at == "100%" and exam.name.startswith(f"{name} (")}
    return found.pop() if len(found) == 1 else name


def endpoint(primary: Primary, pass_k: int | None, exams: Sequence[Exam], untrained: Draft | None) -> Endpoint | None:
    """One column an exam: the one that the untrained student sat, else the only one. None where an exam has none."""
    columns: list[Exam] = []
    for name in primary.over:
        mine = [exam for exam in exams if exam.name == name]
        sat = [exam for exam in mine if untrained and exam.key in untrained.whole]
        if not mine or (len(mine) > 1 and len(sat) != 1):
            return None
        columns.append((sat or mine)[0])
    if not columns:
        return None
    sizes = [exam.problems if primary.weight == "problems" else 1 for exam in columns]
    return Endpoint(tuple(exam.key for exam in columns), tuple(size / sum(sizes) for size in sizes), pass_k)
