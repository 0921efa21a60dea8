"""Which rungs hold here: each is tried with a program that does its best to break out, once a process."""

from __future__ import annotations

import functools
import os
import platform
import tempfile
from pathlib import Path

from harness.grading.sandbox import seccomp
from harness.grading.sandbox.nouns import RUNGS, Infra, Limits, Unavailable
from harness.grading.sandbox.runs import run_calls
from harness.grading.sandbox.zygote import Zygote

MASK = "HARNESS_SANDBOX"  # names of rungs, separated by commas: no other is tried

REMEDY = """Mend one of these, and `harness doctor` tells whether it holds:
  apt-get install bubblewrap
  a kernel of 5.13 or newer with Landlock (CONFIG_SECURITY_LANDLOCK=y, and landlock among the names of lsm= at boot)
  user namespaces: sysctl -w user.max_user_namespaces=10000, on Ubuntu also kernel.apparmor_restrict_unprivileged_userns=0
or pass --allow-unsafe, which runs programs that a model wrote with your rights, and marks the row."""

# Every attempt that succeeds is named. It must still be able to write in its own folder.
BREAK_OUT = """
import ctypes, os, socket
def breaches(secret, folder, parent):
    found = []
    def attempt(name, action):
        try:
            action()
        except OSError:
            return
        found.append(name)
    def fork():
        if os.fork() == 0:
            os._exit(0)
    def trace():
        if ctypes.CDLL(None, use_errno=True).ptrace(16, parent, 0, 0) != 0:
            raise OSError
    attempt("it read a file", lambda: open(secret).read())
    attempt("it listed a folder", lambda: os.listdir(folder))
    attempt("it wrote a file", lambda: open(os.path.join(folder, "written"), "w"))
    attempt("it opened a socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    attempt("it started a process", fork)
    attempt("it could signal its parent", lambda: os.kill(parent, 0))
    attempt("it could trace a process", trace)
    attempt("it read the memory of a process", lambda: open("/proc/self/mem", "rb"))
    with open("own", "w") as file:
        file.write("own")
    return found
"""


@functools.cache
def fault_of(rung: str) -> str:
    """Why a rung does not hold on this machine; empty where it does. The rung "none" never does."""
    if rung == "none":
        return "resource limits alone isolate nothing"
    if not seccomp.supported():
        here = f"{platform.system()} on {platform.machine()}"
        return f"no filter of system calls for {here}; known is Linux on {' and '.join(seccomp.ARCHITECTURES)}"
    try:
        zygote = Zygote(rung)
    except Infra as fault:
        return str(fault)
    try:
        with tempfile.TemporaryDirectory(prefix="harness-probe-") as folder:
            secret = Path(folder) / "secret"
            secret.write_text("a secret")
            (outcome,) = run_calls(zygote, BREAK_OUT, "breaches", [[str(secret), folder, os.getpid()]], Limits(), [20.0])
    except (Infra, OSError) as fault:
        return str(fault)
    finally:
        zygote.close()
    if outcome.outcome != "ok":
        return f"its self-test ended with {outcome.outcome}: {outcome.detail}"
    return "; ".join(map(str, outcome.value))


def offered() -> tuple[str, ...]:
    """The rungs that the environment leaves, best first."""
    named = os.environ.get(MASK)
    return RUNGS if named is None else tuple(rung for rung in RUNGS if rung in [each.strip() for each in named.split(",")])


def why(rung: str) -> str:
    """Why a rung is not to be had: it is masked, or it does not hold. Empty where it is."""
    return fault_of(rung) if rung in offered() else f"left out by {MASK}={os.environ.get(MASK)}"


def rungs() -> list[str]:
    """The rungs that hold here, best first; "none" is always last."""
    return [rung for rung in RUNGS[:-1] if not why(rung)] + ["none"]


def choose(rung: str | None, allow_unsafe: bool) -> str:
    """The rung asked for, or the best one that holds. Raises Unavailable, naming what is missing and the remedy."""
    if rung is not None and rung not in RUNGS:
        raise Unavailable(f"sandbox: there is no rung {rung!r}; there are {', '.join(RUNGS)}")
    if allow_unsafe and rung == "none":
        return rung
    tried = RUNGS[:-1] if rung is None else (rung,)
    faults = {}
    for each in tried:
        faults[each] = why(each)
        if not faults[each]:
            return each
    if allow_unsafe and rung is None:
        return "none"
    reasons = "".join(f"\n  {name}: {fault}" for name, fault in faults.items())
    raise Unavailable(f"sandbox: programs that a model wrote cannot be run here, because nothing would hold them.{reasons}\n{REMEDY}")
