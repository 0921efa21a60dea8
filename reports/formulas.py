"""A method's formula as the catalogue writes it, one line of Unicode, to TeX: names upright, subscripts as far as they reach."""

from __future__ import annotations

import re

UPRIGHT = ("log", "exp", "min", "max", "sign", "clip", "softmax", "mean", "std", "sg", "KL", "JSD", "NLL")
SIGNS = {
    "⁺′": r"^{+\prime}",
    "_½": r"_{1/2}",
    "‖": r"\,\Vert\,",
    "·": r"\cdot ",
    "~": r"\sim ",
    "−": "-",
    "½": r"\tfrac{1}{2}",
    "±": r"\pm ",
    "∝": r"\propto ",
    "≤": r"\le ",
    "′": "'",
}
SIGNS |= {
    "λ": r"\lambda ",
    "ρ": r"\rho ",
    "β": r"\beta ",
    "Σ": r"\sum ",
    "∈": r"\in ",
    "⁺": "^{+}",
    "⁻": "^{-}",
    "p̂": r"\hat{p}",
    "p̄": r"\bar{p}",
}
WORDS = re.compile(r"(?<![A-Za-z_\\^{])(?:[A-Za-z]{2,}|a(?= ))(?:['’-][A-Za-z]+)?(?:,? (?:[A-Za-z]{2,}|a(?= ))(?:['’-][A-Za-z]+)?)*")
UNDER = re.compile(r"_([A-Za-z]{2,}|[A-Za-z0-9](?:,<[a-z])?)(\*?)")


def parts(formula: str) -> list[str]:
    """Each equation by itself, in TeX: they stand apart by a comma and two spaces."""
    return [_line(part) for part in formula.split(",  ")]


def _line(said: str) -> str:
    kept: list[str] = []

    def keep(tex: str) -> str:
        kept.append(tex)
        return f"\ue000{len(kept) - 1}\ue001"

    def under(found: re.Match[str]) -> str:
        name = found[1]
        inner = rf"\text{{{name}}}" if len(name) > 1 and name.isalpha() else name
        return "_" + keep(f"{{{inner}}}") + ("^{*}" if found[2] else "")

    def word(found: re.Match[str]) -> str:
        return keep(rf"\operatorname{{{found[0]}}}" if found[0] in UPRIGHT else rf"\text{{ {found[0]} }}")

    said = UNDER.sub(under, said)
    said = WORDS.sub(word, said)
    for sign, tex in SIGNS.items():
        said = said.replace(sign, tex)
    said = said.replace("%", r"\%").replace("*", "^{*}")
    return re.sub("\ue000(\\d+)\ue001", lambda found: kept[int(found[1])], said)
