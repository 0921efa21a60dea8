"""The text of an answer before any parser sees it: spellings made one, thousands joined, labels and units taken off, lists split.

Strings in, strings out: nothing here knows a number's value.
"""

from __future__ import annotations

import re

_CHARACTERS = {
    "−": "-", "–": "-", "﹣": "-", "－": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": "/", "π": r"\pi ", "∞": r"\infty ",
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "±": r"\pm ", "∓": r"\mp ", "∪": r"\cup ", "∈": r"\in ", "°": r"^\circ ", "²": "^{2}",
    "³": "^{3}", "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "，": ",", "（": "(", "）": ")", "％": r"\%", "≈": r"\approx ",
    "∅": r"\emptyset ", "\u2009": r"\,", "\u202f": r"\,", "\u00a0": r"\,", "\u2005": r"\,", "\u2006": r"\,", "\u200b": "", "′": "'",
}  # fmt: skip
_UNICODE = str.maketrans(_CHARACTERS)
_THIN = r"(?:\{,\}(?:\\!)?|,\\!|\\[,;: !]|~|\\thinspace(?![a-zA-Z])| )[ ]*"  # separators that no list uses between digits
_THIN_THOUSANDS = re.compile(rf"(?<![\d.,])(\d{{1,3}})((?:{_THIN}\d{{3}})+)(?!\d)")
_COMMA_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d])(?!,\d)")
_TEXT = r"\\(?:text(?:bf|it|rm|sf|tt|normal|up)?|mbox|mathrm|operatorname\*?|hbox|textnormal)"
_TEXT_BLOCK = re.compile(_TEXT + r"\s*\{([^{}]*)\}")
_AND = re.compile(r",?\s*(?:" + _TEXT + r"\s*\{[\s,]*(?:and|or|AND|OR)\s*\}|(?<![A-Za-z\\])(?:and|or|AND|OR)(?![A-Za-z]))\s*")
_BOLD = re.compile(r"\\(?:mathbf|boldsymbol|bm|mathsf|mathit|bf)\s*\{([^{}]*)\}")
_SIZES = re.compile(r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits|mathstrut|nolimits)(?![a-zA-Z])\.?")
_MATH_MODE = re.compile(r"(?<!\\)(?:\\[()\[\]]|\$)|\\\$|[€£]")
_SPACES = re.compile(r"(?<!\\)\\[,;:! ]|\\q?quad(?![a-zA-Z])|(?<!\\)~|\\thinspace(?![a-zA-Z])|\s+")
_UNIT_WORDS = (
    r"(?:degrees?|radians?|units?|(?:square|sq\.?|cubic)\s+[a-z]+|cm|mm|km|kg|mi|ft|inches|feet|meters?|metres?|miles?|hours?|minutes?|"
    r"seconds?|days?|years?|dollars?|cents?|ways)"
)
_PLAIN_UNIT = re.compile(rf"(?<=[\d}}])\s+({_UNIT_WORDS}|m)(?:\s*\^\s*\{{?[23]\}}?)?$")
_QUALIFIER = re.compile(
    r"\b(?:not?|least|most|less|more|than|greater|about|approximately|under|over|neither|except|minus|negative|cannot|isn'?t|mod|base|"
    r"thousand|million|billion|dozen|hundred|trillion|pairs?|times|half|double|twice|plus|if|when|for|where)\b",
    re.IGNORECASE,
)
_LEADING_PROSE = re.compile(
    r"^(?!(?:sin|cos|tan|cot|sec|csc|ln|log|sqrt|exp|arc|frac|min|max|mod|and|or)\b)(?:[A-Za-z]{2,}[\s:]+)+(?=[-+\d\\(])"
)
_SUBJECT = re.compile(r"\\mod(?![a-z])|\\pmod|\\bmod|\\equiv")


def tidy(text: str) -> str:
    """One spelling for what LaTeX and Unicode spell in many ways; values unchanged."""
    text = text.translate(_UNICODE).strip()
    text = re.sub(r"√\s*\(?", lambda m: r"\sqrt(" if "(" in m.group() else r"\sqrt ", text)
    text = _MATH_MODE.sub(" ", text)
    while True:  # a wrapped box, as in golds that keep theirs
        inner = re.fullmatch(r"\s*\\f?boxed\s*\{(.*)\}[\s.]*", text, re.DOTALL)
        if inner is None or not balanced(inner.group(1)):
            break
        text = inner.group(1)
    text = _SIZES.sub("", text)
    text = re.sub(r"\\[dtc]frac(?![a-z])", r"\\frac", text)
    text = text.replace(r"\lbrace", r"\{").replace(r"\rbrace", r"\}").replace(r"\langle", "(").replace(r"\rangle", ")")
    text = re.sub(r"\\(leq|geq|leqslant|geqslant)(?![a-z])", lambda m: "\\" + m.group(1)[:2], text)
    text = _BOLD.sub(r"\1", text).replace("**", "^")
    text = _THIN_THOUSANDS.sub(lambda m: m.group(1) + re.sub(r"\D", "", m.group(2)), text)
    text = _AND.sub(", ", text)
    text = _SPACES.sub(" ", text)
    text = re.sub(r"(?<=\d)\s*(?:percent|pct)\b|" + _TEXT + r"\s*\{\s*(?:percent|pct|\\?%)\s*\}", r"\%", text)
    text = re.sub(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)", r"\\text{degree}", text)
    text = re.sub(r"(?:[\s.]|\\\\)+$", "", text.strip())
    while text.startswith("{") and text.endswith("}") and balanced(text[1:-1]):  # a TeX group around everything
        text = text[1:-1].strip()
    return text


