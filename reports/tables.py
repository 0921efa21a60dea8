"""From results to a board: pairs → rows → cells, every figure derived anew from counts per problem. Pure; no markup here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness import metrics, statistics
from harness.results import Answers, ExamScore, Meters, Result
from reports.estimates import Estimate, estimate, holm
from reports.sees import sees
from reports.words import DASH, Span, hours, listed, plural, points

AGAIN = "student_again"  # the untrained student, sitting every exam a second time
SEEDS_FOR_RANKS = 3
LEVEL = 0.05


@dataclass(frozen=True)
class Exam:
    """One column. Scores of another protocol or other problems stand in another column."""

    name: str
    protocol: str
    problems_hash: str
    problems: int
    samples: int
    pass_k: int
    at: str = "100%"  # how far into the budget the row was examined
    date: str | None = None
    alone: bool = True  # no other column has this name

    @property
    def key(self) -> tuple[str, str, str]:
        return self.name, self.protocol, self.problems_hash


@dataclass(frozen=True)
class Delta:
    """A paired difference and its 95% interval, as fractions."""

    value: float
    interval95: tuple[float, float] | None
    stderr: float | None = None
    p_value: float | None = None  # adjusted over the family, where it is the primary's


@dataclass(frozen=True)
class Cell:
    """What one row reached on one exam; `note` stands instead of figures where there are none to stand by."""

    avg: Estimate | None = None
    passed: float | None = None
    delta: Delta | None = None
    truncated: float | None = None  # share of graded answers cut by the length limit
    note: str | None = None


@dataclass(frozen=True)
class Row:
    """One label in one pair under one budget, over all its seeds."""

    label: str
    title: str | None
    role: str
    block: str  # "reference" | "control" | "method" | "reported"
    division: str
    status: str
    seeds: tuple[int, ...]  # finished ones
    primary: Estimate | None
    base: Delta | None
    control: Delta | None
    rank: tuple[int, int] | None
    beyond: str | None  # "above" | "below" the untrained student, beyond noise
    sees: tuple[str, ...]
    marks: tuple[str, ...]
    reason: str | None
    answers: Answers
    overrides: Mapping[str, str]
    cells: tuple[Cell, ...]
    cost: Meters | None
    seconds: float | None
    ended_by: str | None
    diagnostics: Mapping[str, float]
    anchor: str


@dataclass(frozen=True)
class Group:
    """One pair under one budget: what may be compared."""

    suite: str
    pair: str
    budget: str | None
    anchor: str
    exams: tuple[Exam, ...]
    primary_exams: tuple[str, ...]
    rows: tuple[Row, ...]
    retired: tuple[Row, ...]  # rows that the suite no longer names
    sentence: tuple[Span, ...]
    band: float | None  # differences between identical things reach this far, as a fraction
    best_control: str | None
    baseline: str | None
    seeds: int  # the most that any trained row has

    @property
    def ranked(self) -> bool:
        return any(row.rank for row in self.rows)

    @property
    def avg_k(self) -> str:
        """ "16", or "k" where exams differ."""
        samples = {exam.samples for exam in self.exams if exam.name in self.primary_exams}
        return str(samples.pop()) if len(samples) == 1 else "k"

    def block(self, name: str) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.block == name)


@dataclass(frozen=True)
class Provenance:
    commits: tuple[str, ...]
    devices: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    dates: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    title: str
    groups: tuple[Group, ...]
    deviations: tuple[str, ...]
    provenance: Provenance


@dataclass(frozen=True)
class _Draft:
    """A row before it is compared: its results by seed, its scores by column."""

    label: str
    role: str
    results: tuple[Result, ...]
    arrays: Mapping[tuple, Mapping[int | None, np.ndarray]]  # complete scores of finished seeds: column → seed → mean per problem
    counts: Mapping[tuple, Mapping[int | None, ExamScore]]

    @property
    def first(self) -> Result:
        return self.results[0]

    @property
    def done(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.status == "done")


def board(results: Sequence[Result], suites: Mapping[str, Mapping[str, Any]] | None = None) -> Board:
    """The whole comparison. `suites`: the resolved suites by name, where they are known; they order rows and exams."""
    suites = suites or {}
    names = sorted({result.suite for result in results})
    groups: list[Group] = []
    for name in names:
        mine = [result for result in results if result.suite == name]
        groups += _adjusted(list(_groups(mine, suites.get(name, {}))))
    deviations = tuple(dict.fromkeys(str(text) for name in names for text in suites.get(name, {}).get("deviations") or ()))
    return Board(" + ".join(names) or "no results", tuple(groups), deviations, _provenance(results))


def _groups(results: Sequence[Result], suite: Mapping[str, Any]) -> Iterable[Group]:
    pairs = dict.fromkeys([*map(str, suite.get("pairs") or ()), *sorted({result.pair for result in results})])
    for pair in pairs:
        mine = [result for result in results if result.pair == pair]
        trained = [result for result in mine if not _reference(result) and result.role != "reported"]
        budgets = sorted({result.budget for result in trained}, key=lambda budget: budget or "") or [None]
        for budget in budgets:
            rows = [result for result in mine if result.budget == budget or _reference(result) or result.role == "reported"]
            if rows:
                yield _group(rows, suite, pair, budget, len(budgets) > 1)


def _reference(result: Result) -> bool:
    return result.role in ("student", "teacher") or result.label == AGAIN


def _group(results: Sequence[Result], suite: Mapping[str, Any], pair: str, budget: str | None, several: bool) -> Group:
    exams = _exams(results, suite)
    drafts = _drafts(results, exams, suite)
    base = next((draft for draft in drafts if draft.role == "student"), None)
    over = _primary_names(suite, exams)
    columns = _primary_columns(over, exams, base)
    primaries = {draft.label: _mean(draft, columns) for draft in drafts}

    again = next((draft for draft in drafts if draft.label == AGAIN), None)
    repeat = _difference(again, base, columns) if again and base else None
    band = max(map(abs, repeat.interval95)) if repeat and repeat.interval95 else None

    named = set(map(str, suite.get("rows") or ())) or None
    in_suite = [draft for draft in drafts if named is None or draft.label in named or _reference(draft.first) or draft.role == "reported"]
    trained_controls = [draft for draft in in_suite if draft.role == "control" and draft.label != AGAIN and primaries[draft.label]]
    best = max(trained_controls, key=lambda draft: primaries[draft.label].value, default=None)  # type: ignore[union-attr]
    ranks = _ranks([draft for draft in in_suite if draft.role == "method"], columns)

    slug = _slug("-".join(filter(None, (results[0].suite, pair, budget if several else None))))
    rows, retired = [], []
    anchors: set[str] = set()
    for draft in drafts:
        anchor = f"{slug}--{_slug(draft.label)}"
        anchor += "" if anchor not in anchors else f"-{len(anchors)}"
        anchors.add(anchor)
        row = _row(draft, exams, columns, over, base, best, primaries[draft.label], ranks.get(draft.label), anchor)
        (rows if draft in in_suite else retired).append(row)
    if ranks:  # an order says something: give one only where ranks do
        rows.sort(
            key=lambda row: (
                (BLOCKS.index(row.block), -(row.primary.value if row.primary else -1)) if row.block == "method" else (BLOCKS.index(row.block), 0)
            )
        )
    return Group(
        suite=results[0].suite,
        pair=pair,
        budget=budget if several else None,
        anchor=slug,
        exams=exams,
        primary_exams=over,
        rows=tuple(rows),
        retired=tuple(retired),
        sentence=(),
        band=band,
        best_control=best.label if best else None,
        baseline=base.label if base else None,
        seeds=max((len(row.seeds) for row in rows if row.block in ("method", "control") and row.label != AGAIN), default=0),
    )


# --- columns -----------------------------------------------------------------------------------------------------------------


def _exams(results: Sequence[Result], suite: Mapping[str, Any]) -> tuple[Exam, ...]:
    found: dict[tuple, Exam] = {}
    repeats = [result for result in results if result.label == AGAIN]
    for result in [*(result for result in results if result.label != AGAIN), *repeats]:
        for name, score in result.scores.items():
            if result.label == AGAIN and any(_same_but_for_seed(exam, name, score) for exam in found.values()):
                continue
            key = (name, score.protocol, score.problems_hash)
            pass_k = max((int(k) for k in score.pass_at), default=score.samples)
            exam = Exam(name, score.protocol, score.problems_hash, score.problems, score.samples, min(pass_k, score.samples), score.at)
            found.setdefault(key, exam)
    said = [exam if isinstance(exam, Mapping) else {"name": exam} for exam in suite.get("exams") or ()]
    order = {str(exam.get("name")): place for place, exam in enumerate(said)}
    dates = {str(exam.get("name")): exam.get("date") for exam in said}
    columns = sorted(found.values(), key=lambda exam: (order.get(exam.name, len(order)), exam.key))
    times = Counter(exam.name for exam in columns)
    return tuple(replace(exam, alone=times[exam.name] == 1, date=str(dates[exam.name]) if dates.get(exam.name) else None) for exam in columns)


def _same_but_for_seed(exam: Exam, name: str, score: ExamScore) -> bool:
    """The second sitting has another exam seed, and so another hash, of the same named protocol."""
    return (exam.name, exam.protocol.split("@")[0], exam.problems_hash) == (name, score.protocol.split("@")[0], score.problems_hash)


def _primary_names(suite: Mapping[str, Any], exams: Sequence[Exam]) -> tuple[str, ...]:
    said = suite.get("primary") or {}
    over = said.get("over") if isinstance(said, Mapping) else said
    over = [over] if isinstance(over, str) else list(over or ())
    last = [exam for exam in exams if exam.at == "100%"]
    present = tuple(dict.fromkeys(exam.name for exam in last or exams))
    return tuple(str(name) for name in over) or present


def _primary_columns(over: Sequence[str], exams: Sequence[Exam], base: _Draft | None) -> tuple[tuple, ...] | None:
    """One column an exam: the one that the untrained student sat, else the only one. None where an exam has none."""
    columns = []
    for name in over:
        mine = [exam.key for exam in exams if exam.name == name]
        sat = [key for key in mine if base and key in base.arrays]
        if not mine or (len(mine) > 1 and len(sat) != 1):
            return None
        columns.append((sat or mine)[0])
    return tuple(columns) or None


# --- rows --------------------------------------------------------------------------------------------------------------------

BLOCKS = ("reference", "control", "method", "reported")


def _block(result: Result) -> str:
    return "reference" if _reference(result) else result.role


def _drafts(results: Sequence[Result], exams: Sequence[Exam], suite: Mapping[str, Any]) -> list[_Draft]:
    order = {str(label): place for place, label in enumerate(suite.get("rows") or ())}
    within = {"student": 0, "control": 1, "teacher": 2}
    drafts = []
    for label in dict.fromkeys(result.label for result in results):
        mine = sorted((result for result in results if result.label == label), key=lambda result: (result.seed is not None, result.seed or 0))
        counts: dict[tuple, dict] = {}
        arrays: dict[tuple, dict] = {}
        for result in mine:
            for name, score in result.scores.items():
                key = (name, score.protocol, score.problems_hash)
                if label == AGAIN:
                    key = next((exam.key for exam in exams if _same_but_for_seed(exam, name, score)), key)
                counts.setdefault(key, {})[result.seed] = score
                if result.status == "done" and score.complete:
                    arrays.setdefault(key, {})[result.seed] = np.array(score.correct) / np.array(score.graded)
        drafts.append(_Draft(label, mine[0].role, tuple(mine), arrays, counts))
    return sorted(
        drafts,
        key=lambda draft: (
            BLOCKS.index(_block(draft.first)),
            within.get(draft.role, 0) if _reference(draft.first) else order.get(draft.label, len(order)),
            draft.label,
        ),
    )


def _row(
    draft: _Draft,
    exams: Sequence[Exam],
    columns: Sequence[tuple] | None,
    over: Sequence[str],
    base: _Draft | None,
    best: _Draft | None,
    primary: Estimate | None,
    rank: tuple[int, int] | None,
    anchor: str,
) -> Row:
    first, done = draft.first, draft.done
    shown = done or draft.results
    status = "done" if done else first.status
    comparable = base is not None and draft is not base and draft.role != "reported"
    trains = not _reference(first) and draft.role != "reported"
    cells = tuple(_cell(draft, exam, base if comparable else None) for exam in exams)
    reason = None if done else _reason(first)
    return Row(
        label=draft.label,
        title=first.title,
        role=draft.role,
        block=_block(first),
        division=first.division,
        status=status,
        seeds=tuple(result.seed for result in done if result.seed is not None) if trains else (),
        primary=primary,
        base=_difference(draft, base, columns) if comparable and base else None,
        control=_difference(draft, best, columns) if best and trains and draft is not best else None,
        rank=rank,
        beyond=None,
        sees=sees(first.answers),
        marks=tuple(_marks(draft, cells, columns, over, primary, trains)),
        reason=reason,
        answers=first.answers,
        overrides=first.overrides,
        cells=cells,
        cost=_mean_cost(shown) if trains else None,
        seconds=_average([result.cost.measured.get("seconds") for result in shown]) if trains else None,
        ended_by=" · ".join(dict.fromkeys(result.ended_by for result in shown if result.ended_by)) or None,
        diagnostics=_mean_diagnostics(shown),
        anchor=anchor,
    )


def _reason(result: Result) -> str:
    return f"{result.status}: {result.reason or 'no reason given'}"


def _marks(draft: _Draft, cells: Sequence[Cell], columns, over: Sequence[str], primary: Estimate | None, trains: bool) -> Iterable[str]:
    first = draft.first
    for result in draft.results:
        if result.status != "done" and draft.done:
            yield f"seed {result.seed} {_reason(result)}"
    if draft.role == "reported":
        yield "reported, not run here"
    cut = [cell.truncated for cell in cells if cell.truncated]
    if cut and max(cut) >= 0.005:
        yield f"{100 * max(cut):.0f}% cut off"
    yield from dict.fromkeys(cell.note for cell in cells if cell.note and cell.note.startswith("incomplete"))
    if draft.done and primary is None and not any(cell.note and cell.note.startswith("incomplete") for cell in cells):
        missing = [name for name in over if name not in {column[0] for column in draft.counts}]
        yield f"no score on {', '.join(missing)}" if missing else "other protocol" if columns else "protocols differ"
    times = {score.at for column in draft.counts.values() for score in column.values()}
    if times and "100%" not in times:
        yield f"at {max(times, key=lambda at: (len(at), at))}"
    if trains and len(draft.done) == 1 and first.seed is not None:
        yield "one seed"
    if first.overrides:
        few = [f"{field} = {value}" for field, value in sorted(first.overrides.items())]
        yield from few if len(few) <= 2 else [plural(len(few), "override")]


def _cell(draft: _Draft, exam: Exam, base: _Draft | None) -> Cell:
    scores = draft.counts.get(exam.key)
    if not scores:
        return Cell(note=DASH)
    if draft.role == "reported":
        said = next(iter(scores.values()))
        value = said.avg_at.value
        return Cell(Estimate(value, said.avg_at.stderr) if value is not None else None, said.pass_at.get(str(exam.pass_k)), note="reported")
    gaps = [score for score in scores.values() if not score.complete]
    graded, cut = sum(sum(score.graded) for score in scores.values()), sum(score.truncated for score in scores.values())
    truncated = cut / graded if graded else None
    whole = [score for score in scores.values() if score.complete]
    if gaps:
        asked = sum(score.problems * score.samples for score in scores.values())
        return Cell(truncated=truncated, note=f"incomplete {graded:,}/{asked:,}")
    passed = sum(metrics.pass_at(list(score.correct), list(score.graded), exam.pass_k) for score in whole) / len(whole)
    if len(whole) == 1:
        only = whole[0]
        error = statistics.stderr(list(only.correct), list(only.graded)) if only.problems > 1 else None
        avg = Estimate(metrics.avg_at(list(only.correct), list(only.graded)), error, only.problems - 1)
    else:
        avg = estimate([np.stack([np.array(score.correct) / np.array(score.graded) for score in whole])])
    return Cell(avg, passed, _difference(draft, base, (exam.key,)) if base else None, truncated)


def _mean(draft: _Draft, columns: Sequence[tuple] | None) -> Estimate | None:
    """The primary: the mean over its exams, each with equal weight, over the seeds that finished them all."""
    seeds = _common_seeds(draft, columns)
    return estimate([np.stack([draft.arrays[column][seed] for seed in seeds]) for column in columns]) if columns and seeds else None


def _common_seeds(draft: _Draft, columns: Sequence[tuple] | None) -> list[int | None]:
    if not columns:
        return []
    return sorted(set.intersection(*(set(draft.arrays.get(column, {})) for column in columns)), key=lambda seed: (seed is not None, seed or 0))


def _paired(row: _Draft, other: _Draft, columns: Sequence[tuple] | None) -> list[tuple[int | None, int | None]]:
    """Seeds are shared by rows: pair like with like; a model that has no seed meets every seed."""
    mine, others = _common_seeds(row, columns), _common_seeds(other, columns)
    if others == [None]:
        return [(seed, None) for seed in mine]
    if mine == [None]:
        return [(None, seed) for seed in others]
    return [(seed, seed) for seed in mine if seed in others]


def _difference(row: _Draft | None, other: _Draft | None, columns: Sequence[tuple] | None) -> Delta | None:
    """Row minus other, paired on problems and on seeds."""
    pairs = _paired(row, other, columns) if row and other else []
    if not (pairs and row and other and columns):
        return None
    found = estimate([np.stack([row.arrays[column][mine] - other.arrays[column][its] for mine, its in pairs]) for column in columns])
    if len(columns) == 1 and len(pairs) == 1:  # the harness's own paired difference: the same figure as `harness compare`
        (mine, its), column = pairs[0], columns[0]
        a, b = other.counts[column][its], row.counts[column][mine]
        if a.problems > 1:
            said = statistics.paired_difference(list(a.correct), list(a.graded), list(b.correct), list(b.graded))
            return Delta(said.value, said.interval95, said.stderr, found.p_value)
    return Delta(found.value, found.interval95, found.stderr, found.p_value)


def _ranks(drafts: Sequence[_Draft], columns: Sequence[tuple] | None) -> dict[str, tuple[int, int]]:
    """Rank intervals within a division: 1 + rows surely above … K − rows surely below, from all pairwise tests, adjusted together."""
    ranks = {}
    able = [draft for draft in drafts if len(_common_seeds(draft, columns)) >= SEEDS_FOR_RANKS]
    for division in dict.fromkeys(draft.first.division for draft in able):
        mine = [draft for draft in able if draft.first.division == division]
        tests = []
        for place, one in enumerate(mine):
            for other in mine[place + 1 :]:
                delta = _difference(one, other, columns) if len(_paired(one, other, columns)) >= SEEDS_FOR_RANKS else None
                if delta and delta.p_value is not None:
                    tests.append((one.label, other.label, delta.value, delta.p_value))
        above: Counter[str] = Counter()
        below: Counter[str] = Counter()
        for (one, other, value, _), p_value in zip(tests, holm([test[3] for test in tests]), strict=True):
            if p_value < LEVEL:
                better, worse = (one, other) if value > 0 else (other, one)
                above[worse] += 1
                below[better] += 1
        if len(mine) > 1:
            ranks |= {draft.label: (1 + above[draft.label], len(mine) - below[draft.label]) for draft in mine}
    return ranks


def _average(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _mean_cost(results: Sequence[Result]) -> Meters:
    fields = {name: sum(getattr(result.cost.charged, name) for result in results) / len(results) for name in Meters.model_fields}
    return Meters.model_validate({name: value if name in ("flops", "gpu_hours") else round(value) for name, value in fields.items()})


def _mean_diagnostics(results: Sequence[Result]) -> dict[str, float]:
    names = sorted({name for result in results for name in result.diagnostics})
    found = {name: _average([result.diagnostics.get(name) for result in results]) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-") or "row"


# --- what may be claimed -----------------------------------------------------------------------------------------------------


def _adjusted(groups: Sequence[Group]) -> list[Group]:
    """One family a suite: every trained row of every pair against its untrained student, on the primary."""
    family = [(g, r) for g, group in enumerate(groups) for r, row in enumerate(group.rows) if _tested(row)]
    adjusted = dict(zip(family, holm([groups[g].rows[r].base.p_value for g, r in family]), strict=True))  # type: ignore[union-attr,misc]
    found = []
    for g, group in enumerate(groups):
        rows = tuple(_judged(row, adjusted[g, r], group.band) if (g, r) in adjusted else row for r, row in enumerate(group.rows))
        group = replace(group, rows=rows)
        found.append(replace(group, sentence=tuple(_sentence(group))))
    return found


def _tested(row: Row) -> bool:
    return row.block in ("method", "control") and row.base is not None and row.base.p_value is not None


def _judged(row: Row, p_value: float, band: float | None) -> Row:
    assert row.base is not None
    sure = p_value < LEVEL and abs(row.base.value) > (band or 0.0)
    beyond = ("above" if row.base.value > 0 else "below") if sure else None
    return replace(row, base=replace(row.base, p_value=p_value), beyond=beyond)


def _sentence(group: Group) -> Iterable[Span]:
    """What a reader may take away, and no more."""
    methods = [row for row in group.rows if row.block == "method"]
    tested = [row for row in methods if row.base]
    if not tested:
        yield ("text", "No trained row can be compared with the untrained student yet.")
        yield from _broken(methods)
        return
    few = group.seeds < SEEDS_FOR_RANKS
    if few:
        yield ("text", f"{'One seed' if group.seeds == 1 else plural(group.seeds, 'seed').capitalize()}: checkpoint differences, no ranks. ")
    above, below = [row for row in tested if row.beyond == "above"], [row for row in tested if row.beyond == "below"]
    leaders = [row for row in above if row.rank and row.rank[0] == 1]
    if leaders and not few:
        yield from listed([row.label for row in leaders])
        verb = " leads" if len(leaders) == 1 else " lead and cannot be told apart"
        yield ("text", f"{verb} ({_span(leaders)} points over the untrained student)")
        others = [row for row in above if row not in leaders]
        if others:
            yield ("text", "; ")
            yield from listed([row.label for row in others])
            yield ("text", f" also {'beats' if len(others) == 1 else 'beat'} it ({_span(others)})")
        yield ("text", ".")
    elif above:
        yield from listed([row.label for row in above])
        verb = "beats" if len(above) == 1 else "beat"
        yield ("text", f" {verb} the untrained student beyond noise ({_span(above)} points).")
    else:
        yield ("text", "No method beats the untrained student beyond noise.")
    if below:
        yield ("text", " ")
        yield from listed([row.label for row in below])
        yield ("text", f" {'falls' if len(below) == 1 else 'fall'} below it ({_span(below)}).")
    level = [row for row in tested if row.beyond is None]
    if above and level:
        yield ("text", " ")
        yield from listed([row.label for row in level])
        yield ("text", " cannot be told from it.")
    controls = [row for row in group.rows if row.label == group.best_control and row.base]
    for row in controls:
        yield ("text", " Best control: ")
        yield ("code", row.label)
        yield ("text", f", {points(row.base.value)}.")  # type: ignore[union-attr]
    priced = [row for row in (leaders if leaders and not few else above) if row.cost and row.cost.gpu_hours > 0]
    if len(priced) > 1:
        cheapest = min(priced, key=lambda row: row.cost.gpu_hours)  # type: ignore[union-attr]
        yield ("text", " Cheapest of these: " if few else " Cheapest leader: ")
        yield ("code", cheapest.label)
        yield ("text", f", {hours(cheapest.cost.gpu_hours)} H100-h.")  # type: ignore[union-attr]
    yield from _broken(methods)


def _broken(rows: Sequence[Row]) -> Iterable[Span]:
    without = [row.label for row in rows if row.primary is None]
    if without:
        yield ("text", " Without a score: ")
        yield from listed(without)
        yield ("text", ".")


def _span(rows: Sequence[Row]) -> str:
    values = sorted(row.base.value for row in rows if row.base)
    low, high = points(values[0]), points(values[-1])
    return low if low == high else f"{low} to {high}"


def _provenance(results: Sequence[Result]) -> Provenance:
    commits: set[str] = set()
    versions: dict[str, set[str]] = {}
    for result in results:
        said = result.provenance
        if said.commit:
            commits.add(said.commit[:12] + (" with uncommitted changes" if said.dirty else ""))
        for name, version in said.versions.items():
            versions.setdefault(name, set()).add(version)
    return Provenance(
        commits=tuple(sorted(commits)),
        devices=tuple(sorted({result.provenance.device for result in results if result.provenance.device})),
        versions=tuple((name, " / ".join(sorted(found))) for name, found in sorted(versions.items())),
        dates=tuple(sorted({result.provenance.date for result in results if result.provenance.date})),
    )
