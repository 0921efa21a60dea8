"""The site in a real browser, from file://: a reader's ways through it, who can use it, and what hostile text does to it, which is nothing."""

import importlib.util
import json
from pathlib import Path

import pytest

import reports
from harness.records import Problem, Verdict
from harness.results import write_result

pytestmark = pytest.mark.slow
RIGHT, WRONG = Verdict("correct", "4"), Verdict("wrong", "5")
LABELS = ("student", "forward_kl", "trd", "opsd", "sft_teacher")
PAGES = (
    "index.html", "charts.html", "problems.html", "compare.html", "answers.html", "papers.html", "methods.html", "methods/trd.html", "runs/made-small-world--trd.html",
    "suites/made.html", "problems/made-small-world/exam/index.html", "problems/made-small-world/exam/1.html",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory, make_row, answered):
    home = tmp_path_factory.mktemp("site")
    problems = [Problem(f"p{at}", "math", f"What is ${at}+2$?", answer="4") for at in range(4)]
    for place, label in enumerate(LABELS):
        said = [[(f"so {label} says four", RIGHT if place > at else WRONG), ("perhaps it is five", WRONG)] for at in range(len(problems))]
        row = make_row(label, exams={}, suite="made", seed=None if label == "student" else 0)
        write_result(home / "results" / "made", answered(home / "store", row, problems, said))
    write_result(home / "results" / "made", make_row("failing", suite="made", status="failed", reason="the loss was not finite"))
    claims = [{"say": "rewriting helps", "that": "trd > forward_kl"}]
    suite = {
        "suite": "made",
        "rows": [*LABELS[1:], "failing"],
        "exams": ["exam"],
        "claims": claims,
        "report": {"controls": ["sft_teacher"], "reported": ["trd"]},
    }
    (home / "results" / "made" / "suite.json").write_text(json.dumps(suite))
    (home / "results" / "made" / "broken.json").write_text("{")
    reports.render([home / "results"], home / "pages", home / "store")
    return home / "pages"


def shown(page, selector="table.summary tbody.of-method tr:not([hidden]) .label"):
    return page.eval_on_selector_all(selector, "found => found.map(each => each.textContent)")


def test_a_view_can_be_sorted_filtered_and_sent(visit, site):
    page = visit(site / "index.html")
    assert shown(page) == ["forward_kl", "trd", "opsd", "failing"]
    page.click("table.summary th.primary button")
    assert shown(page) == ["opsd", "trd", "forward_kl", "failing"]
    page.select_option("select[data-filters=answer]", "writer=Student()")
    assert shown(page) == ["opsd", "forward_kl"]
    page.select_option("select[data-filters=method]", "opsd")
    page.fill("#filter", "ops")
    page.click("text=Exams, answers and cost")
    page.uncheck("input[data-hides=c-loss]")
    page.wait_for_function("location.hash.includes('open=')")
    sent = page.evaluate("document.getElementById('permalink').href")
    other = visit(sent)
    assert shown(other) == ["opsd"]
    assert other.input_value("#filter") == "ops"
    assert other.get_attribute("table.summary th.primary", "aria-sort") == "descending"
    assert not other.is_checked("input[data-hides=c-loss]") and other.is_hidden("th.c-loss")
    assert other.is_visible("table.detail")
    visit(f"{(site / 'index.html').as_uri()}#q=%E0%A4%A&sort=9.9.9&open=x")  # an address that nobody wrote down here
    assert shown(visit(site / "index.html")) == ["forward_kl", "trd", "opsd", "failing"]


def test_from_the_grid_to_two_answers_beside_each_other(visit, site):
    page = visit(site / "problems.html")
    page.click("text=exam >> nth=-1")
    page.click("table.grid tbody tr:nth-child(2) td:nth-child(6)")  # p1, trd
    page.wait_for_url("**/1.html#r3")
    page.check("input[data-beside=r2]")
    page.check("input[data-beside=r3]")
    assert shown(page, "#beside h2 .label") == ["forward_kl", "trd"]
    assert shown(page, "#beside mark") == ["forward_kl", "trd"]  # the one word in which they differ
    page.check("input[data-beside=r4]")  # a third takes the place of the first
    assert shown(page, "#beside h2 .label") == ["trd", "opsd"]


def test_two_rows_are_compared(visit, site):
    page = visit(site / "compare.html")
    assert page.inner_text("#compared h2 >> nth=0") == "opsd minus student"  # the best method, beside the untrained student
    page.select_option("#c-a", label="forward_kl")
    page.select_option("#c-b", label="opsd")
    line = page.inner_text("#compared tbody tr:nth-child(2)").split("\t")
    assert line[0] == "exam" and line[1] == "+25.0" and line[3:] == ["2", "2", "0"]
    first = page.inner_text("#compared .fit:last-child tbody tr:first-child").split("\t")
    assert first == ["p1", "0/2", "1/2", "+50.0"]
    again = visit(page.url)
    assert (again.inner_text("#c-a option:checked"), again.inner_text("#c-b option:checked")) == ("forward_kl", "opsd")
    again.click("#compared a >> nth=0")
    assert again.inner_text("h1") == "p1"