def balanced(text: str) -> bool:
    depth = 0
    for token in re.finditer(r"\\.|[{}]", text, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(token.group(), 0)
        if depth < 0:
            return False
    return depth == 0


def readings(text: str) -> list[str]:
    """The ways a tidied text's commas can be meant: `100,200` is one number or two. Brackets around lone thousands make them a list."""
    joined = _COMMA_THOUSANDS.sub(lambda m: m.group().replace(",", ""), text)
    if joined == text:
        return [text]
    if re.match(r"\s*(?:[([]|\\\{)", text) and "," not in joined:
        return [text]
    return [joined, text]


def split_top(text: str, separator: str) -> list[str]:
    """Split at a regular expression where no bracket or environment is open; brackets of unlike kind close each other: (3, 4]."""
    parts, depth, last = [], 0, 0
    token = re.compile(rf"(?P<cut>{separator})|\\begin\b|\\end\b|\\[{{}}]|\\.|[(\[{{]|[)\]}}]", re.DOTALL)
    for match in token.finditer(text):
        piece = match.group()
        if match.group("cut") is not None:
            if depth == 0:
                parts.append(text[last : match.start()])
                last = match.end()
        elif piece in ("(", "[", "{", r"\{", r"\begin"):
            depth += 1
        elif piece in (")", "]", "}", r"\}", r"\end"):
            depth = max(0, depth - 1)
    return [*parts, text[last:]]


def enclosed(text: str) -> tuple[str, str, str] | None:
    """(opening, inside, closing) where one pair of brackets holds the whole text, else None. TeX groups `{…}` are no brackets."""
    match = re.match(r"\\\{|[(\[]", text)
    closing = re.search(r"\\\}$|[)\]]$", text)
    if not match or not closing or closing.start() < match.end():
        return None
    depth = 0
    for token in re.finditer(r"\\[{}]|\\.|[(\[{]|[)\]}]", text, re.DOTALL):
        piece = token.group()
        depth += 1 if piece in ("(", "[", "{", r"\{") else -1 if piece in (")", "]", "}", r"\}") else 0
        if depth == 0:
            return (match.group(), text[match.end() : closing.start()], closing.group()) if token.end() == len(text) else None
    return None


def without_words(text: str) -> tuple[str, str]:
    """(value, unit): words before a value are a label and go, words after it are a unit; words that change the value stay in place."""
    if _QUALIFIER.search(" ".join(_TEXT_BLOCK.findall(text))):
        return text, ""
    whole = _TEXT_BLOCK.fullmatch(text)
    if whole and re.search(r"\d", whole.group(1)):
        text = whole.group(1).strip()  # \text{12}, \text{the answer is 12}
    unit = ""
    trailing = re.search(_TEXT + r"\s*\{([^{}]*)\}\s*(\^\s*(?:\{\d\}|\d))?\s*$", text)
    if trailing and re.search(r"\d|\\pi|\\sqrt", text[: trailing.start()]):
        unit = re.sub(r"[^a-z0-9/]", "", (trailing.group(1) + (trailing.group(2) or "")).lower())
        text = text[: trailing.start()].strip()
    bare = _TEXT_BLOCK.sub(" ", text).strip(" :")
    if bare and not re.fullmatch(r"[\s\W]*", bare):
        text = bare
    plain = _PLAIN_UNIT.search(text)
    if plain:
        unit, text = re.sub(r"[^a-z0-9]", "", plain.group().lower()), text[: plain.start()].strip()
    prose = _LEADING_PROSE.match(text)
    if prose and not _QUALIFIER.search(prose.group()):
        text = text[prose.end() :]
    return text.strip().rstrip(".").strip(), unit.removesuffix("s")


def exact_decimals(text: str) -> str:
    """Decimal literals as fractions of integers: a parser would round them to binary floats."""

    def fraction(match: re.Match[str]) -> str:
        whole, part = match.group(1), match.group(2)
        return rf"{{\frac{{{int(whole + part or '0')}}}{{{10 ** len(part)}}}}}" if part else (whole or "0")

    return re.sub(r"(?<![\d.])(\d*)\.(\d+)(?![\d.])", fraction, re.sub(r"(?<=\d)\.(?!\d)", "", text))


def plus_minus(text: str) -> list[str]:
    """The texts that a ± stands for: signs vary freely, but with ∓ in it they go together. At most 16."""
    pieces = re.split(r"(\\pm|\\mp)(?![a-zA-Z])", text)
    count = len(pieces) // 2
    if count == 0:
        return [text]
    if count > 4:
        return []
    together = r"\mp" in pieces
    out = []
    for bits in range(2 if together else 2**count):
        signs = []
        for place in range(count):
            minus = bool(bits) if together else bool(bits >> place & 1)
            signs.append("-" if minus != (pieces[2 * place + 1] == r"\mp") else "+")
        line = pieces[0] + "".join(sign + tail for sign, tail in zip(signs, pieces[2::2], strict=True))
        out.append(re.sub(r"(^|[({\[,=])\s*\+", r"\1", line))
    return out


def lists_several(answer: str) -> bool:
    text = tidy(answer)
    if re.search(r"\\pm(?![a-z])", text):
        return True
    text = readings(text)[0]
    inside = enclosed(text)
    if inside and inside[0] == r"\{":
        text = inside[1]
    return len(split_top(text, "[,;]")) > 1


def congruence(text: str) -> bool:
    return bool(_SUBJECT.search(text))
