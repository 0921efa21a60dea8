"""Problems from wherever they come: made up on the spot, a file, or a data set of the hub. What was loaded is looked at before it is used."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.records import Fault, Problem
from harness.seeds import derive, permutation
from harness.stages import Job
from harness.stages.loading import rows_of
from harness.store import write_atomically
from harness.tables import to_bytes

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Loaded:
    """A problem, and its question without the words that a protocol puts around it."""

    problem: Problem
    question: str


def run(job: Job) -> dict:
    source, take = job.params["source"], job.params["take"]
    found = load(source, job.step.local)
    whole = without_repeats(found, source["name"])
    read = content(whole)
    check(whole, source, read)
    chosen = taken(whole, take)
    problems = [each.problem for each in chosen]
    if job.params.get("golds"):
        refuse_unreadable(problems)
    data = to_bytes(Problem, problems)
    write_atomically(job.out / "problems.parquet", data)
    write_atomically(job.out / "questions.json", json.dumps([each.question for each in chosen]).encode())
    return {
        "problems": len(problems),
        "content": hashlib.sha256(data).hexdigest(),
        "read": read,
        "duplicates": len(found) - len(whole),
        "without_answer": sum(p.answer is None and p.tests is None for p in problems),
        "without_solution": sum(p.solution is None for p in problems),
    }


# What was loaded


def without_repeats(found: list[Loaded], name: str) -> list[Loaded]:
    """A problem without an id of its own is known by its text: where that stands again, the first is kept."""
    seen: set[str] = set()
    kept = []
    for each in found:
        if each.problem.id not in seen or each.problem.id != id_of(name, each.question):
            kept.append(each)
        seen.add(each.problem.id)
    return kept


def content(found: list[Loaded]) -> str:
    """16 digits for all questions and answers, in order. White space does not count, ids and instructions neither: copies differ in them."""
    said = [[" ".join(text.split()) for text in (each.question, each.problem.answer or "")] for each in found]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()[:16]


def check(found: list[Loaded], source: dict[str, Any], read: str) -> None:
    """Raises Fault where these cannot be the problems that were meant."""
    name, problems = source["name"], [each.problem for each in found]
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
    if source.get("content") not in (None, read):
        raise Fault(
            f"{name}: its questions and answers hash to {read}, but its `content` says {source['content']}: something was changed since they "
            "were read. Look at what was loaded before you correct the hash."
        )


def refuse_unreadable(problems: list[Problem]) -> None:
    """Raises Fault where a gold of an exam is not right by itself: nobody could ever be."""
    from harness.grading.workers import GraderPool

    golds = [(problem, problem.answer) for problem in problems if problem.answer is not None]
    pairs = [(gold, gold if "\\boxed" in gold else f"\\boxed{{{gold}}}") for _, gold in golds]
    with GraderPool(processes=1) as pool:
        verdicts = pool.grade_many(pairs, any_gold=True)
    wrong = [(problem, verdict) for (problem, _), verdict in zip(golds, verdicts, strict=True) if not verdict.correct]
    if wrong:
        problem, verdict = wrong[0]
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise Fault(
            f"exam {problem.source}: the answer to {problem.id!r} cannot be graded, not even against itself: {problem.answer!r} "
            f"({verdict.verdict}{': ' + verdict.detail if verdict.detail else ''}){more}. Correct it, or leave it out, for example by `only`."
        )


def taken(problems: list[Kind], take: int | str) -> list[Kind]:
    """`take` of them by a fixed seed, in the source's order; all where there are not more."""
    if take == "all" or len(problems) <= int(take):
        return problems
    return [problems[i] for i in sorted(permutation(derive("take"), len(problems))[: int(take)])]


# From rows to problems


def load(source: dict[str, Any], local: dict[str, str]) -> list[Loaded]:
    if "made" in source:
        return [Loaded(problem, problem.prompt) for problem in made(source["made"])]
    rows, place = rows_of(source, local)
    return mapped(rows, source, place)


