"""Published figures: what cannot be right is marked, and nothing else; tables come in as CSV and are checked on the way."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path

import pytest

from harness import published
from harness.cli import main
from harness.records import Fault
from harness.results import read_result
from harness.shelf import read_results, read_shelf

REPORTED = Path(__file__).parents[2] / "results" / "reported"

# What somebody else found by another program in Tables 1 to 8 of arXiv:2606.08432: mark, table, student, row there, subset, metric, exam, value.
KNOWN = [
    ("unattainable", 2, "4B", "forward_kl", "all", "pass@16", "mbpp_plus", 72.6),
    ("unattainable", 4, "4B", "trd", "all", "pass@16", "amobench", 33.8),
    ("unattainable", 4, "8B", "trd", "all", "pass@16", "hmmt25", 76.3),
    ("unattainable", 5, "4B", "trd", "all", "pass@16", "amobench", 33.8),
    ("unattainable", 6, "8B", "forward_kl", "all", "pass@16", "aime25", 82.7),
    ("unattainable", 6, "8B", "forward_kl", "fail", "avg@16", "aime24", 74.9),
    ("unattainable", 6, "8B", "forward_kl", "fail", "avg@16", "hmmt25", 40.1),
    ("unattainable", 6, "8B", "forward_kl", "fail", "pass@16", "aime24", 85.3),
    ("unattainable", 6, "8B", "forward_kl", "succ", "avg@16", "hmmt25", 40.1),
    ("unattainable", 6, "8B", "forward_kl", "succ", "pass@16", "beyondaime", 64.6),
    ("unattainable", 8, "8B", "trd", "succ", "pass@16", "aime25", 86.9),
    ("ceil_only", 1, "4B", "trd", "all", "avg@16", "hmmt25", 33.2),
    ("ceil_only", 3, "4B", "base", "-", "avg@16", "aime25", 48.2),
    ("ceil_only", 3, "4B", "forward_kl", "all", "avg@16", "aime24", 60.3),
    ("ceil_only", 3, "4B", "reverse_kl", "all", "avg@16", "aime24", 58.4),
    ("ceil_only", 3, "4B", "reverse_kl_topk", "all", "avg@16", "aime24", 63.0),
    ("ceil_only", 3, "8B", "forward_kl", "all", "avg@16", "hmmt25", 40.3),
    ("ceil_only", 3, "8B", "reverse_kl", "all", "avg@16", "aime25", 68.2),
    ("ceil_only", 5, "4B", "trd", "all", "avg@16", "hmmt25", 33.2),
    ("ceil_only", 6, "8B", "forward_kl", "all", "avg@16", "hmmt25", 40.3),
    ("ceil_only", 7, "8B", "reverse_kl", "all", "avg@16", "aime25", 68.2),
    ("trunc_only", 3, "8B", "reverse_kl", "all", "avg@16", "hmmt25", 44.3),
    ("trunc_only", 3, "8B", "trd", "all", "avg@16", "hmmt25", 44.5),
    ("trunc_only", 4, "8B", "reverse_kl_topk", "all", "pass@16", "aime25", 86.6),
    ("trunc_only", 6, "8B", "trd", "all", "avg@16", "hmmt25", 44.5),
    ("trunc_only", 6, "8B", "forward_kl", "succ", "avg@16", "amobench", 15.8),
    ("trunc_only", 7, "8B", "trd", "all", "avg@16", "hmmt25", 44.5),
    ("trunc_only", 7, "8B", "reverse_kl", "all", "avg@16", "hmmt25", 44.3),
    ("trunc_only", 8, "8B", "trd", "all", "avg@16", "hmmt25", 44.5),
    ("delta", 3, "4B", "trd", "all", "avg@16", "amobench", 10.3),
    ("cross_table", 1, "4B", "base", "-", "avg@16", "aime25", 46.9),
    ("cross_table", 1, "4B", "base", "-", "avg@16", "amobench", 10.1),
    ("cross_table", 3, "4B", "base", "-", "avg@16", "aime25", 48.2),
    ("cross_table", 3, "4B", "base", "-", "avg@16", "amobench", 10.6),
    ("cross_table", 4, "8B", "forward_kl", "all", "pass@16", "aime25", 83.3),
    ("cross_table", 4, "8B", "trd", "all", "pass@16", "hmmt25", 76.3),
    ("cross_table", 6, "8B", "trd", "all", "pass@16", "hmmt25", 73.3),
    ("cross_table", 6, "8B", "forward_kl", "all", "pass@16", "aime25", 82.7),
    ("cross_table", 7, "8B", "trd", "all", "pass@16", "hmmt25", 73.3),
    ("cross_table", 8, "8B", "trd", "all", "pass@16", "hmmt25", 73.3),
]
SUBSETS = {"fail": "[keep=Failed]", "succ": "[keep=Solved]", "fail->succ": "[keep=Recovered]"}
STUDENTS = {"4B": "Qwen/Qwen3-4B-Instruct-2507", "8B": "Qwen/Qwen3-8B"}


def label_of(pair: str, method: str, subset: str) -> str:
    if method == "base":
        return "student"
    own = pair.endswith("self")
    name = "trd_self" if own and method == "trd" else f"opsd_{method}" if own else method
    return name + SUBSETS.get(subset, "")


def test_the_marks_of_a_paper_are_those_that_were_found_before():
    """40 marks in 492 figures: every known one, of its kind, in its place, and no other."""
    found = set()
    figures = 0
    for row in read_results(REPORTED / "trd"):
        assert row.reported is not None
        for figure in row.reported.figures:
            figures += 1
            for mark in figure.marks:
                found.add(
                    (mark.kind, figure.where, row.reported.student, row.label, figure.metric, figure.exam, round(100 * figure.value, 6))
                )
    assert figures == 492 and len(KNOWN) == 40
    expected = {
        (kind, f"Table {table}", STUDENTS[student], label_of(pair, method, subset), metric, exam, value)
        for kind, table, student, method, subset, metric, exam, value in KNOWN
        for pair in [("from" if table in (1, 2) else "self")]
    }
    # Table 5 repeats a row of the pair with a teacher beside one of the pair without.
    moved = {(k, w, s, "trd" if (w, e) == ("Table 5", "hmmt25") else label, m, e, v) for k, w, s, label, m, e, v in expected}
    assert found == moved


def test_the_committed_marks_are_what_the_program_finds():
    for folder in sorted(REPORTED.iterdir()):
        rows = read_results(folder)
        assert published.marked(rows) == rows, folder.name


@pytest.mark.parametrize("answers", [30, 39, 480])
def test_what_a_count_gives_is_never_marked_and_the_rest_always(answers):
    """By trying every count, in whole numbers alone; shares of three decimals, as percent with one."""
    reachable = set()
    for count in range(answers + 1):
        twice = 2000 * count
        low = twice // (2 * answers)  # thousandths, cut off
        rest = twice - 2 * answers * low
        reachable |= {low} if rest < answers else {low + 1} if rest > answers else {low, low + 1}
    for thousandths in range(1001):
        said = published.unattainable(thousandths / 1000, 3, answers)
        assert (said is None) == (thousandths in reachable), (answers, thousandths, said)


def test_kinds_of_rounding():
    assert published.unattainable(0.866, 3, 30)[0] == "trunc_only"  # 26/30 = 0.8667
    assert published.unattainable(0.332, 3, 480)[0] == "ceil_only"  # 159/480 = 0.33125
    kind, detail = published.unattainable(0.338, 3, 39)
    assert kind == "unattainable" and "between 13 and 14 of 39" in detail
    assert published.exact(0.1 + 0.2, 1) == Fraction(3, 10)


HEAD = ("study", "pair", "label", "exam", "problems", "metric", "value", "unit", "delta", "against", "mean_of", "where", "certainty")


def table(folder: Path, *lines: tuple, head=HEAD) -> Path:
    path = folder / "paper.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *lines])
    return path


def line(label, exam, value, delta="", against="", mean_of="", metric="avg@16", problems="30", where="Table 1", unit="%"):
    return ("Paper", "small", label, exam, problems, metric, value, unit, delta, against, mean_of, where, "paper")


def test_a_table_comes_in_and_is_checked(tmp_path, capsys):
    lines = [
        line("student", "aime24", "50.0"), line("student", "aime25", "30.0"), line("student", "mean", "41.0", mean_of="aime24 aime25"),
        line("mine", "aime24", "52.5", "+2.5", "student"), line("mine", "aime25", "29.4", "+0.6", "student"),
        line("mine", "mean", "41.0", "+0.0", "student", "aime24 aime25", problems=""), line("mine", "aime24", "52.1", where="Table 2"),
        line("mine", "aime24", "80.0", metric="pass@16"), line("mine", "", "460", metric="seconds a step", problems="", unit="s"),
    ]  # fmt: skip
    assert main(["import", str(table(tmp_path, *lines)), "--out", str(tmp_path / "rows")]) == 0
    said = capsys.readouterr().out
    assert "2 rows with 9 figures, 4 of them marked" in said
    mine, student = sorted(read_results(tmp_path / "rows"), key=lambda row: row.label)
    assert mine.suite == "paper" and mine.role == "reported" and mine.reported.study == "Paper"
    cell = mine.scores["aime24"]
    assert (cell.avg_at.value, cell.pass_at, cell.problems, cell.samples, cell.graded, cell.correct) == (0.525, {"16": 0.8}, 30, 16, (), ())
    kinds = {(figure.exam, figure.where, figure.metric): [mark.kind for mark in figure.marks] for figure in mine.reported.figures}
    assert kinds == {
        ("aime24", "Table 1", "avg@16"): ["cross_table"],
        ("aime25", "Table 1", "avg@16"): ["delta"],
        ("mean", "Table 1", "avg@16"): [],
        ("aime24", "Table 2", "avg@16"): ["cross_table"],
        ("aime24", "Table 1", "pass@16"): [],
        (None, "Table 1", "seconds a step"): [],
    }
    assert [[mark.kind for mark in figure.marks] for figure in student.reported.figures] == [[], [], ["mean"]]
    assert mine.reported.figures[-1].value == 460 and mine.reported.figures[-1].unit == "s"


def test_a_published_row_that_was_edited_is_left_out(tmp_path):
    main(["import", str(table(tmp_path, line("student", "aime24", "50.0"))), "--out", str(tmp_path / "rows")])
    path = tmp_path / "rows" / "small" / "student.json"
    row = json.loads(path.read_text())
    row["scores"]["aime24"]["avg_at"]["value"] = 0.6
    path.write_text(json.dumps(row))
    (left,) = read_shelf([tmp_path / "rows"]).left_out
    assert "scores are not those that reported.figures give" in left.said
    with pytest.raises(Fault):
        read_result(path)


@pytest.mark.parametrize(
    ("lines", "head", "says"),
    [
        ([line("a", "aime24", "fifty")], HEAD, ":2: value is 'fifty', no decimal number"),
        ([line("a", "aime24", "50.0", "+1.0")], HEAD, ":2: a delta needs to say what it is relative to"),
        ([line("a", "aime24", "50.0", problems="many")], HEAD, ":2: problems is 'many'"),
        ([(*line("a", "aime24", "50.0")[:-1], "hearsay")], HEAD, "certainty is 'hearsay'. Write one of paper, authors"),
        ([line("", "aime24", "50.0")], HEAD, ":2: label is empty"),
        ([line("a", "aime24", "50.0")], (*HEAD[:-1], "certain"), "there is no column certainty"),
        ([(*line("a", "aime24", "50.0"), "x")], (*HEAD, "pages"), "the column 'pages' is not known"),
        ([line("a", "aime24", "50.0")[:-1]], HEAD, "more or fewer cells than the head"),
        ([line("a", "x", "1.0"), ("Other", *line("a", "y", "1.0")[1:])], HEAD, ":3: study is 'Other', and 'Paper' in line 2"),
    ],
)
def test_bad_tables_are_refused_by_line(tmp_path, capsys, lines, head, says):
    assert main(["import", str(table(tmp_path, *lines, head=head)), "--out", str(tmp_path / "rows")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "rows").exists()
