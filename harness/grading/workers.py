"""Worker processes that compare answers and can be killed: a comparison that runs away costs its own verdict and nothing else.

One JSON line per item each way over pipes (no pickle). In the worker: CPU seconds per item by an interval timer whose signal kills it even
inside C code, memory by RLIMIT_AS. In the parent: a wall-clock deadline behind that. The worker ends at end of file on its pipe, so it
dies with its parent.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from harness.grading.math_answer import first_look
from harness.records import Fault, Verdict

START_SECONDS = 120.0  # importing sympy on a loaded machine
CHUNK_BYTES = 32_000  # under a pipe's 64 KiB, so that writing to a worker that hangs never blocks
ATTEMPTS = 2  # a worker that died without cause (the kernel's memory killer, a stray signal) is no fault of its item

_ROOT = str(Path(__file__).resolve().parents[2])
_MAIN = (
    "import sys; sys.path.insert(0, sys.argv[1]); from harness.grading.workers import serve; serve(float(sys.argv[2]), int(sys.argv[3]))"
)


def serve(seconds: float, memory_mib: int) -> None:
    """The worker: read (gold, answer) lines, answer (verdict, detail) lines, until end of file."""
    import resource

    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not look like a reply
    from harness.grading.math_typed import judge

    judge("3", r"\sqrt{2}+1")  # the first parse builds the parser's tables: not on the first item's clock
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib << 20, memory_mib << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    replies.write("ready\n")
    for line in sys.stdin:
        gold, answer = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            verdict, detail = judge(gold, answer)
        except Fault as fault:
            verdict, detail = "fault", str(fault)
        except MemoryError:
            verdict, detail = "timeout", f"needed more than {memory_mib} MiB"
        except Exception as error:
            verdict, detail = "grader_error", f"{type(error).__name__}: {error}"[:300]
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps([verdict, detail]) + "\n")


class Worker:
    """One process and its pipes; used by one thread at a time."""

    def __init__(self, seconds: float, memory_mib: int) -> None:
        self.wall = 4 * seconds + 4  # the CPU clock in the worker is the limit; this one catches a worker that sleeps
        self.buffer = b""
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, _ROOT, str(seconds), str(memory_mib)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, bufsize=0,
        )  # fmt: skip
        if self.line(START_SECONDS) != b"ready":
            self.kill()
            raise RuntimeError("a grading worker did not start: `python -c 'import harness.grading.math_typed'` tells why")

    def line(self, seconds: float) -> bytes | None:
        """The next line; None at the deadline; b"" when the worker is gone."""
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

    def send(self, lines: list[bytes]) -> None:
        pipe = self.process.stdin
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):  # reading will find it dead
            pipe.write(b"".join(lines))

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


class GraderPool:
    """Workers that grade in order. `seconds`: CPU per item; `memory_mib`: address space per worker. Safe from any thread."""

    def __init__(self, processes: int = 1, seconds: float = 5.0, memory_mib: int = 1024) -> None:
        if processes < 1 or seconds <= 0 or memory_mib < 256:
            raise ValueError(f"processes {processes}, seconds {seconds}, memory_mib {memory_mib}: at least 1, above 0, at least 256")
        self.processes, self.seconds, self.memory_mib = processes, float(seconds), memory_mib
        self._idle: list[Worker] = []
        self._lock = threading.Lock()
        self._seats = threading.Semaphore(processes)
        self._closed = False

    def __enter__(self) -> GraderPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pids(self) -> list[int]:
        """Of the workers that wait for work."""
        with self._lock:
            return [worker.process.pid for worker in self._idle]

    def close(self) -> None:
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for worker in idle:
            worker.process.kill()
            worker.kill()

    def grade_many(self, pairs: Iterable[tuple[str, str]], any_gold: bool = False) -> list[Verdict]:
        """Verdicts of (answer, completion) pairs, in order. Raises Fault for a gold that cannot be read, naming it.

        `any_gold`: such a gold gives the verdict `grader_error` instead; for problems that nobody chose one by one.
        """
        looked = [self._look(answer, completion, any_gold) for answer, completion in pairs]
        places = [place for place, item in enumerate(looked) if not isinstance(item, Verdict)]
        for place, verdict in zip(places, self.judge_many([looked[place] for place in places], any_gold), strict=True):  # type: ignore[misc]
            looked[place] = verdict
        return looked  # type: ignore[return-value]

    @staticmethod
    def _look(answer: str, completion: str, any_gold: bool) -> Verdict | tuple[str, str]:
        try:
            return first_look(answer, completion)
        except Fault as fault:
            if not any_gold:
                raise
            return Verdict("grader_error", None, str(fault))

    def judge_many(self, items: list[tuple[str, str]], any_gold: bool = False) -> list[Verdict]:
        """Verdicts of (gold, extracted) pairs; equal pairs are compared once."""
        unique = list(dict.fromkeys(items))
        if not unique:
            return []
        found: dict[tuple[str, str], tuple[str, str]] = {}
        chunks = deque(_chunks(unique))
        errors: list[BaseException] = []

        def work() -> None:
            try:
                while not errors:
                    try:
                        chunk = chunks.popleft()
                    except IndexError:
                        return
                    self._chunk(chunk, found)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(self.processes, len(chunks)) - 1)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        faults = list(dict.fromkeys(found[item][1] for item in unique if found[item][0] == "fault"))
        if faults and not any_gold:
            more = f" ({len(faults) - 1} more golds like it)" if len(faults) > 1 else ""
            raise Fault(faults[0] + more)
        verdicts = {item: "grader_error" if verdict == "fault" else verdict for item, (verdict, _) in found.items()}
        return [Verdict(verdicts[item], item[1], found[item][1]) for item in items]

    def _chunk(self, chunk: list[tuple[str, str]], found: dict[tuple[str, str], tuple[str, str]]) -> None:
        """Grade a chunk on one worker. The guilty item of a death is the first one without a reply: it is tried again, then reported."""
        waiting, deaths = deque(chunk), 0
        with self._seats:
            while waiting:
                try:
                    worker = self._take()
                except (OSError, RuntimeError) as error:
                    for item in waiting:
                        found[item] = ("grader_error", str(error))
                    return
                try:
                    worker.send([_encode(item) for item in waiting])
                    while waiting:
                        line = worker.line(worker.wall)
                        if not line:
                            break
                        found[waiting.popleft()] = tuple(json.loads(line))  # type: ignore[assignment]
                        deaths = 0
                except BaseException:  # interrupted: its pipe holds replies to questions nobody remembers
                    worker.kill()
                    raise
                if not waiting:
                    self._give(worker)
                    return
                status = worker.kill()
                overran = line is None or status in (-signal.SIGPROF, -signal.SIGXCPU)
                deaths += 1
                if overran:
                    found[waiting.popleft()] = ("timeout", f"over {self.seconds:g} seconds")
                elif deaths >= ATTEMPTS:
                    found[waiting.popleft()] = ("grader_error", f"its worker died {deaths} times, last with status {status}")
                deaths = 0 if overran or deaths >= ATTEMPTS else deaths

    def _take(self) -> Worker:
        with self._lock:
            if self._closed:
                raise RuntimeError("the grading pool is closed")
            while self._idle:
                worker = self._idle.pop()
                if worker.process.poll() is None:
                    return worker
                worker.kill()
        return Worker(self.seconds, self.memory_mib)

    def _give(self, worker: Worker) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(worker)
                return
        worker.process.kill()
        worker.kill()


def _encode(item: tuple[str, str]) -> bytes:
    return json.dumps(item).encode() + b"\n"


def _chunks(items: list[tuple[str, str]]) -> Iterable[list[tuple[str, str]]]:
    chunk: list[tuple[str, str]] = []
    size = 0
    for item in items:
        length = len(_encode(item))
        if chunk and (size + length > CHUNK_BYTES or len(chunk) == 64):
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += length
    yield chunk


_shared: GraderPool | None = None
_shared_lock = threading.Lock()


def shared_pool() -> GraderPool:
    """The process's own pool of one worker, started at first use, closed at exit."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = GraderPool()
            atexit.register(_shared.close)
        return _shared


def _forget() -> None:
    """A forked child must not talk over its parent's pipes; nor may it inherit a lock that is held."""
    global _shared, _shared_lock
    _shared, _shared_lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
