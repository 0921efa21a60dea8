"""What the page says of counts: incomplete cells, unfinished answers, votes, lower token limits; and `harness report --strict`."""

import argparse
import csv
import io
import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from harness.commands import report
from harness.counts import ladder
from harness.results import ExamScore, write_result
from harness.shelf import read_results
from reports import html, markdown, sheets, spreadsheet, terminal
from reports.charts import APART, chart, coloured, spread
from reports.tables import board
from reports.words import plain

HOSTILE = '<script>alert("x")</script>'


def changed(rows, label, exam, seed=0, **fields):
    """The rows with one score of one row changed."""
    return [
        row.model_copy(update={"scores": row.scores | {exam: row.scores[exam].model_copy(update=fields)}})
        if row.label == label and row.seed == seed
        else row
        for row in rows
    ]


def without_one(score):
    """An answer to the first problem is not there."""
    graded = (score.graded[0] - 1, *score.graded[1:])
    correct = (min(score.correct[0], graded[0]), *score.correct[1:])
    return {"graded": graded, "correct": correct, "missing": 1, "missing_first": ("chain-0 sample 3",)}


def of(rows, label, exam, seed=0):
    return next(row for row in rows if row.label == label and row.seed == seed).scores[exam]


def row_of(group, label):
    return next(row for row in group.rows if row.label == label)


def limited(score: ExamScore) -> ExamScore:
    """With a curve under lower limits: every right answer to problem i is i % 7 + 1 halvings shorter than the limit."""
    caps = ladder(4096)
    under = {str(cap): tuple(right * (cap >= 4096 / 2 ** (place % 7 + 1)) for place, right in enumerate(score.correct)) for cap in caps}
    return score.model_copy(update={"under_cap": under, "mean_length": 1234.5, "unfinished": 33, "maj_at": {"8": 0.625}})


@pytest.fixture
def curved(quickstart):
    return [row.model_copy(update={"scores": {exam: limited(score) for exam, score in row.scores.items()}}) for row in quickstart]


def test_one_missing_answer_takes_the_row_out_of_the_ranking_and_halves_nothing(three_seeds):
    """Of 3 seeds × 128 × 16 one: no figure, no rank, no bold; and nobody else's figures move (lighteval, issue 771)."""
    pair, exam = "llama-1b-from-8b", "chain-held-out"
    rows = [row for row in three_seeds if row.pair == pair]
    (before,) = board(rows).groups
    (after,) = board(changed(rows, "trd", exam, seed=1, **without_one(of(rows, "trd", exam, seed=1)))).groups
    gone = row_of(after, "trd")
    cell = gone.cells[[column.name for column in after.exams].index(exam)]
    assert (cell.note, cell.avg, cell.passed, cell.delta) == ("incomplete 6,143/6,144", None, None, None)
    assert (gone.rank, gone.primary, gone.base, gone.beyond) == (None, None, None, None)
    assert gone.cells[0 if cell is gone.cells[1] else 1] == row_of(before, "trd").cells[0 if cell is gone.cells[1] else 1]
    for row in before.rows:
        if row.label != "trd":
            assert row_of(after, row.label).primary == row.primary and row_of(after, row.label).cells == row.cells
    ranks = [row.rank for row in after.rows if row.rank]
    assert len(ranks) == 4 and max(high for _, high in ranks) == 4
    assert "Without a score: `trd`." in plain(after.sentence)
    page = html.page(board(changed(rows, "trd", exam, seed=1, **without_one(of(rows, "trd", exam, seed=1)))))
    line = page[page.index(f'id="{gone.anchor}"') :]
    line = line[: line.index("</tr>")]
    assert "incomplete 6,143/6,144" in line and "<b>" not in line
    assert "seed 1: incomplete 2,047/2,048, 1 missing (chain-0 sample 3)" in page


def test_a_mean_over_what_is_there_is_not_shown_as_a_whole(quickstart, make_score):
    """Half of the answers are lost: neither half the score, nor the score of the other half."""
    lost = make_score([8] * 64, graded=[8] * 64, problems_hash="p-chain-hard").model_copy(update={"ungraded": 0, "missing": 512})
    rows = [row.model_copy(update={"scores": row.scores | {"chain-hard": lost}}) if row.label == "trd" else row for row in quickstart]
    made = board(rows)
    row = row_of(made.groups[0], "trd")
    assert row.cells[-1].note == "incomplete 512/1,024" or row.cells[0].note == "incomplete 512/1,024"
    text = markdown.text(made)
    said = [line for line in text.splitlines() if line.startswith("| `trd`") and "512" in line]
    assert said and not any(figure in "".join(said) for figure in ("50.0 ±", "100.0 ±"))


