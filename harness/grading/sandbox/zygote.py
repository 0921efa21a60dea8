"""A zygote seen from outside: one jailed process on a rung of the ladder that forks a fresh candidate whenever it is asked."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Any

from harness.grading.sandbox import seccomp
from harness.grading.sandbox.nouns import Infra, Limits
from harness.grading.sandbox.view import DEVICES, PRELOAD, View, view

START_SECONDS = 60.0  # a jailed interpreter on a loaded machine
STOP_SECONDS = 5.0
TMPFS_MIB = 256  # of a jail's own file system
JAIL_WORK = "/box"  # the working folder where the jail has a file system of its own


@dataclass(frozen=True)
class End:
    """How a candidate's process ended. `status` as of wait(2); `excess`: why the zygote killed it, if it did; `killed`: we asked."""

    status: int
    cpu: float
    rss_kib: int
    killed: bool
    excess: str | None
    clean: bool


class Zygote:
    """Started by the constructor, which raises Infra where the rung does not hold; used by one thread at a time."""

    def __init__(self, rung: str) -> None:
        self.rung = rung
        self.folder: str | None = None
        self.control, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process: subprocess.Popen[bytes] | None = None
        self.clean = True  # its working folder is empty
        try:
            with inner:
                if rung in ("landlock", "none"):
                    self.folder = tempfile.mkdtemp(prefix="harness-box-")
                work = os.path.realpath(self.folder) if self.folder else JAIL_WORK
                seen = view(work)
                command = seen.arguments(inner.fileno())
                if rung == "bubblewrap":
                    command = [*_bubblewrap(seen), *command]
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", env=seen.environment,
                    pass_fds=[inner.fileno()], start_new_session=True,
                )  # fmt: skip
            self.control.send(json.dumps(_config(rung, seen, work)).encode())
            answer = self.letter(START_SECONDS)
            if "ready" not in answer:
                raise Infra(str(answer.get("fault", answer)))
        except (Infra, OSError) as fault:
            said = self.close()
            raise Infra(f"{fault}{': ' if said else ''}{said}") from None
        except BaseException:  # interrupted
            self.close()
            raise

    def usable(self) -> bool:
        return self.clean and self.process is not None and self.process.poll() is None

    def spawn(self, limits: Limits, descriptors: list[int]) -> None:
        """A new candidate with (standard input, standard output, channel)."""
        letter = json.dumps({"limits": _whole(limits)}).encode()
        try:
            socket.send_fds(self.control, [letter], descriptors)
        except OSError as fault:
            raise Infra(f"the zygote is gone: {fault.strerror}") from None

    def kill(self) -> None:
        """Ask that the candidate be killed; `end` then tells."""
        with contextlib.suppress(OSError):
            self.control.send(b"kill")

    def end(self, seconds: float) -> End:
        answer = self.letter(seconds)
        if "fault" in answer:
            raise Infra(answer["fault"])
        self.clean = answer["clean"]
        return End(**answer)

    def letter(self, seconds: float) -> dict[str, Any]:
        """The next letter; raises Infra when none comes or the zygote is gone."""
        self.control.settimeout(max(seconds, 0.001))
        try:
            letter = self.control.recv(65536)
        except TimeoutError:
            raise Infra(f"no word from the zygote in {seconds:.0f} s") from None
        except OSError as fault:
            raise Infra(f"the zygote is gone: {fault.strerror}") from None
        finally:
            self.control.setblocking(True)
        if not letter:
            raise Infra("the zygote is gone")
        return json.loads(letter)

    def close(self) -> str:
        """End it and everything in its jail, remove its folder; what it said on standard error, shortened."""
        self.control.close()
        said = ""
        if self.process is not None:
            try:
                self.process.wait(STOP_SECONDS)  # the closed socket ends it
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            if self.process.stderr is not None:
                os.set_blocking(self.process.stderr.fileno(), False)
                said = (self.process.stderr.read() or b"").decode(errors="replace").strip()[-300:]
                self.process.stderr.close()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        return said


def _whole(limits: Limits) -> dict[str, int]:
    return {name: getattr(limits, name) for name in ("cpu_seconds", "memory_mib", "file_mib")}


def _config(rung: str, seen: View, work: str) -> dict[str, Any]:
    guarded = rung != "none"
    return {
        "work": work, "read": seen.read, "devices": DEVICES, "packages": seen.packages, "preload": PRELOAD,
        "namespaces": rung == "namespaces", "tmpfs_mib": TMPFS_MIB, "group": not guarded,
        # Inside a jail of namespaces Landlock is a second wall where the kernel has it; alone, it must be there.
        "landlock": {"landlock": "must", "none": "no"}.get(rung, "may"),
        "seccomp": seccomp.program().hex() if guarded and seccomp.supported() else "",
    }  # fmt: skip


@functools.cache
def _knows(binary: str, option: str) -> bool:
    told = subprocess.run([binary, "--help"], capture_output=True, text=True, timeout=START_SECONDS, check=False)
    return option in told.stdout + told.stderr


def _bubblewrap(seen: View) -> list[str]:
    """The command up to the program. Nothing of the host is writable; the one writable place is a tmpfs that vanishes with the jail."""
    binary = shutil.which("bwrap")
    if binary is None:
        raise Infra("there is no program `bwrap`")
    words = [binary, "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    words += ["--disable-userns"] if _knows(binary, "--disable-userns") else []
    words += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--hostname", "box"]
    for path in seen.read:
        words += ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind", path, path]
    for path in DEVICES:
        words += ["--dev-bind-try", path, path]
    size = ["--size", str(TMPFS_MIB << 20)] if _knows(binary, "--size") else []
    return [*words, *size, "--tmpfs", JAIL_WORK, "--remount-ro", "/", "--chdir", "/", "--"]
