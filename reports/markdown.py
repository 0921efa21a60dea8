"""The board as Markdown: for a README, a pull request, a chat."""

from __future__ import annotations

from collections.abc import Iterable

from harness.statistics import Estimate
from reports.concluded import concluded, probability
from reports.markup import code, inline, spoken, table
from reports.nouns import Beside, Board, Deviation, Exam, Group, Row
from reports.printed import published
from reports.sentence import noise
from reports.summaries import analysis
from reports.words import DASH, basis, error, gap, hours, interval, measured, percent, plural, points, series


def text(board: Board) -> str:
    lines = [
        f"# {inline(board.title)}",
        "",
        "Students distilled from teachers and examined before and after, by opd-harness. Scores in percent, ± one standard error; differences "
        "in points; in brackets 95% intervals.",
        "",
    ]
    for group in board.groups:
        lines += _group(group)
    lines += published(board)
    if board.left_out:
        lines += ["## Left out", "", *(f"- {inline(each.path)}: {inline(each.said)}" for each in board.left_out), ""]
    if board.deviations:
        lines += ["## Deviations", "", *(f"- {inline(_deviation(each))}" for each in board.deviations), ""]
    said = board.provenance
    parts = [*(f"commit {commit}" for commit in said.commits), *(f"{name} {version}" for name, version in said.versions), *said.devices]
    if parts:
        lines += ["Made with " + inline(" · ".join(parts)) + ".", ""]
    return "\n".join(lines)


def _deviation(each: Deviation) -> str:
    return f"{each.said} ({series(each.suites)})" if each.suites else each.said


def _group(group: Group) -> Iterable[str]:
    yield from (
        f"## {inline(group.pair)}" + (f", budget {inline(group.budget)}" if group.budget else ""),
        "",
        *((inline(group.pairing), "") if group.pairing else ()),
        f"{spoken(group.sentence)} {noise(group)}".strip(),
        "",
    )
    yield from table(_heads(group), [_summary(row, group) for row in group.rows])
    yield from ("", _caption(group), "")
    head = [
        "row",
        *(f"{_exam(exam)} {figure}" for exam in group.exams for figure in _figures(exam)),
    ]
    yield from (*(f"- {_sat(exam)}" for exam in group.exams), "")
    yield from table(head, [_scores(row, group) for row in group.rows])
    yield ""
    yield from _level(group)
    if group.beside:
        yield from _beside(group, group.beside)
    broken = [row for row in group.rows if row.reason]
    if broken:
        yield from (*(f"- `{code(row.label)}` {inline(row.reason or '')}" for row in broken), "")
    yield from concluded(group)
    yield from analysis(group)
    if group.retired:
        yield from ("No longer in the suite: " + ", ".join(f"`{code(row.label)}`" for row in group.retired) + ".", "")


def _heads(group: Group) -> list[str]:
    """No column in which all rows would say the same: the caption says it."""
    return [
        *(["rank"] if group.ranked else []),
        "row",
        "kind",
        f"{group.primary.title} ±",
        "Δ base [95%]",
        "p",
        "beyond noise",
        *(["Δ best control"] if group.controlled else []),
        "H100-h",
        *([] if group.like_seeds else ["seeds"]),
        *([] if group.like_divisions else ["division"]),
        "sees",
        "marks",
    ]


def _caption(group: Group) -> str:
    said = f"The score is {_basis(group)}, in percent. Differences in points, paired on problems{' and seeds' if group.seeds > 1 else ''}"
    if any(row.base and row.base.p_value is not None for row in group.trained):
        said += "; p against the untrained student, corrected for the number of rows in the suite"
    if group.noise:
        said += f"; noise reaches from {interval((group.noise.low, group.noise.high))}, as things differed that nothing sets apart"
    alike = [
        *([f"division {row.division}" for row in group.trained[:1]] if group.like_divisions else []),
        *([plural(group.seeds, "training seed")] if group.like_seeds and group.seeds else []),
    ]
    return inline(f"{said}." + (f" All trained rows: {', '.join(alike)}." if alike else ""))


def _level(group: Group) -> Iterable[str]:
    """Scores without an error because nothing varied have an interval all the same, and it is wide where problems are few."""
    found: dict[str, list[str]] = {}
    for at, exam in enumerate(group.exams):
        for row in group.rows:
            avg = row.cells[at].avg
            if avg and avg.stderr == 0 and avg.interval95:
                low, high = (percent(bound) for bound in avg.interval95)
                found.setdefault(f"{inline(exam.name)} {percent(avg.value)}, {low} to {high}", []).append(f"`{code(row.label)}`")
    if found:
        yield "± – stands where no problem differed from another, so that there is no spread to take an error from. Such a score is not without error; counting each problem once, its 95% interval is:"
        yield from ("", *(f"- {said}: {series(labels)}" for said, labels in found.items()), "")