def test_faults_of_the_machinery_and_a_lacking_sandbox_are_marked(quickstart):
    graded = (13, *[16] * 127)
    exam = "chain-held-out"
    right = of(quickstart, "trd", exam).correct
    verdicts = {"correct": 5, "infra_error": 2, "grader_error": 1}
    rows = changed(quickstart, "trd", exam, graded=graded, correct=(min(right[0], 13), *right[1:]), ungraded=3, verdicts=verdicts)
    rows = changed(rows, "opsd", exam, sandbox="none")
    (group,) = (made := board(rows)).groups
    assert {"incomplete 2,045/2,048", "1 grader_error, 2 infra_error"} <= set(row_of(group, "trd").marks)
    assert "graded without a sandbox" in row_of(group, "opsd").marks
    assert "graded without a sandbox" not in row_of(group, "forward_kl").marks
    for said in (html.page(made), markdown.text(made).replace("\\", ""), terminal.table(rows, width=200)):
        assert "2 infra_error" in said and "without a sandbox" in said


def test_unfinished_answers_votes_and_lengths_have_columns(curved):
    (group,) = (made := board(curved)).groups
    cell = row_of(group, "trd").cells[0]
    assert cell.unfinished == pytest.approx(33 / (group.exams[0].problems * 16)) and cell.voted == (0.625,)
    page = html.page(made)
    heads = re.findall(r'data-sort="number">(unfinished|Maj@8|Pass@16)<', page)
    assert heads.count("unfinished") == heads.count("Maj@8") == 2
    assert (
        f"{100 * cell.unfinished:.1f}%<small>1,234 tokens</small>" in page
        or f"{100 * cell.unfinished:.1f}%<small>1,235 tokens</small>" in page
    )
    assert "128 problems × 16 · quickstart@3fe1" in page
    text = markdown.text(made)
    assert "chain-held-out Maj@8" in text and "chain-held-out unfinished" in text
    assert "- chain-held-out: 128 problems × 16, protocol quickstart@3fe1" in text
    lines = [line for line in csv.DictReader(io.StringIO(spreadsheet.text(made))) if line["label"] == "trd"]
    assert [(line["maj_k"], line["maj"], line["mean_length"]) for line in lines] == [("8", "0.625", "1234.5")] * 2


def test_files_from_before_these_counts_are_read_and_shown(quickstart):
    """They say how many answers the limit cut, and nothing of votes or of lower limits."""
    (group,) = (made := board(quickstart)).groups
    assert row_of(group, "opsd").cells[0].unfinished == pytest.approx(40 / (group.exams[0].problems * 16))
    assert group.under_caps == () and all(exam.votes == () for exam in group.exams)
    page = html.page(made)
    assert "Maj@" not in page and "<svg" not in page and "token limit</summary>" not in page
    assert sheets.caps(made).count("\n") == 1


def test_a_suite_shows_its_exam_s_date(quickstart):
    suite = {"quickstart": {"exams": [{"name": "chain-held-out", "date": "2025-02"}, {"name": "chain-hard"}]}}
    made = board(quickstart, suite)
    assert "128 problems × 16 · quickstart@3fe1 · 2025-02" in html.page(made)
    assert "protocol quickstart@3fe1, of 2025-02" in markdown.text(made)


def test_accuracy_under_lower_limits(curved):
    (group,) = (made := board(curved)).groups
    found = next(each for each in group.under_caps if each.exam.name == "chain-hard")
    assert found.caps == tuple(ladder(4096))
    assert "student_again" not in {row.label for row in found.rows} and "teacher" in {row.label for row in found.rows}
    correct = of(curved, "trd", "chain-hard").correct
    values = next(row.values for row in found.rows if row.label == "trd")
    assert (
        values[-1]
        == pytest.approx(sum(correct) / (64 * 16))
        == pytest.approx(row_of(group, "trd").cells[group.exams.index(found.exam)].avg.value)
    )
    assert values[0] == pytest.approx(
        sum(right for place, right in enumerate(correct) if 2 ** (place % 7 + 1) >= 4096 / found.caps[0]) / (64 * 16)
    )
    lines = [line for line in csv.DictReader(io.StringIO(sheets.caps(made))) if line["label"] == "trd" and line["exam"] == "chain-hard"]
    assert [float(line["avg"]) for line in lines] == pytest.approx(values)
    text = markdown.text(made)
    table = text[text.index("### chain-hard under lower token limits") :]
    assert "| row | 192 | 256 |" in table.replace("  ", " ") and f"{100 * values[-1]:.1f} |" in table


