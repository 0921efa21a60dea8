"""The analysis on the pages: by difficulty, what was written, the course of training; figures against computation by hand."""

import csv
import re

import pytest
from scipy import stats

import reports
from harness.results import Analysis, Moment, Result, Written, read_result, write_result
from reports import words
from reports.nouns import AGAIN

# Twelve problems, four samples. The second sitting of the untrained student sorts them: five, three and four.
SECOND = [0, 0, 0, 0, 0, 1, 2, 2, 3, 4, 4, 4]
FIRST = [0, 1, 0, 0, 0, 2, 1, 2, 4, 4, 3, 4]
TAUGHT = [1, 1, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4]
TAUGHT_AGAIN = [1, 1, 0, 0, 4, 2, 2, 2, 4, 4, 4, 2]  # another seed

ATTEMPTS = Written(
    count=100, right=40, ungraded=10, truncated=5, mean_length=50.0, median_length=44.0, mean_length_right=30.0, mean_length_wrong=66.0
)
REWRITES = Written(count=100, right=70, truncated=0, mean_length=35.5, median_length=33.0, mean_length_right=30.0, mean_length_wrong=48.0)
OUTCOMES = {"wrong wrong": 24, "wrong right": 26, "right wrong": 4, "right right": 36}


def moments(*student_nll: float, taught: bool = True, **more) -> list[Moment]:
    parts = len(student_nll)
    teacher = {"teacher_nll": 0.5, "kl_forward": 0.3, "kl_reverse": 0.2, "epistemic_mass": 0.0123} if taught else {}
    return [Moment(until=(at + 1) / parts, tokens=1000, student_nll=nll, **teacher, **more) for at, nll in enumerate(student_nll)]


@pytest.fixture
def site(tmp_path, make_row, make_score):
    """A function from what rows have beyond their label to the written pages: page, Markdown, and the CSVs as lists of lines."""

    def made(*rows: dict, again: bool = True, few: int = 12):
        def exam(correct, **more):
            return {"hard": make_score(correct[:few], samples=4, problems_hash="p-hard", **more)}

        def row(label, counts, **more) -> Result:
            bare = make_row(label, exams={}, **{key: more.pop(key) for key in ("seed", "status", "reason") if key in more})
            return bare.model_copy(update={"scores": exam(counts) if counts else {}, **more})

        references = [row("student", FIRST), row("teacher", [4] * 12)]
        if again:
            references.append(make_row(AGAIN, exams={}).model_copy(update={"scores": exam(SECOND, protocol="quickstart@9a07")}))
        home = tmp_path / f"results-{len(list(tmp_path.iterdir()))}" / "quickstart"
        for each in (*references, *(row(**each) for each in rows)):
            write_result(home, each)
        files = reports.render([home], home.parent / "site")
        texts = {path.name: path.read_text(encoding="utf-8") for path in files if path.parent == home.parent / "site"}
        return {name: list(csv.DictReader(text.splitlines())) if name.endswith(".csv") else text for name, text in texts.items()}

    return made


def of(lines, **wanted):
    return [line for line in lines if all(line[key] == value for key, value in wanted.items())]


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def section(page: str, name: str) -> str:
    """The text of one fold of the page."""
    (found,) = re.findall(rf'<details class="more {name}">(.*?)</details>', page, re.DOTALL)
    return found


def test_buckets_by_hand(site):
    pages = site({"label": "trd", "counts": TAUGHT})
    lines = pages["difficulty.csv"]
    assert {line["label"] for line in lines} == {"student", "teacher", "trd"}  # the sitting that sorts is no row
    hardest, middle, easiest = of(lines, label="trd")
    assert [(line["solved_from"], line["solved_to"], line["of"], line["problems"]) for line in (hardest, middle, easiest)] == [
        ("0", "0", "4", "5"),
        ("1", "2", "4", "3"),
        ("3", "4", "4", "4"),
    ]
    first = of(lines, label="student")
    assert [float(line["avg"]) for line in first] == pytest.approx([1 / 20, 5 / 12, 15 / 16])
    assert [float(line["pass"]) for line in first] == pytest.approx([1 / 5, 1, 1])
    assert {line["avg_delta"] for line in first} == {""}
    assert [float(line["avg"]) for line in (hardest, middle, easiest)] == pytest.approx([4 / 20, 6 / 12, 1])
    assert [float(line["avg_delta"]) for line in (hardest, middle, easiest)] == pytest.approx([3 / 20, 1 / 12, 1 / 16])
    assert float(hardest["pass"]) == pytest.approx(3 / 5)
    assert float(hardest["pass_delta"]) == pytest.approx(2 / 5)
    paired = stats.ttest_rel([right / 4 for right in TAUGHT[:5]], [right / 4 for right in FIRST[:5]]).confidence_interval()
    assert (float(hardest["avg_delta_low"]), float(hardest["avg_delta_high"])) == pytest.approx(tuple(paired))
    assert middle["avg_delta_low"] == easiest["avg_delta_low"] == ""  # fewer than five problems


