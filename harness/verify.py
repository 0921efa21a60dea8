"""Does every number of a row follow from what was written? Answers are graded again, counted again, and all figures derived again.

Nothing of the store is trusted but what its hashes hold: each record's address is the hash of what decides it, each file's bytes are hashed,
and verdicts are made anew from the completions. What is found is named by row, place and sample.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from statistics import fmean
from typing import Any

from harness import collect, derived, published
from harness.counts import counted, listed
from harness.exporting.answers import Texts, folder_of
from harness.grading import GRADERS
from harness.records import Fault, Grade, Problem, Rollout
from harness.results import Analysis, Cost, ExamScore, Result
from harness.stages.verdicts import Judge
from harness.step import address_of
from harness.store import Corrupt, Record, Store
from harness.tables import from_bytes, grades_from, lengths_from

DERIVED = (
    "problems",
    "samples",
    "problems_hash",
    "graded",
    "correct",
    "truncated",
    "ungraded",
    "missing",
    "unfinished",
    "verdicts",
    "under_cap",
    "missing_first",
    "mean_length",
    "maj_at",
)


class Verifier(contextlib.ExitStack):
    """Of one store. Steps that rows share are checked once; their faults are told of every row that stands on them.

    `answers`: how many were graded again. `machine` as in `harness.stages.verdicts.Judge`.
    """

    def __init__(self, store: Store, machine: dict[str, Any]) -> None:
        super().__init__()
        self.store, self.machine, self.answers = store, machine, 0
        self._steps: dict[str, list[str]] = {}
        self._texts = Texts()
        self._judges: dict[str, Judge] = {}

    def faults(self, result: Result) -> Iterator[str]:
        """What of this row does not follow, each in one message; nothing where all does."""
        yield from derived.faults(result.scores)
        if result.reported is not None:
            yield from of_published(result)
            return
        if result.provenance.imported:
            return  # its completions are another tool's
        for exam, score in result.scores.items():
            try:
                yield from (f"scores.{exam}{fault}" for fault in self._score(result, exam, score))
            except Corrupt as fault:
                yield f"scores.{exam}: {fault}"
        try:
            yield from self._training(result)
        except Corrupt as fault:
            yield f"cost: {fault}"

    def _record(self, address: str | None) -> Record:
        """Raises Corrupt where there is none, where it is not what its address says, or where a file of it was changed."""
        if not address:
            raise Corrupt("no step", "the row names none for it")
        record = self.store.record(address)
        if record is None:
            raise Corrupt(address, "it is not in the store")
        if address_of(record.step) != address:
            raise Corrupt(address, "its record is of another step: settings or inputs were changed")
        self.store.payload(address)
        return record

    def _score(self, result: Result, exam: str, score: ExamScore) -> Iterator[str]:
        record = self._record(result.steps.get(f"score/{exam}"))
        inputs = record.step["inputs"]
        if "train" in result.steps and result.steps["train"] not in self._ancestors(result.steps[f"score/{exam}"]):
            yield ": these are answers of another model than the one that the row trained"
        grades: list[Grade] = []
        for role in sorted((role for role in inputs if role.startswith("grades/")), key=lambda role: int(role.rpartition("/")[2])):
            if inputs[role] not in self._steps:
                self._steps[inputs[role]] = list(self._regraded(inputs[role]))
            yield from self._steps[inputs[role]]
            grades += grades_from(self.store.payload(inputs[role]) / "grades.parquet")
        lengths = [
            length
            for role in inputs
            if role.startswith("rollouts/")
            for length in lengths_from(self.store.payload(inputs[role]) / "rollouts.parquet")
        ]
        params = record.step["params"]
        ids = [problem.id for problem in from_bytes(Problem, self.store.payload(inputs["problems"]) / "problems.parquet")]
        try:
            facts = counted(exam, ids, params["samples"], grades, lengths, params["max_tokens"], params.get("votes", ()))
        except Fault as fault:
            yield f": {fault}"
            return
        whole = min(facts["graded"]) == facts["samples"]
        votes = {k: fmean(parts) if whole else None for k, parts in facts["votes"].items()}
        found = {**facts, "unfinished": sum(facts["unfinished"]), "maj_at": votes}
        for name in DERIVED:
            said, right = plain(getattr(score, name)), plain(found[name])
            if said != right:
                yield f".{name}: {shown(said, right)}"
        audit = result.steps.get(f"audit/{exam}")
        for name, right in collect.grading(self.store, record, self._record(audit) if audit else None).items():
            if getattr(score, name) != right:
                yield f".{name}: it is not what its steps say"
        if (address := result.steps.get(f"overlap/{exam.partition('@')[0]}")) is not None:
            facts = self._record(address).facts
            said = (score.overlap.exact, score.overlap.near) if score.overlap else None
            if said != (facts["exact"], facts["near"]):
                yield f".overlap: the row says {said} questions that are trained on, or nearly so, and there are {facts['exact'], facts['near']}"

    def _regraded(self, address: str) -> Iterator[str]:
        """Verdicts of a grade step that are not what its grader says today."""
        record = self._record(address)
        step, inputs = record.step, record.step["inputs"]
        for name, version in step["params"]["grader"].items():
            if name in GRADERS and GRADERS[name] != version:
                yield f": graded by {name} {version}, and this harness has {name} {GRADERS[name]}: run the suite again"
                return
        for name in ("problems", "rollouts"):
            self._record(inputs[name])
        problems = {problem.id: problem for problem in from_bytes(Problem, self.store.payload(inputs["problems"]) / "problems.parquet")}
        rollouts = from_bytes(Rollout, self.store.payload(inputs["rollouts"]) / "rollouts.parquet")
        made = folder_of(self.store, record)
        texts = self._texts.responses(step["params"]["model"], made, rollouts)
        asked = zip(rollouts, texts, strict=True)
        verdicts = self._judge(step["params"]).grade([(problems[rollout.problem_id], rollout, text) for rollout, text in asked])
        self.answers += len(verdicts)
        kept = {(grade.problem_id, grade.sample): grade.verdict for grade in grades_from(self.store.payload(address) / "grades.parquet")}
        now = {(rollout.problem_id, rollout.sample): verdict for rollout, verdict in zip(rollouts, verdicts, strict=True)}
        other = [place for place in now if place in kept and kept[place].verdict != now[place].verdict]
        if other:
            first = other[0]
            yield (
                f": {address}: {len(other)} of {len(now)} verdicts are not what grading gives: {listed(other)}; "
                f"the first says {kept[first].verdict}, and is {now[first].verdict}"
            )
        if kept.keys() != now.keys():
            odd = sorted(kept.keys() ^ now.keys())
            yield f": {address}: answers and verdicts are not of the same samples: {listed(odd)}"

    def _judge(self, params: dict[str, Any]) -> Judge:
        """One for all steps that are graded alike, made when it is first needed."""
        key = json.dumps([params["grader"], params["golds"]], sort_keys=True)
        if key not in self._judges:
            self._judges[key] = self.enter_context(Judge(params["grader"], params["golds"] == "any", self.machine))
        return self._judges[key]

    def _training(self, result: Result) -> Iterator[str]:
        """Costs, diagnostics and the analysis, from the records that they come from."""
        if "train" not in result.steps or result.status != "done":
            return
        trained = self._record(result.steps["train"])
        for name, value in collect.cost(trained).charged.model_dump().items():
            if getattr(result.cost.charged, name) != value:
                yield f"cost.charged.{name}: {shown(getattr(result.cost.charged, name), value)}"
        found = collect.diagnostics(result, self.store, trained)
        for name in sorted(found.keys() | result.diagnostics.keys()):
            if found.get(name) != result.diagnostics.get(name):
                yield f"diagnostics.{name}: {shown(result.diagnostics.get(name), found.get(name))}"
        if "analysis" in result.steps:
            analysis = Analysis(**self._record(result.steps["analysis"]).facts)
            if result.analysis is None or result.analysis.model_dump(mode="json") != analysis.model_dump(mode="json"):
                yield "analysis: it is not what its step found"
        if result.ended_by != trained.facts["ended_by"]:
            yield f"ended_by: {shown(result.ended_by, trained.facts['ended_by'])}"

    def _ancestors(self, address: str) -> set[str]:
        found: set[str] = set()
        todo = [address]
        while todo:
            each = todo.pop()
            if each not in found and (record := self.store.record(each)):
                found.add(each)
                todo += record.step["inputs"].values()
        return found


def of_published(result: Result) -> Iterator[str]:
    """Scores of a published row that its figures do not give. Marks need the whole study: `marks_of`."""
    yield from published.faults(result)
    if result.cost != Cost():
        yield "cost: nobody here has spent it"


def marks_of(rows: list[Result]) -> Iterator[tuple[Result, str]]:
    """Figures whose marks are not those that they deserve, row by row of one study."""
    for row, right in zip(rows, published.marked(rows), strict=True):
        said, found = row.reported, right.reported
        for mine, its in zip(said.figures if said else (), found.figures if found else (), strict=True):
            if mine.marks != its.marks:
                named = ", ".join(mark.kind for mark in its.marks) or "none"
                yield row, f"reported.figures: {its.where} {its.exam or ''} {its.metric}: its marks must be {named}; import the table again"


def plain(value: Any) -> Any:
    """Tuples as lists, for a comparison with what JSON gives."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def shown(said: Any, right: Any) -> str:
    """Both; of long lists where they part."""
    if isinstance(said, list) and isinstance(right, list) and len(said) == len(right):
        places = [place for place, (one, other) in enumerate(zip(said, right, strict=True)) if one != other]
        first = places[0]
        return (
            f"problem {first} has {said[first]}, and {right[first]} follows from its answers ({len(places)} of {len(said)} problems differ)"
        )
    return f"the row says {said}, and {right} follows"
