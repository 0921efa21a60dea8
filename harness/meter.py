"""How far a count has come: a live line on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.progress import HEARTBEAT, clock


class Meter:
    """Of `total` things, `before` were done when it began. The rate and the time left are of this session."""

    def __init__(self, what: str, total: int, before: int = 0) -> None:
        self.what, self.total, self.before, self.done = what, total, before, 0
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self.live: Live | None = None
        self.started = self.last = time.monotonic()

    def __enter__(self) -> Meter:
        if self.console.is_terminal:
            self.live = Live(self._line(), console=self.console, refresh_per_second=4, transient=True)
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def tell(self, done: int) -> None:
        """`done` of them in this session."""
        self.done = done
        if self.live:
            self.live.update(self._line())
        elif time.monotonic() - self.last > HEARTBEAT:
            self.last = time.monotonic()
            self.console.print(self._line())

    def _line(self) -> Text:
        rate = self.done / self.seconds if self.done else 0.0
        left = f"about {clock((self.total - self.before - self.done) / rate)} left" if rate else "…"
        share = (self.before + self.done) / self.total if self.total else 1.0
        return Text(
            f"{self.what} {self.before + self.done:,}/{self.total:,} ({share:.0%}) · {rate:,.1f}/s · {clock(self.seconds)} gone, {left}"
        )
