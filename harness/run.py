"""Carry out a plan: skip what is done, share what is shared, go round what failed, tell what happens."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.answers import fingerprint, values_in
from harness.executors.local import LocalPool, Reason, Task
from harness.plan import Plan, Row
from harness.records import Fault
from harness.rounds import WRITING
from harness.step import Step
from harness.store import Corrupt, Record, Store

RETRIES = 1  # of a step whose process died, or whose input had to be made again; the next such end is its result
BUSY_SECONDS = 2.0  # before asking again for a step that another run is at


@dataclass
class Progress:
    """What a watcher needs to know; changed in place as the run goes on."""

    total: int
    done: int
    rows: int
    rows_done: int = 0
    tokens: int = 0  # written by finished steps
    left: float = 0.0  # estimated seconds
    started: float = field(default_factory=time.monotonic)
    writing: float | None = None  # when the first tokens were asked for
    running: dict[str, tuple[Step, dict[str, Any]]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def rate(self) -> float:
        """Tokens written a second since writing began, those of unfinished steps included."""
        unfinished = sum(event.get("tokens", 0) for step, event in self.running.values() if step.tokens)
        return (self.tokens + unfinished) / max(1.0, time.monotonic() - (self.writing or time.monotonic()))


@dataclass(frozen=True)
class Failure:
    """A step that could not be carried out."""

    step: Step
    reason: Reason

    @property
    def input_fault(self) -> bool:
        """Whether what the user gave is to blame: known where problems and models are first looked at, before anything is trained."""
        return self.reason.kind == "input" and self.step.stage in ("problems", "join", "select")


class Watcher(Protocol):
    """Whoever is told: a terminal, a log, a test."""

    def step_done(self, step: Step, seconds: float, progress: Progress) -> None: ...

    def row_done(self, row: Row, progress: Progress) -> None: ...

    def failed(self, failure: Failure, progress: Progress) -> None: ...

    def again(self, step: Step, why: str, progress: Progress) -> None: ...

    def tick(self, progress: Progress) -> None: ...


def states(plan: Plan, store: Store) -> tuple[set[str], list[Corrupt]]:
    """The addresses that are to do. Corrupt records are set aside here, to be made again, and named."""
    todo, corrupt = set(), []
    for step in plan.steps:
        try:
            done = store.record(step.address) is not None
        except Corrupt as fault:
            store.discard(step.address)
            corrupt.append(fault)
            done = False
        if not done:
            todo.add(step.address)
    return todo, corrupt


def refuse_silent_edits(rows: list[Row], store: Store, accept: bool) -> None:
    """Raise Fault where a trained row's answers were edited in code and no version was raised. `accept`: the meaning is unchanged."""
    for row in rows:
        if row.method is None:
            continue
        now = fingerprint(row.method.terms)
        try:
            record = store.record(row.steps["train"])
        except Corrupt:
            continue
        if record is None or record.fingerprint in (None, now):
            continue
        if accept:
            store.restamp(row.steps["train"], now)
            continue
        parts = ", ".join(sorted({type(value).__name__ for value in values_in(row.method.terms)} - {"Term"}))
        raise Fault(
            f"row {row.label!r}: the code of its answers ({parts}, or what they call) was edited since it was trained, but no `version` "
            "was raised. If the meaning changed, raise `version` in the class it changed in: the row is trained again. "
            "If it did not, run once with --accept-edits: what is trained stays."
        )


def carry_out(plan: Plan, rows: list[Row], store: Store, todo: set[str], pool: LocalPool, watch: Watcher) -> dict[str, Failure]:
    """Carry out what the rows need and is not done. Returns the failures by address; everything else that could be done is."""
    return Runner(plan, rows, store, todo, pool, watch).go()


