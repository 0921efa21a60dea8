"""Pictures as geometry: axes on round numbers, the front, what is drawn where."""

import re

import pytest

from reports.catalogued import entries
from reports.mathematics import formula, typeset
from reports.pictures import front, pictures
from reports.plots import Mark, Series, plot, rounded, strips
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
    made = plot("t", [Series("a", (0.0, 10.0), (0.0, 1.0), ((0.0, 0.2), (0.8, 1.0)), hue=0)], "x", "y", named=False)
    (line,) = made.lines
    assert line.dots == ((f"{made.left:.1f}", f"{made.bottom:.1f}"), (f"{made.right:.1f}", "14.0"))
    assert line.band.endswith("Z") and line.path.startswith("M") and not line.whiskers
    alone = plot("t", [Series("a", (1.0,), (0.5,), ((0.4, 0.6),), hue=9, joined=False)], "x", "y", logarithmic=True).lines[0]
    assert len(alone.whiskers) == 1 and not alone.path and alone.hue == 1 and alone.dashed


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
