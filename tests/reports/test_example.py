"""The committed example: its rows give its figures still, by the statistics of today."""

from pathlib import Path

import pytest

import reports
from reports import spreadsheet

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def board():
    return reports.load([ROOT / "results" / "example"])


def test_its_rows_give_its_figures(board):
    assert spreadsheet.text(board) == (ROOT / "reports" / "example" / "leaderboard.csv").read_text(encoding="utf-8")
    assert board.left_out == ()


def test_it_shows_what_a_finished_comparison_has(board):
    (group,) = board.groups
    assert group.ranked and group.seeds == 4 and group.verdicts and group.noise and group.luck
    assert {row.label for row in group.block("control")} == {"sft_teacher", "grpo", "placebo", "placebo_shuffled"}


def test_its_pages_lie_beside_the_first(board):
    home = ROOT / "reports" / "example"
    listed = (home / "files.txt").read_text(encoding="utf-8").split()
    assert sorted(listed) == sorted(
        path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file() and path.name != "files.txt"
    )
    assert {"index.html", "charts.html", "budgets.html", "compare.html"} <= set(listed)
