"""The site around the leaderboard: what its pages show, from results and a store; what is left out; the same bytes every time."""

import json
import re

import pytest

import reports
from harness.records import Problem, Verdict
from harness.results import write_result
from reports.drilldown import chosen

RIGHT, WRONG = Verdict("correct", "4"), Verdict("wrong", "5")
PROBLEMS = [Problem(f"p{at}", "math", f"What is ${at}+2$? $$\\frac{{{at}}}{{2}}$$", answer=str(at + 2), solution="Add.") for at in range(3)]


@pytest.fixture
def home(tmp_path, make_row, answered):
    """Three rows with answers: one right thing, one wrong thing a problem."""
    for label, texts in (
        ("student", ("no idea", "five")),
        ("trd", ("it is \\boxed{4}", "five")),
        ("opsd", ("it is \\boxed{4}", "perhaps six")),
    ):
        row = make_row(label, exams={}, suite="made", seed=0 if label != "student" else None)
        said = [[(texts[0], RIGHT if label != "student" else WRONG), (texts[1], WRONG)] for _ in PROBLEMS]
        write_result(tmp_path / "results" / "made", answered(tmp_path / "store", row, PROBLEMS, said))
    (tmp_path / "results" / "made" / "suite.json").write_text(
        json.dumps({"suite": "made", "rows": ["trd", "opsd"], "exams": ["exam"], "deviations": ["ours"]})
    )
    return tmp_path


def site(home, **more):
    reports.render([home / "results"], home / "site", home / "store", **more)
    return home / "site"


def test_a_grid_leads_to_the_answers(home):
    pages = site(home) / "problems" / "made-small-world" / "exam"
    grid, problem = (pages / "index.html").read_text(), (pages / "1.html").read_text()
    assert '<a href="1.html">p1</a>' in grid
    assert re.findall(r'<td class="g(\d)" data-value="[^"]*">(\d)<', grid)[3:6] == [("0", "0"), ("4", "1"), ("4", "1")]
    assert "<mfrac><mrow><mn>1</mn></mrow><mrow><mn>2</mn></mrow></mfrac>" in problem  # drawn, not loaded
    assert "<code>3</code>" in problem  # the gold
    assert "it is \\boxed{4}" in problem and "perhaps six" in problem
    assert re.search(r"harness show [0-9a-f]{20} --sample 3", problem)


def test_what_is_shown_of_many_answers():
    class Given:
        def __init__(self, verdict):
            self.verdict = verdict

    right, wrong = [Given(RIGHT) for _ in range(3)], [Given(WRONG) for _ in range(3)]
    assert chosen([*wrong, *right], 2) == [right[0], wrong[0]]
    assert chosen(right, 2) == right[:2]
    assert chosen(wrong[:1], 2) == wrong[:1]


def test_without_the_store_problems_are_numbers(home):
    reports.render([home / "results"], home / "site")
    grid = (home / "site" / "problems" / "made-small-world" / "exam" / "index.html").read_text()
    assert "problem 2" in grid and "1.html" not in grid
    assert not (home / "site" / "problems" / "made-small-world" / "exam" / "1.html").exists()


def test_a_store_that_does_not_match_its_hashes_is_not_shown(home):
    for path in (home / "store" / "generate").rglob("rollouts.parquet"):
        path.write_bytes(path.read_bytes()[::-1])
    grid = (site(home) / "problems" / "made-small-world" / "exam" / "index.html").read_text()
    assert "problem 2" in grid and "boxed" not in grid


def test_a_run_page_says_all_that_is_known(home):
    page = (site(home) / "runs" / "made-small-world--trd.html").read_text()
    for said in (
        "WithAttempt()",
        "made@1",
        "p-exam",
        "1f2e3d4c5b6a7980",
        "torch 2.13.0",
        "21.4",
        "score/",
        "ours",
        "rollouts accuracy",
        "122,880",
    ):
        assert said in page, said
    assert "../suites/made.html" in page and (home / "site" / "suites" / "made.html").exists()


def test_a_method_page_holds_its_results_in_every_suite(home, make_row):
    write_result(home / "results" / "other", make_row("trd", suite="other"))
    write_result(home / "results" / "other", make_row("student", suite="other", seed=None))
    page = (site(home) / "methods" / "trd.html").read_text()
    assert "<math" in page and "arXiv:2606.08432" in page and "attempts the problem" in page
    assert {"runs/made-small-world--trd.html", "runs/other-small-world--trd.html"} <= set(re.findall(r'href="\.\./([^"]*)"', page))
    assert 'class="tex"' not in "".join(path.read_text() for path in (home / "site" / "methods").glob("*.html"))  # each formula is drawn


def test_every_link_leads_somewhere(home):
    pages = site(home)
    for path in pages.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#]+)[^"]*"', path.read_text()):
            assert link.startswith("data:") or (path.parent / link).resolve().is_file(), (path, link)


def test_two_renders_are_the_same_bytes_and_an_earlier_one_leaves_nothing(home):
    def taken(folder):
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    first = taken(site(home))
    assert taken(site(home)) == first
    assert any("boxed{" in page.decode() for page in first.values())
    public = taken(site(home, public="2026.12"))  # into the same folder
    assert not [name for name, page in public.items() if b"boxed{" in page or b"What is" in page or b"Add." in page]
    assert {str(name) for name in first} - {str(name) for name in public} == {
        f"problems/made-small-world/exam/{at}.html" for at in range(3)
    }


def test_a_public_edition_can_be_cited_and_is_closed_to_robots(home):
    pages = site(home, public="2026.12")
    for path in pages.rglob("*.html"):
        text = path.read_text()
        assert 'content="noindex, nofollow, noarchive"' in text and text.count("canary") >= 2
    index, bib = (pages / "index.html").read_text(), (pages / "edition.bib").read_text()
    name = re.search(r"results ([0-9a-f]{16})", bib)[1]
    assert "Edition 2026.12" in index and name in index and bib.startswith("@misc{opd-harness-2026-12,")
    assert "noindex" not in (site(home) / "index.html").read_text()


def test_files_that_cannot_be_used_are_named_and_left_out(home, make_row):
    folder = home / "results" / "made" / "small-world"
    text = (folder / "trd.seed0.json").read_text()
    (folder / "damaged.json").write_text(text[:300])
    (folder / "newer.json").write_text(json.dumps(json.loads(text) | {"format": 9}))
    (folder / "trd.seed0.json").write_text(text.replace('"correct": [1, 1, 1]', '"correct": [2, 2, 2]'))
    stranger = make_row("sft_teacher", suite="made", exams={"exam": 3})  # of another protocol
    write_result(home / "results" / "made", stranger)
    made = reports.load([home / "results"])
    said = {each.path.rpartition("/")[2]: each.said for each in made.left_out}
    assert set(said) == {"damaged.json", "newer.json", "trd.seed0.json", "sft_teacher.seed0.json"}
    assert "not JSON" in said["damaged.json"] and "format 9" in said["newer.json"] and "edited" in said["trd.seed0.json"]
    assert "under quickstart@3fe1" in said["sft_teacher.seed0.json"]
    page = (site(home) / "index.html").read_text()
    assert "4 files of results left out" in page and "damaged.json" in page and str(home) not in page
    (group,) = made.groups
    assert [row.label for row in group.rows if row.block == "method"] == ["opsd"]


def test_a_broken_suite_file_leaves_its_rows(home):
    (home / "results" / "made" / "suite.json").write_text("{")
    page = (site(home) / "index.html").read_text()
    assert "suite.json" in page and "trd" in page
