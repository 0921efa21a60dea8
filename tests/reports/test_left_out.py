"""Files of results that cannot be used: named with fault and remedy, left out, and the rest renders as if they were not there."""

import json

import pytest

import reports
from harness.cli import main
from harness.records import Fault
from harness.results import read_result
from harness.shelf import read_results, read_shelf

ROW = "small-world/reverse_kl.seed0.json"


@pytest.fixture
def edit(folder):
    """Change a row's file as somebody with an editor would."""

    def edited(change, name=ROW):
        path = folder / name
        row = json.loads(path.read_text())
        change(row)
        path.write_text(json.dumps(row))
        return path

    return edited


def cell(row, exam="chain-hard"):
    return row["scores"][exam]


CHANGES = {
    "newer": (lambda row: row.update(format=2), "written in format 2, and this harness reads format 1", "Update the harness"),
    "better": (lambda row: cell(row)["avg_at"].update(value=0.99), "scores.chain-hard.avg_at.value is 0.99", "run the row again"),
    "surer": (lambda row: cell(row)["avg_at"].update(stderr=0.001), "avg_at.stderr is 0.001, but its counts give", "run the row again"),
    "passed": (lambda row: cell(row)["pass_at"].update({"8": 1.0}), "pass_at.8 is 1.0, but its counts give", "run the row again"),
    "beyond": (lambda row: cell(row)["pass_at"].update({"32": 0.9}), "pass_at.32 cannot come from 16 samples", "run the row again"),
    "renamed": (lambda row: cell(row)["avg_at"].update(k=64), "avg_at.k is 64, but there are 16 samples", "run the row again"),
    "counts": (lambda row: cell(row)["correct"].__setitem__(0, 17), "cannot be", "remove the file"),
    "protocol": (lambda row: cell(row).update(protocol="easy@77"), "under easy@77, where the others of this pair", "Run the row again"),
    "problems": (lambda row: cell(row).update(problems_hash="p-x"), "on other problems (hash p-x)", "Run the row again"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_file_that_cannot_be_used_is_named_and_left_out(folder, edit, kind):
    change, fault, remedy = CHANGES[kind]
    others = [row for row in read_results(folder) if row.label != "reverse_kl"]
    path = edit(change)
    shelf = read_shelf([folder])
    (left,) = shelf.left_out
    assert left.path == str(path) and fault in left.said and remedy in left.said
    assert list(shelf.results) == others
    with pytest.raises(Fault, match=r"reverse_kl\.seed0\.json: "):
        read_results(folder)


def test_counts_that_are_edited_with_all_their_figures_are_another_result(folder, edit):
    """What no reader of the file can see, `harness verify` does."""
    before = read_result(folder / ROW)

    def change(row):
        for name in cell(row)["pass_at"]:
            cell(row)["pass_at"][name] = 1.0
        cell(row).update(correct=[16] * 64, avg_at={"k": 16, "value": 1.0, "stderr": 0.0})

    assert read_result(edit(change)) != before


def test_the_command_says_what_it_left_out_and_renders_the_rest(folder, edit, tmp_path, capsys):
    edit(CHANGES["better"][0])
    edit(CHANGES["newer"][0], "small-world/trd.seed0.json")
    edit(CHANGES["protocol"][0], "small-world/opsd.seed0.json")
    torn = folder / "small-world" / "placebo.seed0.json"
    torn.write_text(torn.read_text()[:1000])
    deep = folder / "small-world" / "deep.json"
    deep.write_text("[" * 100_000)
    assert main(["report", str(folder), "--out", str(tmp_path / "all")]) == 0
    said = capsys.readouterr().err
    for name in ("reverse_kl.seed0", "trd.seed0", "opsd.seed0", "placebo.seed0", "deep"):
        assert f"{folder}/small-world/{name}.json: left out: " in said
    assert len(said.splitlines()) == 5

    board = reports.load([folder])
    assert [each.path for each in board.left_out] == sorted(f"{folder}/small-world/{name}.json" for name in ("reverse_kl.seed0", "trd.seed0", "opsd.seed0", "placebo.seed0", "deep"))  # fmt: skip
    for name in ("reverse_kl.seed0", "trd.seed0", "opsd.seed0", "placebo.seed0", "deep"):
        (folder / "small-world" / f"{name}.json").unlink()
    assert reports.load([folder]).groups == board.groups  # no figure of the rest moved

    assert main(["report", str(folder), "--out", str(tmp_path / "clean")]) == 0
    assert capsys.readouterr().err == ""


def test_strict_fails_on_a_file_that_was_left_out(folder, edit, tmp_path, capsys):
    for name in ("forward_kl_clip", "reverse_kl_hot"):  # what is incomplete for another reason
        (folder / "small-world" / f"{name}.seed0.json").unlink()
    command = ["report", str(folder), "--out", str(tmp_path / "out"), "--strict"]
    assert main(command) == 0
    edit(CHANGES["newer"][0])
    assert main(command) == 1
    assert "left out" in capsys.readouterr().err


def test_a_damaged_suite_leaves_its_rows(folder, capsys):
    (folder / "suite.json").write_text('{"suite": ')
    shelf = read_shelf([folder])
    assert [each.path for each in shelf.left_out] == [str(folder / "suite.json")]
    assert len(shelf.results) == len(list((folder / "small-world").iterdir())) and shelf.suites == {}


def test_nothing_usable_is_bad_input(folder, capsys):
    for path in (folder / "small-world").iterdir():
        path.write_text("{")
    assert main(["report", str(folder)]) == 2
    assert "no row of results" in capsys.readouterr().err
