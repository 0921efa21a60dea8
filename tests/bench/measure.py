"""What the benches share: guarded sections, tables, times and peaks of memory.

A section that fails, breaks a limit or runs out of time is recorded with its message, and the next one goes on. The report
is written after every section, so that what was measured is there even if a later kernel hangs.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import math
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

GRACE_S = 60  # a section's alarm waits for the kernel at hand; after this the process is ended


class OutOfTime(Exception):
    """A section reached its limit on the clock."""


@dataclass
class Section:
    """What one section measured. `broken` names limits that were exceeded, `fault` what ended it early."""

    title: str
    seconds: float = 0.0
    fault: str | None = None
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[dict] = field(default_factory=list)
    figures: dict[str, float | str | None] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return bool(self.fault or self.broken)

    def table(self, caption: str, columns: Sequence[str]) -> list[list]:
        """A new table; append rows to what is returned."""
        rows: list[list] = []
        self.tables.append({"caption": caption, "columns": list(columns), "rows": rows})
        return rows

    def limit(self, name: str, value: float, limit: float) -> bool:
        """Whether `value` keeps its limit; what does not, or is no number, fails the section."""
        kept = value <= limit  # false for NaN
        if not kept:
            self.broken.append(f"{name}: {shown(value)}, limit {shown(limit)}")
        return kept

    def markdown(self) -> str:
        state = "FAILED" if self.failed else "ok"
        lines = [f"## {self.title}", "", f"{state}, {self.seconds:.1f} s", ""]
        lines += [f"- LIMIT BROKEN: {each}" for each in self.broken]
        lines += [f"- {name}: {shown(value)}" for name, value in self.figures.items()]
        lines += [f"- {note}" for note in self.notes]
        for table in self.tables:
            lines += ["", table["caption"], "", "| " + " | ".join(table["columns"]) + " |", "|" + "---|" * len(table["columns"])]
            lines += ["| " + " | ".join(map(shown, row)) + " |" for row in table["rows"]]
        if self.fault:
            lines += ["", "```text", self.fault, "```"]
        return "\n".join(lines) + "\n"


class Report:
    """Sections in order, within one limit for the whole run."""

    def __init__(self, title: str, out: Path | None, limit_s: float) -> None:
        self.title, self.out, self.sections = title, out, []
        self.ends = time.monotonic() + limit_s

    def run(self, title: str, limit_s: float, measure: Callable[[Section], None]) -> None:
        """`measure` fills a new section, for at most `limit_s` seconds; what it raises is told there."""
        part = Section(title)
        self.sections.append(part)
        start = time.monotonic()
        handler = signal.signal(signal.SIGALRM, out_of_time)
        timer = signal.getitimer(signal.ITIMER_REAL)
        try:
            limit_s = min(limit_s, self.ends - start)
            if limit_s < 1:
                raise OutOfTime("not started: the time of the whole run is spent")
            faulthandler.dump_traceback_later(limit_s + GRACE_S, exit=True, file=sys.__stderr__)
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            measure(part)
        except Exception as fault:  # of any kind: the next section is worth running
            part.fault = "".join(traceback.format_exception(fault)[-4:]).strip()
        finally:
            signal.setitimer(signal.ITIMER_REAL, *timer)
            signal.signal(signal.SIGALRM, handler)
            faulthandler.cancel_dump_traceback_later()
        free()  # after the exception, whose frames hold tensors
        part.seconds = time.monotonic() - start
        print(part.markdown(), flush=True)
        self.write()

    @property
    def failed(self) -> bool:
        return any(part.failed for part in self.sections)

    def write(self) -> None:
        if self.out is None:
            return
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "gpu.md").write_text(f"# {self.title}\n\n" + "\n".join(part.markdown() for part in self.sections))
        content = {"title": self.title, "failed": self.failed, "sections": [asdict(part) for part in self.sections]}
        (self.out / "gpu.json").write_text(json.dumps(finite(content), indent=1, ensure_ascii=False) + "\n")


def out_of_time(*_) -> None:
    raise OutOfTime("the section reached its limit on the clock")


def free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(device: torch.device, action: Callable[[], object], repeat: int, warm: int = 2) -> float:
    """Median wall time of one call, the device's work included."""
    times = []
    for turn in range(warm + repeat):
        wait(device)
        start = time.perf_counter()
        action()
        wait(device)
        if turn >= warm:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak_gib(device: torch.device, action: Callable[[], object]) -> float:
    """The most that was allocated at once during the call, over what was allocated before; NaN where nobody counts."""
    if device.type != "cuda":
        action()
        return math.nan
    free()
    wait(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    action()
    wait(device)
    return (torch.cuda.max_memory_allocated(device) - before) / 2**30


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    """‖found − expected‖ / ‖expected‖ in float64."""
    found, expected = found.double(), expected.double()
    return ((found - expected).norm() / expected.norm()).item()


def shown(value) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    if value and (abs(value) < 1e-3 or abs(value) >= 1e7):
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def finite(value):
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