def test_buckets_on_page_and_in_markdown(site):
    pages = site({"label": "trd", "counts": TAUGHT})
    said = plain(section(pages["index.html"], "difficulty"))
    assert "solved 0 of 4 5 problems solved 1–2 of 4 3 problems solved 3–4 of 4 4 problems" in said
    assert "student first sitting 5.0 0 20.0 0 41.7 0 100.0 0 93.8 0 100.0 0" in said
    assert "trd 20.0 +15.0 (−12.8 to +42.8) 60.0 +40.0 (−28.0 to +100.0) 50.0 +8.3 100.0 0.0 100.0 +6.2 100.0 0.0" in said
    assert "are not known" in said  # whose bounds these are
    (line,) = [line for line in pages["leaderboard.md"].splitlines() if line.startswith("| `trd` | 20.0")]
    assert line == (
        "| `trd` | 20.0 | +15.0 [−12.8 to +42.8] | 60.0 | +40.0 [−28.0 to +100.0] | 50.0 | +8.3 | 100.0 | 0.0 | 100.0 | +6.2 | 100.0 | 0.0 |"
    )


def test_seeds_are_averaged_in_a_bucket(site):
    pages = site({"label": "trd", "counts": TAUGHT, "seed": 0}, {"label": "trd", "counts": TAUGHT_AGAIN, "seed": 1})
    hardest, _, easiest = of(pages["difficulty.csv"], label="trd")
    assert float(hardest["avg"]) == pytest.approx((4 / 20 + 6 / 20) / 2)
    assert float(easiest["avg"]) == pytest.approx((16 / 16 + 14 / 16) / 2)
    assert float(hardest["avg_delta_low"]) < float(hardest["avg_delta"]) < float(hardest["avg_delta_high"])


def test_a_bucket_without_problems_has_dashes_and_one_where_nothing_differs_no_interval(site):
    pages = site({"label": "trd", "counts": FIRST}, few=5)  # five problems that the second sitting never solved
    hardest, middle, easiest = of(pages["difficulty.csv"], label="trd")
    assert (float(hardest["avg_delta"]), hardest["avg_delta_low"]) == (0, "")
    assert [(line["problems"], line["avg"], line["pass_delta"]) for line in (middle, easiest)] == [("0", "", "")] * 2
    assert "0 problems" in section(pages["index.html"], "difficulty")


def test_a_row_without_a_whole_exam_is_in_no_bucket(site):
    pages = site({"label": "trd", "counts": TAUGHT}, {"label": "opsd", "counts": None, "status": "failed", "reason": "broke"})
    assert not of(pages["difficulty.csv"], label="opsd")
    assert of(pages["difficulty.csv"], label="trd")


def test_without_a_second_sitting_one_line_says_why(site):
    pages = site({"label": "trd", "counts": TAUGHT}, again=False)
    assert pages["difficulty.csv"] == []
    assert 'class="more difficulty"' not in pages["index.html"]
    for text in (plain(pages["index.html"]), pages["leaderboard.md"]):
        assert text.count("Nothing is sorted by difficulty: the untrained student sat no exam a second time") == 1


def test_rows_without_analysis_show_no_sections_of_it(site):
    pages = site({"label": "trd", "counts": TAUGHT})
    for name in ("written", "course"):
        assert f'class="more {name}"' not in pages["index.html"]
        assert pages[f"{name}.csv"] == []
    assert "What was written" not in pages["leaderboard.md"]


def test_an_analysis_survives_its_file(tmp_path, make_row):
    said = Analysis(attempts=ATTEMPTS, rewrites=REWRITES, outcomes=OUTCOMES, course=moments(1.0, 0.5))
    path = write_result(tmp_path, make_row("trd").model_copy(update={"analysis": said}))
    assert read_result(path).analysis == said


def test_the_matrix_by_hand(site):
    pages = site({"label": "trd", "counts": TAUGHT, "analysis": Analysis(attempts=ATTEMPTS, rewrites=REWRITES, outcomes=OUTCOMES)})
    said = plain(section(pages["index.html"], "written"))
    assert "trd 90 attempts, and what became of them rewrite wrong rewrite right" in said
    assert "attempt wrong 26.7% still wrong 24 28.9% fail → pass 26" in said  # 24 and 26 of 90
    assert "attempt right 4.4% pass → fail 4 40.0% still right 36" in said
    (line,) = of(pages["written.csv"], label="trd", written="rewrites")
    assert [line[name] for name in ("wrong_wrong", "wrong_right", "right_wrong", "right_right")] == ["24", "26", "4", "36"]
    assert "| `trd` | 26.7% (24) | 28.9% (26) | 4.4% (4) | 40.0% (36) |" in pages["leaderboard.md"]


