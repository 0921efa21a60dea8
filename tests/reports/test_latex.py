"""LaTeX: whatever stands in a name is text, and the tables compile and fit their page."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from harness.cli import main
from harness.results import write_result

DOCUMENT = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n\\input{tables}\n\\end{document}\n"
ODD = ["aime_24", "a%b&c", "Δ‖β", "human#eval$", "livecodebench-v6", "mbpp_plus"]
LABELS = (
    "student", "teacher", "[first]", "*star", "trd[keep=Failed]", "a--b", "100% & {more}", "~ ^ \\ < > | \" ` $ #", "−1.5 ± 2·λ → 0", "Löwe ñ ç", "日本",
)  # fmt: skip


@pytest.fixture
def exported(tmp_path, make_row, capsys):
    """The export of rows with these labels, on these exams."""

    def made(labels, pair="p_1 & q", **more):
        folder = tmp_path / "results" / "odd"
        for label in labels:
            write_result(folder, make_row("trd" if label not in ("student", "teacher") else label, pair=pair, suite="odd", **more).model_copy(update={"label": label}))  # fmt: skip
        assert main(["export", str(folder), "--to", "latex"]) == 0
        return capsys.readouterr().out

    return made


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("a\\b", r"a\textbackslash{}b"), ("a&b", r"a\&b"), ("a%b", r"a\%b"), ("a$b", r"a\$b"), ("a#b", r"a\#b"), ("a_b", r"a\_b"),
        ("a{b}", r"a\{b\}"), ("a~b", r"a\textasciitilde{}b"), ("a^b", r"a\textasciicircum{}b"), ("a<b>", r"a\textless{}b\textgreater{}"),
        ("a|b", r"a\textbar{}b"), ("[a]", "{}[a]"), ("*a", "{}*a"), ("a--b", "a-{}-b"), ("a–b", "a--b"), ("a−b", r"a\ensuremath{-}b"),
        ("Δ ‖ λ", r"\ensuremath{\Delta} \ensuremath{\Vert} \ensuremath{\lambda}"), ("Löwe", r"L\"{o}we"), ("日", "?"),
    ],
)  # fmt: skip
def test_what_stands_in_a_name_is_text(exported, label, said):
    lines = exported([label, "student"]).splitlines()
    assert sum(line.startswith(f"{said} & ") for line in lines) == 2  # once by Avg@16, once by Pass@16


def test_names_of_pairs_and_exams_are_text_too(exported):
    text = exported(["student", "trd"], pair="a_b & c%", exams={"x_y & z%": 20})
    captions = [line for line in text.splitlines() if line.startswith(r"\caption")]
    assert all(r"a\_b \& c\%" in line and r"x\_y \& z\%" in line for line in captions) and len(captions) == 2
    assert text.count(r"\multicolumn{2}{c}{x\_y \& z\%}") == 2


def test_many_exams_and_many_rows_are_several_tables_each_with_a_label(exported):
    text = exported(["student", *(f"row-{number}" for number in range(59))], exams=dict.fromkeys(ODD, 8))
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 8  # two metrics, two lots of three exams, two of thirty rows
    assert text.count("Part 1 of 4.") == text.count("Part 4 of 4.") == 2
    labels = re.findall(r"\\label\{(.*)\}", text)
    assert len(set(labels)) == 8
    assert all(text.count(f"row-{number} &") == 4 for number in range(59))


def test_a_score_without_spread_has_no_error_of_zero(tmp_path, make_row, make_score, capsys):
    folder = tmp_path / "results" / "odd"
    write_result(folder, make_row("student", suite="odd", exams={"alone": 30}))
    full = make_score([16] * 30, problems_hash="p-alone")
    write_result(folder, make_row("trd", suite="odd").model_copy(update={"scores": {"alone": full}}))
    assert main(["export", str(folder), "--to", "latex"]) == 0
    text = capsys.readouterr().out
    (line,) = (line for line in text.splitlines() if line.startswith("trd & ") and "scriptsize" in line)
    assert line.startswith(r"trd & 100.0\,{\scriptsize$\pm$--} & (+") and "$0.0" not in line
    assert r"\ensuremath{\pm}-- where no problem differed from another" in text


@pytest.mark.slow
def test_the_tables_compile_and_fit_their_page(exported, tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex on this machine (apt-get install texlive-latex-recommended)")
    many = [f"row_{number}" for number in range(50)]
    (tmp_path / "tables.tex").write_text(exported([*LABELS, *many], exams=dict.fromkeys(ODD, 8)), encoding="utf-8")
    (tmp_path / "document.tex").write_text(DOCUMENT, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    log = (tmp_path / "document.log").read_text(errors="replace")
    assert done.returncode == 0, log[-3000:]
    assert (tmp_path / "document.pdf").stat().st_size > 10_000
    for fault in ("Float too large", "multiply", "Missing character", "Overfull"):
        assert fault not in log, log