def test_an_incomplete_row_has_no_curve(curved):
    rows = changed(curved, "trd", "chain-hard", under_cap={}, **without_one(of(curved, "trd", "chain-hard")))
    (group,) = board(rows).groups
    assert {found.exam.name: "trd" in {row.label for row in found.rows} for found in group.under_caps} == {
        "chain-held-out": True,
        "chain-hard": False,
    }


def test_the_chart_is_drawn_to_scale(curved):
    (group,) = (made := board(curved)).groups
    found, trained = group.under_caps[0], coloured(group)
    drawn = chart(found, trained)
    ticks = [(float(y), float(text)) for y, text in drawn.up]
    (low, zero), (high, top) = ticks[0], ticks[-1]
    across = {int(text.replace(",", "")): float(x) for x, text in drawn.across}
    assert zero == 0 and drawn.left <= min(across.values()) and max(across.values()) == drawn.right
    assert across[4096] - across[2048] == pytest.approx(across[1024] - across[512], abs=0.2)
    for row, line in zip(found.rows, drawn.lines, strict=True):
        assert len(line.dots) == len(found.caps)
        for value, (_, y) in zip(row.values, line.dots, strict=True):
            assert (low - float(y)) / (low - high) * top == pytest.approx(100 * value, abs=0.1)
    hues = {line.name: line.hue for line in drawn.lines}
    assert hues["teacher"] is hues["student"] is None and len({hues[label] for label in hues if label in trained}) == len(hues) - 2
    named = sorted(float(line.at) for line in drawn.lines)
    assert all(b - a >= APART - 0.11 for a, b in pairwise(named))
    assert named[0] >= 0 and named[-1] <= drawn.bottom + 0.1
    svg = re.search(r'<svg class="chart".*?</svg>', html.page(made), re.S)
    assert svg and len(ET.fromstring(svg[0]).findall("g")) == len(found.rows)
    assert 'role="img"' in svg[0] and "highest at the end: " in svg[0]


@pytest.mark.parametrize("count", [1, 3, 20])
def test_names_are_spread_within_the_plot(count):
    height = max(300, APART * count)
    for wanted in ([10.0] * count, [10.0 + height] * count, [10.0 + place for place in range(count)]):
        found = sorted(spread(wanted, 10, 10 + height))
        assert all(b - a >= APART - 1e-9 for a, b in pairwise(found))
        assert found[-1] <= 10 + height + 1e-9 and found[0] >= 10 - APART


def test_a_chart_of_nothing_right_and_one_with_gaps(curved):
    none = [
        row.model_copy(
            update={
                "scores": {
                    exam: score.model_copy(
                        update={"correct": (0,) * score.problems, "under_cap": dict.fromkeys(score.under_cap, (0,) * score.problems)}
                    )
                    for exam, score in row.scores.items()
                }
            }
        )
        for row in curved
    ]
    one = changed(none, "trd", "chain-hard", under_cap={"256": (0,) * 64, "4096": (0,) * 64})
    page = html.page(board(one))
    assert "<svg" in page and "nan" not in page.lower().split("<svg")[1]
    found = next(each for each in board(one).groups[0].under_caps if each.exam.name == "chain-hard")
    values = next(row.values for row in found.rows if row.label == "trd")
    assert [cap for cap, value in zip(found.caps, values, strict=True) if value is not None] == [256, 4096]
    assert not any(math.isnan(value) for value in values if value is not None)


def test_hostile_names_stay_text(curved):
    bad = [row.model_copy(update={"label": HOSTILE}) if row.label == "trd" else row for row in curved]
    score = of(bad, HOSTILE, "chain-hard")
    bad = changed(
        bad, HOSTILE, "chain-held-out", **{**without_one(of(bad, HOSTILE, "chain-held-out")), "missing_first": (HOSTILE,), "under_cap": {}}
    )
    bad = changed(bad, HOSTILE, "chain-hard", grader=HOSTILE, sandbox=HOSTILE, verdicts={HOSTILE: sum(score.correct)})
    page = html.page(board(bad))
    assert page.count("<script") == 1 and "alert(&#34;x&#34;)" in page
    assert "<script" not in re.sub(r"`[^`]*`", "", markdown.text(board(bad)))


AUDIT = {
    "responses": 2048,
    "tallies": [
        {"profile": "typed", "verdicts": {"correct": 1200, "wrong": 800, "grader_error": 48}},
        {"profile": "string", "verdicts": {"correct": 1000, "wrong": 1048}},
    ],
    "pairs": [
        {
            "a": "typed", "b": "string", "both_right": 980, "only_a": 220, "only_b": 3, "both_wrong": 780, "unanswered": 17, "ungraded": 48,
            "found_by_one": 5, "only_a_places": [["q7", 3], [HOSTILE, 0]], "only_b_places": [],
        }
    ],
}  # fmt: skip