class Runner:
    """The loop's state: what is to do, what runs, what failed."""

    def __init__(self, plan: Plan, rows: list[Row], store: Store, todo: set[str], pool: LocalPool, watch: Watcher) -> None:
        self.plan, self.store, self.pool, self.watch = plan, store, pool, watch
        needed = plan.needed(address for row in rows for address in row.steps.values())
        self.order = [step for step in plan.steps if step.address in needed]
        self.todo = {address: plan.by_address[address] for address in wanted(plan, rows, todo)}
        self.running: dict[str, Step] = {}
        self.failures: dict[str, Failure] = {}
        self.ends: Counter[str] = Counter()  # deaths and corrupt inputs of a step so far
        self.not_before: dict[str, float] = {}
        self.full = False  # nothing can be written any more: begin nothing new
        self.paces = {stage: Pace() for stage in {step.stage for step in plan.steps}}
        self.prints = {row.steps["train"]: fingerprint(row.method.terms) for row in rows if row.method}
        self.open_rows = [(row, plan.needed(row.steps.values())) for row in rows]
        self.progress = Progress(total=len(needed), done=len(needed) - len(self.todo), rows=len(rows))
        self.open_rows = [(row, needs) for row, needs in self.open_rows if needs & self.todo.keys()]
        self.progress.rows_done = len(rows) - len(self.open_rows)

    def go(self) -> dict[str, Failure]:
        while self.todo or self.running:
            first = self._seconds_that_hang_on()
            self.progress.left = max(max(first.values(), default=0), sum(map(self._expected, self._unfinished())) / self.pool.size)
            if not self.full:
                self._submit(first)
            waiting = not self.full and any(address in self.todo for address in self.not_before)
            if not self.running and not waiting:
                break  # what is left hangs on failures
            for task, kind, detail in self.pool.events(0.5):
                getattr(self, f"_on_{kind}")(task.step, detail)
            self.watch.tick(self.progress)
        return self.failures

    # What next, and how long yet

    def _unfinished(self) -> list[Step]:
        return [*self.todo.values(), *self.running.values()]

    def _expected(self, step: Step) -> float:
        """Seconds that a step still needs: the plan's weight at its stage's pace so far, less what it reports as done."""
        if step.address not in self.todo and step.address not in self.running:
            return 0.0
        event = self.progress.running[step.address][1] if step.address in self.running else {}
        return step.weight * self.paces[step.stage].factor * (1 - share_of(event))

    def _seconds_that_hang_on(self) -> dict[str, float]:
        """Address → seconds of the longest chain of work from this step on, its own included: the longest goes first."""
        chain: dict[str, float] = {}
        for step in reversed(self.order):  # an order in which they can be carried out, so dependants come later
            chain[step.address] = chain.get(step.address, 0.0) + self._expected(step)
            for address in step.inputs.values():
                chain[address] = max(chain.get(address, 0.0), chain[step.address])
        return chain

    def _submit(self, first: dict[str, float]) -> None:
        now = time.monotonic()
        open_ = self.todo.keys() | self.running.keys() | self.failures.keys()
        ready = [s for s in self.todo.values() if not open_ & set(s.inputs.values()) and self.not_before.get(s.address, 0) <= now]
        # What takes no time goes at once, so that rows are complete as early as they can be; of the rest, the longest chain.
        for step in sorted(ready, key=lambda step: (self._expected(step) > 1.0, -first[step.address]))[: self.pool.free]:
            del self.todo[step.address]
            self.running[step.address] = step
            self.progress.running[step.address] = (step, {})
            if step.tokens and self.progress.writing is None:
                self.progress.writing = now
            self.pool.submit(Task(step, self.prints.get(step.address)))

    # What happened

    def _leave(self, step: Step) -> None:
        self.running.pop(step.address, None)
        self.progress.running.pop(step.address, None)

    def _on_progress(self, step: Step, event: dict[str, Any]) -> None:
        self.progress.running[step.address] = (step, event)

    def _on_done(self, step: Step, _: Any) -> None:
        self._leave(step)
        self.not_before.pop(step.address, None)
        self.progress.done += 1
        record = self.store.record(step.address)
        assert record is not None
        self.paces[step.stage].learn(step.weight, record.measured["seconds"])
        self.progress.tokens += sum(tokens_of(step, record).values())
        self.watch.step_done(step, record.measured["seconds"], self.progress)
        left = self.todo.keys() | self.running.keys() | self.failures.keys()
        finished = [row for row, needs in self.open_rows if not left & needs]
        self.open_rows = [(row, needs) for row, needs in self.open_rows if left & needs]
        for row in finished:
            self.progress.rows_done += 1
            self.watch.row_done(row, self.progress)

    def _on_busy(self, step: Step, _: Any) -> None:
        """Another run is at this step: look again later, do something else meanwhile."""
        self._leave(step)
        self.not_before[step.address] = time.monotonic() + BUSY_SECONDS
        self.todo[step.address] = step

    def _on_failed(self, step: Step, reason: Reason) -> None:
        self._leave(step)
        self.failures[step.address] = Failure(step, reason)
        if reason.kind == "disk":
            self.full = True
        else:
            self.watch.failed(self.failures[step.address], self.progress)

    def _on_died(self, step: Step, reason: str) -> None:
        if self._once_more(step, reason):
            self.watch.again(step, f"{reason}; it is tried again", self.progress)

    def _on_corrupt(self, step: Step, fault: Corrupt) -> None:
        """An input does not match its hash: set it aside, make it again, then this step."""
        self.store.discard(fault.address)
        if not self._once_more(step, str(fault)):
            return
        source = self.plan.by_address.get(fault.address)
        if source and source.address not in self.running and source.address not in self.todo:
            self.todo[source.address] = source
            self.progress.done -= 1
        self.watch.again(source or step, f"{fault.what}; it is made again", self.progress)

    def _once_more(self, step: Step, reason: str) -> bool:
        self._leave(step)
        self.ends[step.address] += 1
        if self.ends[step.address] > RETRIES:
            self._on_failed(step, Reason("error", f"{reason}, {self.ends[step.address]} times"))
            return False
        self.todo[step.address] = step
        return True


