"""This machine: one process for each GPU, or where there is none one for each core; each has one thread and carries out one step at a time.

A worker talks to its parent over one pipe. When the parent dies, however it dies, the pipe ends and so does the worker.
"""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import re
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from harness.executors.gpus import visible_gpus
from harness.records import Fault
from harness.step import Step
from harness.store import Corrupt, Store

Event = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A step ready to be carried out, with what its record shall keep."""

    step: Step
    fingerprint: str | None = None


@dataclass(frozen=True)
class Reason:
    """Why a step failed. `kind`: input (a Fault: what was given cannot be used), disk (nothing can be written any more) or error."""

    kind: str
    text: str
    detail: str = ""  # the traceback of an error of ours


EXIT_SECONDS = 3.0  # for workers that have nothing to do, before they are killed

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def reason_of(fault: Exception, root: str) -> Reason:
    if isinstance(fault, Fault):
        return Reason("input", str(fault))
    native = re.search(r"os error (\d+)", str(fault))  # safetensors writes in Rust, and its error is no OSError
    number = fault.errno if isinstance(fault, OSError) else int(native[1]) if native else None
    if number in NO_ROOM:
        return Reason("disk", f"{root}: {os.strerror(number)}")
    if isinstance(fault, OSError) and fault.strerror:
        return Reason("error", f"{fault.filename or root}: {fault.strerror}")
    return Reason("error", f"{type(fault).__name__}: {str(fault).strip() or 'no message'}", traceback.format_exc())


def serve(pipe: Connection, parent: int, root: str, provenance: dict[str, Any], machine: dict[str, Any], gpu: str | None = None) -> None:
    """The worker's loop. One thread for all numerics: two under contention are slower than one, and the count decides bytes.
    `gpu`: the only one that this process shall see, as CUDA_VISIBLE_DEVICES names it; said before torch is imported."""
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    threading.Thread(target=die_with_parent, args=(parent,), daemon=True).start()
    import torch

    from harness import models
    from harness.stages import execute

    torch.set_num_threads(1)
    models.quiet()
    store = Store(Path(root))
    last = 0.0

    def report(event: Event) -> None:
        nonlocal last
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            pipe.send(("progress", event))

    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            task: Task = pipe.recv()
            try:
                pipe.send(("done", None) if execute(task.step, store, report, provenance, machine, task.fingerprint) else ("busy", None))
            except Corrupt as fault:
                pipe.send(("corrupt", fault))
            except (BrokenPipeError, ConnectionResetError):
                return
            except Exception as fault:
                pipe.send(("failed", reason_of(fault, root)))


def die_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


@dataclass
class Worker:
    process: BaseProcess
    pipe: Connection
    gpu: str | None = None
    task: Task | None = None


class LocalPool:
    """`events()` yields (task, kind, detail): progress, done, busy, corrupt, failed or died, as they come."""

    def __init__(
        self, store: Store, provenance: dict[str, Any], processes: int | None = None, machine: dict[str, Any] | None = None
    ) -> None:
        self.gpus = visible_gpus()
        cores = len(os.sched_getaffinity(0))
        self.size = processes or len(self.gpus) or cores
        self.arguments = (str(store.root), provenance, {"graders": max(1, cores // self.size), **(machine or {})})
        self.workers: list[Worker] = []

    def __enter__(self) -> LocalPool:
        return self

    def __exit__(self, *_: object) -> None:
        idle = [worker for worker in self.workers if worker.task is None]
        for worker in idle:
            worker.pipe.close()  # its loop ends, and it leaves nothing behind
        until = time.monotonic() + EXIT_SECONDS
        for worker in idle:
            worker.process.join(max(0.0, until - time.monotonic()))
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.process.join()

    @property
    def free(self) -> int:
        return self.size - sum(worker.task is not None for worker in self.workers)

    def submit(self, task: Task) -> None:
        idle = next((worker for worker in self.workers if worker.task is None), None)
        if idle is None:
            idle = self._start()
            self.workers.append(idle)
        idle.task = task
        with contextlib.suppress(BrokenPipeError):  # it died just now: `events` will say so
            idle.pipe.send(task)

    def _start(self) -> Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        used = [worker.gpu for worker in self.workers]
        gpu = min(self.gpus, key=used.count) if self.gpus else None
        process = context.Process(target=serve, args=(theirs, os.getpid(), *self.arguments, gpu), daemon=False)
        process.start()
        theirs.close()
        return Worker(process, ours, gpu)

    def events(self, timeout: float) -> Iterator[tuple[Task, str, Any]]:
        """What happened within `timeout` seconds; nothing is an answer too."""
        if not self.workers:
            time.sleep(timeout)
        for ready in wait([worker.pipe for worker in self.workers], timeout):
            worker = next(w for w in self.workers if w.pipe is ready)
            task = worker.task
            try:
                kind, detail = worker.pipe.recv()
            except (EOFError, ConnectionResetError):
                worker.process.kill()
                worker.process.join()
                self.workers.remove(worker)
                if task:
                    yield task, "died", f"its process ended by {ended(worker.process.exitcode)}"
                continue
            if task is None:
                continue
            if kind != "progress":
                worker.task = None
            yield task, kind, detail


def ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"{name}" + (" (often: out of memory)" if name == "SIGKILL" else "")
    return f"exit code {code}"