def test_what_was_written_by_hand(site):
    pages = site({"label": "trd", "counts": TAUGHT, "analysis": Analysis(attempts=ATTEMPTS, rewrites=REWRITES, outcomes=OUTCOMES)})
    said = plain(section(pages["index.html"], "written"))
    assert "attempts 100 44.4% 10 ungraded 5.0% 50.0 44.0 30.0 66.0" in said  # 40 right of 90 that were graded
    assert "rewrites 100 70.0% 0.0% 35.5 33.0 30.0 48.0" in said
    (line,) = of(pages["written.csv"], label="trd", written="attempts")
    assert (float(line["right"]), line["ungraded"], line["wrong_wrong"]) == (pytest.approx(40 / 90), "10", "")


def test_seeds_are_pooled_by_their_texts(site):
    other = Written(count=300, right=0, truncated=7, mean_length=90.0, median_length=80.0, mean_length_wrong=90.0)
    pages = site(
        {"label": "trd", "counts": TAUGHT, "seed": 0, "analysis": Analysis(attempts=ATTEMPTS, outcomes=OUTCOMES)},
        {"label": "trd", "counts": TAUGHT, "seed": 1, "analysis": Analysis(attempts=other, outcomes={"wrong right": 10})},
    )
    (line,) = of(pages["written.csv"], label="trd")
    assert (line["count"], line["ungraded"]) == ("400", "10")
    assert float(line["right"]) == pytest.approx(40 / 390)
    assert float(line["truncated"]) == pytest.approx(12 / 400)
    assert float(line["mean_tokens"]) == pytest.approx((100 * 50 + 300 * 90) / 400)
    assert float(line["median_tokens"]) == pytest.approx(62)
    assert float(line["mean_tokens_right"]) == pytest.approx(30)
    assert float(line["mean_tokens_wrong"]) == pytest.approx((50 * 66 + 300 * 90) / 350)  # 100 − 40 right − 10 ungraded
    assert "36.0% fail → pass 36" in plain(section(pages["index.html"], "written"))


def test_rows_that_share_texts_share_a_line(site):
    shared, other = Analysis(attempts=ATTEMPTS), Analysis(attempts=ATTEMPTS.model_copy(update={"right": 41}))
    alike = ("forward_kl", "reverse_kl", "reverse_kl_topk", "opsd")
    pages = site(
        *({"label": label, "counts": TAUGHT, "analysis": shared} for label in alike), {"label": "trd", "counts": TAUGHT, "analysis": other}
    )
    said = plain(section(pages["index.html"], "written"))
    assert said.count("attempts 100 44.4%") == 1
    assert "all 5 rows but trd attempts 100 44.4%" in said
    assert "trd attempts 100 45.6%" in said
    assert len(of(pages["written.csv"], written="attempts")) == 5  # a spreadsheet wants a line each
    assert "| all 5 rows but `trd` | attempts | 100 |" in pages["leaderboard.md"]


def test_the_course_by_hand(site):
    split = {"kl_forward_right": 0.1, "kl_forward_wrong": 0.4, "kl_reverse_right": 0.15, "kl_reverse_wrong": 0.35}
    pages = site({"label": "trd", "counts": TAUGHT, "analysis": Analysis(course=moments(1.0, 0.75, 0.4, **split))})
    lines = of(pages["course.csv"], label="trd")
    gap = of(lines, measure="gap")
    assert [float(line["value"]) for line in gap] == pytest.approx([0.5, 0.25, -0.1])  # student's less the teacher's 0.5
    assert [float(line["at"]) for line in gap] == pytest.approx([1 / 6, 3 / 6, 5 / 6])
    assert {(line["measure"], line["attempts"]) for line in lines} == {
        *((f"kl_{kl}", of_) for kl in ("forward", "reverse") for of_ in ("right", "wrong")),
        ("gap", "all"),
        ("epistemic_mass", "all"),
    }
    said = plain(section(pages["index.html"], "course"))
    assert "+0.500 → −0.100" in said
    assert "right 0.100 → 0.100 wrong 0.400 → 0.400" in said
    assert "1.23% → 1.23%" in said
    assert "forward KL over the run, right: 0.100, 0.100, 0.100; wrong: 0.400, 0.400, 0.400" in said  # for those who do not see the line
    assert "| `trd` | right 0.100 → 0.100; wrong 0.400 → 0.400 |" in pages["leaderboard.md"]