def made(source: dict[str, Any]) -> list[Problem]:
    from harness.world import chain, programs

    arguments = {key: tuple(value) if isinstance(value, list) else value for key, value in source.items() if key != "kind"}
    return {"chain": chain.problems, "programs": programs.problems}[source["kind"]](**arguments)


def mapped(rows: Iterable[dict[str, Any]], source: dict[str, Any], place: str) -> list[Loaded]:
    """The rows as problems; those that `only` and `window` name, where they do. Blank text is no value."""
    only = {column: [str(value) for value in values] for column, values in (source.get("only") or {}).items()}
    found = []
    for number, row in enumerate(rows):
        where = f"{place}: row {number}"
        if (only and not wanted(row, only, where)) or ("window" in source and not within(row, source["window"], where)):
            continue
        values, question = native(row, source["rows"], where) if "rows" in source else by_fields(row, source, where)
        for key in ("system", "prefill"):
            if source.get(key):
                values[key] = source[key]
        values["prompt"] = (source.get("prompt") or "{problem}").replace("{problem}", values["prompt"] or "")
        identity = values.pop("id", None) or id_of(source["name"], question)
        problem = Problem(id=identity, domain=source.get("domain", "math"), source=source["name"], **values)
        found.append(Loaded(problem, question))
    return found


def by_fields(row: dict[str, Any], source: dict[str, Any], place: str) -> tuple[dict[str, str | None], str]:
    """What a problem holds, column by column, and its question."""
    fields, joined = source.get("fields") or {}, source.get("lists") or {}
    values = {}
    for ours, theirs in fields.items():
        if theirs not in row:
            raise Fault(f"{place} has no column {theirs!r}, which `fields` maps to {ours!r}. It has: {', '.join(row)}.")
        value = row[theirs]
        if theirs in joined and isinstance(value, list):
            value = joined[theirs].join(map(str, value))
        values[ours] = as_text(value, ours, f"{place}, column {theirs!r}")
    question = values["prompt"]
    if not question:
        raise Fault(f"{place} has an empty prompt ({fields['prompt']!r}).")
    return values, question


def native(row: dict[str, Any], kind: str, place: str) -> tuple[dict[str, str | None], str]:
    """The same of a row as it is published."""
    from harness.grading.code import rows

    try:
        match kind:
            case "livecodebench":
                values, question = rows.livecodebench_row(row), row["question_content"]
            case "taco":
                values, question = rows.taco_row(row), row["question"]
            case _:
                values, question = rows.evalplus_row(row, kind.removeprefix("evalplus-")), row["prompt"]
                values = {**values, "prompt": values["prompt"].strip()}  # as evalplus puts it into its frame
    except KeyError as fault:
        raise Fault(f"{place} has no column {fault.args[0]!r}, so it is no row of {kind}. It has: {', '.join(row)}.") from None
    except ValueError as fault:
        raise Fault(f"{place} is no row of {kind}: {fault}") from None
    if not str(question).strip():
        raise Fault(f"{place} has an empty question.")
    return dict(values), question


def wanted(row: dict[str, Any], only: dict[str, list[str]], place: str) -> bool:
    for column in only:
        if column not in row:
            raise Fault(f"{place} has no column {column!r}, by which `only` chooses. It has: {', '.join(row)}.")
    return all(str(row[column]) in values for column, values in only.items())


def within(row: dict[str, Any], window: list[str], place: str) -> bool:
    """Whether the contest was in one of the months from the first to the last."""
    if not isinstance(row.get("contest_date"), str):
        raise Fault(f"{place} has no date in contest_date, by which `window` chooses.")
    return window[0] <= row["contest_date"][:7] <= window[1]


def id_of(name: str, question: str) -> str:
    """The id of a problem that has none of its own."""
    return f"{name}-{hashlib.sha256(question.encode()).hexdigest()[:10]}"


def as_text(value: Any, ours: str, place: str) -> str | None:
    if isinstance(value, list | dict):
        if ours == "tests":
            return json.dumps(value)
        raise Fault(
            f"{place} holds a {type(value).__name__}, but {ours!r} is text. Map it to a column of text, or say how `lists` are joined."
        )
    return None if value is None or not str(value).strip() else str(value)
