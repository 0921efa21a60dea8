"""The filter of system calls: what a Python program that computes needs, and nothing that reaches another process, a network or a mount.

An allow list, compiled to classic BPF (struct sock_filter) here and installed by the candidate's process on itself. What is not on it fails
with EPERM, except that calls newer than Linux 5.1 fail with ENOSYS, so that a C library falls back to older ones. Foreign architectures
(and x32) end the process. Denied by absence: fork, exec, kill and ptrace in every form, sockets, mounts, namespaces, bpf, io_uring,
memfd_create, System V IPC, chmod, chown, links, and truncate by path, which Landlock knows only since ABI 3.
"""

from __future__ import annotations

import errno
import platform
import struct
import sys

# name: (x86-64, aarch64), None where an architecture has no such call.
ALLOWED: dict[str, tuple[int | None, int | None]] = {
    # files, within what the rung lets the process see
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67), "pwrite64": (18, 68),
    "preadv": (295, 69), "pwritev": (296, 70), "lseek": (8, 62), "close": (3, 57), "close_range": (436, 436), "dup": (32, 23),
    "dup2": (33, None), "dup3": (292, 24), "pipe": (22, None), "pipe2": (293, 59), "open": (2, None), "openat": (257, 56),
    "openat2": (437, 437), "creat": (85, None), "stat": (4, None), "fstat": (5, 80), "lstat": (6, None), "newfstatat": (262, 79),
    "statx": (332, 291), "statfs": (137, 43), "fstatfs": (138, 44), "access": (21, None), "faccessat": (269, 48),
    "faccessat2": (439, 439), "readlink": (89, None), "readlinkat": (267, 78), "getdents": (78, None), "getdents64": (217, 61),
    "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "ftruncate": (77, 46), "fsync": (74, 82), "fdatasync": (75, 83), "umask": (95, 166),
    # memory and threads
    "mmap": (9, 222), "munmap": (11, 215), "mprotect": (10, 226), "mremap": (25, 216), "madvise": (28, 233), "brk": (12, 214),
    "msync": (26, 227), "futex": (202, 98), "futex_waitv": (449, 449), "set_robust_list": (273, 99),
    "get_robust_list": (274, 100), "set_tid_address": (218, 96), "rseq": (334, 293), "membarrier": (324, 283), "exit": (60, 93),
    "exit_group": (231, 94), "arch_prctl": (158, None), "restart_syscall": (219, 128), "wait4": (61, 260), "waitid": (247, 95),
    # who am I
    "gettid": (186, 178), "getpid": (39, 172), "getppid": (110, 173), "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176),
    "getegid": (108, 177), "getgroups": (115, 158), "getresuid": (118, 148), "getresgid": (120, 150), "getpgrp": (111, None),
    "getpgid": (121, 155), "getsid": (124, 156), "uname": (63, 160), "sysinfo": (99, 179), "getcpu": (309, 168),
    "getrlimit": (97, 163), "getrusage": (98, 165), "getpriority": (140, 141), "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123), "sched_getparam": (143, 121), "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126), "getrandom": (318, 278),
    # its own signals and clocks; not timer_create, which could kill its own process in a way that looks like a kill from outside
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132), "pause": (34, None), "alarm": (37, None),
    "setitimer": (38, 103), "getitimer": (36, 102), "timerfd_create": (283, 85),
    "timerfd_settime": (286, 86), "timerfd_gettime": (287, 87), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115), "nanosleep": (35, 101), "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153),
    # waiting, and the pair of sockets with which asyncio wakes itself
    "select": (23, None), "pselect6": (270, 72), "poll": (7, None), "ppoll": (271, 73), "epoll_create": (213, None),
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441), "eventfd": (284, None), "eventfd2": (290, 19), "recvfrom": (45, 207), "sendto": (44, 206),
    "shutdown": (48, 210), "getsockopt": (55, 209), "getsockname": (51, 204), "getpeername": (52, 205),
}  # fmt: skip

