"""Which questions of an exam were trained on: the same but for spacing and markup, or nearly so.

A question is a sequence of tokens: words in small letters, numbers, and the signs that mean something in mathematics and code. What
LaTeX says of layout is none of them. *Exact*: the same sequence. *Near*: at least `NEAR` of the question's runs of `RUN` tokens stand in
the training question, whatever else it says: a copy whose wording was touched here and there, or that has more text around it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RUN = 5  # tokens
NEAR = 0.7  # of an exam question's runs

LAYOUT = re.compile(
    r"\\(?:left|right|displaystyle|textstyle|limits|quad|qquad|text|textbf|textit|texttt|mathrm|mathbf|operatorname|[,;:! ])(?![a-z])|\\[bB]ig+[lrm]?|[\^_]\{\s*\}"
)
SAME = {"−": "-", "–": "-", "×": "\\times", "·": "\\cdot", "≤": "\\le", "≥": "\\ge", "π": "\\pi"}
SPELLINGS = {"dfrac": "frac", "tfrac": "frac", "leq": "le", "geq": "ge", "cdots": "ldots", "dots": "ldots", "neq": "ne"}
TOKEN = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?|[-+*/=<>^%|&!()\[\]#@]")


@dataclass(frozen=True)
class Match:
    """An exam question, by its place, and the training question that is most like it. `share` of its runs; 1 and `exact` are two things."""

    exam: int
    train: int
    share: float
    exact: bool


def tokens(text: str) -> list[str]:
    for sign, spelling in SAME.items():
        text = text.replace(sign, f"{spelling} ")
    plain = LAYOUT.sub(" ", unicodedata.normalize("NFKC", text))
    found: list[str] = TOKEN.findall(plain.lower())
    return [SPELLINGS.get(token, token) for token in found]


def runs(words: Sequence[str]) -> set[tuple[str, ...]]:
    """All stretches of RUN tokens; of a shorter text itself."""
    return {tuple(words[i : i + RUN]) for i in range(max(1, len(words) - RUN + 1))} if words else set()


def matches(train: Iterable[str], exam: Sequence[str]) -> list[Match]:
    """For each exam question that was trained on, the training question most like it, in the exam's order.

    Time is that of reading the training questions once; memory grows with the exam alone.
    """
    sequences, holders = defaultdict(list), defaultdict(list)
    sizes = []
    for place, text in enumerate(exam):
        words = tokens(text)
        sequences[tuple(words)].append(place)
        found = runs(words)
        sizes.append(len(found))
        for run in found:
            holders[run].append(place)
    best: dict[int, Match] = {}
    for number, text in enumerate(train):
        words = tokens(text)
        shared = Counter(place for run in runs(words) if run in holders for place in holders[run])
        same = set(sequences.get(tuple(words), ()))
        for place, count in shared.items():
            share, before = count / sizes[place], best.get(place)
            if (place in same or share >= NEAR) and (before is None or (place in same, share) > (before.exact, before.share)):
                best[place] = Match(place, number, share, place in same)
    return [best[place] for place in sorted(best)]
