"""The text of an answer before any parser sees it: spellings made one, thousands joined, labels and units taken off, lists split.

Strings in, strings out: nothing here knows a number's value.
"""

from __future__ import annotations

import re

from harness.grading import math_glyphs, math_units

_THIN = r"(?:\{,\}(?:\\!)?|,\\!|\\[,;: !]|~|\\thinspace(?![a-zA-Z])| )[ ]*"  # separators that no list uses between digits
_THIN_THOUSANDS = re.compile(rf"(?<![\d.,])(\d{{1,3}})((?:{_THIN}\d{{3}})+)(?!\d)")
_COMMA_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d])(?!,\d)")
_TEXT = r"\\(?:text(?:bf|it|rm|sf|tt|normal|up)?|mbox|mathrm|operatorname\*?|hbox|textnormal)"
_TEXT_BLOCK = re.compile(_TEXT + r"\s*\{([^{}]*)\}")
_AND = re.compile(r",?\s*(?:" + _TEXT + r"\s*\{[\s,]*(?:and|or|AND|OR)\s*\}|(?<![A-Za-z\\])(?:and|or|AND|OR)(?![A-Za-z]))\s*")
_STYLE = re.compile(  # what only changes how its argument looks
    r"\\(?:mathbf|boldsymbol|bm|pmb|mathsf|mathit|mathnormal|ensuremath|underline|(?:text|f)?color(?:box)?\s*\{[^{}]*\}|bf|it|rm)\s*(?=\{)"
)
_STYLES = re.compile(  # the same for all that follows; and what shows nothing
    r"\\(?:color\s*\{[^{}]*\}|[hv]space\*?\s*\{[^{}]*\}|[hv]?phantom\s*\{[^{}]*\}|(?:label|tag\*?)\s*\{[^{}]*\})"
    r"|\\(?:bf|it|rm|sf|tt|bfseries|itshape|large|Large|LARGE|huge|Huge|small|tiny|normalsize)(?![a-zA-Z])"
)
_TRIG_DEGREES = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-zA-Z]))")
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "sixteen": 16}
_SIZES = re.compile(r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits|mathstrut|nolimits)(?![a-zA-Z])\.?")
_MATH_MODE = re.compile(r"(?<!\\)(?:\\[()\[\]]|\$)|\\\$|[€£]")
_SPACES = re.compile(r"(?<!\\)\\[,;:! ]|\\q?quad(?![a-zA-Z])|(?<!\\)~|\\thinspace(?![a-zA-Z])|\s+")
_PLAIN_UNIT = re.compile(  # `5 cm`, `5 square units`, `5 students`, `5 USD`; a single letter only for metres
    r"(?<=[\d}\])])\s+((?:[a-z]{2,}\.?(?:/[a-z]+)?(?:\s+[a-z]{2,})*|m|USD|EUR|GBP))(\s*\^\s*\{?[23]\}?)?$"
)
_QUALIFIER = re.compile(
    r"\b(?:not?|least|most|less|more|than|greater|about|approximately|under|over|neither|except|minus|negative|cannot|isn'?t|mod|base|"
    r"thousand|million|billion|dozen|hundred|trillion|pairs?|times|half|halves|thirds?|fourths?|quarters?|fifths?|sixths?|eighths?|tenths?|"
    r"hundredths?|double|twice|plus|if|when|for|where|squared|cubed|factorial|root|pi|power|choose|divided|remainder|or|and)\b",
    re.IGNORECASE,
)
_MEASURE = re.compile(r"\b(?:square|sq|cubic)\b|(?<=[a-z]) (?:squared|cubed)\b")  # of a unit, where the qualifier is none
_CJK = "[\u3400-\u9fff]"
_CJK_QUALIFIER = re.compile("[不非至少大小多超约百千万亿兆打半倍负或]")
_LEADING_PROSE = re.compile(
    r"^(?!(?:sin|cos|tan|cot|sec|csc|ln|log|sqrt|exp|arc|frac|min|max|mod|and|or)\b)(?:[A-Za-z]{2,}[\s:]+)+(?=[-+\d\\(])"
)
_SUBJECT = re.compile(r"\\mod(?![a-z])|\\pmod|\\bmod|\\equiv")


