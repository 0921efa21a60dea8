"""Where long labels, marks and answers may break on the page: at their joints, never inside a word or a figure."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")
TOKEN = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[()\[\]{},]|[^()\[\]{},'"]+|.""")


def breakable(label: str) -> Markup:
    """A long label may break before its bracket; only where that does not do, after its other joints."""
    name, bracket, rest = label.partition("[")
    parts = [_jointed(name), Markup('<span class="part">') + _jointed(bracket + rest) + Markup("</span>")] if bracket else [_jointed(name)]
    return Markup("").join(parts)


def _jointed(text: str) -> Markup:
    return Markup("<wbr>").join(re.split(r"(?<=[_\[=(])(?!$)|(?<=\.)(?![0-9]|$)", text))


def dotted(mark: str) -> Markup:
    """A mark may break after the dots of a field (and at its spaces)."""
    return Markup("<wbr>").join(re.split(r"(?<=\.)(?![0-9\s]|$)", mark))


def brief(said: str) -> str:
    """The text of a value without what says nothing: empty brackets, and the word Loss under the head `loss`."""
    said = said.replace("()", "")
    return said[5:-1] if said.startswith("Loss(") and said.endswith(")") and _closes_last(said) else said


def argued(said: str) -> Markup:
    """The text of a value, each argument in a box of its own: a line ends between two arguments, inside one only where it is too long for a line.

    Closing brackets and the comma stay in the box that they follow, so that none of them begins a line.
    """
    out: list[Markup] = []
    open_at: list[int] = []  # the depths at which a box is open
    depth, begins, closed = 0, True, False

    def close(least: int) -> None:
        while open_at and open_at[-1] >= least:
            open_at.pop()
            out.append(Markup("</span>"))

    for token in TOKEN.findall(said):
        if closed and token not in CLOSING and token != ",":
            close(depth + 1)
            closed = False
        if begins and token not in CLOSING:
            text = token.lstrip()
            out.append(escape(token[: len(token) - len(text)]))
            if not text:
                continue
            out.append(Markup('<span class="argument">'))
            open_at.append(depth)
            token, begins = text, False
        out.append(escape(token))
        if token in OPENING:
            out.append(Markup("<wbr>"))
            depth, begins = depth + 1, True
        elif token in CLOSING:
            depth, begins, closed = depth - 1, False, True
        elif token == ",":
            close(depth)
            begins, closed = True, False
    close(min(open_at, default=0))
    return Markup("").join(out)


def _closes_last(said: str) -> bool:
    """Whether the first bracket is closed by the last sign."""
    depth = 0
    for at, token in ((found.start(), found[0]) for found in TOKEN.finditer(said)):
        depth += (token == "(") - (token == ")")
        if depth == 0 and token == ")":
            return at == len(said) - 1
    return False
