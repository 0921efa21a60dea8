"""What is asked of a sandbox and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.records import Fault

RUNGS = ("bubblewrap", "landlock", "namespaces", "none")  # best first
OUTCOMES = ("ok", "error", "timeout", "oom", "crash", "unserialisable", "infra_error", "skipped")


class Unavailable(Fault):
    """No rung of the ladder holds on this machine, and running without one was not allowed."""


@dataclass(frozen=True)
class Limits:
    """Of one candidate process. `cpu_seconds` over all its threads; `wall_seconds` from its start to its last answer.

    `memory_mib`: address space. `output_bytes`: what it prints, and each answer. `file_mib`: each file, and all in its folder together.
    `processes`: threads; a candidate never has a second process.
    """

    cpu_seconds: int = 60
    wall_seconds: float = 120.0
    memory_mib: int = 2048
    output_bytes: int = 16 << 20
    file_mib: int = 16
    processes: int = 32

    def __post_init__(self) -> None:
        if min(self.cpu_seconds, self.output_bytes, self.file_mib, self.processes) < 1 or self.wall_seconds <= 0 or self.memory_mib < 64:
            raise ValueError(f"{self}: every limit is at least 1, memory_mib at least 64")


@dataclass(frozen=True)
class Outcome:
    """How one call, or one run of a program, ended. `value` is the answer of a call, `stdout` what a program printed, where it is ok.

    ok              it answered (call), or ended by itself (stdio)
    error           it raised: `detail` is the exception's type and message; or printed more than `output_bytes` and was cut there
    timeout         of the clock, or of the processor's
    oom             it needed more memory than it had
    crash           it ended before it had answered, was killed by a signal, spoke out of turn or sent what is no answer
    unserialisable  its answer is not plain data: `detail` is the type
    infra_error     a fault of the machinery, twice in a row; never the candidate's
    skipped         not run, because an earlier one ended the process

    `seconds` of the clock. `known`: the answer was written as the caller said it might be, and was not decoded; its `value` is None.
    """

    outcome: str
    value: Any = None
    stdout: str = ""
    detail: str = ""
    seconds: float = 0.0
    known: bool = False


class Infra(Exception):
    """The machinery failed in the middle of a run; what it ran has no outcome yet."""
