"""The zygote: it waits inside the jail, forks a fresh candidate per program, watches it, buries it and empties its working folder.

It reads no byte that a candidate wrote, holds nothing but paths, and ends when the control socket closes. Its letters: first a
configuration, answered with {"ready": …}; then {"limits": …} with three descriptors (standard input, standard output, channel), answered
with how the candidate ended; "kill" ends the running candidate.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import Any

import candidate
import confine
import jail

TICK_MS = 50  # how often a running candidate's files are counted
MOST_ENTRIES = 1000
UNCONFINED = 78  # exit status of a candidate that could not give up its rights; it has run nothing
LOST = 79  # exit status of one that broke what it runs in


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    config = json.loads(control.recv(1 << 20))
    try:
        if config["namespaces"]:
            jail.enter(config["read"], config["devices"], config["work"], config["tmpfs_mib"])
        confine.prctl(confine.PR_SET_DUMPABLE, 0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        os.makedirs(config["work"], mode=0o700, exist_ok=True)
        os.chdir(config["work"])
        ruleset = None
        if config["landlock"] == "must" or (config["landlock"] == "may" and confine.landlock_abi()):
            ruleset = confine.landlock_ruleset(config["read"], config["devices"], config["work"])
    except OSError as fault:
        control.send(json.dumps({"fault": str(fault)}).encode())
        return
    del sys.path[0]  # our own folder
    sys.path += config["packages"]
    for name in config["preload"]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    control.send(json.dumps({"ready": os.getpid()}).encode())
    Zygote(control, config, ruleset, bytes.fromhex(config["seccomp"])).serve()


class Zygote:
    def __init__(self, control: socket.socket, config: dict[str, Any], ruleset: int | None, program: bytes) -> None:
        self.control, self.ruleset, self.program = control, ruleset, program
        self.work: str = config["work"]
        self.group: bool = config["group"]
        self.null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self.wake, wakened = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.poll.register(self.wake, select.POLLIN)

    def serve(self) -> None:
        open_ = True
        while open_:
            letter, descriptors, _, _ = socket.recv_fds(self.control, 65536, 3)
            if not letter:
                break
            if letter == b"kill":  # it came when the candidate was already gone
                continue
            limits = json.loads(letter)["limits"]
            pid = self.fork()
            if pid == 0:
                self.become(limits, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            if pid is None:
                continue
            end, open_ = self.watch(pid, limits)
            open_ = open_ and self.tell(end)
        with contextlib.suppress(OSError):
            wipe(os.fsencode(self.work))
            os.chdir("/")
            os.rmdir(self.work)

    def fork(self) -> int | None:
        try:
            return os.fork()
        except OSError as fault:
            self.tell({"fault": f"fork: {fault.strerror}"})
            return None

    def tell(self, letter: dict[str, Any]) -> bool:
        """Whether there is still somebody to tell."""
        try:
            self.control.send(json.dumps(letter).encode())
        except OSError:
            return False
        return True

    def become(self, limits: dict[str, int], descriptors: list[int]) -> None:
        """In the forked child: give up every right, then run the candidate. Never returns."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            confine.die_with_parent(os.getppid())
            if self.group:
                os.setpgid(0, 0)
            confine.prctl(confine.PR_SET_NO_NEW_PRIVS, 1)
            confine.limit(limits)
            if self.ruleset is not None:
                confine.landlock(self.ruleset)
            for descriptor, place in zip([self.null, *descriptors], (2, 0, 1, candidate.CHANNEL), strict=True):
                os.dup2(descriptor, place, inheritable=False)
            os.closerange(candidate.CHANNEL + 1, 256)
            if self.program:
                confine.seccomp(self.program)
            candidate.write_frame(b"ready")
        except BaseException as fault:
            with contextlib.suppress(OSError):
                candidate.write_frame(f"fault: {fault}".encode())
            os._exit(UNCONFINED)
        try:
            candidate.serve()
        finally:  # whatever a candidate has made of our functions, the zygote's loop is not to run twice
            os._exit(LOST)

    def watch(self, pid: int, limits: dict[str, int]) -> tuple[dict[str, Any], bool]:
        """Until the candidate has ended: how it did, and whether the control socket is still open."""
        excess, asked, open_ = None, False, True
        while True:
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                break
            ready = dict(self.poll.poll(TICK_MS))
            if self.wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wake, 512)
            if self.control.fileno() in ready and open_:
                asked, open_ = True, bool(self.control.recv(64))
                if not open_:
                    self.poll.unregister(self.control)
                self.kill(pid)
            elif not asked and (excess := excess or self.excess(limits)):
                self.kill(pid)
        self.kill_group(pid)
        try:
            wipe(os.fsencode(self.work))
            clean = True
        except OSError:
            clean = False
        cpu = usage.ru_utime + usage.ru_stime
        return {"status": status, "cpu": cpu, "rss_kib": usage.ru_maxrss, "killed": asked, "excess": excess, "clean": clean}, open_

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)  # not yet waited for: the number is still its own
        self.kill_group(pid)

    def kill_group(self, pid: int) -> None:
        if self.group:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    def excess(self, limits: dict[str, int]) -> str | None:
        try:
            entries, size = usage_of(os.fsencode(self.work))
        except OSError as fault:  # such as a path grown too long to follow
            return f"a folder that cannot be counted: {fault.strerror}"
        if entries > MOST_ENTRIES or size > limits["file_mib"] << 20:
            return f"more than {limits['file_mib']} MiB or {MOST_ENTRIES} files in its folder"
        return None


def usage_of(folder: bytes) -> tuple[int, int]:
    """Entries below a folder and bytes on disk; it stops counting past the limit."""
    entries, size, waiting = 0, 0, [folder]
    while waiting and entries <= MOST_ENTRIES:
        place = waiting.pop()
        with contextlib.suppress(FileNotFoundError):
            try:
                listed = os.scandir(place)
            except PermissionError:  # made so that its owner cannot read it
                os.chmod(place, 0o700)
                listed = os.scandir(place)
            with listed:
                for entry in listed:
                    entries += 1
                    with contextlib.suppress(FileNotFoundError):
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    if entries > MOST_ENTRIES:
                        break
    return entries, size


def wipe(folder: bytes) -> None:
    """Empty a folder, however deep: what lies in a subfolder's subfolder is first moved up, so that no path grows long."""
    serial, prefix = 0, os.urandom(8).hex().encode()
    while names := os.listdir(folder):
        for name in names:
            path = os.path.join(folder, name)
            if not _is_folder(path):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for below in os.listdir(path):
                inner = os.path.join(path, below)
                if _is_folder(inner):
                    os.chmod(inner, 0o700)
                    serial += 1
                    os.rename(inner, os.path.join(folder, b"%s-%d" % (prefix, serial)))
                else:
                    os.unlink(inner)
            os.rmdir(path)


def _is_folder(path: bytes) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


if __name__ == "__main__":
    main()
