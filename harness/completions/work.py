"""Grading of a file's rows: in batches, each kept in the journal before the next begins."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.completions.at_hand import Tests
from harness.completions.journal import Journal
from harness.completions.rows import Question, Unusable, lines_of, question
from harness.grading.workers import GraderPool
from harness.records import Fault, Verdict

if TYPE_CHECKING:
    from harness.grading.code import CodeGrader

INVALID = "invalid"  # of a row that cannot be graded: no verdict on its completion

# A batch, for each process: enough that few wait for the last, and little enough that a kill loses seconds.
UNITS = 128
COST = {"code": 4}  # units of a row; of any other, one
BYTES = 32 << 20  # of a batch in all

Tell = Callable[[int], None]
Row = tuple[int, Question | Verdict]  # its line, and what it asks or what is said of it without asking


class Graders(contextlib.ExitStack):
    """Both, each made when it is first needed: most files need one."""

    def __init__(self, processes: int, allow_unsafe: bool) -> None:
        super().__init__()
        self.processes, self.allow_unsafe = processes, allow_unsafe
        self._math: GraderPool | None = None
        self._code: CodeGrader | None = None

    @property
    def math(self) -> GraderPool:
        if self._math is None:
            self._math = self.enter_context(GraderPool(self.processes))
        return self._math

    @property
    def code(self) -> CodeGrader:
        """Raises Fault where no sandbox can be had."""
        if self._code is None:
            from harness.grading.code import CodeGrader

            self._code = self.enter_context(CodeGrader(self.processes, allow_unsafe=self.allow_unsafe))
        return self._code

    @property
    def rung(self) -> str | None:
        """Of the sandbox, where programs were run."""
        return self._code.rung if self._code else None


def grade_rows(rows: Iterable[Row], journal: Journal, graders: Graders, tests: Tests, tell: Tell) -> None:
    """Verdicts of these rows, into the journal. `tell(done)`: how many of them have one."""
    done = 0
    for batch in batches(rows, graders.processes):
        journal.came_from({name: source.md5 for name, source in tests.sources.items()})
        before = done
        journal.add(graded(batch, graders, lambda more, before=before: tell(before + more)))
        done += len(batch)
        tell(done)


def asked(path: Path, profile: str, tests: Tests, lacking: Journal) -> Iterator[Row]:
    """What each line asks that has no verdict in the journal; a line that asks nothing has its verdict already."""
    for number, line in lines_of(path):
        if number not in lacking:
            try:
                yield number, question(number, line, profile, tests.inline, tests.look_up)
            except Unusable as fault:
                yield number, invalid(number, str(fault))


def invalid(line: int, why: str) -> Verdict:
    return Verdict(INVALID, None, f"line {line}: {why}")


def batches(rows: Iterable[Row], processes: int) -> Iterator[list[Row]]:
    batch: list[Row] = []
    units = size = 0
    for number, row in rows:
        batch.append((number, row))
        if isinstance(row, Question):
            units += COST.get(row.way, 1)
            size += len(row.completion) + len(row.against)
        if units >= UNITS * processes or size >= BYTES or len(batch) >= UNITS * processes:
            yield batch
            batch, units, size = [], 0, 0
    if batch:
        yield batch


def graded(batch: list[Row], graders: Graders, tell: Tell) -> list[tuple[int, Verdict]]:
    """(line, verdict) in the batch's order."""
    found = {line: row for line, row in batch if isinstance(row, Verdict)}
    ways: dict[str, list[Question]] = defaultdict(list)
    for _, row in batch:
        if isinstance(row, Question):
            ways[row.way].append(row)
    for way, questions in ways.items():
        before = len(found)
        verdicts = (
            programs(questions, graders.code, lambda more, before=before: tell(before + more))
            if way == "code"
            else mathematics(questions, way, graders.math)
        )
        found |= {q.line: verdict for q, verdict in zip(questions, verdicts, strict=True)}
    return [(line, found[line]) for line, _ in batch]


def mathematics(questions: list[Question], profile: str, pool: GraderPool) -> list[Verdict]:
    """A gold that cannot be read is the row's fault, and no fault of the machinery: asked alone, it says so."""
    verdicts = pool.grade_many([(q.against, q.completion) for q in questions], any_gold=True, profile=profile)
    for place, asked in enumerate(questions):
        if verdicts[place].verdict == "grader_error":
            try:
                verdicts[place] = pool.grade_many([(asked.against, asked.completion)], profile=profile)[0]
            except Fault as fault:
                verdicts[place] = invalid(asked.line, str(fault))
    return verdicts


def programs(questions: list[Question], grader: CodeGrader, tell: Tell) -> list[Verdict]:
    """Tests that cannot be used are the row's fault too; here the grader has a verdict for them, and another for the machinery."""
    verdicts = grader.grade_many([(q.against, q.completion) for q in questions], tell, any_gold=True)
    return [
        invalid(asked.line, verdict.detail) if verdict.verdict == "grader_error" else verdict
        for asked, verdict in zip(questions, verdicts, strict=True)
    ]
