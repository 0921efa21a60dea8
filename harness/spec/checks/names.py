"""Names and seeds: what becomes part of a file name, and what stands twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.document import Document

if TYPE_CHECKING:
    from harness.spec import Suite


Lines = Iterator[str]
SUITE_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\Z")


def names(suite: Suite, document: Document) -> Lines:
    if not SUITE_NAME.match(suite.suite):
        yield document.fault(
            ("suite",),
            f"{suite.suite!r} cannot name a suite: it becomes a folder. Use small letters, digits and single dashes, "
            "for example equal-budgets.",
        )
    for section, entries in (("pairs", suite.pairs), ("budgets", suite.budgets)):
        seen: dict[str, str] = {}
        for name in entries:
            if not FILE_NAME.match(name):
                yield document.fault(
                    (section, name), f"{name!r} becomes part of file names. Use letters, digits, dots, dashes and underscores.", at_key=True
                )
            if name.casefold() in seen:
                yield document.fault(
                    (section, name),
                    f"{name!r} and {seen[name.casefold()]!r} differ in capitals alone, which does not tell files apart. Rename one.",
                    at_key=True,
                )
            seen[name.casefold()] = name


def seeds(suite: Suite, document: Document) -> Lines:
    yield from repeated(document, ("seeds", "train"), suite.seeds.train, "the same seed twice is the same run twice")


def repeated(document: Document, path: tuple[str | int, ...], values: list[Any], why: str) -> Lines:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield document.fault((*path, index), f"{value} stands in this list twice: {why}. Take one away.")
