"""What a run looks like while it runs: live lines on a terminal, one line an event in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from harness.run import Progress
from harness.step import Step

HEARTBEAT = 20.0  # seconds between lines of a quiet log


def clock(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def amount(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.1f}{unit}"
    return f"{value:.0f}"


def head(progress: Progress) -> str:
    rate = progress.tokens / progress.seconds if progress.seconds else 0
    left = "" if progress.left is None else f", about {clock(progress.left)} left"
    return (
        f"steps {progress.done}/{progress.total} · rows {progress.rows_done}/{progress.rows} · "
        f"{amount(rate)} tokens/s · {clock(progress.seconds)} gone{left}"
    )


def doing(step: Step, event: dict[str, Any]) -> str:
    said = [step.title]
    if event:
        said.append(str(event.get("doing", "")))
        if "done" in event or "step" in event:
            of = f"/{event['of']}" if event.get("of") else ""
            said.append(f"{event.get('done', event.get('step'))}{of}")
        if "progress" in event:
            said.append(f"{event['progress']:.0%} of budget")
        if "loss" in event:
            said.append(f"loss {event['loss']:.4f}")
    return " · ".join(s for s in said if s)


class Screen:
    """The watcher that `run` is given. On a terminal it redraws; elsewhere it prints."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self.live: Live | None = None
        self.started = self.last = time.monotonic()

    def __enter__(self) -> Screen:
        if self.console.is_terminal:
            self.live = Live(console=self.console, refresh_per_second=4, transient=True)
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def say(self, text: str, style: str = "") -> None:
        self.last = time.monotonic()
        self.console.print(Text(text, style=style))

    def __call__(self, kind: str, step: Step, detail: Any, progress: Progress) -> None:
        if self.live:
            lines = [Text(head(progress), style="bold")]
            lines += [Text(f"  {doing(s, event)}", style="dim", no_wrap=True, overflow="ellipsis") for s, event in progress.running.values()]
            self.live.update(Group(*lines))
        if kind == "done":
            seconds = detail.measured.get("seconds", 0.0) if detail else 0.0
            self.say(f"[{progress.done:>4}/{progress.total}] {step.title} ({seconds:.1f} s)")
        elif kind == "failed":
            self.say(f"failed: {step.title}: {detail}", "red")
        elif kind == "again":
            self.say(f"again: {step.title}: {detail}", "yellow")
        elif kind == "tick" and not self.live and time.monotonic() - self.last > HEARTBEAT:
            self.say(f"{head(progress)}  [{'; '.join(doing(s, e) for s, e in progress.running.values())}]")