def share_of(event: dict[str, Any]) -> float:
    """How much of a step is done, by what it last reported: `progress`, or `done` `of`; further keys are `doing`, `tokens` and `loss`."""
    share = event.get("progress", event.get("done", 0) / event["of"] if event.get("of") else 0.0)
    return min(1.0, max(0.0, share))


@dataclass
class Pace:
    """Seconds that a stage's steps took, for each second that the plan guessed."""

    guessed: float = 0.0
    took: float = 0.0

    def learn(self, guessed: float, took: float) -> None:
        self.guessed, self.took = self.guessed + guessed, self.took + took

    @property
    def factor(self) -> float:
        return self.took / self.guessed if self.guessed else 1.0


def wanted(plan: Plan, rows: list[Row], todo: set[str]) -> list[str]:
    """The steps to carry out: those that the rows' ends need, going back only through what is not done."""
    found: dict[str, None] = {}
    stack = [address for row in rows for address in row.steps.values()]
    while stack:
        address = stack.pop()
        if address in todo and address not in found:
            found[address] = None
            stack.extend(plan.by_address[address].inputs.values())
    return list(found)


def tokens_of(step: Step, record: Record) -> dict[str, int]:
    """Tokens written, by whom. A train step tells both kinds of its later rounds, a relay both of its own; a generate step is of one kind."""
    if step.stage not in (*WRITING, "train"):
        return {}
    tokens: Any = record.facts["tokens"]
    return dict(tokens) if isinstance(tokens, dict) else {kind: int(tokens) for kind in step.tokens}


def tokens_written(plan: Plan, rows: list[Row], store: Store) -> dict[str, dict[str, int]]:
    """Exactly what was written, by kind: together, and as if every row had run alone."""
    counts: dict[str, dict[str, int]] = {}
    for step in plan.steps:
        if step.stage in (*WRITING, "train") and (record := store.record(step.address)):
            counts[step.address] = tokens_of(step, record)
    found = {kind: {"shared": 0, "alone": 0} for kind in ("rollout", "teacher", "exam")}
    every: set[str] = set()
    for row in rows:
        needed = plan.needed(row.steps.values()) & counts.keys()
        every |= needed
        for address in needed:
            for kind, value in counts[address].items():
                found[kind]["alone"] += value
    for address in every:
        for kind, value in counts[address].items():
            found[kind]["shared"] += value
    return found
