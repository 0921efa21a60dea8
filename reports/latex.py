"""The board as LaTeX, for a paper: booktabs, a row a method, on each exam its score and, small, the difference to the untrained student."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reports.nouns import AGAIN, BLOCKS, Board, Cell, Group, Row
from reports.visible import visible
from reports.words import basis, percent, plain

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "\"": r"\textquotedbl{}",
    "–": "--", "\u2212": "$-$", "Δ": r"$\Delta$", "±": r"$\pm$", "×": r"$\times$", "‖": r"$\Vert$", "←": r"$\leftarrow$", "→": r"$\rightarrow$",
    "≤": r"$\le$", "·": r"$\cdot$",
}  # fmt: skip

POWERS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def text(board: Board) -> str:
    """One table a group; needs `booktabs`."""
    head = ["% \\usepackage{booktabs}", "% Scores in percent with one standard error; differences in points, paired on problems."]
    return "\n".join([*head, *(line for group in board.groups for line in _table(group))]) + "\n"


def _table(group: Group) -> Iterable[str]:
    exams = group.exams
    yield from ("", r"\begin{table}", r"\centering", r"\small")
    yield rf"\begin{{tabular}}{{l{'rr' * len(exams)}rr}}"
    yield r"\toprule"
    spans = [rf"\multicolumn{{2}}{{c}}{{{tex(exam.name)}}}" for exam in exams]
    yield " & ".join(["", *spans, r"\multicolumn{2}{c}{primary}"]) + r" \\"
    rules = [rf"\cmidrule(lr){{{2 * at + 2}-{2 * at + 3}}}" for at in range(len(exams) + 1)]
    yield " ".join(rules)
    heads = [head for exam in exams for head in (f"Avg@{exam.samples}", f"Pass@{exam.pass_k}")]
    yield " & ".join(["row", *heads, tex(group.primary.title), r"$\Delta$ base"]) + r" \\"
    for block in BLOCKS:
        if members := [row for row in group.block(block) if row.label != AGAIN]:
            yield r"\midrule"
            yield from (_line(row, group) for row in members)
    yield from (r"\bottomrule", r"\end{tabular}")
    said = group.primary
    caption = f"{group.suite}, {group.pair}. {plain(group.sentence).replace('`', '')} The primary is {basis(said.title, said.over, said.weight, said.asked)}."
    yield from (rf"\caption{{{tex(caption)}}}", rf"\label{{tab:{re.sub(r'[^A-Za-z0-9.-]+', '-', group.anchor)}}}", r"\end{table}")


def _line(row: Row, group: Group) -> str:
    cells = [cell for each in row.cells for cell in _cells(each, row.label == group.untrained)]
    primary = "--" if row.primary is None else _error(row.primary.value, row.primary.stderr)
    delta = row.base.value if row.base else None
    base = "0" if row.label == group.untrained else "--" if delta is None else _delta(delta)
    if row.base and row.base.interval95:
        base += rf" {{\scriptsize [{_delta(row.base.interval95[0])}, {_delta(row.base.interval95[1])}]}}"
    return " & ".join([rf"\texttt{{{tex(row.label)}}}", *cells, primary, base]) + r" \\"


def _cells(cell: Cell, untrained: bool) -> Iterable[str]:
    if cell.avg is None:
        yield tex(cell.note or "–")
    else:
        delta = "" if untrained or cell.delta is None else rf" {{\scriptsize ({_delta(cell.delta.value)})}}"
        yield _error(cell.avg.value, cell.avg.stderr) + delta
    yield "--" if cell.passed is None else percent(cell.passed)


def _error(value: float, stderr: float | None) -> str:
    return percent(value) + (rf" {{\scriptsize $\pm$ {percent(stderr)}}}" if stderr is not None else "")


def _delta(fraction: float) -> str:
    return f"${100 * fraction:+.1f}$"


def tex(said: str) -> str:
    """Text from outside, as text: no sign of it is a command."""
    text = "".join(SPECIAL.get(sign, sign) for sign in visible(" ".join(said.split()), 2000))
    return re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda found: f"$^{{{found[0].translate(POWERS)}}}$", text)
