"""The view: a pure function of results. No model, no network, no GPU; two renders of the same rows are the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness import catalogue
from harness.shelf import LeftOut, Shelf, read_shelf
from harness.store import Store, write_atomically
from reports import site
from reports.nouns import Board
from reports.tables import board

WRITTEN = "files.txt"  # beside the pages: what the site is made of


def render(results_folders: Sequence[Path], out: Path, store: Path | None = None, public: str | None = None) -> list[Path]:
    """Write the site of all rows below these folders, and say which files it is made of, the first page first."""
    shelf = shelf_of(results_folders)
    return write(shelf, board_of(shelf), out, results_folders, store, public)


def write(
    shelf: Shelf, made: Board, out: Path, folders: Sequence[Path] = (), store: Path | None = None, public: str | None = None
) -> list[Path]:
    """`folders`: where the results lay, which is no matter of the pages. `store`: where completions are looked up; without it pages show counts alone. `public`: the name of an edition, which shows none."""
    made = replace(made, left_out=tuple(_below(each, folders) for each in made.left_out))
    at_hand = Store(store) if store and store.is_dir() else None
    written = []
    for name, text in site.files(shelf, made, at_hand, public):
        write_atomically(out / name, text.encode())
        written.append(name)
    forget(out, set(written))
    write_atomically(out / WRITTEN, "".join(f"{name}\n" for name in written).encode())
    return [out / name for name in written]


def forget(out: Path, kept: set[str]) -> None:
    """Remove what an earlier site in this folder left, by its own list: a public one must not lie beside what it leaves out."""
    if not (out / WRITTEN).is_file():
        return
    for name in (out / WRITTEN).read_text(encoding="utf-8").splitlines():
        if name not in kept and ".." not in Path(name).parts and not Path(name).is_absolute():
            (out / name).unlink(missing_ok=True)


def load(results_folders: Sequence[Path]) -> Board:
    """The board of all rows below these folders that can be used, each suite as its `suite.json` orders it."""
    return board_of(shelf_of(results_folders))


def shelf_of(results_folders: Sequence[Path]) -> Shelf:
    """What lies below these folders, and the published figures that its suites ask for."""
    shelf = read_shelf(results_folders)
    here = {result.suite for result in shelf.results if result.reported is not None}
    asked = {name for suite in (shelf.suites or {}).values() for name in (suite.get("report") or {}).get("reported") or ()}
    lie = catalogue.reported()
    known = read_shelf([lie[name] for name in sorted(asked - here) if name in lie])
    return replace(shelf, results=(*shelf.results, *known.results), left_out=(*shelf.left_out, *known.left_out))


def _below(each: LeftOut, folders: Sequence[Path]) -> LeftOut:
    """Named from its folder of results on."""
    for folder in folders:
        each = LeftOut(each.path.removeprefix(f"{folder}/"), each.said.replace(f"{folder}/", ""))
    return each


def board_of(shelf: Shelf) -> Board:
    return replace(board(shelf.results, shelf.suites, shelf.retired), left_out=shelf.left_out)
