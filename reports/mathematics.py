"""Mathematics in text as MathML, made when a page is rendered: browsers draw it, screen readers read it, nothing is loaded.

What latex2mathml makes is built again from a list of harmless elements and attributes: a formula comes from a problem set or from a model.
A formula that cannot be read stands as it was written.
"""

from __future__ import annotations

import functools
import re
import xml.etree.ElementTree as ElementTree

from latex2mathml.converter import convert
from markupsafe import Markup, escape

from reports.visible import visible

LONGEST = 2000  # characters of a formula
ELEMENTS = frozenset(
    [
        "math",
        "mrow",
        "mi",
        "mn",
        "mo",
        "ms",
        "mtext",
        "mspace",
        "msup",
        "msub",
        "msubsup",
        "mfrac",
        "msqrt",
        "mroot",
        "mover",
        "munder",
        "munderover",
        "mtable",
        "mtr",
        "mtd",
        "mstyle",
        "mpadded",
        "mphantom",
        "menclose",
        "mmultiscripts",
        "mprescripts",
        "none",
    ]
)
ATTRIBUTES = frozenset(
    [
        "display",
        "stretchy",
        "fence",
        "separator",
        "lspace",
        "rspace",
        "width",
        "height",
        "depth",
        "minsize",
        "maxsize",
        "columnalign",
        "rowspacing",
        "columnspacing",
        "columnlines",
        "rowlines",
        "mathvariant",
        "linethickness",
        "displaystyle",
        "scriptlevel",
        "form",
        "largeop",
        "movablelimits",
        "accent",
        "notation",
        "symmetric",
    ]
)
VALUE = re.compile(r"[\w.%+\- ]{0,40}")
# $$…$$, \[…\], \(…\), and $…$ by the rule that keeps prices apart: no space inside the dollars, no figure after them.
FORMULA = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<![\\$\w])\$(?![\s$])([^$\n]*[^$\s\\])\$(?![\w$])", re.DOTALL)


def typeset(text: str) -> Markup:
    """The text with its formulas drawn; everything else as it stands."""
    out, at = [], 0
    for found in FORMULA.finditer(text):
        out += [escape(visible(text[at : found.start()])), formula(next(filter(None, found.groups())), found[0].startswith(("$$", "\\[")))]
        at = found.end()
    return Markup("").join([*out, escape(visible(text[at:]))])


@functools.lru_cache(maxsize=4096)
def formula(tex: str, display: bool = False) -> Markup:
    """One formula as MathML; where it is too long or cannot be read, its source."""
    made = _mathml(tex, display) if len(tex) <= LONGEST else None
    return made if made is not None else Markup('<code class="tex">{}</code>').format(visible(tex))


def _mathml(tex: str, display: bool) -> Markup | None:
    try:
        made = ElementTree.fromstring(convert(tex, display="block" if display else "inline"))
    except Exception:  # strange source is a result here, whatever the converter or the parser makes of it
        return None
    return _cleaned(made)


def _cleaned(element: ElementTree.Element) -> Markup | None:
    name = element.tag.rpartition("}")[2]
    if name not in ELEMENTS:
        return None
    said = [(key, value) for key, value in sorted(element.attrib.items()) if key in ATTRIBUTES and VALUE.fullmatch(value)]
    inner = [escape(visible(element.text or ""))]
    for child in element:
        cleaned = _cleaned(child)
        if cleaned is None:
            return None
        inner += [cleaned, escape(visible(child.tail or ""))]
    opening = Markup("").join(Markup(' {}="{}"').format(key, value) for key, value in said)
    return Markup("<{}{}>{}</{}>").format(Markup(name), opening, Markup("").join(inner), Markup(name))
