"""Text from outside as a page shows it: every sign can be seen, none acts. Model output, names and errors are never trusted."""

from __future__ import annotations

import re

LONGEST = 20_000  # characters of one value on a page; a name of a megabyte is a fault to be seen, not to be read to its end

# What a terminal or a browser would obey, or nobody could see: controls but for tab and line break, marks that turn the direction of
# writing, invisible joiners, and halves of characters that no file can hold.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")


def visible(text: str, longest: int = LONGEST) -> str:
    """The text with controls as their pictures (␛) or numbers (‹U+202E›), and its middle left out where it is longer than `longest`."""
    return UNSEEN.sub(_picture, shortened(text.replace("\r\n", "\n"), longest))


def shortened(text: str, longest: int) -> str:
    """Beginning and end of a long text, with what is left out counted."""
    if len(text) <= longest:
        return text
    head, tail = text[: longest * 2 // 3], text[len(text) - longest // 3 :]
    return f"{head} … {len(text) - len(head) - len(tail):,} characters left out … {tail}"


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else f"‹U+{code:04X}›"