def test_exports_are_where_the_page_says(visit, site):
    page = visit(site / "index.html")
    files = page.eval_on_selector_all("footer dd a", "links => links.map(link => link.getAttribute('href'))")
    assert {name.rpartition(".")[2] for name in files} == {"csv", "md", "tex", "json"}
    assert all((site / name).stat().st_size > 0 for name in files)
    assert r"\toprule" in (site / "leaderboard.tex").read_text()
    assert json.loads((site / "leaderboard.json").read_text())["groups"][0]["pair"] == "small-world"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_use_every_page(visit, site, scheme, width):
    """axe finds nothing serious, no page is wider than its window, and all can be reached by keyboard."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None:
        pytest.skip("no axe (pip install -e '.[dev]')")
    axe = (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    page = visit(site / "index.html", width, scheme)
    for name in PAGES:
        page.goto((site / name).as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
        page.evaluate(axe)
        result = page.evaluate("axe.run(document, { resultTypes: ['violations'], preload: false })")
        serious = [
            (each["id"], each["nodes"][0]["html"][:200], each["nodes"][0]["failureSummary"][:300])
            for each in result["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


HOSTILE = (
    "<script>alert(1)</script>", "</script><script>alert(2)</script>", "</style><script>alert(3)</script>", "<img src=x onerror=alert(4)>",
    "<svg onload=alert(5)>", "\"><svg/onload=alert(6)>", "' onmouseover='alert(7)", "\" autofocus onfocus=alert(8) x=\"",
    "<math><mtext><img src=x onerror=alert(9)></mtext></math>", "$\\href{javascript:alert(10)}{x}$", "$\\text{<img src=x onerror=alert(11)>}$",
    "$<img src=x onerror=alert(12)>$", "$$\\unicode{x3c}script\\unicode{x3e}$$", "<!-- --><script>alert(13)</script>", "]]><script>alert(14)</script>",
    "{{ 7 * 7 }}", "{% include 'x' %}", "javascript:alert(15)", "<a href=javascript:alert(16)>x</a>", "<iframe src=https://example.org></iframe>",
    "<link rel=stylesheet href=https://example.org/x.css>", "<base href=https://example.org/>", "<meta http-equiv=refresh content='0;url=https://example.org'>",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07", "\u202egnp.exe\u202c", "\u2066hidden\u2069\u200b", "&lt;script&gt;alert(17)&lt;/script&gt;", "\x00\x08\x7f",
    "</textarea></title><script>alert(18)</script>", "a" * 1_000_000,
)  # fmt: skip


def test_hostile_text_shows_as_text_and_does_nothing(visit, tmp_path, make_row, answered):
    """In prompts, golds, completions, extracted answers, details, names and errors."""
    assert len(HOSTILE) == 30
    problems = [Problem(f"p{at}", "math", said, answer=said, solution=said, source=said) for at, said in enumerate(HOSTILE)]
    texts = [[(said, Verdict("wrong", said, said))] for said in HOSTILE]
    row = make_row("trd", exams={}, suite="made")
    write_result(tmp_path / "results", answered(tmp_path / "store", row, problems, texts))
    for at, said in enumerate(HOSTILE):
        named = make_row(f"row{at}", suite="made", status="failed", reason=said).model_copy(
            update={"label": said[:300], "title": said, "overrides": {said[:300]: said}, "ended_by": said}
        )
        (tmp_path / "results" / f"{at}.json").write_text(json.dumps(named.model_dump(mode="json")))
    (tmp_path / "results" / "suite.json").write_text(json.dumps({"suite": "made", "deviations": list(HOSTILE)}))
    reports.render([tmp_path / "results"], tmp_path / "site", tmp_path / "store")
    files = sorted((tmp_path / "site").rglob("*.html"))
    problem = tmp_path / "site" / "problems" / "made-small-world" / "exam"
    assert (
        len([path for path in files if path.parent == problem]) == 31 and len([path for path in files if path.parent.name == "runs"]) == 31
    )
    page = visit(tmp_path / "site" / "index.html")
    for path in (*problem.glob("*.html"), *(tmp_path / "site" / "runs").glob("*.html"), *(tmp_path / "site").glob("*.html")):
        page.goto(path.as_uri())
        assert (
            page.evaluate(
                "document.querySelectorAll('img, iframe, base, svg[onload], link[href^=http], [onerror], [onfocus], [onload]').length"
            )
            == 0
        ), path
        assert page.evaluate("document.querySelectorAll('script').length") == 1 + (path.name == "compare.html"), path
        assert page.title().endswith("on-policy distillation"), path
    page.goto((problem / "23.html").as_uri())
    assert "␛[31mred␛[0m␛]0;title␇" in page.inner_text("article pre")
    page.goto((problem / "24.html").as_uri())
    assert "‹U+202E›gnp.exe‹U+202C›" in page.inner_text("article pre")
    page.goto((problem / "0.html").as_uri())
    assert page.inner_text("article pre") == page.inner_text(".prompt") == HOSTILE[0]
    page.goto((problem / "29.html").as_uri())
    assert "characters left out" in page.inner_text("article pre")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_large_suite_is_quick(visit, tmp_path, make_row):
    """50 rows × 8 exams × 1,800 problems × 16: the first page is below 3 MB and there in 2 seconds."""
    exams = {f"exam-{at}": 225 for at in range(8)}
    labels = ["student", "teacher", *(f"row-{at}" for at in range(48))]
    for label in labels:
        write_result(tmp_path / "results" / "large", make_row(label, suite="large", exams=exams, level=0.5))
    reports.render([tmp_path / "results"], tmp_path / "site")
    assert (tmp_path / "site" / "index.html").stat().st_size < 3_000_000
    for name, seconds in (
        ("index.html", 2.0),
        ("problems/large-small-world/exam-0/index.html", 5.0),
        ("compare.html", 2.0),
        ("charts.html", 2.0),
    ):
        page = visit(tmp_path / "site" / name)
        timing = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        assert 0 < timing < 1000 * seconds, (name, timing)
