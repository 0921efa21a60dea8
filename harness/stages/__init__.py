"""The stages: each turns the payloads of its inputs into a payload of its own. `execute` is how any step is carried out."""

from __future__ import annotations

import importlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.step import Step
from harness.store import Store, write_atomically

RUN = {
    "problems": "harness.stages.problems:run",
    "join": "harness.stages.join:run",
    "overlap": "harness.stages.overlap:run",
    "select": "harness.stages.select:run",
    "pretrain": "harness.stages.pretrain:run",
    "standin": "harness.stages.standin:run",
    "generate": "harness.stages.generate:run",
    "copy": "harness.stages.copy:run",
    "pick": "harness.stages.pick:run",
    "locate": "harness.stages.locate:run",
    "weigh": "harness.stages.weigh:run",
    "relay": "harness.stages.relay:run",
    "grade": "harness.stages.grade:run",
    "construct": "harness.stages.construct:run",
    "train": "harness.stages.train:run",
    "analyse": "harness.stages.analyse:run",
    "score": "harness.stages.score:run",
    "audit": "harness.stages.audit:run",
    "lm_eval": "harness.stages.lm_eval:run",
}

Report = Callable[[dict[str, Any]], None]


@dataclass
class Job:
    """One step being carried out: where it reads, where it writes, whom it tells. `machine` holds what decides no result."""

    step: Step
    store: Store
    out: Path
    report: Report = field(default=lambda event: None)
    machine: dict[str, Any] = field(default_factory=dict)
    used_up: list[str] = field(default_factory=list)  # folders of `work` that nobody needs once the record stands

    @property
    def params(self) -> dict[str, Any]:
        return self.step.params

    def input(self, role: str) -> Path:
        """The folder of an input's payload, its hashes checked."""
        return self.store.payload(self.step.inputs[role])

    def inputs(self, role: str) -> list[Path]:
        """The payloads of `role/0`, `role/1`, `role/2`, `role/4`, … in the order of their numbers; of two products' each number first of the one."""
        names = (name for name in self.step.inputs if name.startswith(role + "/"))
        names = sorted(names, key=lambda name: (int(name.rpartition("/")[2]), name))
        return [self.input(name) for name in names]

    def made(self, role: str) -> Path | None:
        """Where a model's files lie if a step made them or they are local; None for a model of the hub."""
        if role in self.step.inputs:
            return self.input(role)
        return Path(self.step.local[role]) if self.step.local.get(role) else None

    @property
    def work(self) -> Path:
        """A folder that outlives this attempt: checkpoints of a long step."""
        folder = self.store.folder(self.step.address) / "work"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def execute(
    step: Step, store: Store, report: Report, provenance: dict[str, Any], machine: dict[str, Any], fingerprint: str | None = None
) -> bool:
    """Carry out a step unless it is done. False where another process is at it."""
    with store.claim(step.address) as mine:
        if not mine:
            return False
        if store.record(step.address):
            return True
        module, _, name = RUN[step.stage].partition(":")
        run = getattr(importlib.import_module(module), name)
        job = Job(step, store, store.attempt(step.address), report, machine)
        try:
            if fingerprint:
                forget_other_code(job, fingerprint)
            started, cpu = time.monotonic(), time.process_time()
            facts = run(job)
            measured = facts.pop("measured", {})
            took = {"seconds": round(time.monotonic() - started, 3), "cpu_seconds": round(time.process_time() - cpu, 3)}
            where = {"local": dict(step.local)} if step.local else {}  # no matter of identity, but who reads the answers later needs it
            store.commit(step, job.out, facts, {**took, **measured}, {**provenance, **where}, fingerprint)
            for name in job.used_up:
                shutil.rmtree(job.work / name, ignore_errors=True)
        except BaseException:
            shutil.rmtree(job.out, ignore_errors=True)
            raise
        return True


def forget_other_code(job: Job, fingerprint: str) -> None:
    """Half-done work that answers of other code began is begun again: no result comes from two meanings."""
    mark = job.work.parent / "fingerprint"
    if mark.exists() and mark.read_text() != fingerprint:
        shutil.rmtree(job.work)
    write_atomically(mark, fingerprint.encode())
