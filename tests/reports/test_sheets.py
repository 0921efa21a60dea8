"""What a spreadsheet gets: gap recovered and margins beside each row, claims and Pass@k in sheets of their own; JSON holds the same."""

from __future__ import annotations

import csv
import io
import json

import pytest

import reports
from harness.cli import main
from harness.results import write_result

CLAIMS = [{"say": "rewriting helps", "that": "trd > forward_kl + 2.0"}, {"say": "self-teaching leads", "that": "opsd > trd"}]
PAIR = "llama-1b-from-8b"


@pytest.fixture
def home(tmp_path, three_seeds):
    """Three seeds of one pair, with claims and margins; a task of lm-eval among these that nobody sat."""
    folder = tmp_path / "results" / "equal-budgets"
    for row in three_seeds:
        if row.pair == PAIR:
            write_result(folder, row)
    suite = {
        "suite": "equal-budgets",
        "pairs": {PAIR: {"student": "a", "teacher": "b"}},
        "exams": ["chain-held-out", "chain-hard"],
        "claims": CLAIMS,
        "report": {"margins": {"chain-hard": 0.05, "ifeval": 0.01}},
    }
    (folder / "suite.json").write_text(json.dumps(suite), encoding="utf-8")
    return folder


@pytest.fixture
def exported(home, capsys):
    def run(*words):
        code = main(["export", str(home), *words])
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    return run


def of(text, **wanted):
    return [line for line in csv.DictReader(io.StringIO(text)) if all(line[name] == value for name, value in wanted.items())]


def test_every_line_says_how_far_the_row_went_or_why_nobody_knows(exported, home):
    (group,) = reports.load([home]).groups
    trd = next(row for row in group.rows if row.label == "trd").recovered
    said = exported("--to", "csv")
    lines = of(said, label="trd")
    assert len(lines) == 2  # one an exam
    for line in lines:
        assert [float(line[name]) for name in ("recovered", "recovered_low", "recovered_high")] == [trd.share, *trd.interval95]
        assert line["recovered_reason"] == ""
    (opsd, _), (student, _) = of(said, label="opsd"), of(said, label="student")
    assert (opsd["recovered"], opsd["recovered_reason"]) == ("", "the student is its own teacher")
    assert (student["recovered"], student["recovered_reason"], student["margins"]) == ("", "", "")


def test_margins_stand_with_the_row_in_words_and_in_their_sheet_in_figures(exported, home):
    (group,) = reports.load([home]).groups
    placebo = next(row for row in group.rows if row.label == "placebo").kept
    said = {line["label"]: line["margins"] for line in of(exported("--to", "csv"))}
    assert said["trd"] == "chain-hard kept; ifeval no verdict"
    assert said["placebo"] == f"chain-hard {placebo[0].verdict}; ifeval no verdict"
    hard, ifeval = of(exported("--to", "csv", "--sheet", "margins"), label="placebo")
    assert (hard["name"], float(hard["margin"]), hard["verdict"]) == ("chain-hard", 0.05, placebo[0].verdict)
    assert (float(hard["delta_low"]), float(hard["delta_high"])) == placebo[0].delta.interval95
    assert (ifeval["verdict"], ifeval["delta"]) == ("", "") and "nothing to compare" in ifeval["reason"]


def test_claims_have_a_sheet(exported, home):
    (group,) = reports.load([home]).groups
    first, second = of(exported("--to", "csv", "--sheet", "claims"))
    helps, leads = group.verdicts
    assert [first[name] for name in ("say", "that", "on", "verdict")] == [
        "rewriting helps",
        "trd > forward_kl + 2.0",
        helps.on,
        helps.verdict,
    ]
    assert float(first["margin"]) == pytest.approx(0.02)
    assert (second["verdict"], leads.verdict) == ("contradicted", "contradicted")
    for line, verdict in ((first, helps), (second, leads)):
        assert float(line["delta"]) == verdict.delta.value and float(line["p_holm"]) == verdict.p_value and line["seeds"] == "3"
    if helps.decides:
        assert first["decided_by_seeds"] == str(helps.decides.seeds or "")


def test_an_undecided_claim_keeps_what_would_decide_it(home, exported):
    path = home / "suite.json"
    suite = json.loads(path.read_text())
    claims = [{"say": "alike", "that": "reverse_kl > reverse_kl_topk"}, {"say": "unknown", "that": "nobody > trd"}]
    path.write_text(json.dumps(suite | {"claims": claims}))
    alike, unknown = of(exported("--to", "csv", "--sheet", "claims"))
    assert alike["verdict"] == unknown["verdict"] == "undecided"
    assert alike["decided_by"] or (int(alike["decided_by_seeds"]) > 3 and int(alike["decided_by_answers"]) >= 16)
    assert (unknown["delta"], unknown["reason"]) == ("", "nobody has no complete score there")


def test_pass_at_k_has_a_line_for_every_point(exported, home):
    lines = of(exported("--to", "csv", "--sheet", "passk"), label="trd", exam="chain-hard")
    assert [(line["k"], line["every"]) for line in lines] == [("1", "0"), ("2", "0"), ("4", "0"), ("8", "0"), ("16", "1")]
    (row,) = of(exported("--to", "csv"), label="trd", exam="chain-hard")
    assert float(lines[0]["pass"]) == pytest.approx(float(row["avg"])) and float(lines[-1]["pass"]) == pytest.approx(float(row["pass"]))
    assert lines[0]["protocol"] == row["protocol"]
    assert all(float(line["pass_low"]) <= float(line["pass"]) <= float(line["pass_high"]) for line in lines)


def test_json_holds_the_same(exported):
    (group,) = json.loads(exported("--to", "json"))["groups"]
    rows = {row["label"]: row for row in group["rows"]}
    (line, _) = of(exported("--to", "csv"), label="trd")
    assert rows["trd"]["recovered"]["share"] == float(line["recovered"])
    assert rows["opsd"]["recovered"]["reason"] == "the student is its own teacher"
    assert [kept["verdict"] for kept in rows["trd"]["kept"]] == ["kept", None]
    claims = of(exported("--to", "csv", "--sheet", "claims"))
    assert [verdict["verdict"] for verdict in group["verdicts"]] == [claim["verdict"] for claim in claims]
    points = [
        (found["exam"], row["label"], point["k"], point["value"]["value"], *point["value"]["interval95"])
        for found in group["curves"]
        for row in found["rows"]
        for point in row["points"]
    ]
    said = of(exported("--to", "csv", "--sheet", "passk"))
    names = ("pass", "pass_low", "pass_high")
    assert points == [(line["exam"], line["label"], int(line["k"]), *(float(line[name]) for name in names)) for line in said]


def test_the_site_has_the_same_sheets(home, exported, tmp_path, capsys):
    assert main(["report", str(home), "--out", str(tmp_path / "site")]) == 0
    capsys.readouterr()
    for sheet in ("claims", "margins", "passk"):
        assert (tmp_path / "site" / f"{sheet}.csv").read_text() == exported("--to", "csv", "--sheet", sheet)


def test_a_sheet_is_of_the_csv_alone(home, capsys):
    assert main(["export", str(home), "--to", "json", "--sheet", "claims"]) == 2
    assert "Leave it out, or write --to csv" in capsys.readouterr().err
