"""The candidate's process after it is confined: run the program that comes over the channel, call by call or as a whole.

Nothing here judges. What is sent is (nonce, kind, content): the nonce is the request's, so that an answer belongs to its question. The
program shares this memory and may forge an answer; then that is its answer, and it is compared like any other.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import types
from typing import Any

from codec import TooLarge, Unserialisable, decode, encode

CHANNEL = 3  # the descriptor of the channel
OUT_OF_MEMORY = 77  # exit status of a program that cannot even say so
RAISED = 1


def write_frame(payload: bytes) -> None:
    data = memoryview(len(payload).to_bytes(4, "big") + payload)
    while data:
        data = data[os.write(CHANNEL, data) :]


def _read(count: int) -> bytes:
    pieces = []
    while count:
        piece = os.read(CHANNEL, min(count, 1 << 20))
        if not piece:
            os._exit(0)
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _request() -> Any:
    return decode(_read(int.from_bytes(_read(4), "big")))


def serve() -> None:
    """The first request says what the program is for. Never returns."""
    nonce, mode, source, *more = _request()
    if mode == "call":
        _serve_calls(nonce, source, *more)
    else:
        _run_program(nonce, source)


def _serve_calls(nonce: str, source: str, entry_point: str, most_bytes: int) -> None:
    reply, function = _guarded(lambda: _load(source, entry_point))
    _send(nonce, reply or ("ok", None), most_bytes)
    while True:
        questions = _request()
        for place, (nonce, arguments) in enumerate(questions):
            questions[place] = None
            reply, value = _guarded(lambda: function(*arguments))  # noqa: B023
            del arguments
            _send(nonce, reply or ("ok", value), most_bytes)
            del value


def _load(source: str, entry_point: str) -> Any:
    """`name`, or `Class.method` of an instance made without arguments."""
    namespace = _module("solution", source)
    name, _, method = entry_point.partition(".")
    if name not in namespace:
        raise NameError(f"the program defines no {name!r}")
    return getattr(namespace[name](), method) if method else namespace[name]


def _module(name: str, source: str) -> dict[str, Any]:
    """Execute a program as the module `name`, which dataclasses and typing look up."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    sys.argv[:] = [name]
    exec(compile(source, f"<{name}>", "exec", dont_inherit=True), module.__dict__)
    return module.__dict__


def _guarded(action: Any) -> tuple[tuple[str, str] | None, Any]:
    """What the action returned, or a reply that tells what it raised."""
    try:
        return None, action()
    except MemoryError:
        kind, detail = "oom", "MemoryError"
    except SystemExit as end:
        kind, detail = "exit", _told(end)
    except BaseException as error:
        kind, detail = "error", _told(error)
    return (kind, detail), None


def _told(error: BaseException) -> str:
    name = type(error).__name__
    try:
        return f"{name}: {error}"[:300]
    except Exception:
        return name


def _send(nonce: str, reply: tuple[str, Any], most_bytes: int) -> None:
    try:
        try:
            payload = encode((nonce, *reply), most_bytes + 1000)
        except Unserialisable as fault:
            payload = encode((nonce, "unserialisable", str(fault)[:300]), 10_000)
        except TooLarge as fault:
            payload = encode((nonce, "error", f"an answer of more than {most_bytes} bytes ({fault})"), 10_000)
        except MemoryError:
            payload = encode((nonce, "oom", "MemoryError"), 10_000)
        except Exception as fault:  # it changed while it was written, or lies about what it is
            payload = encode((nonce, "unserialisable", type(fault).__name__), 10_000)
        write_frame(payload)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def _run_program(nonce: str, source: str) -> None:
    """As `python program.py` would: threads are waited for, what was printed is flushed, and the exit status tells.

    `sys.exit` with any status is an end like another; what counts is what was printed.
    """
    streams = [
        open(descriptor, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        for descriptor, mode, errors in ((0, "r", "surrogateescape"), (1, "w", "surrogateescape"), (2, "w", "backslashreplace"))
    ]
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__ = streams

    def whole() -> None:
        try:
            _module("__main__", source)
        finally:
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
            sys.stdout.flush()

    reply, _ = _guarded(whole)
    if reply is None or reply[0] == "exit":
        os._exit(0)
    _send(nonce, reply, 10_000)
    os._exit(RAISED)
