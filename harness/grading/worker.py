"""One worker process that compares answers, and its pipes. It can be killed: a comparison that runs away costs its own verdict only.

One JSON line per item each way (no pickle). In the worker: CPU seconds per item by an interval timer whose signal kills it even inside C
code, memory by RLIMIT_AS, files by RLIMIT_FSIZE (none). In the parent: a wall-clock deadline behind that. The worker ends at end of file
on its pipe, so it dies with its parent.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

from harness.grading.math_text import letters
from harness.records import Fault, Verdict

START_SECONDS = 120.0  # importing sympy on a loaded machine
LONGER = 6.0  # times the pool's clock, for a formula of AMO-Bench: its own parser allows 30 seconds, where a pool allows an item 5

Item = tuple[str, str, str]  # profile, gold, and what is compared with it: an extracted answer, or a whole completion

_ROOT = str(Path(__file__).resolve().parents[2])
_MAIN = "import sys; sys.path.insert(0, sys.argv[1]); from harness.grading.worker import serve; serve(float(sys.argv[2]), int(sys.argv[3]))"


def clock(item: Item, seconds: float) -> float:
    """CPU seconds of an item in a pool that allows `seconds`."""
    return seconds * LONGER if item[0] == "amo" and letters(item[1]) else seconds


def _judge(profile: str) -> Callable[[str, str], Verdict]:
    if profile == "typed":
        from harness.grading.math_typed import judge

        return judge
    if profile == "math-verify":
        from harness.grading.math_shipped import judge

        return judge
    from harness.grading.math_amo import judge

    return judge


def serve(seconds: float, memory_mib: int) -> None:
    """The worker: read items, answer the fields of their verdicts, until end of file."""
    import resource

    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not look like a reply
    _judge("typed")("3", r"\sqrt{2}+1")  # the first parse builds the parser's tables: not on the first item's clock
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib << 20, memory_mib << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    replies.write("ready\n")
    for line in sys.stdin:
        profile, gold, answer = item = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, clock(item, seconds))
        try:
            verdict = _judge(profile)(gold, answer)
        except Fault as fault:
            verdict = Verdict("fault", None, str(fault))
        except MemoryError:
            verdict = Verdict("timeout", None, f"needed more than {memory_mib} MiB")
        except Exception as error:
            verdict = Verdict("grader_error", None, f"{type(error).__name__}: {error}"[:300])
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps(astuple(verdict)) + "\n")


class Worker:
    """One process and its pipes; used by one thread at a time. Raises RuntimeError where it does not start."""

    def __init__(self, seconds: float, memory_mib: int) -> None:
        self.seconds = seconds
        self.buffer = b""
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-c", _MAIN, _ROOT, str(seconds), str(memory_mib)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, bufsize=0,
        )  # fmt: skip
        assert self.process.stdin is not None
        os.set_blocking(self.process.stdin.fileno(), False)
        if self._line(START_SECONDS) != b"ready":
            self.kill()
            raise RuntimeError("a grading worker did not start: `python -c 'import harness.grading.math_typed'` tells why")

    def wall(self, item: Item) -> float:
        """Seconds until the parent gives up. The CPU clock in the worker is the limit; this one catches a worker that sleeps."""
        return 4 * clock(item, self.seconds) + 4

    def send(self, items: list[Item]) -> bool:
        """Hand items over; False where the worker takes no more in its time. One that is dead takes all: reading finds that out."""
        pipe = self.process.stdin
        assert pipe is not None
        left = memoryview(b"".join(encode(item) for item in items))
        deadline = time.monotonic() + self.wall(items[0])
        try:
            while left and select.select([], [pipe], [], max(0.0, deadline - time.monotonic()))[1]:
                left = left[os.write(pipe.fileno(), left) :]
        except BrokenPipeError:
            return True
        return not left

    def verdict(self, item: Item) -> Verdict | bytes | None:
        """The next verdict; None at the deadline; b"" when the worker is gone."""
        line = self._line(self.wall(item))
        return Verdict(*json.loads(line)) if line else line

    def _line(self, seconds: float) -> bytes | None:
        deadline = time.monotonic() + seconds
        pipe = self.process.stdout
        assert pipe is not None
        while b"\n" not in self.buffer:
            if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            piece = os.read(pipe.fileno(), 65536)
            if not piece:
                return b""
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def kill(self) -> int:
        """End the process; its exit status, the signal's number negated where one killed it."""
        self.process.poll()
        status = self.process.returncode
        if status is None:
            try:
                status = self.process.wait(0.2 if self.buffer == b"" else 0)  # one that is dying tells us of what
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                status = 0
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        return status


def encode(item: Item) -> bytes:
    return json.dumps(item).encode() + b"\n"
