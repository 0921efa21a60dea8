"""Unicode's spellings of what LaTeX spells with commands: one table, used before anything else looks at an answer."""

from __future__ import annotations

import re
import unicodedata

_VULGAR = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda", "μ": "mu", "π": "pi", "ρ": "rho",
    "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega", "Δ": "Delta", "Ω": "Omega",
}  # fmt: skip
_TABLE = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full-width ASCII
_TABLE |= {glyph: rf"\{name} " for glyph, name in _GREEK.items()}
_TABLE |= {glyph: r"\frac{{{}}}{{{}}}".format(*unicodedata.normalize("NFKC", glyph).split("⁄")) for glyph in _VULGAR}
_TABLE |= {
    "−": "-", "–": "-", "‐": "-", "‑": "-", "﹣": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "∗": "*", "÷": "/",
    "⁄": "/", "∕": "/", "∶": ":", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "±": r"\pm ",
    "∓": r"\mp ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∖": r"\setminus ", "°": r"^\circ ", "º": r"^\circ ", "％": r"\%",
    "＄": r"\$", "｛": r"\{", "｝": r"\}", "≈": r"\approx ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "′": "'", "⟨": "(", "⟩": ")",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "。": ".", "、": ",", "…": r"\ldots ",
    "\u3000": " ", "\u2009": r"\,", "\u202f": r"\,", "\u00a0": r"\,", "\u2005": r"\,", "\u2006": r"\,", "\u2008": r"\,",
    "\u200b": "", "\u200c": "", "\u200d": "", "\u200e": "", "\u200f": "", "\u2060": "", "\u2061": "", "\ufeff": "",
}  # fmt: skip
_UNICODE = str.maketrans(_TABLE)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def plain(text: str) -> str:
    """The same text in ASCII and LaTeX commands, as far as mathematics goes."""
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+", lambda run: f"^{{{run.group().translate(_RAISED)}}}", text)
    text = re.sub("[₀₁₂₃₄₅₆₇₈₉]+", lambda run: f"_{{{run.group().translate(_LOWERED)}}}", text).translate(_UNICODE)
    return re.sub(r"√\s*\(?", lambda root: r"\sqrt(" if "(" in root.group() else r"\sqrt ", text)