def test_graders_that_disagree_stand_side_by_side(quickstart):
    score = of(quickstart, "trd", "chain-held-out")
    graded = ExamScore.model_validate(score.model_dump() | {"audit": AUDIT})
    rows = changed(quickstart, "trd", "chain-held-out", audit=graded.audit)
    (group,) = (made := board(rows)).groups
    (found,) = group.audits
    assert (found.exam.name, found.graders, found.pairs) == ("chain-held-out", ("typed", "string"), (("typed", "string"),))
    (row,) = found.rows
    assert row.right == (pytest.approx(1200 / 2000), pytest.approx(1000 / 2048))
    (pair,) = row.compared
    assert (pair.only_a, pair.only_b, pair.agreement) == (220, 3, pytest.approx(1 - 223 / 2000))
    page, text = html.page(made), markdown.text(made)
    assert "right by typed alone: q7 sample 3, &lt;script&gt;" in page and page.count("<script") == 1
    assert "88.8%<small>220 | 3</small>" in page or "88.9%<small>220 | 3</small>" in page
    assert "### chain-held-out: the same answers, 2 graders" in text
    assert re.search(r"\| `trd` \| 2,048 \| 60.0 \| 48.8 \| 88.[89]% \| 220 \| 3 \|", text)
    assert board(quickstart).groups[0].audits == () and "other graders" not in html.page(board(quickstart))


def arguments(*said):
    parser = argparse.ArgumentParser()
    report.add_arguments(parser)
    return parser.parse_args([str(part) for part in said])


def test_strict_names_what_is_missing_and_ends_with_1(folder, tmp_path, capsys):
    """The folder has a row that was stopped; then an answer is lost too, and the grader fails on another."""
    assert report.run(arguments(folder, "--out", tmp_path / "out")) == 0
    (stopped,) = (row for row in read_results(folder) if row.label == "forward_kl_clip")
    (folder / "small-world" / f"{stopped.label}.seed0.json").unlink()
    capsys.readouterr()
    assert report.run(arguments(folder, "--out", tmp_path / "out", "--strict")) == 0  # one failed and says why: nothing is missing
    assert capsys.readouterr().err == ""
    rows = [row for row in read_results(folder) if row.label in ("trd", "opsd")]
    rows = changed(rows, "trd", "chain-hard", **without_one(of(rows, "trd", "chain-hard")))
    right = of(rows, "opsd", "chain-hard").correct
    rows = changed(
        rows, "opsd", "chain-hard", graded=(15, *[16] * 63), correct=(min(right[0], 15), *right[1:]), ungraded=1, verdicts={"infra_error": 1}
    )  # fmt: skip
    for row in [*rows, stopped]:
        write_result(folder, row)
    assert report.run(arguments(folder, "--out", tmp_path / "out", "--strict")) == 1
    said = capsys.readouterr().err.splitlines()
    assert sorted(said) == [
        "harness: quickstart · small-world · forward_kl_clip: seed 0: incomplete: stopped by the user at update 12",
        "harness: quickstart · small-world · opsd: chain-hard: seed 0: incomplete 1,023/1,024, 1 infra_error",
        "harness: quickstart · small-world · trd: chain-hard: seed 0: incomplete 1,023/1,024, 1 missing (chain-0 sample 3)",
    ]
    assert (tmp_path / "out" / "index.html").is_file()


def test_a_row_s_file_stays_small_and_reads_as_it_was(tmp_path, make_row, make_score):
    """LiveCodeBench: 1,055 problems, ten limits."""
    wide = limited(make_score([7] * 1055))
    row = make_row("trd").model_copy(update={"scores": {"livecodebench": wide}})
    path = write_result(tmp_path, row)
    assert path.stat().st_size < 50_000
    assert read_results(tmp_path) == [row]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"under_cap": {"64": [1]}}, "a count for each of 2 problems"),
        ({"under_cap": {"many": [1, 1]}}, "a number of tokens"),
        ({"under_cap": {"64": [3, 4], "128": [2, 4]}}, "128"),
        ({"under_cap": {"64": [4, 4]}}, "more right answers"),
        ({"missing": -1}, "missing"),
    ],
)
def test_counts_under_limits_that_cannot_be_are_refused(make_score, fields, said):
    with pytest.raises(ValueError, match=said):
        ExamScore.model_validate(make_score([3, 4]).model_dump() | fields)
