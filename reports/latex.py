"""The board as LaTeX: tables of `booktabs` in the shape of the papers' own, a score and its difference to the untrained student in each cell."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from reports.nouns import Board, Cell, Exam, Group, Row
from reports.words import DASH, basis, error, plural

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    '"': "''", "`": "{`}", "–": "--", "—": "---", "…": r"\ldots{}", "‘": "`", "’": "'", "“": "``", "”": "''",
    "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ı": r"\i{}", "\u200b": "{}",
}  # fmt: skip
MATHS = {
    "−": "-", "±": r"\pm", "×": r"\times", "·": r"\cdot", "→": r"\rightarrow", "←": r"\leftarrow", "‖": r"\Vert", "≤": r"\leq", "≥": r"\geq",
    "≈": r"\approx", "≠": r"\neq", "∞": r"\infty", "Δ": r"\Delta", "Γ": r"\Gamma", "Σ": r"\Sigma", "Ω": r"\Omega", "α": r"\alpha",
    "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\epsilon", "η": r"\eta", "θ": r"\theta", "κ": r"\kappa", "λ": r"\lambda",
    "μ": r"\mu", "ν": r"\nu", "π": r"\pi", "ρ": r"\rho", "σ": r"\sigma", "τ": r"\tau", "φ": r"\phi", "χ": r"\chi", "ψ": r"\psi",
    "ω": r"\omega", "⁻": "^-", **{digit: f"^{at}" for at, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}, **{digit: f"_{at}" for at, digit in enumerate("₀₁₂₃₄₅₆₇₈₉")},
}  # fmt: skip
ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".", "\u0308": '"', "\u030a": "r",
    "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
NONE = "--"
WIDE = 4  # exams beside each other: more would not fit the width of a page
LONG = 46  # rows under each other: more would not fit its height, and a float that does not fit runs over its foot
ROOMY = 32  # rows that fit in letters of the text's own size


def text(board: Board) -> str:
    """Needs \\usepackage{booktabs}; nothing else."""
    lines = [f"% {_comment(board.title)}: \\usepackage{{booktabs}}"]
    for group in board.groups:
        shown = [exam for exam in group.exams if exam.at == "100%"] or list(group.exams)
        for kind in ("avg", "pass"):
            parts = [(shown[exams], group.rows[rows]) for exams in _parts(len(shown), WIDE) for rows in _parts(len(group.rows), LONG)]
            for number, (exams, rows) in enumerate(parts, 1):
                lines += ["", *_table(group, exams, rows, kind, (number, len(parts)))]
    return "\n".join(lines) + "\n"


def _parts(count: int, most: int) -> list[slice]:
    """As few as may be, and about as long as each other."""
    parts = -(-count // most)
    return [slice(count * at // parts, count * (at + 1) // parts) for at in range(parts)]


def _table(group: Group, exams: Sequence[Exam], rows: Sequence[Row], kind: str, part: tuple[int, int]) -> Iterable[str]:
    ks = [exam.samples if kind == "avg" else exam.pass_k for exam in exams]
    same = len(set(ks)) == 1
    heads = [escaped(exam.name if same else f"{exam.name} @{k}") for exam, k in zip(exams, ks, strict=True)]
    title = f"{'Avg' if kind == 'avg' else 'Pass'}@{ks[0] if same else 'k'}"
    places = [group.exams.index(exam) for exam in exams]
    level = kind == "avg" and any(avg.stderr == 0 for row in rows for place in places if (avg := row.cells[place].avg))
    yield from (
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{escaped(_caption(group, title, kind, level, part))}}}",
        rf"\label{{tab:{group.anchor}-{kind}{'' if part[0] == 1 else f'-{part[0]}'}}}",
        r"\smallskip",  # most classes set a caption tight above what it stands over
        *([r"\footnotesize"] if len(exams) > 2 or len(rows) > ROOMY else []),
        *([r"\setlength{\tabcolsep}{3pt}"] if len(exams) > 2 else []),
        rf"\begin{{tabular}}{{l{'r@{~}r' * len(exams)}}}",  # score and difference each below its like
        r"\toprule",
        " & ".join(["", *(rf"\multicolumn{{2}}{{c}}{{{head}}}" for head in heads)]).strip() + r" \\",
        r"\midrule",
    )
    before = None
    for row in rows:
        if before is not None and row.block != before:
            yield r"\midrule"
        before = row.block
        cells = [(_avg if kind == "avg" else _pass)(group, row, row.cells[place], place) for place in places]
        yield " & ".join([_first(row.title or row.label), *cells]) + r" \\"
    yield from (r"\bottomrule", r"\end{tabular}", r"\end{table}")


def _first(label: str) -> str:
    """What begins a line: the end of the line before would take a bracket or a star for its own."""
    said = escaped(label)
    return "{}" + said if said.startswith(("[", "*")) else said


def _avg(group: Group, row: Row, cell: Cell, place: int) -> str:
    if cell.avg is None:
        return _note(cell)
    delta = None if row.label == group.untrained or cell.delta is None else cell.delta.value
    return _figure(cell.avg.value, cell.avg.stderr, delta)


def _pass(group: Group, row: Row, cell: Cell, place: int) -> str:
    if cell.passed is None:
        return _note(cell)
    base = next((other.cells[place].passed for other in group.rows if other.label == group.untrained), None)
    return _figure(cell.passed, None, None if row.label == group.untrained or base is None else cell.passed - base)


def _note(cell: Cell) -> str:
    return rf"\multicolumn{{2}}{{c}}{{{NONE if cell.note in (None, DASH) else escaped(cell.note)}}}"


def _figure(value: float, stderr: float | None, delta: float | None) -> str:
    """49.4 ± 6.3 & (+4.6)"""
    spread = rf"\,{{\scriptsize$\pm${error(stderr).replace(DASH, NONE).replace('< ', '$<$')}}}" if stderr is not None else ""
    return f"{100 * value:.1f}{spread} & " + (f"({_signed(delta)})" if delta is not None else "")


def _signed(share: float) -> str:
    said = f"{100 * share:+.1f}"
    return "+0.0" if said == "-0.0" else said.replace("-", "$-$")


def _caption(group: Group, title: str, kind: str, level: bool, part: tuple[int, int]) -> str:
    where = f"{group.pair}" + (f", budget {group.budget}" if group.budget else "")
    seeds = plural(group.seeds, "training seed") + (", so no ranks" if group.checkpoints else "")
    primary = basis(group.primary.title, group.primary.over, group.primary.weight, group.primary.asked)
    spread = f" ± one standard error over problems{' and seeds' if group.seeds > 1 else ''}" if kind == "avg" else ""
    none = " ±– where no problem differed from another." if level else ""
    number = f" Part {part[0]} of {part[1]}." if part[1] > 1 else ""
    return (
        f"{title} in percent{spread}, {where}; in parentheses the difference to the untrained student, in points.{none} "
        f"{seeds[0].upper()}{seeds[1:]}. Primary: {primary}.{number}"
    )


def escaped(said: str) -> str:
    """As text: nothing in a name is a command, and what a plain font lacks is a question mark."""
    plain = re.sub("-(?=-)", "-\u200b", " ".join(unicodedata.normalize("NFC", said).split()))  # two hyphens are no dash
    return "".join(map(_letter, plain))


def _letter(letter: str) -> str:
    if letter in SPECIAL:
        return SPECIAL[letter]
    if letter in MATHS:
        return rf"\ensuremath{{{MATHS[letter]}}}"
    if letter.isascii() and letter.isprintable():
        return letter
    plain, *marks = unicodedata.normalize("NFD", letter)
    return rf"\{ACCENTS[marks[0]]}{{{plain}}}" if plain.isascii() and len(marks) == 1 and marks[0] in ACCENTS else "?"


def _comment(said: str) -> str:
    return " ".join(said.split())
