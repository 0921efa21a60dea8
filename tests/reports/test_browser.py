"""The page in a real browser, from file://, without a network."""

import pytest

import reports
from harness.counts import ladder
from harness.results import Analysis, Moment, Written
from reports import html
from reports.tables import board

pytestmark = pytest.mark.slow

# Clicks through the page and says what it saw.
PROBE = """
const seen = [];
const all = () => Array.from(document.querySelectorAll("table.summary tbody.of-method tr"));
const rows = () => all().filter((row) => !row.hidden).map((row) => row.querySelector(".label").textContent);
const head = document.querySelector("table.summary th.primary");
head.querySelector("button").click(); seen.push(head.getAttribute("aria-sort"), rows().join(","));
head.querySelector("button").click(); seen.push(head.getAttribute("aria-sort"), rows()[0]);
const box = document.querySelector("input[data-hides=c-loss]"); box.click();
seen.push(Array.from(document.querySelectorAll(".c-loss")).every((cell) => cell.hidden), document.querySelector(".c-writer").hidden);
const input = document.getElementById("filter"); input.value = "trd"; input.dispatchEvent(new Event("input")); seen.push(rows().join(","));
seen.push(document.querySelectorAll("table.summary tbody.of-reference tr:not([hidden])").length, performance.getEntriesByType("resource").length);
return seen.join(" | ");
"""


def test_sorting_filtering_and_hiding_work(look, folder, tmp_path):
    page = reports.render([folder], tmp_path)[0]
    title = look(page, PROBE).split(" | ")
    down, order, up, last, loss_hidden, writer_hidden, filtered, pinned, requests = title
    assert (down, up) == ("descending", "ascending")
    assert order.split(",")[0] == "trd"
    assert set(order.split(",")[-2:]) == {"reverse_kl_hot", "forward_kl_clip"}  # without a figure: last, either way
    assert last == "opsd"
    assert (loss_hidden, writer_hidden) == ("true", "false")
    assert filtered == "trd"
    assert (pinned, requests) == ("3", "0")


@pytest.mark.parametrize("width", [1280, 800])
def test_the_page_is_not_wider_than_the_window_and_no_box_scrolls_down(look, folder, tmp_path, width):
    page = reports.render([folder], tmp_path)[0]
    probe = """
const boxes = Array.from(document.querySelectorAll(".fit, .scroll")).filter((box) => box.clientHeight);
const scrolling = boxes.filter((box) => box.scrollHeight > box.clientHeight);
return document.documentElement.scrollWidth + " " + innerWidth + " " + scrolling.length;
"""
    content, window, scrolling = map(int, look(page, probe, width).split())
    assert content <= window
    assert scrolling == 0  # no table scrolls up and down in a box of its own


@pytest.mark.parametrize("width", [1280, 1000, 800, 500])
@pytest.mark.parametrize("baseline", ["forward_kl", "reverse_kl_topk[loss.support.k=4]"])
def test_no_figure_and_no_head_is_broken(look, quickstart, make_row, tmp_path, width, baseline):
    """Every word of the narrow table stands on one line, but for labels and marks, which break at their joints."""
    rows = [*quickstart, make_row("hot", overrides={"optim.learning_rate": "0.00025", "loss.support.k": "16"})]
    rows += [make_row("reverse_kl_topk[loss.support.k=4]", division="tuned"), make_row("forward_kl", seed=1)]
    page = tmp_path / "index.html"
    text = html.page(board(rows, {"quickstart": {"report": {"baseline": baseline}}}))
    probe = """
const broken = [], cells = document.querySelectorAll("table.summary :is(td, th)");
for (const cell of cells) {
  const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.closest(".reason")) continue;
    for (const word of node.data.matchAll(/\\S+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set(Array.from(range.getClientRects()).map((box) => Math.round(box.top))).size > 1) broken.push(word[0]);
    }
  }
}
return cells.length + " | " + broken.join(" ") + " | " + (document.documentElement.scrollWidth <= innerWidth);
"""
    page.write_text(text, encoding="utf-8")
    cells, broken, fits = look(page, probe, width).split(" | ")
    assert int(cells) > 100
    assert (broken, fits) == ("", "true")


def analysed(row):
    """The row with an analysis in the shape of a real one."""
    wrote = Written(
        count=2048, right=900, truncated=12, mean_length=9120.4, median_length=7000, mean_length_right=6000, mean_length_wrong=12_000
    )
    course = [
        Moment(
            until=(at + 1) / 10, tokens=1000, student_nll=0.9 - at / 20, teacher_nll=0.6, kl_forward=0.4, kl_reverse=0.3, epistemic_mass=0.005,
            kl_forward_right=0.3 - at / 50, kl_forward_wrong=0.5 - at / 40, kl_reverse_right=0.2, kl_reverse_wrong=0.4 - at / 50,
        )
        for at in range(10)
    ]  # fmt: skip
    outcomes = {"wrong wrong": 148, "wrong right": 1000, "right wrong": 200, "right right": 700}
    return row.model_copy(update={"analysis": Analysis(attempts=wrote, rewrites=wrote, outcomes=outcomes, course=course)})


