"""Rows that an earlier form of their suite left: shown apart, compared with nothing, averaged with nothing."""

import json
import re

import pytest

import reports
from harness.results import write_result
from harness.shelf import read_results, read_retired
from reports import html, markdown, terminal
from reports.tables import board

LABELS = ("student", "student_again", "teacher", "forward_kl", "trd", "sft_teacher", "placebo")


@pytest.fixture
def current(make_row):
    return [make_row(label) for label in LABELS]


@pytest.fixture
def left(make_row):
    """An older seed and another budget of a label that stands, and a pair that was removed: all far from the current rows."""
    return [
        make_row("trd", seed=7, level=0.05),
        make_row("trd", level=0.99).model_copy(update={"budget": "hours"}),
        make_row("student", pair="gone", level=0.9),
        make_row("forward_kl", pair="gone", level=0.1),
    ]


@pytest.fixture
def home(tmp_path, current, left):
    """A folder as `harness run` leaves it: the files of both, the list of one."""
    folder = tmp_path / "results" / "quickstart"
    named = [write_result(folder, row).relative_to(folder).as_posix() for row in current]
    others = [write_result(folder, row, several_budgets=row.budget == "hours") for row in left]
    assert len({*named, *(path.relative_to(folder).as_posix() for path in others)}) == len(current) + len(left)
    write_suite(folder, current=named)
    return folder


@pytest.fixture
def clean(tmp_path, current):
    """The same suite in a folder where nothing was left."""
    folder = tmp_path / "clean" / "quickstart"
    named = [write_result(folder, row).relative_to(folder).as_posix() for row in current]
    write_suite(folder, current=named)
    return folder


def write_suite(folder, **more):
    rows = [label for label in LABELS if label not in ("student", "student_again", "teacher")]
    (folder / "suite.json").write_text(json.dumps({"suite": "quickstart", "rows": rows, "pairs": {"small-world": {}}, **more}))


def test_only_current_rows_are_read_as_results(home, current, left):
    assert sorted(read_results(home), key=lambda row: row.label) == sorted(current, key=lambda row: row.label)
    assert read_results(home.parent) == read_results(home)

    def address(row):
        return row.pair, row.label, row.budget or "", row.seed or 0

    assert sorted(read_retired(home), key=address) == sorted(left, key=address)


def test_without_a_list_all_files_are_current(home, current, left):
    write_suite(home)
    assert len(read_results(home)) == len(current) + len(left)
    assert read_retired(home) == []


def test_they_change_no_figure(home, clean):
    made, without = reports.load([home]), reports.load([clean])
    (group,), (same,) = made.groups, without.groups  # no table of the other budget, none of the removed pair
    for name in ("rows", "exams", "primary", "sentence", "noise", "best_control", "baseline", "seeds", "budget"):
        assert getattr(group, name) == getattr(same, name), name
    assert next(row for row in group.rows if row.label == "trd").seeds == (0,)
    assert made.provenance == without.provenance
    assert terminal.renderable(made).renderables[1] == terminal.renderable(without).renderables[1]


def test_each_stands_alone_among_those_no_longer_in_the_suite(home):
    (group,) = reports.load([home]).groups
    assert sorted(row.label for row in group.retired) == [
        "forward_kl · gone · seed 0",
        "student · gone",
        "trd · hours · seed 0",
        "trd · seed 7",
    ]
    for row in group.retired:
        assert len(row.seeds) <= 1
        assert (row.base, row.control, row.baseline, row.rank, row.beyond) == (None,) * 5


def test_the_page_folds_them_away(home, clean):
    text, without = html.page(reports.load([home])), html.page(reports.load([clean]))
    fold = re.search(r"<details class=\"more\">\s*<summary>4 rows no longer in the suite</summary>.*?</details>\s*", text, re.DOTALL)
    assert fold
    assert "seed 7" in fold[0]
    assert "gone" in fold[0]
    assert text.replace(fold[0], "") == without
    assert "no longer in the suite" not in without


def test_markdown_only_names_them(home, clean):
    text, without = (markdown.text(reports.load([folder])) for folder in (home, clean))
    said = [line for line in text.splitlines() if line not in without.splitlines()]
    assert len(said) == 1
    assert said[0].startswith("No longer in the suite: ")
    assert "`trd · seed 7`" in said[0]


def test_where_only_they_are_left_there_is_no_table(home):
    write_suite(home, current=[])
    assert read_results(home) == []
    assert reports.load([home]).groups == ()


def test_each_is_shown_once_at_its_own_pair_and_budget(make_row):
    rows = [
        make_row(label, pair=pair).model_copy(update={"budget": budget if label == "trd" else None})
        for pair in ("a", "b")
        for label, budget in (("student", None), ("trd", "hours"), ("trd", "steps"))
    ]
    old = [make_row("trd", pair="b", seed=5), make_row("trd", pair="b", seed=6).model_copy(update={"budget": "gone"})]
    groups = board(rows, {}, [*old, make_row("trd", pair="c", seed=8)]).groups
    assert [(group.pair, group.budget) for group in groups] == [("a", "hours"), ("a", "steps"), ("b", "hours"), ("b", "steps")]
    assert [[row.label for row in group.retired] for group in groups] == [
        ["trd · c · steps · seed 8"],
        [],
        ["trd · gone · seed 6"],
        ["trd · seed 5"],
    ]
