"""The rendered files: the figures on them, their safety, and that they are the same every time."""

import csv
import io
import os
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest

import reports
from harness.results import Overlap, write_result
from harness.shelf import read_results
from reports import html, markdown, spreadsheet, terminal, wrapping
from reports.tables import board

HOSTILE = '<script>alert("x")</script>'


class Page(HTMLParser):
    """Tables as lists of rows of cell texts; every element with its attributes; scripts apart."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.elements, self.scripts, self.text, self.inside = [], [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.inside = "cell"
        elif tag in ("script", "style"):
            self.inside = tag
            self.scripts.append("")

    def handle_endtag(self, tag):
        if tag in ("td", "th", "script", "style"):
            self.inside = None

    def handle_data(self, said):
        if self.inside == "cell":
            self.tables[-1][-1][-1] += said
        if self.inside in ("script", "style"):
            self.scripts[-1] += said
        else:
            self.text.append(said)


@pytest.fixture
def page(quickstart):
    return Page(html.page(board(quickstart)))


def line(table, label):
    return next(row for row in table if any(cell.startswith(label) for cell in row[:2]))


def test_the_page_shows_the_figures(page, quickstart):
    score = {row.label: row.scores for row in quickstart}
    mean = sum(sum(score["trd"][exam].correct) / 16 / score["trd"][exam].problems for exam in score["trd"]) / 2
    base = sum(sum(score["student"][exam].correct) / 16 / score["student"][exam].problems for exam in score["student"]) / 2
    cells = line(page.tables[0], "trd")
    assert re.match(rf"{100 * mean:.1f} ± \d", cells[2])
    assert cells[3].startswith(f"+{100 * (mean - base):.1f}")
    assert cells[0] == "–"  # one seed: no rank
    assert cells[6] == "1"
    assert cells[8] == "teacher logits, teacher text"
    held_out = score["trd"]["chain-held-out"]
    detail = line(page.tables[1], "trd")
    assert f"{100 * sum(held_out.correct) / 16 / held_out.problems:.1f} ±" in " ".join(detail)
    assert "WithAttempt" in " ".join(detail)


def test_failed_and_incomplete_rows_are_shown_with_their_reasons(page):
    assert "failed: the loss was not finite at update 31" in line(page.tables[0], "reverse_kl_hot")[3]
    assert "incomplete: stopped by the user at update 12" in line(page.tables[0], "forward_kl_clip")[3]
    assert line(page.tables[0], "reverse_kl_hot")[2] == "–"
    assert "0.0" not in line(page.tables[1], "reverse_kl_hot")[1]


def test_the_page_asks_for_nothing(page, quickstart):
    for tag, attributes in page.elements:
        assert tag not in ("img", "iframe", "object", "embed", "base")
        for name in ("src", "href", "action", "poster", "srcset"):
            assert attributes.get(name, "#").startswith(("#", "data:,")) or attributes[name] in html.FILES
    text = html.page(board(quickstart))
    assert "http:" not in text
    assert "https:" not in text
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", text)
    assert "default-src 'none'" in text


def test_hostile_text_stays_text(make_row, quickstart):
    bad = make_row("trd").model_copy(
        update={
            "label": HOSTILE,
            "title": HOSTILE,
            "pair": HOSTILE,
            "status": "failed",
            "reason": HOSTILE,
            "overrides": {HOSTILE: HOSTILE},
            "ended_by": HOSTILE,
        }
    )
    made = board([*quickstart, bad], {"quickstart": {"deviations": [HOSTILE, '"><img src=x onerror=alert(1)>']}})
    page = Page(html.page(made))
    assert len(page.scripts) == 2  # one style, one script
    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "".join(page.text).count(HOSTILE) >= 6
    assert "<script" not in markdown.text(made).replace("`<script", "")


def test_ids_are_unique(make_row, quickstart):
    twins = [make_row("trd").model_copy(update={"label": label}) for label in ("a b", "a-b", "a/b")]
    page = Page(html.page(board([*quickstart, *twins])))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_an_undefined_name_in_a_template_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        html._environment().from_string("{{ nothing_of_this_name }}").render()


def test_two_renders_are_the_same_bytes(folder, tmp_path):
    first, second = reports.render([folder], tmp_path / "a"), reports.render([folder.parent], tmp_path / "b")
    assert first[0].name == "index.html"
    assert {path.name for path in first} >= set(html.FILES)  # what the page links to is there
    assert [path.relative_to(tmp_path / "a") for path in first] == [path.relative_to(tmp_path / "b") for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_order_of_files_does_not_matter(quickstart):
    assert html.page(board(quickstart)) == html.page(board(quickstart[::-1]))


def test_deviations_and_provenance_stand_on_the_page(folder, tmp_path):
    text = reports.render([folder], tmp_path)[0].read_text(encoding="utf-8")
    assert "authors train on raw re-tokenised text without EOS" in text
    assert "1f2e3d4c5b6a" in text
    assert "torch 2.13.0" in text


def test_csv_parses_back(quickstart):
    lines = list(csv.DictReader(io.StringIO(spreadsheet.text(board(quickstart)))))
    trd = [found for found in lines if found["label"] == "trd"]
    assert {found["exam"] for found in trd} == {"chain-held-out", "chain-hard"}
    row = next(row for row in quickstart if row.label == "trd")
    for found in trd:
        score = row.scores[found["exam"]]
        assert float(found["avg"]) == pytest.approx(sum(score.correct) / 16 / score.problems)
        assert float(found["delta_low"]) < float(found["delta"]) < float(found["delta_high"])
    failed = next(found for found in lines if found["label"] == "reverse_kl_hot")
    assert (failed["avg"], failed["primary"]) == ("", "")
    assert "not finite" in failed["reason"]


def test_csv_text_never_starts_a_formula(make_row, quickstart):
    bad = make_row("trd").model_copy(update={"label": "=1+1"})
    assert "'=1+1" in spreadsheet.text(board([*quickstart, bad]))


def test_markdown_parses_back(quickstart):
    text = markdown.text(board(quickstart))
    tables = [[]]
    for said in text.splitlines():
        if said.startswith("|"):
            tables[-1].append(re.split(r"(?<!\\)\|", said)[1:-1])
        elif tables[-1]:
            tables.append([])
    summary, scores = tables[0], tables[1]
    assert [cell.strip() for cell in summary[0]][:3] == ["row", "kind", "Avg@16 ±"]  # no ranks, seeds and divisions: all rows are alike
    assert {len(row) for row in summary} == {10}
    assert {len(row) for row in scores} == {9}
    assert len(summary) == len(quickstart) + 2
    assert any("`reverse_kl_hot`" in row[0] and "not finite" in row[9] for row in summary)


def test_the_terminal_table_fits_100_columns(quickstart, three_seeds):
    text = terminal.table([*quickstart, *three_seeds])
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text
    assert "One seed: checkpoint differences, no ranks." in text
    for label in ("reverse_kl_topk", "student_again", "reverse_kl_hot"):
        assert label in text


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_label_in_the_terminal_is_never_broken(quickstart, three_seeds, width):
    text = terminal.table([*quickstart, *three_seeds], width=width)
    starts = [said.split()[0] for said in text.splitlines() if said.strip()]
    for label in ("forward_kl_clip", "reverse_kl_topk", "student_again"):
        assert label in starts or label in text
    assert max(map(len, text.splitlines())) <= width
    assert not any(said in starts for said in ("p", "ip", "clip", "topk"))


def test_diagnostics_have_plain_names_and_short_figures(page):
    heads, figures = page.tables[-1][:2], line(page.tables[-1], "trd")
    assert heads[0][1:] == ["right answers", "mean tokens", "problems", "lag", "last update", "other"]
    assert heads[1][1:] == ["student", "student", "dropped", "updates", "objective", "something new"]
    assert figures[1:] == ["41.2%", "62.0", "12", "1.5", "0.0132", "0.123"]
    assert "None of it was cut off" in "".join(page.text)


def test_no_figure_has_more_digits_than_it_means(quickstart):
    priced = [
        row.model_copy(update={"cost": row.cost.model_copy(update={"charged": row.cost.charged.model_copy(update={"gpu_hours": 1 / 3e6})})})
        for row in quickstart
    ]
    text = re.sub(r'data-value="[^"]*"|style="[^"]*"', "", html.page(board(priced)))
    assert not re.findall(r"[0-9]\.[0-9]{6,}", text)


def test_the_head_and_the_caption_say_what_the_primary_is(quickstart):
    suite = {
        "exams": ["chain-held-out", "chain-hard"],
        "report": {"baseline": "trd", "primary": {"metric": "pass@8", "over": "all", "weight": "problems"}},
    }
    made = board(quickstart, {"quickstart": suite})
    said = "Pass@8 over chain-held-out and chain-hard, each problem with equal weight"
    page = Page(html.page(made))
    assert page.tables[0][0][2] == "Pass@8 ±"
    assert page.tables[0][0][5] == "Δ trd"
    assert f"The score is {said}, ± one standard error." in "".join(page.text)
    assert f"The score is {said}, in percent" in markdown.text(made)
    assert "| Pass@8 ± |" in markdown.text(made)
    assert said in spreadsheet.text(made)
    assert "Pass@8 ±" in terminal.table(quickstart, {"quickstart": suite})


def test_all_meters_are_shown(page):
    heads = page.tables[1][1]
    for meter in ("updates", "epochs", "rounds", "student wrote", "teacher wrote", "teacher read", "trained on", "FLOPs", "H100-h"):
        assert meter in heads
    assert {"7.5", "5"} <= set(line(page.tables[1], "trd"))


def test_several_suites_have_an_index_and_a_leaderboard_each(folder, three_seeds, tmp_path):
    for row in three_seeds:
        write_result(folder.parent / "equal-budgets", row)
    assert len(read_results(folder.parent)) == len(read_results(folder)) + len(three_seeds)
    written = reports.render([folder.parent], tmp_path)
    first = written[0].read_text(encoding="utf-8")
    assert "<h1>2 suites</h1>" in first and "equal-budgets" in first and "quickstart" in first and '<table class="summary' not in first
    assert "qwen3-1.7b-from-8b" in first and "qwen3-1.7b-from-8b" in (tmp_path / "leaderboards" / "equal-budgets.html").read_text()
    assert "qwen3-1.7b-from-8b" not in (tmp_path / "leaderboards" / "quickstart.html").read_text()


def test_every_link_of_a_site_leads_somewhere(folder, three_seeds, tmp_path):
    for row in three_seeds:
        write_result(folder.parent / "equal-budgets", row)
    pages = {path: path.read_text(encoding="utf-8") for path in reports.render([folder.parent], tmp_path) if path.suffix == ".html"}
    followed = 0
    for path, text in pages.items():
        for found in re.findall(r'(?:href|src)="([^"]*)"', text):
            file, _, anchor = unescape(found).partition("#")
            if file == "data:,":
                continue
            to = Path(os.path.normpath(path.parent / file)) if file else path
            assert to.is_file(), f"{path}: {found}"
            assert not anchor or f'id="{anchor}"' in pages[to], f"{path}: {found}"
            followed += 1
    assert followed > 500


def test_no_results_make_a_page_too():
    assert "There are no results yet." in html.page(board([]))


def test_the_caption_names_the_rows_with_settings_of_their_own(quickstart, make_row):
    def said(*rows):
        return " ".join("".join(Page(html.page(board([*quickstart[:8], *rows]))).text).split())

    common = "All rows are trained with the suite’s common settings"
    assert f"{common}." in said()
    assert f"{common}." in said(make_row("topk", overrides={"loss.support.k": "4"}))  # an answer: the method, not its settings
    assert f"{common}, but for the settings that hot changes." in said(make_row("hot", overrides={"optim.learning_rate": "0.2"}))


def test_the_caption_is_true_of_the_teacher(page):
    said = " ".join("".join(page.text).split())
    assert "Among trained rows a filled dot stands beyond noise" in said
    assert "references are not tested" in said


def test_exams_are_counted_by_name(quickstart):
    early = [
        row.model_copy(update={"scores": row.scores | {f"{name}@50%": score.model_copy(update={"at": "50%"}) for name, score in row.scores.items()}})
        for row in quickstart
    ]  # fmt: skip
    assert f"1 pair, {len(quickstart)} rows, 2 exams." in "".join(Page(html.page(board(early))).text)


def test_without_controls_there_is_no_column_for_them(quickstart):
    rows = [row for row in quickstart if row.role != "control" or row.label == "student_again"]
    for written in (html.page, markdown.text):
        assert "Δ best control" in written(board(quickstart))
        assert "Δ best control" not in written(board(rows))
    assert "Δ control" not in terminal.table(rows, width=200)
    assert "Δ control" in terminal.table(quickstart, width=200)


def test_the_student_is_level_with_itself_everywhere(page, quickstart):
    assert line(page.tables[0], "student")[3].startswith("0")
    assert line(page.tables[1], "student")[3] == "0"  # after the gap recovered and the score
    text = markdown.text(board(quickstart)).partition("\n### ")[0].splitlines()
    summary, scores = (row.split(" | ") for row in text if row.startswith("| `student`"))
    assert (summary[3], scores[2]) == ("0", "0")
    assert next(row for row in terminal.table(quickstart).splitlines() if row.startswith("student ")).split()[4:6] == ["0", "–"]


def test_text_without_a_caption_says_what_noise_is(quickstart):
    said = "Noise is tested at 95%, corrected for the number of rows; by luck alone the best of 5 equal methods would stand "
    assert said in markdown.text(board(quickstart))
    assert said in " ".join(terminal.table(quickstart).split())
    untested = board([row for row in quickstart if row.role != "student"])
    assert said not in markdown.text(untested)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_mark_in_the_terminal_is_never_broken_inside(quickstart, make_row, width):
    rows = [*quickstart, make_row("hot", overrides={"optim.learning_rate": "0.00025"})]
    words = terminal.table(rows, width=width).split()
    assert {"optim.learning_rate", "0.00025"} <= {word.strip(",") for word in words}


def test_labels_and_marks_break_at_joints_never_in_figures():
    assert wrapping.breakable("trd[lr=0.0003]") == 'trd<span class="part">[<wbr>lr=<wbr>0.0003]</span>'
    assert wrapping.breakable("a_<b>.c") == "a_<wbr>&lt;b&gt;.<wbr>c"
    assert wrapping.dotted("optim.learning_rate = 0.0003") == "optim.<wbr>learning_rate = 0.0003"


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        (
            "Loss(ReverseKL(), support=Sampled(), route=Policy(ratio_clip=0.2))",
            ["ReverseKL,", "support=Sampled,", "route=Policy(", "ratio_clip=0.2)"],
        ),
        ("WithoutFirst(texts=('<', 'think', '(a, b)'))", ["WithoutFirst(", "texts=(", "'<',", "'think',", "'(a, b)'))"]),
        ("Every()", ["Every"]),
        ("nll: NLL(weight=0.1) · more", ["nll: NLL(", "weight=0.1)", "· more"]),
        ("a)b((", ["a)", "b(", "("]),
    ],
)
def test_a_long_answer_breaks_between_its_arguments(said, arguments):
    """Nothing of the text is lost, every box is closed, and no line begins with a bracket or a comma."""
    made = wrapping.argued(wrapping.brief(said))
    pieces = [unescape(piece).strip() for piece in re.split(r"<[^>]+>", made.replace("<wbr>", ""))]
    assert [piece for piece in pieces if piece] == arguments
    assert made.count("<span") == made.count("</span>")
    assert unescape(re.sub(r"<[^>]+>", "", made)) == wrapping.brief(said)


def test_what_the_label_says_is_no_mark(quickstart, make_row):
    rows = [make_row("trd[keep=Failed]", overrides={"keep": "Failed", "optim.learning_rate": "0.2"})]
    page = Page(html.page(board([*quickstart, *rows])))
    assert line(page.tables[0], "trd[keep")[9] == "optim.learning_rate = 0.2"
    assert "keep = Failed" not in line(page.tables[1], "trd[keep")[0]


def test_many_deviations_stand_in_columns(quickstart):
    said = [f"The authors do {number} otherwise." for number in range(16)]
    few, many = (html.page(board(quickstart, {"quickstart": {"deviations": said[:count]}})) for count in (2, 16))
    assert "<section><h3>Deviations" in few
    assert '<section class="long"><h3>Deviations' in many
    assert many.count("<li>") == 16


def test_a_deviation_names_its_suites_where_not_all_of_a_page_say_it(quickstart, three_seeds):
    suites = {"quickstart": {"deviations": ["Both differ.", "One differs."]}, "equal-budgets": {"deviations": ["Both differ."]}}
    made = board([*quickstart, *three_seeds], suites)
    said = " ".join("".join(Page(html.page(made)).text).split())
    for text in (said, markdown.text(made)):
        assert "One differs. (quickstart)" in text
        assert text.count("Both differ.") == 1
        assert "Both differ. (" not in text


def test_every_diagnostic_has_a_plain_name(quickstart):
    names = {
        "last_kl_forward": 0.25, "last_kl_reverse": 0.125, "sampler_gap": 0.004, "probe": 0.003, "kept_share": 0.4, "over_teacher_prompt": 3,
        "answer_for_solution": 12, "ungraded": 2, "masked_share": 0.01, "lag": 1.5,
    }  # fmt: skip
    rows = [
        row.model_copy(update={"diagnostics": names}) if row.label == "trd" else row
        for row in quickstart
        if row.label in ("student", "trd")
    ]
    table = Page(html.page(board(rows))).tables[-1]
    assert table[0][1:] == ["problems", "trajectories", "lag", "sampler", "last update"]
    assert table[1][1:] == [
        "answer for solution", "kept", "over the teacher’s limit", "ungraded", "masked tokens", "updates", "gap", "probe", "forward KL",
        "reverse KL",
    ]  # fmt: skip
    assert line(table, "trd")[1:] == ["12", "40.0%", "3", "2", "1.0%", "1.5", "0.00400", "0.00300", "0.250", "0.125"]


def test_a_column_says_what_was_seen_of_its_questions(quickstart):
    marks = {
        "chain-held-out": {"older_than_model": True, "overlap": Overlap(exact=2, near=1, declared=True)},
        "chain-hard": {"overlap": Overlap(exact=0, near=0)},
    }
    rows = [
        row.model_copy(update={"scores": {name: score.model_copy(update=marks[name]) for name, score in row.scores.items()}})
        for row in quickstart
    ]
    seen = Page(html.page(board(rows)))
    heads = {cell.split("128")[0].split("64")[0]: cell for cell in seen.tables[1][0] if "problems ×" in cell}
    assert all(word in heads["chain-held-out"] for word in ("older than the model", "2 trained on", "1 nearly trained on"))
    assert not re.search("older|trained on", heads["chain-hard"])
    meanings = [attributes.get("title", "") for _, attributes in seen.elements]
    assert any("the suite declares it" in meaning for meaning in meanings)
    plain = Page(html.page(board(quickstart))).tables[1][0]
    assert not any(re.search("older than the model|trained on", cell) for cell in plain if "problems ×" in cell)
    head = next(text for text in markdown.text(board(rows)).splitlines() if "chain-held-out" in text and text.startswith("|"))
    assert "chain-held-out (older than the model; 2 trained on; 1 nearly trained on)" in head
