"""harness report."""

import argparse

import pytest

from harness.commands import report
from harness.records import Fault


def arguments(*said):
    parser = argparse.ArgumentParser()
    report.add_arguments(parser)
    return parser.parse_args([str(part) for part in said])


def test_it_writes_its_files_and_prints_the_table(folder, tmp_path, capsys):
    assert report.run(arguments(folder, "--out", tmp_path / "out")) == 0
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files >= {
        "caps.csv", "claims.csv", "course.csv", "difficulty.csv", "margins.csv", "passk.csv", "index.html", "leaderboard.csv", "leaderboard.md", "written.csv", "site.css", "site.js",
        "charts.html", "problems.html", "compare.html", "methods.html", "methods/trd.html", "problems/quickstart-small-world/chain-hard/index.html",
        "runs/quickstart-small-world--trd.html", "data/quickstart-small-world.js",
    }  # fmt: skip
    said = capsys.readouterr().out
    assert "index.html" in said
    assert "trd" in said


def test_its_defaults(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert report.run(arguments()) == 0
    assert (tmp_path / "reports/site/quickstart/index.html").is_file()


def test_nothing_to_render_is_a_fault(tmp_path):
    with pytest.raises(Fault, match="no row of results"):
        report.run(arguments(tmp_path))
