"""Carry out a plan: skip what is done, share what is shared, go round what failed, tell what happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.answers import fingerprint
from harness.executors.local import LocalPool, Task
from harness.plan import Plan, Row
from harness.records import Fault
from harness.step import Step
from harness.store import Corrupt, Store

RETRIES = 1  # of a step whose process died; a second death is its result
BUSY_SECONDS = 2.0  # before asking again for a step that another run is at


@dataclass
class Progress:
    """What a watcher needs to know; changed in place as the run goes on."""

    total: int
    done: int
    weight: float  # estimated seconds, all steps to do
    weight_done: float = 0.0
    rows: int = 0
    rows_done: int = 0
    tokens: int = 0
    started: float = field(default_factory=time.monotonic)
    running: dict[str, tuple[Step, dict[str, Any]]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def left(self) -> float | None:
        """Estimated seconds left at the pace so far; None before a pace can be told."""
        part = sum(step.weight * event.get("progress", event.get("done", 0) / event["of"] if event.get("of") else 0) for step, event in self.running.values())
        through = self.weight_done + part
        if through < 0.02 * self.weight or self.seconds < 5:
            return None
        return max(0.0, (self.weight - through) * self.seconds / through)


@dataclass(frozen=True)
class Failure:
    """Why a step could not be carried out; `input_fault` where the user's input is to blame."""

    step: Step
    reason: str
    input_fault: bool


Watch = Callable[[str, Step, Any, Progress], None]


def states(plan: Plan, store: Store) -> dict[str, str]:
    """Address → why it is to do, for every step that is. A corrupt record is set aside here and named."""
    todo = {}
    for step in plan.steps:
        try:
            if store.record(step.address) is None:
                todo[step.address] = store.why(step)
        except Corrupt as fault:
            store.discard(step.address)
            todo[step.address] = f"corrupt: {fault.what}"
    return todo


def refuse_silent_edits(plan: Plan, store: Store, accept: bool) -> None:
    """Raise Fault where a trained row's answers were edited in code and no version was raised. `accept`: the meaning is unchanged."""
    for row in plan.rows:
        if row.method is None:
            continue
        record, now = None, fingerprint(row.method.terms)
        try:
            record = store.record(row.steps["train"])
        except Corrupt:
            continue
        if record is None or record.fingerprint in (None, now):
            continue
        if accept:
            store.restamp(row.steps["train"], now)
            continue
        parts = ", ".join(sorted({type(term.loss).__name__ for term in row.method.terms.values()}))
        raise Fault(
            f"row {row.label!r}: the code of its answers (loss {parts} and what it is made of) was edited since it was trained, "
            "but no `version` was raised. If the meaning changed, raise `version` in the class you edited: the row is trained again. "
            "If it did not, run once with --accept-edits: what is trained stays."
        )


def priorities(plan: Plan, todo: dict[str, str]) -> dict[str, float]:
    """Seconds of work that hang on each step, its own included: the longest chain goes first."""
    after: dict[str, float] = {}
    for step in reversed(plan.steps):  # an order in which they can be carried out, so dependants come later
        own = after.get(step.address, 0.0) + (step.weight if step.address in todo else 0.0)
        after[step.address] = own
        for address in step.inputs.values():
            after[address] = max(after.get(address, 0.0), own)
    return after


def carry_out(plan: Plan, rows: list[Row], store: Store, todo: dict[str, str], pool: LocalPool, watch: Watch) -> dict[str, Failure]:
    """Carry out what the rows need and is not done. Returns the failures by address; everything else that could be done is."""
    return Runner(plan, rows, store, todo, pool, watch).go()


