"""Answers graded in order by worker processes (harness/grading/worker.py), from any thread."""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable

from harness.grading import MATH
from harness.grading.math_answer import first_look
from harness.grading.worker import Item, Worker, encode
from harness.records import Fault, Verdict

CHUNK_BYTES = 32_000  # of items handed over at once, and CHUNK_ITEMS: small, so that workers share the load evenly
CHUNK_ITEMS = 64
ATTEMPTS = 2  # a worker that died without cause (the kernel's memory killer, a stray signal) is no fault of its item


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

    def grade_many(self, pairs: Iterable[tuple[str, str]], any_gold: bool = False, profile: str = "typed") -> list[Verdict]:
        """Verdicts of (answer, completion) pairs, in order, by one of harness.grading.MATH. Raises Fault for a gold that cannot be read.

        `any_gold`: such a gold gives the verdict `grader_error` instead; for problems that nobody chose one by one.
        """
        looked = [self._look(answer, completion, any_gold, profile) for answer, completion in pairs]
        places = [place for place, item in enumerate(looked) if not isinstance(item, Verdict)]
        for place, verdict in zip(places, self.judge_many([looked[place] for place in places], any_gold), strict=True):  # type: ignore[misc]
            looked[place] = verdict
        return looked  # type: ignore[return-value]

    @staticmethod
    def _look(answer: str, completion: str, any_gold: bool, profile: str) -> Verdict | Item:
        try:
            return first_look(answer, completion, profile)
        except Fault as fault:
            if not any_gold or profile not in MATH:
                raise
            return Verdict("grader_error", None, str(fault))

    def judge_many(self, items: list[Item], any_gold: bool = False) -> list[Verdict]:
        """Verdicts of items; equal ones are compared once."""
        unique = list(dict.fromkeys(items))
        if not unique:
            return []
        found: dict[Item, Verdict] = {}
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
        faults = list(dict.fromkeys(found[item].detail for item in unique if found[item].verdict == "fault"))
        if faults and not any_gold:
            more = f" ({len(faults) - 1} more golds like it)" if len(faults) > 1 else ""
            raise Fault(faults[0] + more)
        return [_told(item, found[item]) for item in items]

    def _chunk(self, chunk: list[Item], found: dict[Item, Verdict]) -> None:
        """Grade a chunk on one worker. The guilty item of a death is the first one without a reply: it is tried again, then reported."""
        waiting, deaths = deque(chunk), 0
        with self._seats:
            while waiting:
                try:
                    worker = self._take()
                except (OSError, RuntimeError) as error:
                    found.update((item, Verdict("grader_error", None, str(error))) for item in waiting)
                    return
                try:
                    sent = worker.send(list(waiting))
                    while waiting:
                        verdict = worker.verdict(waiting[0]) if sent else None
                        if not isinstance(verdict, Verdict):
                            break
                        found[waiting.popleft()] = verdict
                        deaths = 0
                except BaseException:  # interrupted: its pipe holds replies to questions nobody remembers
                    worker.kill()
                    raise
                if not waiting:
                    self._give(worker)
                    return
                status = worker.kill()
                overran = verdict is None or status in (-signal.SIGPROF, -signal.SIGXCPU)
                deaths += 1
                if overran:
                    found[waiting.popleft()] = Verdict("timeout", None, f"over {self.seconds:g} seconds")
                elif deaths >= ATTEMPTS:
                    found[waiting.popleft()] = Verdict("grader_error", None, f"its worker died {deaths} times, last with status {status}")
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


def _told(item: Item, verdict: Verdict) -> Verdict:
    """A verdict with what the parent knows: the answer that it extracted, and that a fault, where they are allowed, is the machinery's."""
    extracted = item[2] if item[0] == "typed" else verdict.extracted
    return Verdict("grader_error" if verdict.verdict == "fault" else verdict.verdict, extracted, verdict.detail)


def _chunks(items: list[Item]) -> Iterable[list[Item]]:
    chunk: list[Item] = []
    size = 0
    for item in items:
        length = len(encode(item))
        if chunk and (size + length > CHUNK_BYTES or len(chunk) == CHUNK_ITEMS):
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
