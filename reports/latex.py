"""The board as LaTeX: tables of `booktabs` in the shape of the papers' own, a score and its difference to the untrained student in each cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.nouns import Board, Cell, Exam, Group, Row
from reports.words import basis

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "–": "--", "−": r"\ensuremath{-}", "±": r"\ensuremath{\pm}", "Δ": r"\ensuremath{\Delta}", "→": r"\ensuremath{\rightarrow}",
    "‖": r"\ensuremath{\Vert}", "λ": r"\ensuremath{\lambda}", "β": r"\ensuremath{\beta}", "·": r"\ensuremath{\cdot}",
}  # fmt: skip
NONE = "--"


def text(board: Board) -> str:
    """Needs \\usepackage{booktabs}; nothing else."""
    lines = [f"% {_comment(board.title)}: \\usepackage{{booktabs}}"]
    for group in board.groups:
        shown = [exam for exam in group.exams if exam.at == "100%"] or list(group.exams)
        for name, metric in (("avg", "Avg"), ("pass", "Pass")):
            lines += ["", *_table(group, shown, name, metric)]
    return "\n".join(lines) + "\n"


def _table(group: Group, exams: Sequence[Exam], kind: str, metric: str) -> Iterable[str]:
    ks = [exam.samples if kind == "avg" else exam.pass_k for exam in exams]
    same = len(set(ks)) == 1
    heads = [escaped(exam.name if same else f"{exam.name} @{k}") for exam, k in zip(exams, ks, strict=True)]
    title = f"{metric}@{ks[0]}" if same else f"{metric}@k"
    yield from (
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{escaped(_caption(group, title, kind))}}}",
        rf"\label{{tab:{_label(group)}-{kind}}}",
        rf"\begin{{tabular}}{{l{'r' * len(exams)}}}",
        r"\toprule",
        " & ".join(["", *heads]).strip() + r" \\",
        r"\midrule",
    )
    before = None
    for row in group.rows:
        if before is not None and row.block != before:
            yield r"\midrule"
        before = row.block
        places = [group.exams.index(exam) for exam in exams]
        cells = [(_avg if kind == "avg" else _pass)(group, row, row.cells[place], place) for place in places]
        yield " & ".join([escaped(row.title or row.label), *cells]) + r" \\"
    yield from (r"\bottomrule", r"\end{tabular}", r"\end{table}")


def _avg(group: Group, row: Row, cell: Cell, place: int) -> str:
    if cell.avg is None:
        return escaped(cell.note or NONE)
    delta = None if row.label == group.untrained or cell.delta is None else cell.delta.value
    return _figure(cell.avg.value, cell.avg.stderr, delta)


def _pass(group: Group, row: Row, cell: Cell, place: int) -> str:
    if cell.passed is None:
        return escaped(cell.note or NONE)
    base = next((other.cells[place].passed for other in group.rows if other.label == group.untrained), None)
    return _figure(cell.passed, None, None if row.label == group.untrained or base is None else cell.passed - base)


def _figure(value: float, error: float | None, delta: float | None) -> str:
    """49.4 ± 6.3 (+4.6)"""
    said = f"{100 * value:.1f}" + (rf"\,{{\scriptsize$\pm${100 * error:.1f}}}" if error is not None else "")
    return said + (f" ({_signed(delta)})" if delta is not None else "")


def _signed(share: float) -> str:
    said = f"{100 * share:+.1f}"
    return "+0.0" if said == "-0.0" else said.replace("-", "$-$")


def _caption(group: Group, title: str, kind: str) -> str:
    where = f"{group.pair}" + (f", budget {group.budget}" if group.budget else "")
    seeds = f"{group.seeds} training seeds" if group.seeds > 1 else "one training seed, so no ranks"
    primary = basis(group.primary.title, group.primary.over, group.primary.weight, group.primary.asked)
    error = " ± one standard error over problems (and seeds)" if kind == "avg" else ""
    return f"{title} in percent{error}, {where}; in parentheses the difference to the untrained student, in points. {seeds}. Primary: {primary}."


def _label(group: Group) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in group.anchor)


def escaped(said: str) -> str:
    """As text: nothing in a name is a command, and what a plain font lacks is a question mark."""
    joined = " ".join(said.split())
    return "".join(SPECIAL.get(letter, letter if letter.isascii() and letter.isprintable() else "?") for letter in joined)


def _comment(said: str) -> str:
    return " ".join(said.split())