class Runner:
    """The loop's state: what is to do, what runs, what failed."""

    def __init__(self, plan: Plan, rows: list[Row], store: Store, todo: dict[str, str], pool: LocalPool, watch: Watch) -> None:
        self.plan, self.rows, self.store, self.pool, self.watch = plan, rows, store, pool, watch
        self.by_address = {step.address: step for step in plan.steps}
        self.todo = {address: self.by_address[address] for address in wanted(plan, rows, todo)}
        self.first = priorities(plan, todo)
        self.running: dict[str, Step] = {}
        self.failures: dict[str, Failure] = {}
        self.deaths: dict[str, int] = {}
        self.not_before: dict[str, float] = {}
        self.prints = {row.steps["train"]: fingerprint(row.method.terms) for row in rows if row.method}
        self.open_rows = {id(row): plan.needed(row.steps.values()) for row in rows}
        needed = plan.needed(a for row in rows for a in row.steps.values())
        self.progress = Progress(len(needed), len(needed) - len(self.todo), sum(s.weight for s in self.todo.values()), rows=len(rows))
        self._count_rows()

    def go(self) -> dict[str, Failure]:
        while self.todo or self.running:
            self._submit()
            if not self.running and not self._waiting():
                break  # what is left hangs on failures
            for task, kind, detail in self.pool.events(0.5):
                getattr(self, f"_on_{kind}")(task.step, detail)
            self.watch("tick", next(iter(self.by_address.values())), None, self.progress)
        return self.failures

    def _ready(self) -> list[Step]:
        now = time.monotonic()
        open_ = self.todo.keys() | self.running.keys() | self.failures.keys()
        ready = [s for s in self.todo.values() if not open_ & set(s.inputs.values()) and self.not_before.get(s.address, 0) <= now]
        return sorted(ready, key=lambda step: -self.first[step.address])

    def _waiting(self) -> bool:
        return any(address in self.todo for address in self.not_before)

    def _submit(self) -> None:
        for step in self._ready()[: self.pool.free]:
            del self.todo[step.address]
            self.running[step.address] = step
            self.progress.running[step.address] = (step, {})
            self.pool.submit(Task(step, self.prints.get(step.address)))
            self.watch("start", step, None, self.progress)

    def _leave(self, step: Step) -> None:
        self.running.pop(step.address, None)
        self.progress.running.pop(step.address, None)

    def _on_progress(self, step: Step, event: dict[str, Any]) -> None:
        self.progress.running[step.address] = (step, event)

    def _on_done(self, step: Step, _: Any) -> None:
        self._leave(step)
        self.not_before.pop(step.address, None)
        self.progress.done += 1
        self.progress.weight_done += step.weight
        record = self.store.record(step.address)
        tokens = record.facts.get("tokens", 0) if record else 0
        self.progress.tokens += sum(tokens.values()) if isinstance(tokens, dict) else tokens if step.stage == "generate" else 0
        self._count_rows()
        self.watch("done", step, record, self.progress)

    def _on_busy(self, step: Step, _: Any) -> None:
        """Another run is at this step: look again later, do something else meanwhile."""
        self._leave(step)
        self.not_before[step.address] = time.monotonic() + BUSY_SECONDS
        self.todo[step.address] = step

    def _on_failed(self, step: Step, reason: str) -> None:
        self._leave(step)
        self.failures[step.address] = Failure(step, reason, input_fault="\nTraceback" not in reason)
        self.watch("failed", step, reason, self.progress)

    def _on_died(self, step: Step, reason: str) -> None:
        self.deaths[step.address] = self.deaths.get(step.address, 0) + 1
        if self.deaths[step.address] > RETRIES:
            self._on_failed(step, f"{reason}, {self.deaths[step.address]} times")
            return
        self._leave(step)
        self.todo[step.address] = step
        self.watch("again", step, f"{reason}; it is tried again", self.progress)

    def _on_corrupt(self, step: Step, detail: tuple[str, str]) -> None:
        """An input does not match its hash: set it aside, make it again, then this step."""
        address, what = detail
        self._leave(step)
        self.store.discard(address)
        self.todo[step.address] = step
        if address in self.by_address and address not in self.running and address not in self.todo:
            self.todo[address] = self.by_address[address]
            self.progress.done -= 1
        self.watch("again", self.by_address.get(address, step), f"{what}; it is made again", self.progress)

    def _count_rows(self) -> None:
        left = self.todo.keys() | self.running.keys() | self.failures.keys()
        self.progress.rows_done = sum(not left & needed for needed in self.open_rows.values())


def wanted(plan: Plan, rows: list[Row], todo: dict[str, str]) -> list[str]:
    """The steps to carry out: those that the rows' ends need, going back only through what is not done."""
    inputs = {step.address: step.inputs.values() for step in plan.steps}
    found: dict[str, None] = {}
    stack = [address for row in rows for address in row.steps.values()]
    while stack:
        address = stack.pop()
        if address in todo and address not in found:
            found[address] = None
            stack.extend(inputs[address])
    return list(found)


def tokens_written(plan: Plan, rows: list[Row], store: Store) -> dict[str, dict[str, int]]:
    """Exactly what was written, by kind: together, and as if every row had run alone."""
    counts: dict[str, dict[str, int]] = {}
    for step in plan.steps:
        if step.stage in ("generate", "train") and (record := store.record(step.address)):
            tokens = record.facts["tokens"]
            counts[step.address] = tokens if isinstance(tokens, dict) else {step.kind: tokens}
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
