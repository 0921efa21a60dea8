"""Problem by problem: how many answers of each row were right, and the answers themselves where the store has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.records import Problem
from harness.results import ExamScore, Result
from harness.store import Store
from reports import drilldown
from reports.drafts import Draft, drafts, is_reference
from reports.drilldown import Completion, Sitting
from reports.nouns import Exam, Group, Row


@dataclass(frozen=True)
class GridCell:
    """All seeds together. `verdicts`: how often each was given, where the store says; the right ones first, then the most frequent."""

    right: int
    of: int
    verdicts: tuple[tuple[str, int], ...] = ()
    shown: tuple[Completion, ...] = ()

    @property
    def share(self) -> float | None:
        return self.right / self.of if self.of else None


@dataclass(frozen=True)
class GridRow:
    """A row of the board, with a cell for every problem of the exam."""

    row: Row
    cells: tuple[GridCell, ...]


@dataclass(frozen=True)
class Grid:
    """One exam in one group. `questions` is empty where the store does not have them: problems are numbers then."""

    group: Group
    exam: Exam
    folder: str
    questions: tuple[Problem, ...]
    rows: tuple[GridRow, ...]
    longest: int  # characters of a completion

    def name(self, at: int) -> str:
        return self.questions[at].id if self.questions else f"problem {at + 1}"

    def mean(self, at: int) -> float | None:
        """Over the rows that were trained."""
        shares = [share for row in self.rows if row.row.block in ("method", "control") and (share := row.cells[at].share) is not None]
        return sum(shares) / len(shares) if shares else None

    @property
    def answered(self) -> bool:
        return bool(self.questions) and any(cell.shown for row in self.rows for cell in row.cells)


def grids(group: Group, results: Sequence[Result], store: Store | None) -> Iterator[Grid]:
    """One an exam of which any row has counts. What was answered on the way has no pages, where there are answers of the end: it is much."""
    found = drafts_of(group, results)
    sat = [exam for exam in group.exams if any(exam.key in draft.scores for draft in found.values())]
    counted = sum(exam.problems * sum(exam.key in draft.scores for draft in found.values()) for exam in sat)
    ended = any(exam.at == "100%" for exam in sat)
    for exam in sat:
        yield _grid(group, exam, found, store if exam.at == "100%" or not ended else None, drilldown.room(counted))


def drafts_of(group: Group, results: Sequence[Result]) -> dict[str, Draft]:
    """The results behind a group's rows, by label."""
    mine = [
        result
        for result in results
        if (result.suite, result.pair) == (group.suite, group.pair)
        and (group.budget is None or result.budget == group.budget or is_reference(result) or result.role == "reported")
    ]
    labels = [row.label for row in group.rows]
    return {draft.label: draft for draft in drafts(mine, group.exams, labels) if draft.label in labels}


def _grid(group: Group, exam: Exam, found: Mapping[str, Draft], store: Store | None, longest: int) -> Grid:
    questions: tuple[Problem, ...] = ()
    rows = []
    for row in group.rows:
        draft = found.get(row.label)
        scores = {seed: score for seed, score in (draft.scores.get(exam.key, {}) if draft else {}).items() if score.graded}
        if draft is None or not scores:
            continue
        sittings = []
        for result in draft.results if store else ():
            if result.seed in scores and store and (made := drilldown.sitting(store, result, exam.name, longest)):
                sittings.append(made)
                questions = questions or made.questions
        rows.append(GridRow(row, tuple(_cell(at, scores, sittings, questions) for at in range(exam.problems))))
    return Grid(group, exam, folder(group, exam), questions if len(questions) == exam.problems else (), tuple(rows), longest)


def _cell(at: int, scores: Mapping[int | None, ExamScore], sittings: Sequence[Sitting], questions: Sequence[Problem]) -> GridCell:
    right, of = (sum(getattr(score, name)[at] for score in scores.values()) for name in ("correct", "graded"))
    if not sittings or at >= len(questions):
        return GridCell(right, of)
    name = questions[at].id
    said = [verdict for each in sittings for verdict in each.verdicts.get(name, ())]
    counts = {verdict: said.count(verdict) for verdict in said}
    verdicts = tuple(sorted(counts.items(), key=lambda each: (each[0] != "correct", -each[1], each[0])))
    shown = [completion for each in sittings for completion in each.shown.get(name, ())]
    return GridCell(right, of, verdicts, tuple(shown[: drilldown.PER_CELL]))


def folder(group: Group, exam: Exam) -> str:
    """Where the pages of one exam lie: `problems/<group>/<exam>`."""
    name = re.sub(r"[^A-Za-z0-9_.]+", "-", exam.name).strip("-.") or "exam"
    return f"problems/{group.anchor}/{name}" + ("" if exam.alone else f"-{group.exams.index(exam)}")
