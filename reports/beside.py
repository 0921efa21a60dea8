"""What training did elsewhere: the tasks of lm-eval that rows sat, beside the exams. No rank depends on any of it.

Differences are to the untrained student. Their noise is judged as if the two errors were independent; on the same documents they are not,
and the true one is smaller: what is called better or worse here would be under the paired test too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import hypot, sqrt

from harness.results import LmMetric, LmResult
from harness.statistics import Estimate
from reports.drafts import Draft
from reports.nouns import AGAIN, Beside, BesideCell, BesideRow, BesideTask, LmFigure
from reports.words import DASH, plural

SHARE = re.compile(r"acc|acc_.*|.*_acc|exact_match|.*_match")  # metrics that lm-eval gives as fractions by their definition
Z95 = 1.96

Column = tuple[str, str, str | None]  # name, protocol, hash of the documents


def beside(drafts: Sequence[Draft], untrained: Draft | None, order: Sequence[str]) -> Beside | None:
    """The table of a group, tasks as the suite orders them; None where no row sat a task."""
    shown = [draft for draft in drafts if draft.label != AGAIN and draft.block != "reported"]
    sat = {draft.label: _sat(draft) for draft in shown}
    tasks: dict[Column, dict[str, list[LmMetric]]] = {}
    settings: dict[Column, LmResult] = {}
    for columns in sat.values():
        for column, results in columns.items():
            for result in results:
                settings.setdefault(column, result)
                for name, metric in result.metrics.items():
                    tasks.setdefault(column, {}).setdefault(name, []).append(metric)
    if not any(sat.values()):
        return None
    tasks = dict(sorted(tasks.items(), key=lambda each: _place(each[0], settings[each[0]], order)))
    made = [_task(column, metrics, settings[column], tasks) for column, metrics in tasks.items()]
    reference = sat.get(untrained.label, {}) if untrained else {}
    rows = []
    for draft in shown:
        if mine := sat[draft.label]:
            itself = untrained is not None and draft.label == untrained.label
            cells = [
                _cell(_own(mine, column), reference.get(_before(column), []), figure, itself)
                for column, task in zip(tasks, made, strict=True)
                for figure in task.figures
            ]
            reasons = dict.fromkeys(_why(result.task, result.reason) for each in mine.values() for result in each if result.reason)
            rows.append(BesideRow(draft.label, draft.role, draft.block, tuple(cells), tuple(reasons)))
    return Beside(tuple(made), tuple(rows))


def _sat(draft: Draft) -> dict[Column, list[LmResult]]:
    """By column, one a seed."""
    found: dict[Column, list[LmResult]] = {}
    for result in draft.done or draft.results:
        for name, said in result.lm_eval.items():
            found.setdefault((name, said.protocol, said.documents), []).append(said)
    return found


def _why(task: str, reason: str) -> str:
    return reason if task in reason else f"{task}: {reason}"


def _place(column: Column, said: LmResult, order: Sequence[str]) -> tuple:
    name = _before(column)[0]
    known = [at for at, each in enumerate(order) if name == each or name.startswith(f"{each}/")]
    return known[0] if known else len(order), name, float(said.at.rstrip("%")), *map(str, column)


def _own(mine: Mapping[Column, list[LmResult]], column: Column) -> list[LmResult]:
    """What failed knows no documents: it stands in the column of its name."""
    return mine.get(column, []) or mine.get((*column[:2], None), [])


def _before(column: Column) -> Column:
    """The column in which the untrained student sat what a checkpoint sits: `task@50%` is `task`."""
    return re.sub(r"@[0-9.]+%(?=/|\Z)", "", column[0]), *column[1:]


def _task(column: Column, metrics: Mapping[str, Sequence[LmMetric]], said: LmResult, all_: Mapping[Column, object]) -> BesideTask:
    alone = sum(other[0] == column[0] for other in all_) == 1
    settings = [
        *([f"{said.n:,} {'document' if said.n == 1 else 'documents'}"] if said.n is not None else []),
        *([plural(said.num_fewshot, "shot")] if said.num_fewshot else []),
        *(["chat template"] if said.chat else []),
        *([f"version {said.version}"] if said.version else []),
        *([] if alone else [said.protocol]),
    ]
    figures = []
    for name, found in metrics.items():
        metric, _, filtered = name.partition(",")
        values = [each.value for each in found if each.value is not None]
        share = bool(SHARE.fullmatch(metric)) and all(0 <= value <= 1 for value in values)
        figures.append(LmFigure(metric, filtered, found[0].higher_is_better, share))
    return BesideTask(column[0], " · ".join(settings), tuple(said.warnings), tuple(figures))


def _cell(mine: Sequence[LmResult], theirs: Sequence[LmResult], figure: LmFigure, itself: bool) -> BesideCell:
    found, other = _mean(mine, figure.key), _mean(theirs, figure.key)
    if found is None:
        return BesideCell(None, None, None, "not done" if any(result.reason for result in mine) else DASH)
    if itself:
        return BesideCell(found, 0.0, None, None)
    if other is None:
        return BesideCell(found, None, None, None)
    delta = found.value - other.value
    return BesideCell(found, delta, _beyond(delta, found.stderr, other.stderr, figure.higher_is_better), None)


def _beyond(delta: float, error: float | None, other: float | None, higher: bool | None) -> str | None:
    if higher is None or error is None or other is None or abs(delta) <= Z95 * hypot(error, other):
        return None
    return "better" if (delta > 0) == higher else "worse"


def _mean(results: Sequence[LmResult], name: str) -> Estimate | None:
    """Over seeds. All sat the same documents, so their error does not shrink with seeds; what seeds differ by is added to it."""
    found = [result.metrics[name] for result in results if name in result.metrics and result.metrics[name].value is not None]
    if not found:
        return None
    values = [each.value for each in found if each.value is not None]
    mean = sum(values) / len(values)
    errors = [each.stderr for each in found if each.stderr is not None]
    if len(errors) < len(values):
        return Estimate(mean, None)
    between = sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values) if len(values) > 1 else 0.0
    return Estimate(mean, sqrt(sum(error**2 for error in errors) / len(errors) + between))