def test_the_rows_of_a_pair_have_one_scale(site):
    pages = site(
        {"label": "trd", "counts": TAUGHT, "analysis": Analysis(course=moments(1.5, 0.5))},  # gap from 1 to 0
        {"label": "opsd", "counts": TAUGHT, "analysis": Analysis(course=moments(1.0, 0.5))},  # from a half to 0
    )
    course = section(pages["index.html"], "course")
    paths = re.findall(r'<title>log-perplexity gap[^<]*</title><g class="of-all"><path d="M\S+ (\S+) L\S+ (\S+)"', course)
    (high, bottom), (middle, end) = sorted((float(first), float(last)) for first, last in paths)
    assert bottom == end
    assert middle == pytest.approx((high + bottom) / 2, abs=0.11)


def test_several_seeds_are_one_line_part_by_part(site):
    pages = site(
        {"label": "trd", "counts": TAUGHT, "seed": 0, "analysis": Analysis(course=moments(1.0, 0.6))},
        {"label": "trd", "counts": TAUGHT, "seed": 1, "analysis": Analysis(course=moments(2.0, 0.8))},
    )
    gap = of(pages["course.csv"], label="trd", measure="gap")
    assert [float(line["value"]) for line in gap] == pytest.approx([1.0, 0.2])


def test_what_nobody_scored_is_a_dash_and_why(site):
    failed_only = {"kl_forward_wrong": 0.4, "kl_reverse_wrong": 0.35}
    pages = site(
        {"label": "placebo", "counts": TAUGHT, "analysis": Analysis(course=moments(1.0, 0.9, taught=False))},
        {"label": "trd", "counts": TAUGHT, "analysis": Analysis(course=moments(1.0, 0.9))},
        {"label": "opsd", "counts": TAUGHT, "analysis": Analysis(course=moments(1.0, 0.9, **failed_only))},
    )
    said = plain(section(pages["index.html"], "course"))
    assert said.count("– no teacher scored its texts") == 4
    assert said.count("right –: none was trained on") == 2
    assert said.count("not split: no verdicts on attempts") == 2
    assert not of(pages["course.csv"], label="placebo")


def test_a_part_without_a_value_breaks_the_line(site):
    parts = moments(1.0, 0.9, 0.8, 0.7)
    parts[1] = parts[1].model_copy(update={"epistemic_mass": None})
    pages = site({"label": "trd", "counts": TAUGHT, "analysis": Analysis(course=parts)})
    (drawn,) = re.findall(r"<title>epistemic mass[^<]*</title>.*?</svg>", section(pages["index.html"], "course"), re.DOTALL)
    assert len(re.findall(r"<circle", drawn)) == 2  # the lonely first part, and the last
    assert len(re.findall(r"M[^L]+ L", drawn)) == 1
    assert "1.23%, –, 1.23%, 1.23%" in drawn


def test_one_part_is_a_dot(site):
    pages = site({"label": "trd", "counts": TAUGHT, "analysis": Analysis(course=moments(1.0))})
    assert "<path" not in section(pages["index.html"], "course")
    assert "+0.500" in plain(section(pages["index.html"], "course"))


def test_hostile_labels_stay_text_and_renders_are_the_same_bytes(site):
    bad = "<img src=x onerror=alert(1)>"
    said = Analysis(attempts=ATTEMPTS, rewrites=REWRITES, outcomes=OUTCOMES, course=moments(1.0, 0.5))
    one, other = (site({"label": "trd", "counts": TAUGHT, "analysis": said} | {"label": bad}) for _ in range(2))
    assert one == other
    assert "<img" not in one["index.html"]
    for name in ("difficulty", "written", "course"):
        assert "&lt;img" in section(one["index.html"], name)
    assert "=x" in one["written.csv"][0]["label"]


def test_words_of_the_analysis():
    assert [words.nats(value) for value in (None, 0, 0.0486, -0.161, 12.345, 0.00042)] == ["–", "0", "0.049", "−0.161", "12.3", "0.000420"]
    assert [words.tokens(value) for value in (None, 62, 9120.4)] == ["–", "62.0", "9,120"]
    assert (words.bucket(0, 0, 16), words.bucket(9, 16, 16)) == ("0 of 16", "9–16 of 16")
    assert words.plain(words.shared(["a", "b", "c", "d"], ["a", "b", "c", "d"])) == "all 4 rows"
    assert words.plain(words.shared(["a", "b"], ["a", "b", "c"])) == "`a` and `b`"
    assert words.says("trd[keep=Failed,loss.support.k=4]", "keep", "Failed()")
    assert not words.says("trd[keep=Failed]", "keep", "Solved")