def _beside(group: Group, found: Beside) -> Iterable[str]:
    yield from (
        "### Beside: what training did elsewhere",
        "",
        "Tasks of lm-eval; no rank depends on them. Accuracies and matches are percent, other figures stand as lm-eval gives them; Δ is to the "
        "untrained student, and better or worse beyond noise at 95%, each figure by itself.",
        "",
        *(f"- {inline(task.name)}: {inline('; lm-eval warns: '.join((task.settings, *task.warnings)))}" for task in found.tasks),
        "",
    )
    ways = {True: " ▲", False: " ▼", None: ""}
    head = ["row"]
    for task in found.tasks:
        for figure in task.figures:
            said = figure.metric + (f" ({figure.filter})" if figure.filter != "none" else "") + ways[figure.higher_is_better]
            head += [f"{task.name}: {said} ±", "Δ base"]
    lines = []
    for row in found.rows:
        cells = [f"`{code(row.label)}`"]
        for cell, figure in zip(row.cells, found.figures, strict=True):
            error = f" ± {measured(cell.value.stderr, figure.share)}" if cell.value and cell.value.stderr is not None else ""
            delta = "0" if cell.value and row.label == group.untrained else measured(cell.delta, figure.share, signed=True)
            cells += [
                f"{measured(cell.value.value, figure.share)}{error}" if cell.value else cell.note or DASH,
                f"{delta} {cell.beyond}" if cell.beyond else delta,
            ]
        lines.append(cells)
    yield from (*table(head, lines), "")
    if failed := [row for row in found.rows if row.reasons]:
        yield from (*(f"- `{code(row.label)}` {inline('; '.join(row.reasons))}" for row in failed), "")


def _basis(group: Group) -> str:
    said = group.primary
    return basis(said.title, said.over, said.weight, said.asked)


def _exam(exam: Exam) -> str:
    said = [*([] if exam.alone else [exam.protocol]), *(word for word, _ in exam.marks)]
    return f"{exam.name} ({'; '.join(said)})" if said else exam.name


def _figures(exam: Exam) -> list[str]:
    return [f"Avg@{exam.samples} ±", "Δ base", f"Pass@{exam.pass_k}", *(f"Maj@{k}" for k in exam.votes), "unfinished"]


def _sat(exam: Exam) -> str:
    """What an exam is: how many problems, how often each, under which protocol, of which date."""
    date = f", of {exam.date}" if exam.date else ""
    return inline(f"{exam.name}: {plural(exam.problems, 'problem')} × {exam.samples}, protocol {exam.protocol}{date}")


def _summary(row: Row, group: Group) -> list[str]:
    trained = row.block in ("method", "control")
    return [
        *([_rank(row)] if group.ranked else []),
        f"`{code(row.label)}`",
        row.block,
        _with_error(row.primary),
        f"{points(row.base.value)} [{interval(row.base.interval95)}]" if row.base else gap(None, row.label == group.untrained),
        probability(row.base.p_value) if trained and row.base and row.base.p_value is not None else DASH,
        row.beyond or DASH,
        *([gap(row.control and row.control.value, row.label == group.best_control)] if group.controlled else []),
        hours(row.cost.gpu_hours) if row.cost else DASH,
        *([] if group.like_seeds else [str(len(row.seeds)) if row.seeds else DASH]),
        *([] if group.like_divisions else [inline(row.division)]),
        ", ".join(row.sees) or DASH,
        inline("; ".join([*([row.reason] if row.reason else []), *row.marks])) or DASH,
    ]


def _scores(row: Row, group: Group) -> list[str]:
    cells = [f"`{code(row.label)}`"]
    for exam, cell in zip(group.exams, row.cells, strict=True):
        cells += [
            _with_error(cell.avg) if cell.avg else ", ".join(filter(None, [cell.note, cell.machinery])) or DASH,
            gap(cell.delta and cell.delta.value, bool(cell.avg) and row.label == group.untrained),
            percent(cell.passed),
            *(percent(value) for value in cell.voted or (None,) * len(exam.votes)),
            DASH if cell.unfinished is None else f"{percent(cell.unfinished)}%",
        ]
    return cells


def _rank(row: Row) -> str:
    return DASH if row.rank is None else str(row.rank[0]) if row.rank[0] == row.rank[1] else f"{row.rank[0]}–{row.rank[1]}"


def _with_error(found: Estimate | None) -> str:
    return DASH if found is None else percent(found.value) + (f" ± {error(found.stderr)}" if found.stderr is not None else "")
