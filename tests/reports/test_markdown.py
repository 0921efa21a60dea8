"""Markdown and the terminal, as a reader of a code host or of a log meets them."""

from __future__ import annotations

import json
import re

import pytest

import reports
from harness.cli import main
from harness.results import write_result
from reports import markdown, terminal
from reports.tables import board


def tables(text):
    """Of each table its lines, as lists of cells."""
    found = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif found[-1]:
            found.append([])
    return [each for each in found if each]


def with_full_marks(rows, make_score, label="trd"):
    full = {"chain-hard": make_score([16] * 64, problems_hash="p-chain-hard"), "chain-held-out": make_score([16] * 128, problems_hash="p-chain-held-out")}  # fmt: skip
    return [row.model_copy(update={"scores": full}) if row.label == label else row for row in rows]


def test_where_nothing_varied_the_error_is_a_dash_and_the_interval_is_told(quickstart, make_score):
    made = board(with_full_marks(quickstart, make_score))
    text = markdown.text(made)
    summary, scores = tables(text)[:2]
    assert next(line for line in summary if line[0] == "`trd`")[2] == "100.0 ± –"
    assert [cell for cell in next(line for line in scores if line[0] == "`trd`") if "±" in cell] == ["100.0 ± –"] * 2
    assert "± 0.0" not in text
    assert "- chain-hard 100.0, 94.4 to 100.0: `trd`" in text  # 0.025 to the power of 1/64
    assert "- chain-held-out 100.0, 97.2 to 100.0: `trd`" in text
    assert "100.0 ± –" in terminal.table(with_full_marks(quickstart, make_score))
    assert "no spread to take an error from" not in markdown.text(board(quickstart))


def test_a_small_error_is_not_shown_as_none(quickstart, make_score):
    nearly = make_score([15] + [16] * 127, problems_hash="p-chain-held-out")
    rows = [row.model_copy(update={"scores": row.scores | {"chain-held-out": nearly}}) if row.label == "trd" else row for row in quickstart]
    assert "| 100.0 ± < 0.1 |" in markdown.text(board(rows))


def test_columns_say_something(three_seeds, quickstart):
    heads = tables(markdown.text(board(three_seeds)))[0][0]
    assert heads[0] == "rank" and not {"seeds", "division"} & set(heads)
    assert "All trained rows: division common, 3 training seeds." in markdown.text(board(three_seeds))
    unlike = [row.model_copy(update={"division": "tuned"}) if row.label == "trd" else row for row in quickstart]
    assert "division" in tables(markdown.text(board(unlike)))[0][0]
    fewer = [row for row in three_seeds if row.label != "trd" or row.seed == 0]
    assert "seeds" in tables(markdown.text(board(fewer)))[0][0]
    (group,) = (made := board(quickstart)).groups
    beyond = {line[0]: line[5] for line in tables(markdown.text(made))[0][2:]}
    assert beyond == {f"`{row.label}`": row.beyond or "–" for row in group.rows} and beyond["`trd`"] == "above"


def test_figures_stand_to_the_right(quickstart):
    for table in tables(markdown.text(board(quickstart))):
        sides = dict(zip(table[0], table[1], strict=True))
        assert sides[table[0][0]] == "---"
        assert all(side == "---:" for head, side in sides.items() if head.endswith("±") or head == "H100-h")


def test_rows_without_a_share_of_the_way_stand_below_with_the_reason(quickstart):
    text = markdown.text(board(quickstart)).partition("### How far to the teacher")[2].partition("###")[0]
    (table,) = tables(text)
    assert "`opsd`" not in [line[0] for line in table] and "`trd`" in [line[0] for line in table]
    assert "No share for `opsd`: the student is its own teacher." in text


def test_nothing_from_outside_is_markup(quickstart):
    odd = "costs $5 & <b>$6</b> &lt; *all* | #1"
    rows = [row.model_copy(update={"reason": odd, "status": "failed", "scores": {}}) if row.label == "trd" else row for row in quickstart]
    suite = {"quickstart": {"deviations": [odd], "report": {"margins": {odd: 0.05}}}}
    text = markdown.text(board(rows, suite))
    for said in (text, text.replace("\\", "")):
        assert "<b>" not in said and "&lt;b>" in said and "&amp;lt;" in said
    assert text.count(r"\$5 &amp; ") >= 3 and " $5" not in text and r"\*all\*" in text


