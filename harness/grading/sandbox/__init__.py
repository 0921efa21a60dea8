"""Running Python programs that a model wrote, which may be anything.

    with Sandbox() as box:
        outcomes = box.call(source, "add", [[1, 2], [3, 4]])
        outcomes = box.stdio(source, ["1 2\n"])

How it works. One *zygote* a Sandbox sits in a jail and forks a fresh process per candidate (about two milliseconds). The candidate gives up
its rights, then gets source and arguments over a private channel, and answers every call with plain data. Expected values never
enter it and the verdict is made outside: a candidate that finds the channel can forge an answer, and has then answered. It cannot leave
early, answer twice, or before it was asked, or another question, without being told from one that answered.

What every rung but "none" guarantees, by a filter of system calls (seccomp.py) and rlimits: one process, never a second; no program started;
no socket to anything; no signal to, tracing of or limits on another process; no kernel interface beyond computing; its memory, processor
time, file sizes and output limited; threads, number of files and their total counted twenty times a second and the excess killed; no
descriptor but its own; an environment of ours; killed whole, its folder emptied before the next candidate, which shares nothing with it.

    bubblewrap   its own users, mounts, processes, network, IPC; no capability; it sees the interpreter, its packages and the system's
                 libraries, read-only, and no /proc; its folder is a tmpfs. Landlock on top, where the kernel has it
    landlock     the host's own file system, of which it may open the same places and its folder, and nothing else. It can still learn
                 whether a path exists (stat) and sees the host's process numbers
    namespaces   as bubblewrap, made with unshare(2)
    none         rlimits and a process group. No isolation: it can read and write what you can, and reach the network

What no rung guarantees: that the kernel has no hole; that a candidate cannot slow its neighbours by using the processor it may use; hidden
channels between processes of one machine.
"""

from __future__ import annotations

from harness.grading.sandbox.box import Sandbox
from harness.grading.sandbox.inside.codec import Numpy, plain
from harness.grading.sandbox.nouns import OUTCOMES, RUNGS, Limits, Outcome, Unavailable
from harness.grading.sandbox.probe import choose, rungs, why

__all__ = ["OUTCOMES", "RUNGS", "Limits", "Numpy", "Outcome", "Sandbox", "Unavailable", "choose", "plain", "rungs", "why"]
