"""The whole site as files, one after another: what stands where, and which pages know of which. Every page is a pure function of its noun."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from harness.shelf import Shelf
from harness.store import Store
from methods import METHODS
from reports import catalogued, comparing, html
from reports.budgets import AnyBudget, any_budget
from reports.columns import endpoint, primary
from reports.drafts import Draft, Endpoint
from reports.edition import edition
from reports.files import FILES
from reports.grids import Grid, drafts_of, grids
from reports.index import index, leaderboards, of_suite
from reports.nouns import Board, Group
from reports.pages import Map, PageLink, Place
from reports.pictures import Pictures, pictures
from reports.runs import run_page
from reports.tables import slug

File = tuple[str, str]


@dataclass(frozen=True)
class Known:
    """A group with the results behind its rows."""

    group: Group
    drafts: dict[str, Draft]
    pictures: Pictures
    endpoint: Endpoint | None  # the primary's
    budgets: AnyBudget | None


def files(shelf: Shelf, board: Board, store: Store | None = None, public: str | None = None) -> Iterator[File]:
    """Names below the site's folder, and texts. `store`: where answers may be looked up. `public`: the name of an edition, which shows none."""
    known = [_known(group, shelf, store) for group in board.groups]
    runs = frozenset(row.anchor for each in known for row in each.group.rows if row.label in each.drafts)
    frozen = edition(public, shelf) if public else None
    homes = leaderboards(board)
    site = Map(_pages(known, board), runs, frozen, homes)
    yield from _leaderboards(site, board, shelf, homes)
    for name, made in FILES.items():
        yield name, made(board)
    if frozen:
        yield "edition.bib", frozen.bibtex
        yield "robots.txt", "User-agent: *\nDisallow: /\n"
    yield "site.css", html.style()
    yield "site.js", html.script()
    shown = [grid for each in known for grid in _grids(each, shelf, None if frozen else store)]
    suites = {name: f"suites/{slug(name)}.html" for name in homes if name in (shelf.suites or {})}
    if known:
        yield from _summaries(site, known, shown)
    for name, file in suites.items():
        said = {key: each for key, each in (shelf.suites or {})[name].items() if key != "current"}  # which files stand for it is no setting
        text = json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False)
        yield file, html.rendered("suite.html.j2", Place(site, file, "../"), name=name, text=text)
    if known:
        yield "answers.html", html.rendered("answers.html.j2", Place(site, "answers.html"), board=board)
    if board.published:
        yield "papers.html", html.rendered("papers.html.j2", Place(site, "papers.html"), board=board)
    entries = catalogued.entries(board)
    yield "methods.html", html.rendered("methods.html.j2", Place(site, "methods.html"), entries=entries)
    for entry in entries:
        yield f"methods/{entry.name}.html", html.rendered("method.html.j2", Place(site, "methods.html", "../"), each=entry)
    for each in known:
        mine = {grid.exam.key: grid.folder for grid in shown if grid.group is each.group}
        for row in each.group.rows:
            if row.anchor in runs:
                suite = (shelf.suites or {}).get(each.group.suite, {})
                page = run_page(each.group, row, each.drafts[row.label].results, suite, store)
                place = Place(site, f"runs/{row.anchor}.html", "../")
                yield place.of, html.rendered("run.html.j2", place, page=page, suites=suites, grids=mine, known={e.name for e in entries})
    for grid in shown:
        yield from _problems(site, grid)


def _leaderboards(site: Map, board: Board, shelf: Shelf, homes: dict[str, str]) -> Iterator[File]:
    """The first page, which is the leaderboard itself where there is one suite."""
    if len(homes) < 2:
        yield "index.html", html.page(board, Place(site, alone=True))
        return
    yield "index.html", html.rendered("index.html.j2", Place(site, alone=True), board=board, index=index(board), known=METHODS)
    for name, file in homes.items():
        yield file, html.page(of_suite(board, name, shelf.results), Place(site, file, "../"))


def _known(group: Group, shelf: Shelf, store: Store | None) -> Known:
    found = drafts_of(group, shelf.results)
    wanted, pass_k = primary((shelf.suites or {}).get(group.suite, {}), group.exams)
    over = endpoint(wanted, pass_k, group.exams, found.get(group.untrained or ""))
    drawn = pictures(group, {label: draft.results for label, draft in found.items()}, store)
    return Known(group, found, drawn, over, any_budget(group, found, over, store))


def _pages(known: list[Known], board: Board) -> tuple[PageLink, ...]:
    several = len({each.group.suite for each in known}) > 1
    found = [("index.html", "Suites" if several else "Leaderboard")]
    if known:
        found += [
            ("charts.html", "Charts"),
            ("problems.html", "Problems"),
            ("compare.html", "Compare"),
            ("answers.html", "One answer apart"),
        ]
    if any(each.budgets for each in known):
        found.append(("budgets.html", "Any budget"))
    if board.published:
        found.append(("papers.html", "Papers"))
    return tuple(PageLink(*each) for each in [*found, ("methods.html", "Methods")])


def _grids(each: Known, shelf: Shelf, store: Store | None) -> Iterator[Grid]:
    mine = [result for draft in each.drafts.values() for result in draft.results]
    yield from grids(each.group, mine, store)


def _summaries(site: Map, known: list[Known], shown: list[Grid]) -> Iterator[File]:
    yield "charts.html", html.rendered("charts.html.j2", Place(site, "charts.html"), every=[each.pictures for each in known])
    yield "problems.html", html.rendered("problems.html.j2", Place(site, "problems.html"), grids=shown)
    yield "compare.html", html.rendered("compare.html.j2", Place(site, "compare.html"), groups=[each.group for each in known])
    if budgets := [each.budgets for each in known if each.budgets]:
        yield "budgets.html", html.rendered("budgets.html.j2", Place(site, "budgets.html"), every=budgets)
    for each in known:
        mine = [grid for grid in shown if grid.group is each.group]
        yield f"data/{each.group.anchor}.js", comparing.chunk(each.group, each.drafts, mine, each.endpoint)


def _problems(site: Map, grid: Grid) -> Iterator[File]:
    root = "../" * (grid.folder.count("/") + 1)
    whole = [max((cell.of for cell in row.cells), default=0) for row in grid.rows]
    yield f"{grid.folder}/index.html", html.rendered("grid.html.j2", Place(site, "problems.html", root), grid=grid, whole=whole)
    for at in range(grid.exam.problems) if grid.answered else ():
        yield f"{grid.folder}/{at}.html", html.rendered("problem.html.j2", Place(site, "problems.html", root), grid=grid, at=at)
