"""The analysis of a group in Markdown: lower token limits, by difficulty, what was written, the course of training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.markup import code, inline, table
from reports.nouns import Audited, Compared, Course, CourseRow, Delta, Difficulty, Group, Measure, Measured, UnderCaps, Writing
from reports.sparklines import shown
from reports.words import DASH, amount, bucket, gap, interval, percent, plural, series, shared, tokens


def analysis(group: Group) -> Iterable[str]:
    for found in group.under_caps:
        yield from _under_caps(found)
    for found in group.audits:
        yield from _audited(found)
    for found in group.difficulties:
        yield from _difficulty(found, group)
    if group.undivided:
        yield from (f"Nothing is sorted by difficulty: {group.undivided}", "")
    if group.writing:
        yield from _written(group.writing)
    if group.course:
        yield from _course(group.course)


def _under_caps(found: UnderCaps) -> Iterable[str]:
    yield from (
        f"### {inline(found.exam.name)} under lower token limits",
        "",
        f"Avg@{found.exam.samples} in percent had the limit been so many tokens, from the same answers: a longer one would have been cut, "
        "and counts as wrong. The last column is the exam as it was sat.",
        "",
    )
    yield from table(
        ["row", *(f"{cap:,}" for cap in found.caps)], [[f"`{code(row.label)}`", *map(percent, row.values)] for row in found.rows]
    )
    yield ""


def _audited(found: Audited) -> Iterable[str]:
    yield from (
        f"### {inline(found.exam.name)}: the same answers, {plural(len(found.graders), 'grader')}",
        "",
        "Right answers in percent by each grader; then how often two of them agree, and how many answers each of the two alone calls right.",
        "",
    )
    pairs = [column for a, b in found.pairs for column in (f"{a} = {b}", f"only {a}", f"only {b}")]
    lines = []
    for row in found.rows:
        compared = [text for each in row.compared for text in _compared(each)]
        lines.append([f"`{code(row.label)}`", amount(row.responses), *map(percent, row.right), *compared])
    yield from (*table(["row", "answers", *found.graders, *pairs], lines), "")


def _compared(found: Compared | None) -> list[str]:
    return [DASH] * 3 if found is None else [_share(found.agreement), amount(found.only_a), amount(found.only_b)]


def _difficulty(found: Difficulty, group: Group) -> Iterable[str]:
    yield from (
        f"### {inline(found.exam.name)} by difficulty",
        "",
        "Problems are sorted by how many samples the untrained student got right in its second sitting, by bounds of our own; differences "
        "are to its first sitting, with paired 95% intervals where there are problems enough.",
        "",
    )
    head = ["row"]
    for each in found.buckets:
        name = f"solved {bucket(each.low, each.high, each.of)}, {plural(each.problems, 'problem')}"
        head += [f"{name}: Avg@{found.exam.samples}", "Δ [95%]", f"Pass@{found.exam.pass_k}", "Δ [95%]"]
    lines = []
    for row in found.rows:
        cells = [f"`{code(row.label)}`"]
        for cell in row.cells:
            itself = row.label == group.untrained and cell.avg is not None
            cells += [percent(cell.avg), _delta(cell.avg_delta, itself), percent(cell.passed), _delta(cell.passed_delta, itself)]
        lines.append(cells)
    yield from (*table(head, lines), "")


def _delta(delta: Delta | None, itself: bool) -> str:
    said = gap(delta and delta.value, itself)
    return f"{said} [{interval(delta.interval95)}]" if delta and delta.interval95 else said


def _written(writing: Writing) -> Iterable[str]:
    yield from (
        "### What was written",
        "",
        "All that was written, kept for training or not, all rounds and seeds together; rows whose texts have the very same figures share a line.",
        "",
    )
    head = ["rows", "written", "how many", "right", "ungraded", "cut off", "mean tokens", "median", "of right ones", "of wrong ones"]
    yield from table(
        head,
        [
            [
                _names(labels, writing.rows), texts.kind, amount(texts.count), _share(texts.right), amount(texts.ungraded), _share(texts.truncated),
                *map(tokens, (texts.mean, texts.median, texts.mean_right, texts.mean_wrong)),
            ]
            for texts, labels in (*writing.attempts, *writing.rewrites)
        ],
    )  # fmt: skip
    yield ""
    if writing.outcomes:
        head = ["rows", *(f"{cell.name} (attempt {cell.attempt}, rewrite {cell.rewrite})" for cell in writing.outcomes[0].cells)]
        lines = [
            [_names(each.labels, writing.rows), *(f"{_share(cell.share)} ({amount(cell.count)})" for cell in each.cells)]
            for each in writing.outcomes
        ]
        yield from (*table(head, lines), "")


def _course(course: Course) -> Iterable[str]:
    seen = [at for at in range(len(course.measures)) if any(_known(row.measured[at]) for row in course.rows)]
    yield from (
        "### The course of training",
        "",
        "First → last part of the run, means over the tokens trained on; right and wrong: the student's own attempt.",
        "",
        *(f"- {course.measures[at].head}: {inline(course.measures[at].meaning)}" for at in seen),
        "",
    )
    followed = [row for row in course.rows if any(_known(row.measured[at]) for at in seen)]
    lines = [[f"`{code(row.label)}`", *(_ends(row.measured[at], course.measures[at]) for at in seen)] for row in followed]
    if lines:
        yield from (*table(["row", *(course.measures[at].head for at in seen)], lines), "")
    yield from _lacking(course, seen, [row for row in course.rows if row not in followed])


def _lacking(course: Course, seen: Sequence[int], without: Sequence[CourseRow]) -> Iterable[str]:
    """What nobody has and who has nothing, once each."""
    said: list[str] = []
    for at, measure in enumerate(course.measures):
        if at not in seen:
            why = series(list(dict.fromkeys(row.measured[at].lacks or "nothing was kept" for row in course.rows if row not in without)))
            said.append(f"- No {measure.head}" + (f": {inline(why)}." if why else "."))
    rows: dict[str, list[str]] = {}
    for row in without:
        why = series(list(dict.fromkeys(measured.lacks for measured in row.measured if measured.lacks)))
        rows.setdefault(why, []).append(f"`{code(row.label)}`")
    said += [f"- Not followed: {series(labels)}" + (f"; {inline(why)}." if why else ".") for why, labels in rows.items()]
    if said:
        yield from (*said, "")


def _known(measured: Measured) -> bool:
    return any(line.known for line in measured.lines)


def _ends(measured: Measured, measure: Measure) -> str:
    said = []
    for line in measured.lines:
        if line.known:
            ends = [shown(value, measure) for value in ((line.known[0], line.known[-1]) if len(line.known) > 1 else line.known)]
            said.append(("" if line.of == "all" else f"{line.of} ") + " → ".join(ends))
    if measured.lacks:
        said.append(measured.lacks if said else f"{DASH} {measured.lacks}")
    return "; ".join(said)


def _names(labels: Sequence[str], of: Sequence[str]) -> str:
    return "".join(f"`{code(said)}`" if kind == "code" else said for kind, said in shared(labels, of))


def _share(value: float | None) -> str:
    return DASH if value is None else f"{percent(value)}%"
