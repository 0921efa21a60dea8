"""Grade the programs that completions hold by running them against their problem's tests, in a sandbox.

Verdicts: `correct` (every test, of EvalPlus base and plus), `wrong`, `no_answer`, `unfinished`, `timeout`, `oom`, `crash`, and `infra_error`
where the machinery failed: never counted as wrong. A program that overran its time is run once more, alone, before it is called so.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from harness.grading.code.judge import Head, Judge
from harness.grading.sandbox import Sandbox
from harness.records import Fault, Verdict

CHUNK = 16  # programs of one problem that one worker takes at a time: they share what the problem expects

Job = tuple[str, str]  # packed tests, program


class CodeGrader:
    """A context manager. `rung`: of the sandbox, the best one here if none is named; `allow_unsafe`: no confinement at all will do."""

    def __init__(self, processes: int = 1, rung: str | None = None, allow_unsafe: bool = False) -> None:
        if processes < 1:
            raise ValueError(f"processes {processes}: at least 1")
        self.processes, self._wanted, self._allow_unsafe = processes, rung, allow_unsafe
        self._boxes: list[Sandbox] = []

    def __enter__(self) -> CodeGrader:
        self._boxes = [self._start()]  # a machine without a sandbox says so before any work is done
        self.rung: str = self._boxes[0].rung
        return self

    def __exit__(self, *_: object) -> None:
        boxes, self._boxes = self._boxes, []
        for box in boxes:
            box.__exit__(None, None, None)

    def grade_many(
        self, items: Iterable[tuple[str, str]], tell: Callable[[int], None] | None = None, any_gold: bool = False
    ) -> list[Verdict]:
        """Verdicts of (packed tests, completion) pairs, in order; `tell` hears how many are known, in the caller's thread.

        Tests that cannot be used raise Fault; with `any_gold` they give `grader_error` instead: for problems that nobody chose one by one.
        """
        heads: dict[str, Head | str] = {}
        places: dict[Job, list[int]] = {}  # equal ones are graded once
        verdicts: dict[int, Verdict] = {}
        count = 0
        for place, (packed, completion) in enumerate(items):
            if packed not in heads:
                heads[packed] = _head(packed, place, any_gold)
            looked = _look(heads[packed], completion)
            if isinstance(looked, Verdict):
                verdicts[place] = looked
            else:
                places.setdefault((packed, looked), []).append(place)
            count += 1
        if tell and verdicts:
            tell(len(verdicts))
        late: list[Job] = []
        # A loaded machine is slow: what was late runs once more, with nothing of ours beside it.
        for jobs, processes, again in ((list(places), self.processes, late), (late, 1, None)):
            for job, verdict in self._graded(jobs, processes, any_gold):
                if again is not None and verdict.verdict == "timeout":
                    again.append(job)
                    continue
                verdicts.update(dict.fromkeys(places[job], verdict))
                if tell:
                    tell(len(verdicts))
        return [verdicts[place] for place in range(count)]

    def _graded(self, jobs: list[Job], processes: int, any_gold: bool) -> Iterator[tuple[Job, Verdict]]:
        """As they are done."""
        chunks = deque(_chunks(jobs))
        replies: queue.SimpleQueue[tuple[Job, Verdict] | BaseException] = queue.SimpleQueue()
        seats = min(processes, len(chunks))
        self._boxes += [self._start() for _ in range(seats - len(self._boxes))]
        stop = threading.Event()
        threads = [threading.Thread(target=self._work, args=(seat, chunks, replies, stop, any_gold), daemon=True) for seat in range(seats)]
        for thread in threads:
            thread.start()
        try:
            for _ in jobs:
                reply = replies.get()
                if isinstance(reply, BaseException):
                    raise reply
                yield reply
        finally:
            stop.set()
        for thread in threads:
            thread.join()

    def _work(
        self, seat: int, chunks: deque[tuple[str, list[str]]], replies: queue.SimpleQueue, stop: threading.Event, any_gold: bool
    ) -> None:
        try:
            while not stop.is_set():
                try:
                    packed, programs = chunks.popleft()
                except IndexError:
                    return
                judge = Judge(packed)
                for program in programs:
                    if stop.is_set():
                        return
                    try:
                        verdict = judge.judge(self._boxes[seat], program)
                    except Fault as fault:
                        if not any_gold:
                            raise
                        verdict = Verdict("grader_error", program, str(fault)[:300])
                    except OSError as fault:  # no room for a sandbox, no process to be had
                        verdict = Verdict("infra_error", program, f"the sandbox could not run: {fault}"[:300])
                    replies.put(((packed, program), verdict))
        except BaseException as error:  # the caller's thread raises it
            replies.put(error)

    def _start(self) -> Sandbox:
        return Sandbox(self._wanted, self._allow_unsafe).__enter__()


def _head(packed: str, place: int, any_gold: bool) -> Head | str:
    """What extraction needs of the tests; why they cannot be used, where `any_gold` lets that pass."""
    try:
        return Head.of(packed)
    except ValueError as fault:
        reason = f"answer {place}: its problem's tests cannot be used: {fault}. Load the problem set anew, or drop the problem."
        if not any_gold:
            raise Fault(reason) from None
        return reason[:300]


def _look(head: Head | str, completion: str) -> Verdict | str:
    """The verdict where no program needs to run, else the program."""
    if isinstance(head, str):
        return Verdict("grader_error", None, head)
    if not isinstance(completion, str):
        return Verdict("no_answer", None, f"the completion is a {type(completion).__name__}, not text")
    found = head.extract(completion)
    return Verdict(found.status) if found.program is None else found.program


def _chunks(jobs: list[Job]) -> Iterator[tuple[str, list[str]]]:
    programs: dict[str, list[str]] = {}
    for packed, program in jobs:
        programs.setdefault(packed, []).append(program)
    for packed, ours in programs.items():
        for start in range(0, len(ours), CHUNK):
            yield packed, ours[start : start + CHUNK]
