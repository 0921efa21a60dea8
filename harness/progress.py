"""What a run looks like while it runs: live lines on a terminal, a line an event that matters in a log."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from harness.plan import Row
from harness.run import Failure, Progress
from harness.step import Step

HEARTBEAT = 20.0  # seconds between lines of a quiet log
WORTH_A_LINE = 5.0  # a step that took less is told by the counter alone


def clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def amount(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.1f}{unit}"
    return f"{value:.0f}"


def head(progress: Progress) -> str:
    return (
        f"steps {progress.done}/{progress.total} · rows {progress.rows_done}/{progress.rows} · {amount(progress.rate)} tokens/s · "
        f"{clock(progress.seconds)} gone, about {clock(progress.left)} left"
    )


def doing(step: Step, event: dict[str, Any]) -> str:
    """What a running step says of itself: what it is at, how far, the loss."""
    said = [step.title, str(event.get("doing", ""))]
    if "progress" in event:
        said.append(f"{event['progress']:.0%} of budget")
    elif "done" in event:
        said.append(f"{event['done']}" + (f"/{event['of']}" if event.get("of") else ""))
    if "loss" in event:
        said.append(f"loss {event['loss']:.4f}")
    return " · ".join(s for s in said if s)


class Screen:
    """The watcher that `run` is given. On a terminal it redraws; elsewhere it prints."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self.live: Live | None = None
        self.stopped = False
        self.before: Any = None  # who was told of Ctrl-C
        self.started = self.last = time.monotonic()

    def __enter__(self) -> Screen:
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGINT, self._stop)
        if self.console.is_terminal:
            self.live = Live(console=self.console, refresh_per_second=4, transient=True)
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def _stop(self, *_: object) -> None:
        """Ctrl-C is remembered: Python drops an exception that a handler raises within a callback of its own, and the run would go on."""
        self.stopped = True
        raise KeyboardInterrupt

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def say(self, text: str, style: str = "") -> None:
        self.last = time.monotonic()
        self.console.print(Text(text, style=style))

    def step_done(self, step: Step, seconds: float, progress: Progress) -> None:
        if seconds >= WORTH_A_LINE:
            self.say(f"[{progress.done:>{len(str(progress.total))}}/{progress.total}] {step.title} ({seconds:.0f} s)")

    def row_done(self, row: Row, progress: Progress) -> None:
        if not row.pair:  # what is looked at before any row
            return
        seed = "" if row.seed is None else f" · seed {row.seed}"
        said = " · ".join(part for part in (row.pair, row.label, row.budget) if part)
        self.say(
            f"[{progress.done:>{len(str(progress.total))}}/{progress.total}] row {progress.rows_done}/{progress.rows} is complete: {said}{seed}"
        )

    def failed(self, failure: Failure, progress: Progress) -> None:
        self.say(f"failed: {failure.step.title}: {failure.reason.text}", "red")
        if failure.reason.detail:
            self.say(failure.reason.detail, "dim")

    def again(self, step: Step, why: str, progress: Progress) -> None:
        self.say(f"again: {step.title}: {why}", "yellow")

    def tick(self, progress: Progress) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        running = [doing(step, event) for step, event in progress.running.values()]
        if self.live:
            lines = [Text(f"  {line}", style="dim", no_wrap=True, overflow="ellipsis") for line in running]
            self.live.update(Group(Text(head(progress), style="bold"), *lines))
        elif time.monotonic() - self.last > HEARTBEAT:
            self.say("\n".join([head(progress), *(f"    {line}" for line in running)]))
