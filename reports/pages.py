"""Where a page stands on the site, and what its layout needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reports.edition import Edition


@dataclass(frozen=True)
class PageLink:
    file: str
    title: str


@dataclass(frozen=True)
class Map:
    """What there is to be linked to. None of it is there for a page that is sent alone."""

    pages: tuple[PageLink, ...] = ()
    runs: frozenset[str] = frozenset()  # anchors of the rows that have a page of their own
    edition: Edition | None = None  # of a public site, which shows no statement, gold or answer of an exam
    leaderboards: Mapping[str, str] = field(default_factory=dict)  # suite → the page of its leaderboard

    @property
    def public(self) -> bool:
        return self.edition is not None


@dataclass(frozen=True)
class Place:
    """One page on that map: `root` leads from its folder to the site's, `alone` says that style and script stand inside it."""

    site: Map = Map()
    of: str = "index.html"
    root: str = ""
    alone: bool = False

    def leaderboard(self, suite: str) -> str:
        """The way to it from this page."""
        return self.root + self.site.leaderboards.get(suite, "index.html")


ALONE = Place(alone=True)
