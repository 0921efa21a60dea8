"""A jail of namespaces, entered with unshare(2): own users, mounts, processes, network and IPC; no binary, no privilege."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal

from confine import PR_SET_PDEATHSIG, libc, prctl

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_CAPBSET_DROP = 24
ROOT = "/sys"  # a folder that every system has and nothing here reads: the new root is built on top of it


def enter(read: list[str], devices: list[str], work: str, tmpfs_mib: int) -> None:
    """Returns in the first process of the jail, without a capability; the process that called stays behind, waits and exits.

    Raises OSError where the kernel forbids it.
    """
    user, group = os.getuid(), os.getgid()
    _check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS), "unshare")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")
    child = os.fork()
    if child:
        os.closerange(3, 256)  # or the control socket would never be seen to close
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255)
    prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))  # the parent's number means nothing in here, so it cannot be asked after
    _mounts(read, devices, work, tmpfs_mib)
    _drop_capabilities()


def _mounts(read: list[str], devices: list[str], work: str, tmpfs_mib: int) -> None:
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    _mount("tmpfs", ROOT, "tmpfs", MS_NOSUID | MS_NODEV, f"size={tmpfs_mib}m,mode=755")
    for path in [*read, *devices]:
        if not os.path.exists(path):
            continue
        if os.path.islink(path):  # /lib, where the system has merged it into /usr
            os.symlink(os.readlink(path), ROOT + path)
            continue
        place = ROOT + path
        if os.path.isdir(path):
            os.makedirs(place, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w"):
                pass
        _mount(path, place, None, MS_BIND | MS_REC)
        kept = os.statvfs(place).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)  # a jail may not loosen what it found
        _mount("none", place, None, MS_REMOUNT | MS_BIND | kept | (0 if path in devices else MS_RDONLY | MS_NOSUID))
    os.makedirs(ROOT + "/proc")
    _mount("proc", ROOT + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    os.makedirs(ROOT + work)
    _mount("tmpfs", ROOT + work, "tmpfs", MS_NOSUID | MS_NODEV, f"size={tmpfs_mib}m,mode=700")
    _mount("none", ROOT, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    os.chdir(ROOT)
    _check(libc.pivot_root(b".", b"."), "pivot_root")
    _check(libc.umount2(b".", MNT_DETACH), "umount2")
    os.chdir("/")


def _drop_capabilities() -> None:
    for capability in range(64):
        with contextlib.suppress(OSError):
            prctl(PR_CAPBSET_DROP, capability)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _check(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [each.encode() if each is not None else None for each in (source, target, kind, options)]
    _check(libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]), f"mount {target.removeprefix(ROOT) or '/'}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
