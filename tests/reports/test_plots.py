"""Pictures as geometry: axes on round numbers, the front, what is drawn where."""

import re

import pytest

from reports.axes import rounded, steps
from reports.catalogued import entries
from reports.mathematics import formula, typeset
from reports.pictures import front, pictures
from reports.plots import Series, plot
from reports.strips import Mark, strips
from reports.tables import board
from reports.visible import visible


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.213, 0.8), (-0.04, 0.52), (3, 3), (0, 0), (1e-9, 4e-9), (-1000, 25_000)])
def test_an_axis_reaches_over_all_values_in_few_round_steps(low, high):
    first, last, rungs = rounded(low, high)
    assert first <= low + 1e-12 and last >= high - 1e-12 and 2 <= len(rungs) <= 8
    assert rungs[0] == first and rungs[-1] == last
    step = rungs[1] - rungs[0]
    assert f"{step:.6e}"[0] in "125"


def test_points_lie_where_their_values_are():
    made = plot("t", [Series("a", (0.0, 10.0), (0.0, 1.0), ((0.0, 0.2), (0.8, 1.0)), hue=0)], "x", "y", names="none")
    (line,) = made.lines
    assert line.dots == ((f"{made.left:.1f}", f"{made.bottom:.1f}"), (f"{made.right:.1f}", "14.0"))
    assert line.band.endswith("Z") and line.path.startswith("M") and not line.whiskers
    alone = plot("t", [Series("a", (1.0,), (0.5,), ((0.4, 0.6),), hue=9, joined=False)], "x", "y", logarithmic=True).lines[0]
    assert len(alone.whiskers) == 1 and not alone.path and alone.hue == 1 and alone.dashed


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (1.6, 7.6, (2, 5)),
        (0.8, 11, (1, 2, 5, 10)),
        (1, 1e6, tuple(10.0**power for power in range(7))),
        (145, 280, (150, 200, 250)),
        (3, 3, (3,)),
    ],
)
def test_a_logarithmic_axis_has_round_ticks(low, high, wanted):
    assert steps(low, high) == wanted


def test_names_beside_points_touch_neither_each_other_nor_points():
    many = [Series(f"row_{at}", (1 + 0.001 * (at % 3),), (0.5 + 0.01 * at,), ((0.4, 0.9),), hue=at, joined=False) for at in range(30)]
    far = Series("far away", (9.0,), (0.1,), (None,), hue=0, joined=False)
    cheap = Series("cheap", (0.1,), (0.1,), (None,), hue=0, joined=False)
    made = plot("t", [*many, far, cheap], "x", "y", logarithmic=True, names="beside")
    boxes = []
    for line in made.lines:
        if line.text:
            x, y, anchor = float(line.text[0]), float(line.text[1]), line.text[2]
            wide = 7.2 * len(line.name)
            boxes.append((x - wide if anchor == "end" else x, y - 6, x if anchor == "end" else x + wide, y + 6))
    dots = [tuple(map(float, dot)) for line in made.lines for dot in line.dots]
    assert len(boxes) + len(made.unnamed) == 32 and "far away" not in made.unnamed and len(boxes) > 20
    for at, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0 and right <= made.width and not any(left < x < right and top < y < bottom for x, y in dots)
        assert not any(left < other[2] and other[0] < right and top < other[3] and other[1] < bottom for other in boxes[:at])


def test_few_values_stand_in_a_table_and_many_lines_show_no_bands():
    lines = [Series(f"row {at}", (1.0, 2.0), (0.5, 0.6), ((0.4, 0.6), None), hue=at) for at in range(13)]
    made = plot("t", lines, "k", "y", lambda value: f"{value:.1f}")
    assert made.crowded and made.head == ("1", "2") and made.rows[0] == ("row 0", ("0.5 (0.4 to 0.6)", "0.6"))
    assert not plot("t", lines[:3], "k", "y").crowded
    assert not plot("t", [Series("a", tuple(map(float, range(50))), (0.1,) * 50)], "x", "y").rows


def test_on_a_logarithmic_upright_axis_what_is_not_above_zero_lies_at_the_bottom():
    made = plot("t", [Series("a", (1.0, 2.0, 3.0), (1.0, 0.01, 0.0))], "x", "y", upright_logarithmic=True)
    heights = [float(y) for _, y in made.lines[0].dots]
    assert heights[0] < heights[1] == heights[2] and [text for _, text in made.up] == ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"]


def test_strips_share_an_axis_with_zero_on_it():
    made = strips("t", [("a", [Mark(0.2, (0.1, 0.3), 0, "said")]), ("b", [Mark(0.4, None, 1, "said", True)])], "x", (), str)
    xs = [float(mark.x) for mark in made.marks]
    assert float(made.zero) < xs[0] < xs[1] and made.marks[1].low is None and made.marks[1].hollow
    assert float(made.marks[0].low) < xs[0] < float(made.marks[0].high)


def test_the_front_holds_what_nothing_cheaper_reaches(three_seeds):
    group = board(three_seeds).groups[0]
    priced = [row for row in group.trained if row.primary and row.cost]
    kept = front(priced)
    for row in priced:
        beaten = any(
            other.cost.gpu_hours <= row.cost.gpu_hours and other.primary.value > row.primary.value for other in priced if other is not row
        )
        assert (row.label in kept) == (not beaten), row.label
    made = pictures(group)
    assert made.pareto and made.forest and len(made.curves) == 2 and made.lengths is None


def test_mathematics_is_drawn_and_money_is_not():
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in typeset("Solve $x^2=4$ now.") and "Solve <math" in typeset("Solve $x^2=4$ now.")
    assert 'display="block"' in typeset(r"\[\frac12\]") and 'display="inline"' in typeset(r"\(a\)")
    assert typeset("It costs $5 and $6, or $ 7 $.") == "It costs $5 and $6, or $ 7 $."
    assert typeset(r"$\frac{$") == r"$\frac{$" or "tex" in typeset(r"$\frac{$")
    assert formula("x" * 3000).startswith('<code class="tex">')
    for bad in (r"\href{javascript:alert(1)}{x}", r"\text{<img src=x>}", r"\style{color:red}{x}", r"\class{a}{x}", "<script>"):
        text = str(formula(bad))
        assert not re.search(r"<(?!/?(m[a-z]+|none|code)\b)", text) and not re.search(r"(href|on\w+|style|class=\"(?!tex))=", text), bad


def test_every_formula_of_the_catalogue_is_drawn():
    found = {entry.name: entry.formulas for entry in entries(board([]))}
    assert len(found["trd"]) == 3  # the loss, and who writes what
    for name, lines in found.items():
        assert lines and all(str(line).startswith("<math") for line in lines), name


def test_nothing_is_invisible_and_nothing_acts():
    assert visible("a\x1b[0m\r\nb\x00\u202ec\ud800\u2028") == "a␛[0m\nb␀‹U+202E›c‹U+D800›‹U+2028›"
    assert visible("x" * 100, 30) == "x" * 20 + " … 70 characters left out … " + "x" * 10
    assert visible("Größe 数 é\t\n") == "Größe 数 é\t\n"
