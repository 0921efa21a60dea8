"""From results to a board: pairs → rows → cells, every figure derived anew from counts per problem. Pure; no markup here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.results import Result
from harness.step import digest
from reports.apart import comparisons, pooled_over
from reports.audits import audits
from reports.beside import beside
from reports.caps import under_caps
from reports.claims import decided, verdicts
from reports.columns import endpoint, exam_columns, primary
from reports.course import course
from reports.curves import curves
from reports.difficulty import difficulties
from reports.drafts import drafts, is_reference, mean, rank_intervals
from reports.noise import luck, noise
from reports.nouns import AGAIN, BLOCKS, Board, Deviation, Group, Provenance, Row
from reports.pairing import pairing
from reports.published import PublishedTable, published_tables
from reports.published import beside as beside_published
from reports.recovered import Way
from reports.replication import card
from reports.rows import Field, row
from reports.sentence import judged
from reports.written import writing

SLUG = 96  # characters


def board(results: Sequence[Result], suites: Mapping[str, Mapping[str, Any]] | None = None, retired: Sequence[Result] = ()) -> Board:
    """The whole comparison. `suites`: the resolved suites by name, where they are known; they order rows and exams, and name the primary.

    `retired`: rows that an earlier form of a suite left. They are shown apart, and no figure of the others depends on them.
    """
    suites = suites or {}
    tables = published_tables(results)
    results = [result for result in results if result.reported is None]
    names = sorted({result.suite for result in results})
    groups: list[Group] = []
    for name in names:
        mine = [result for result in results if result.suite == name]
        left = [result for result in retired if result.suite == name]
        made = list(_groups(mine, suites.get(name, {}), tables))
        groups += decided(
            judged([_with_retired(group, budget, found) for (group, budget), found in zip(made, _homes(made, left), strict=True)])
        )
    return Board(
        title=" + ".join(names) or "no results",
        groups=tuple(groups),
        deviations=tuple(_deviations(names, suites)),
        provenance=provenance(results),
        published=tables,
        apart=pooled_over(each for group in groups for each in group.apart),
    )


def _deviations(names: Sequence[str], suites: Mapping[str, Mapping[str, Any]]) -> Iterable[Deviation]:
    by: dict[str, list[str]] = {}
    for name in names:
        for text in dict.fromkeys(map(str, suites.get(name, {}).get("deviations") or ())):
            by.setdefault(text, []).append(name)
    for said, of in by.items():
        yield Deviation(said, () if len(of) == len(names) else tuple(of))


def _groups(results: Sequence[Result], suite: Mapping[str, Any], tables: Sequence[PublishedTable]) -> Iterable[tuple[Group, str | None]]:
    """Each with its budget, which the group itself names only where there are several."""
    pairs = dict.fromkeys([*map(str, suite.get("pairs") or ()), *sorted({result.pair for result in results})])
    for pair in pairs:
        mine = [result for result in results if result.pair == pair]
        trained = [result for result in mine if not is_reference(result) and result.role != "reported"]
        budgets = sorted({result.budget for result in trained}, key=lambda budget: budget or "") or [None]
        for budget in budgets:
            rows = [result for result in mine if result.budget == budget or is_reference(result) or result.role == "reported"]
            if rows:
                yield _group(rows, suite, pair, budget, len(budgets) > 1, beside_published(tables, suite, pair)), budget


def _group(
    results: Sequence[Result], suite: Mapping[str, Any], pair: str, budget: str | None, several: bool, tables: Sequence[PublishedTable]
) -> Group:
    exams = exam_columns(results, suite)
    named = [str(label) for label in suite.get("rows") or ()]
    found = drafts(results, exams, named)
    untrained = next((draft for draft in found if draft.role == "student"), None)
    wanted, pass_k = primary(suite, exams)
    over = endpoint(wanted, pass_k, exams, untrained)
    means = {draft.label: mean(draft, over) for draft in found}

    again = next((draft for draft in found if draft.label == AGAIN), None)
    in_suite = [draft for draft in found if not named or draft.label in named or draft.block in ("reference", "reported")]
    trained = [draft for draft in in_suite if draft.block in ("method", "control")]
    scored = {draft.label: value.value for draft in trained if (value := means[draft.label])}
    controls = [draft for draft in trained if draft.role == "control" and draft.label in scored]
    best = max(controls, key=lambda draft: scored[draft.label], default=None)
    report = suite.get("report") or {}
    baseline = next((draft for draft in trained if draft.label == report.get("baseline") and draft.label in scored), None)
    seeds = max((sum(result.seed is not None for result in draft.done) for draft in trained), default=0)
    methods = [draft for draft in trained if draft.role == "method"]
    ranks = rank_intervals(methods, over)
    elsewhere = beside(in_suite, untrained, [str(name) for name in suite.get("tasks") or ()])
    who = (suite.get("pairs") or {}).get(pair) or {}
    modes = who.get("modes") or {}
    teacher = next((draft for draft in found if draft.role == "teacher"), None)
    way = Way(untrained, teacher, over, (modes.get("student", "plain"), modes.get("teacher", "plain")))

    field = Field(exams, wanted, over, untrained, best, baseline, seeds, way, report.get("margins") or {}, elsewhere)
    home = slug("-".join(filter(None, (results[0].suite, pair, budget if several else None))))
    rows: list[Row] = []
    retired: list[Row] = []
    for draft, anchor in zip(found, _anchors(home, [draft.label for draft in found]), strict=True):
        (rows if draft in in_suite else retired).append(row(draft, field, ranks.get(draft.label), anchor))
    if ranks:  # an order says something: give one only where ranks do
        rows.sort(key=lambda row: (BLOCKS.index(row.block), -(row.primary.value if row.primary else -1) if row.block == "method" else 0))
    place = {row.label: at for at, row in enumerate(rows)}
    as_shown = sorted(in_suite, key=lambda draft: place[draft.label])
    followed = [draft for draft in as_shown if draft.block in ("method", "control")]
    by_difficulty, undivided = difficulties(as_shown, untrained, again, exams)
    return Group(
        suite=results[0].suite,
        pair=pair,
        budget=budget if several else None,
        anchor=home,
        exams=exams,
        primary=wanted,
        rows=tuple(rows),
        retired=tuple(retired),
        sentence=(),
        noise=noise(again, trained, untrained, over),
        untrained=untrained.label if untrained else None,
        best_control=best.label if best else None,
        baseline=baseline.label if baseline else None,
        seeds=seeds,
        writing=writing(followed),
        course=course(followed),
        under_caps=under_caps(as_shown, exams),
        audits=audits(as_shown, exams),
        difficulties=by_difficulty,
        undivided=undivided,
        beside=beside(as_shown, untrained, [str(name) for name in suite.get("tasks") or ()]),
        published=tuple(tables),
        cards=tuple(
            card(table, in_suite, exams, report.get("baseline"), list(map(str, suite.get("deviations") or ()))) for table in tables
        ),
        apart=comparisons(in_suite, over, results[0].suite, pair, budget if several else None, wanted.title),
        pairing=pairing(who, (suite.get("budgets") or {}).get(budget)),
        luck=luck(methods, over),
        verdicts=verdicts(suite, in_suite, exams, wanted, pair, budget),
        curves=curves(as_shown, exams),
    )


def _homes(made: Sequence[tuple[Group, str | None]], left: Sequence[Result]) -> list[list[Result]]:
    """Each retired row once: at its pair and budget, else at its pair, else with the first group."""
    found: list[list[Result]] = [[] for _ in made]
    for result in left if made else ():
        same = [at for at, (group, _) in enumerate(made) if group.pair == result.pair]
        exact = [at for at in same if made[at][1] == result.budget]
        found[(exact or same or [0])[0]].append(result)
    return found


def _with_retired(group: Group, budget: str | None, mine: Sequence[Result]) -> Group:
    if not mine:
        return group
    field = Field(group.exams, group.primary, None, None, None, None, 0)
    shown = []
    for at, result in enumerate(mine):
        made = row(drafts([result], group.exams, ())[0], field, None, f"{group.anchor}--retired-{at}")
        where = [result.pair if result.pair != group.pair else None, result.budget if result.budget != budget else None]
        said = [made.label, *where, None if result.seed is None else f"seed {result.seed}"]
        shown.append(replace(made, label=" · ".join(text for text in said if text)))
    return replace(group, retired=(*group.retired, *shown))


def _anchors(home: str, labels: Sequence[str]) -> Iterable[str]:
    given: set[str] = set()
    for label in labels:
        anchor = f"{home}--{slug(label)}"
        anchor += "" if anchor not in given else f"-{len(given)}"
        given.add(anchor)
        yield anchor


def slug(text: str) -> str:
    """What may stand in an address and in the name of a file; a long one keeps its beginning and a hash of the whole."""
    made = re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-") or "row"
    return made if len(made) <= SLUG else f"{made[: SLUG - 9]}-{digest(text)[:8]}"


def provenance(results: Sequence[Result]) -> Provenance:
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
