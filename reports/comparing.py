"""Any two rows beside each other, problem by problem: counts and paired differences of one group, as a script that a page loads when asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reports.drafts import Draft, Endpoint, difference, on
from reports.grids import Grid
from reports.nouns import Delta, Group
from reports.visible import visible


def chunk(group: Group, found: Mapping[str, Draft], grids: Sequence[Grid], endpoint: Endpoint | None) -> str:
    """A classic script that hands the group's data to the page: it works from file://, where nothing may be fetched."""
    labels = [row.label for row in group.rows if row.label in found and any(found[row.label].whole.values())]
    data = {
        "group": group.anchor,
        "rows": [visible(label, 200) for label in labels],
        "start": start(group, labels),
        "primary": group.primary.title,
        "overall": _pairs(labels, found, endpoint),
        "exams": [_exam(grid, labels, found) for grid in grids],
    }
    return f"site.register({script(data)});\n"


def start(group: Group, labels: Sequence[str]) -> tuple[int, int]:
    """What a reader sees first: the method that scores highest, beside the untrained student; or else the first two."""
    scored = [(row.primary.value, row.label) for row in group.block("method") if row.primary and row.label in labels]
    if not scored or group.untrained not in labels:
        return 0, min(1, len(labels) - 1)
    return labels.index(group.untrained), labels.index(max(scored, key=lambda each: each[0])[1])


def script(data: Any) -> str:
    """JSON that may stand in a script: nothing in it ends one."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _exam(grid: Grid, labels: Sequence[str], found: Mapping[str, Draft]) -> dict[str, Any]:
    """`right[row][problem]` of `graded[row][problem]`; a row that did not sit the exam has none."""
    rows = {row.row.label: row.cells for row in grid.rows}
    return {
        "name": visible(grid.exam.name, 200),
        "folder": grid.folder if grid.answered else None,
        "problems": [visible(problem.id, 200) for problem in grid.questions],
        "right": [[cell.right for cell in rows.get(label, ())] for label in labels],
        "graded": [[cell.of for cell in rows.get(label, ())] for label in labels],
        "differences": _pairs(labels, found, on(grid.exam.key)),
    }


def _pairs(labels: Sequence[str], found: Mapping[str, Draft], endpoint: Endpoint | None) -> dict[str, list[float | None]]:
    """`"i-j"` → the second row minus the first, in points, with the bounds of its paired 95% interval."""
    made: dict[str, list[float | None]] = {}
    able = [endpoint is not None and all(column in found[label].whole for column in endpoint.columns) for label in labels]
    for i, one in enumerate(labels):
        for j in range(i + 1, len(labels)):
            if able[i] and able[j] and (delta := difference(found[labels[j]], found[one], endpoint)):
                made[f"{i}-{j}"] = _points(delta)
    return made


def _points(delta: Delta) -> list[float | None]:
    low, high = delta.interval95 or (None, None)
    return [None if value is None else round(100 * value, 2) for value in (delta.value, low, high)]
