"""The view: a pure function of results. No model, no network, no GPU; two renders of the same rows are the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.store import Store, write_atomically
from reports import site
from reports.nouns import Board
from reports.reading import Evidence, read
from reports.tables import board

WRITTEN = "files.txt"  # beside the pages: what the site is made of


def render(results_folders: Sequence[Path], out: Path, store: Path | None = None, public: str | None = None) -> list[Path]:
    """Write the site of all rows below these folders, and say which files it is made of, the first page first."""
    evidence = read(results_folders)
    return write(evidence, board_of(evidence), out, store, public)


def write(evidence: Evidence, made: Board, out: Path, store: Path | None = None, public: str | None = None) -> list[Path]:
    """`store`: where completions are looked up; without it pages show counts alone. `public`: the name of an edition, which shows none."""
    at_hand = Store(store) if store and store.is_dir() else None
    written = []
    for name, text in site.files(evidence, made, at_hand, public):
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
    """The board of all rows below these folders, each suite as its `suite.json` orders it."""
    return board_of(read(results_folders))


def board_of(evidence: Evidence) -> Board:
    return replace(board(evidence.results, evidence.suites, evidence.retired), refused=evidence.refused)