@pytest.mark.parametrize("width", [1280, 800, 500])
def test_the_analysis_opens_sorts_and_fits(look, quickstart, make_row, tmp_path, width):
    """Folds opened: nothing wider than the window, no box scrolls down, lines are drawn, the matrix outlasts the filter, buckets sort."""
    rows = [analysed(row) if row.method else row for row in (*quickstart, make_row("reverse_kl_topk[keep=Recovered]"))]
    probe = """
document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
const all = (selector) => Array.from(document.querySelectorAll(selector)), seen = [];
seen.push(document.documentElement.scrollWidth <= innerWidth);
seen.push(all(".fit, .scroll").filter((box) => box.scrollHeight > box.clientHeight).length);
seen.push(all("svg.spark").filter((line) => line.getBoundingClientRect().height < 20 || !line.querySelector("title").textContent).length);
const strokes = all("svg.spark path").map((path) => getComputedStyle(path).stroke);
seen.push(strokes.length > 40 && !strokes.includes("none"));
const labels = all(".courses .label, .buckets .label");
seen.push(labels.filter((label) => label.scrollWidth > label.closest("th").clientWidth).length);
const button = document.querySelector("table.buckets thead tr:last-child th:nth-child(2) button"); button.click();
const avg = Array.from(document.querySelectorAll("table.buckets")[0].querySelectorAll("tbody.of-method tr"), (row) => Number(row.cells[1].dataset.value));
seen.push(avg.length > 3 && avg.every((value, at) => !at || avg[at - 1] >= value));
const input = document.getElementById("filter"); input.value = "opsd"; input.dispatchEvent(new Event("input"));
seen.push(all("table.outcome tbody tr:not([hidden])").length, all("table.courses tbody.of-method tr:not([hidden])").length);
return seen.join(" | ");
"""
    page = tmp_path / "index.html"
    page.write_text(html.page(board(rows)), encoding="utf-8")
    title = look(page, probe, width).split(" | ")
    assert title == ["true", "0", "0", "true", "0", "true", "2", "1"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_fields_of_the_matrix_can_be_read(look, quickstart, tmp_path, scheme):
    """Ink on every tint: a contrast of at least 4.5, as WCAG asks of small text."""
    probe = """
document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const light = (colour) => {
  canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  const [r, g, b] = Array.from(canvas.getImageData(0, 0, 1, 1).data, (of) => of / 255).map((of) => of <= 0.04045 ? of / 12.92 : ((of + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const fields = Array.from(document.querySelectorAll("table.outcome td[class]"));
const contrasts = fields.map((field) => {
  const pair = [light(getComputedStyle(field).backgroundColor), light(getComputedStyle(field.querySelector("small")).color)].sort();
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
});
return matchMedia("(prefers-color-scheme: dark)").matches + " | " + fields.length + " | " + Math.min(...contrasts);
"""
    page = tmp_path / "index.html"
    page.write_text(html.page(board([analysed(row) if row.method else row for row in quickstart])), encoding="utf-8")
    dark, fields, least = look(page, probe, scheme=scheme).split(" | ")
    assert (dark, int(fields) % 4, int(fields) > 0) == (str(scheme == "dark").lower(), 0, True)
    assert float(least) >= 4.5


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 500)])
def test_charts_fit_and_can_be_read(look, quickstart, make_row, tmp_path, scheme, width):
    """Names lie inside the picture and apart from one another; every colour stands out from the paper as text must; the window is not left."""
    caps = ladder(4096)
    rows = [*quickstart, *(make_row(f"reverse_kl_topk[loss.support.k={2**power}]") for power in range(6))]
    rows = [
        row.model_copy(
            update={
                "scores": {
                    exam: score.model_copy(
                        update={"under_cap": {str(cap): tuple(right * cap // 4096 for right in score.correct) for cap in caps}}
                    )
                    for exam, score in row.scores.items()
                }
            }
        )
        for row in rows
    ]
    probe = """
document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
const all = (selector, within = document) => Array.from(within.querySelectorAll(selector)), seen = [];
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const light = (colour) => {
  canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  const [r, g, b] = Array.from(canvas.getImageData(0, 0, 1, 1).data, (of) => of / 255).map((of) => of <= 0.04045 ? of / 12.92 : ((of + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const charts = all("svg.chart"), paper = light(getComputedStyle(document.body).backgroundColor);
const contrast = (colour) => (Math.max(light(colour), paper) + 0.05) / (Math.min(light(colour), paper) + 0.05);
const names = charts.map((chart) => all("g > text", chart)), ink = all("svg.chart g > text, svg.chart .tick").map((text) => getComputedStyle(text).fill);
seen.push(matchMedia("(prefers-color-scheme: dark)").matches, document.documentElement.scrollWidth <= innerWidth, charts.length);
seen.push(all(".fit, .scroll").filter((box) => box.scrollHeight > box.clientHeight).length);
seen.push(all("svg.chart text").filter((text) => {
  const inner = text.getBoundingClientRect(), outer = text.closest("svg").getBoundingClientRect();
  return inner.left < outer.left || inner.right > outer.right + 0.5 || inner.top < outer.top || inner.bottom > outer.bottom;
}).map((text) => text.textContent).join(" "));
seen.push(names.flatMap((texts) => {
  const boxes = texts.map((text) => text.getBoundingClientRect()).sort((a, b) => a.top - b.top);
  return boxes.filter((box, at) => at && box.top < boxes[at - 1].bottom - 3);
}).length);
seen.push(Math.min(...ink.map(contrast), ...all("svg.chart g path").map((path) => contrast(getComputedStyle(path).stroke))));
return seen.join(" | ");
"""
    page = tmp_path / "index.html"
    page.write_text(html.page(board(rows)), encoding="utf-8")
    is_dark, fits, charts, scrolling, outside, touching, least = look(page, probe, width, scheme).split(" | ")
    assert (is_dark, fits, charts, scrolling, outside, touching) == (str(scheme == "dark").lower(), "true", "2", "0", "", "0")
    assert float(least) >= 4.5