CLONE_THREAD, CLONE_NEW_ANYTHING = 0x10000, 0x7E020080
AF_UNIX, SOCK_STREAM, SOCK_TYPE = 1, 1, 0xF
WORD, LONG = (1 << 32) - 1, (1 << 64) - 1

# Calls allowed only with certain arguments: alternatives of (which argument, mask, value) that must all hold.
Check = tuple[int, int, int]
CHECKED: dict[str, tuple[tuple[int, int], list[list[Check]]]] = {
    "clone": ((56, 220), [[(0, CLONE_THREAD | CLONE_NEW_ANYTHING, CLONE_THREAD)]]),
    # A stream cannot be sent elsewhere; a datagram could, to any socket of the machine.
    "socketpair": ((53, 199), [[(0, WORD, AF_UNIX), (1, SOCK_TYPE, SOCK_STREAM)]]),
    # Reading limits, and raising one's own stack as programs for judges do.
    "prlimit64": ((302, 261), [[(0, WORD, 0), (2, LONG, 0)], [(0, WORD, 0), (1, WORD, 3)]]),
    # Duplicate, flags, size of a pipe; not F_SETOWN and F_SETSIG, which send signals to others.
    "fcntl": ((72, 25), [[(1, WORD, command)] for command in (0, 1, 2, 3, 4, 1030, 1032)]),
    # Is this a terminal, its size; (non)blocking, close on exec, how much waits.
    "ioctl": ((16, 29), [[(1, WORD, command)] for command in (0x5401, 0x5413, 0x5421, 0x5450, 0x5451, 0x541B)]),
    # A thread's name; the allocator's names of its areas.
    "prctl": ((157, 167), [[(0, WORD, option)] for option in (15, 16, 0x53564D41)]),
}

# machine: (its column above, AUDIT_ARCH)
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
X32_BIT = 0x40000000
FIRST_NEW = 424  # pidfd_send_signal, Linux 5.1: from here numbers are the same everywhere

_LOAD, _JEQ, _JGE, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def supported() -> bool:
    return sys.platform == "linux" and platform.machine() in ARCHITECTURES


def program() -> bytes:
    """The filter for this machine; raises KeyError where its architecture is not known."""
    column, arch = ARCHITECTURES[platform.machine()]
    code: list[Instruction] = [(_LOAD, 0, 0, _ARCH), (_JEQ, 1, 0, arch), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    if column == 0:
        code += [(_JGE, 0, 1, X32_BIT), (_RETURN, 0, 0, _KILL)]
    for numbers in ALLOWED.values():
        if numbers[column] is not None:
            code += [(_JEQ, 0, 1, numbers[column] or 0), (_RETURN, 0, 0, _ALLOW)]
    for numbers, alternatives in CHECKED.values():
        block = _checked(alternatives)
        code += [(_JEQ, 0, len(block), numbers[column]), *block]
    code += [(_JGE, 0, 1, FIRST_NEW), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    return b"".join(struct.pack("=HBBI", *each) for each in code)


def _checked(alternatives: list[list[Check]]) -> list[Instruction]:
    """Allow if every check of an alternative holds, else go on to the next one; after the last, EPERM."""
    code: list[Instruction] = []
    for checks in alternatives:
        tests: list[Instruction] = []
        for argument, mask, value in checks:
            for half in (0, 1) if mask > WORD else (0,):  # both architectures are little-endian
                part = mask >> (32 * half) & WORD
                tests += [
                    (_LOAD, 0, 0, _ARGUMENTS + 8 * argument + 4 * half),
                    (_AND, 0, 0, part),
                    (_JEQ, 0, 0, value >> (32 * half) & WORD),
                ]
        # A check that fails jumps past the rest of this alternative and its return.
        code += [(op, 0, len(tests) - place if op == _JEQ else 0, k) for place, (op, _, _, k) in enumerate(tests)]
        code.append((_RETURN, 0, 0, _ALLOW))
    return [*code, (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