@pytest.fixture
def home(tmp_path, make_row):
    """A suite on the models of a paper's first tables, that asks for them."""
    folder = tmp_path / "results" / "again"
    for label in ("student", "forward_kl", "trd"):
        write_result(folder, make_row(label, suite="again", pair="mine", exams={"aime24": 30, "hmmt25": 30}))
    pairs = {"mine": {"student": "Qwen/Qwen3-4B-Instruct-2507@0123", "teacher": "Qwen/Qwen3-8B@4567"}}
    suite = {"suite": "again", "pairs": pairs, "report": {"baseline": "forward_kl", "reported": ["trd"]}}
    (folder / "suite.json").write_text(json.dumps(suite))
    return folder


def test_published_tables_are_a_section_apart_with_marks_and_source(home, capsys):
    assert main(["export", str(home), "--to", "markdown"]) == 0
    ours, section, said = capsys.readouterr().out.partition("## Reported by papers, not run here")
    assert section and "unattainable" not in ours and "83.3" not in ours
    part = said.partition("### TRD (arXiv:2606.08432): qwen3-4b-from-8b")[2].partition("\n### ")[0]
    assert "Qwen/Qwen3-4B-Instruct-2507 ← Qwen/Qwen3-8B. By the paper: Table 1, Table 2 and Table 5." in part
    (table,) = tables(part)
    trd = dict(zip(table[0], next(line for line in table if line[0] == "`trd`"), strict=True))
    assert (trd["aime24 avg@16"], trd["hmmt25 avg@16"]) == ("65.4 (+2.3)", "33.2 (+1.9) *ceil only*")
    forward = dict(zip(table[0], next(line for line in table if line[0] == "`forward_kl`"), strict=True))
    assert forward[r"mbpp\_plus pass@16"] == "72.6 (−0.9) *unattainable*"
    doubts = [line for line in part.splitlines() if line.startswith("- ")]
    assert r"- `forward_kl`, mbpp\_plus pass@16, Table 2: between 274 and 275 of 378 (72.49, 72.75) (*unattainable*)" in doubts
    assert len([line for line in doubts if line.startswith("- `trd`, hmmt25")]) == 1  # printed in two tables, told once
    card = tables(said.partition("### Claimed by TRD and measured here: again · mine")[2])[0]
    assert ["`trd` over `student`", "avg@16, hmmt25"] in [line[:2] for line in card]


def test_a_suite_that_asks_for_no_paper_has_no_such_section(quickstart):
    assert "Reported by papers" not in markdown.text(board(quickstart)) + terminal.table(quickstart)


def test_the_terminal_says_in_one_line_where_they_are(home, tmp_path, capsys):
    assert main(["report", str(home), "--out", str(tmp_path / "site")]) == 0
    said = capsys.readouterr().out.splitlines()
    (line,) = (line for line in said if "Reported by papers" in line)
    assert line == "Reported by papers, not run here: 4 tables of TRD; on the page, papers.html."
    assert (tmp_path / "site" / "papers.html").is_file() and not any("unattainable" in line for line in said)


def test_no_verdict_on_a_claim_where_nothing_varied(home, make_row, make_score):
    """Both all right: that is a ceiling, not a difference of zero that is surely known."""
    full = {exam: make_score([16] * 30, problems_hash=f"p-{exam}") for exam in ("aime24", "hmmt25")}
    for label in ("forward_kl", "trd"):
        row = make_row(label, suite="again", pair="mine", exams={"aime24": 30, "hmmt25": 30})
        write_result(home, row.model_copy(update={"scores": full}))
    (group,) = reports.load([home]).groups
    found = [claim for claim in group.cards[0].claims if (claim.label, claim.against) == ("trd", "forward_kl")]
    assert found and all((claim.verdict, claim.power) == (None, None) for claim in found)
    assert any("differ alike on every problem" in claim.why for claim in found)