def tidy(text: str) -> str:
    """One spelling for what LaTeX and Unicode spell in many ways; values unchanged."""
    text = _MATH_MODE.sub(" ", math_glyphs.plain(text).strip())
    while True:  # a wrapped box, as in golds that keep theirs
        inner = re.fullmatch(r"\s*\\f?boxed\s*\{(.*)\}[\s.]*", text, re.DOTALL)
        if inner is None or not balanced(inner.group(1)):
            break
        text = inner.group(1)
    marked = re.fullmatch(r"\s*(\*\*|__|`+)((?:(?!\1).)+)\1\s*", text, re.DOTALL)  # Markdown
    text = unstyled(marked.group(2) if marked else text)
    text = re.sub(r"\\(?:[dtcsx]|nice)frac(?![a-z])", r"\\frac", text)
    text = (
        re.sub(r"\{([^{}\\]*)\\choose(?![a-z])([^{}\\]*)\}", r"\\binom{\1}{\2}", text)
        .replace(r"\dbinom", r"\binom")
        .replace(r"\tbinom", r"\binom")
    )
    text = text.replace(r"\lbrace", r"\{").replace(r"\rbrace", r"\}").replace(r"\langle", "(").replace(r"\rangle", ")")
    text = re.sub(r"\\(leq|geq|leqslant|geqslant)(?![a-z])", lambda m: "\\" + m.group(1)[:2], text)
    text = re.sub(r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}", text.replace("**", "^")).replace(r"\colon", ":")
    text = re.sub(r"\\lg(?![a-z])", r"\\log_{10}", re.sub(r"\\binom\s*(\d)\s*(\d)", r"\\binom{\1}{\2}", text))
    text = _THIN_THOUSANDS.sub(lambda m: m.group(1) + re.sub(r"\D", "", m.group(2)), text)
    text = re.sub(r"\{([:;=<>+-])\}", r"\1", text)
    text = re.sub(r"\\(?:mathrm|text|operatorname)\s*\{([ei])\}", r"\1", text)
    text = re.sub(r"_\s*\{?\s*\\text\w*\s*\{\s*(\w+)\s*\}\s*\}?", lambda m: f"_{{{_BASES.get(m.group(1).lower(), m.group(1))}}}", text)
    text = re.sub(_TEXT + r"\s*\{([0-9A-Z]+)\}(?=\s*_)", r"\1", text)  # \text{FF}_{16}
    text = _AND.sub(", ", _SPACES.sub(" ", text))
    text = re.sub(r"(?<=\d)\s*(?:percent|pct)\b|" + _TEXT + r"\s*\{\s*(?:percent|pct|\\?%)\s*\}", r"\%", text)
    if re.search(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-z])", text):
        text = _TRIG_DEGREES.sub(r"(\\frac{\1\\pi}{180})", text)
    text = re.sub(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)", r"\\text{degree}", text)
    text = re.sub(r"(?:[\s.]|\\\\)+$", "", text.strip())
    while text.startswith("{") and text.endswith("}") and balanced(text[1:-1]):  # a TeX group around everything
        text = text[1:-1].strip()
    return text


def unstyled(text: str) -> str:
    """Without colour, weight and size: `\\textcolor{red}{5}` and `{\\bf 5}` are 5."""
    text = _SIZES.sub("", text)
    while styled := _STYLE.search(text):
        depth = 0
        for token in re.finditer(r"\\.|[{}]", text[styled.end() :], re.DOTALL):
            depth += {"{": 1, "}": -1}.get(token.group(), 0)
            if depth == 0:
                inside = text[styled.end() + 1 : styled.end() + token.start()]
                text = f"{text[: styled.start()]} {inside}{text[styled.end() + token.end() :]}"
                break
        else:
            return text
    return _STYLES.sub(" ", text)


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
    if _QUALIFIER.search(" ".join(_MEASURE.sub("", words) for words in _TEXT_BLOCK.findall(text))):
        return text, ""
    whole = _TEXT_BLOCK.fullmatch(text)
    if whole and re.search(r"\d", whole.group(1)):
        text = whole.group(1).strip()  # \text{12}, \text{the answer is 12}
    if re.search(_CJK, text) and not _CJK_QUALIFIER.search(text):
        text = re.sub(rf"^{_CJK}+[:\s]*(?=[-+\d\\(])|(?<=[\d}}\s])\s*{_CJK}+$", "", text)
    unit = ""
    trailing = re.search(_TEXT + r"\s*\{((?:[^{}]|\{[^{}]*\})*)\}\s*(\^\s*(?:\{\d\}|\d))?\s*$", text)
    if trailing and re.search(r"\d|\\pi|\\sqrt", text[: trailing.start()]):
        unit = trailing.group(1) + (trailing.group(2) or "")
        text = text[: trailing.start()].strip()
    bare = _TEXT_BLOCK.sub(" ", text).strip(" :")
    if bare and not re.fullmatch(r"[\s\W]*", bare):
        text = bare
    plain = _PLAIN_UNIT.search(text)
    if plain and not _QUALIFIER.search(_MEASURE.sub("", plain.group(1))):
        unit, text = plain.group(), text[: plain.start()].strip()
    prose = _LEADING_PROSE.match(text)
    if prose and not _QUALIFIER.search(prose.group()):
        text = text[prose.end() :]
    return text.strip().rstrip(".").strip(), math_units.unit(unit)


def block(text: str) -> str | None:
    """The words of a text that is one \\text{…} and nothing else."""
    found = _TEXT_BLOCK.fullmatch(text)
    return found.group(1).strip() if found else None


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


def letters(text: str) -> frozenset[str]:
    """The letters of a text outside its LaTeX commands: the names of a formula."""
    return frozenset(re.findall(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", text)))


def congruence(text: str) -> bool:
    return bool(_SUBJECT.search(text))
