"""One candidate from its start to its outcomes: calls that are asked one at a time, or a program that runs through."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Any

from harness.grading.sandbox.conversation import Conversation, Gone, Late, OutOfTurn, TooMany, TooMuch
from harness.grading.sandbox.inside.codec import decode, encode
from harness.grading.sandbox.nouns import Infra, Limits, Outcome
from harness.grading.sandbox.oom import kernel_kills
from harness.grading.sandbox.zygote import End, Zygote

LOAD_SECONDS = 20.0  # executing the source itself: imports such as sympy's, on a loaded machine
OUT_OF_MEMORY, RAISED = 77, 1  # exit statuses (inside/candidate.py)
FATAL = ("timeout", "oom", "crash", "infra_error")
MOST_REQUEST = 1 << 30
BATCH, BATCH_BYTES = 64, 1 << 18  # calls asked at once, and their arguments


def run_calls(
    zygote: Zygote,
    source: str,
    entry_point: str,
    calls: Sequence[Sequence[Any] | bytes],
    limits: Limits,
    seconds: list[float],
    known: Sequence[bytes | None] | None = None,
) -> list[Outcome]:
    """One outcome a call, up to the first after which nothing runs."""
    kills = kernel_kills()
    talk = Conversation(zygote, limits)
    try:
        start = time.monotonic()
        last = start + limits.wall_seconds
        nonce = os.urandom(16).hex()
        talk.send(encode([nonce, "call", source, entry_point, limits.output_bytes], MOST_REQUEST))
        loaded = _hear(talk, nonce, min(last, start + LOAD_SECONDS), kills)
        if loaded.outcome != "ok":
            return [loaded]
        outcomes: list[Outcome] = []
        for batch in _batches(calls):
            nonces = [os.urandom(16).hex() for _ in batch]
            try:
                talk.send(b"[" + b",".join(b'["%s",%s]' % (nonce.encode(), each) for nonce, each in zip(nonces, batch, strict=True)) + b"]")
            except OutOfTurn as fault:
                return [*outcomes, Outcome("crash", detail=str(fault))]
            for nonce in nonces:
                place = len(outcomes)
                deadline = min(last, time.monotonic() + seconds[place])
                outcomes.append(_hear(talk, nonce, deadline, kills, nonce is not nonces[-1], known[place] if known else None))
                if outcomes[-1].outcome in FATAL:
                    return outcomes
        return outcomes
    finally:
        talk.close()


def _batches(calls: Sequence[Sequence[Any] | bytes]) -> Iterator[list[bytes]]:
    """The calls' encoded arguments, as many together as are asked at once: a turn of the conversation costs more than most calls."""
    batch: list[bytes] = []
    size = 0
    for arguments in calls:
        encoded = arguments if isinstance(arguments, bytes) else encode(list(arguments), MOST_REQUEST)
        if batch and (size + len(encoded) > BATCH_BYTES or len(batch) == BATCH):
            yield batch
            batch, size = [], 0
        batch.append(encoded)
        size += len(encoded)
    if batch:
        yield batch


def _hear(talk: Conversation, nonce: str, deadline: float, kills: int, more: bool = False, known: bytes | None = None) -> Outcome:
    """The answer to one question. Its nonce is new each time: an answer given before the question was asked has another."""
    start = time.monotonic()
    same = False
    try:
        payload = talk.receive(deadline, more)
        same = known is not None and payload == b'{"t":["%s","ok",%s]}' % (nonce.encode(), known)
        kind, content = ("ok", None) if same else _answer(payload, nonce)
    except Late:
        kind, content = "timeout", f"no answer in {deadline - start:.3g} s"
    except OutOfTurn as fault:
        kind, content = "crash", str(fault)
    except TooMany:
        kind, content = "crash", f"it started more than {talk.limits.processes} threads"
    except Gone:
        kind, content = _cause(talk.stop(gracious=True), talk.limits, kills)
    seconds = time.monotonic() - start
    if kind == "ok":
        return Outcome("ok", content, seconds=seconds, known=same)
    return Outcome(kind, detail=_clean(str(content)), seconds=seconds)


def _answer(payload: bytes, nonce: str) -> tuple[str, Any]:
    try:
        echoed, kind, content = decode(payload)
    except (ValueError, MemoryError):
        raise OutOfTurn("it sent what is no answer") from None
    if echoed != nonce or kind not in ("ok", "error", "oom", "exit", "unserialisable"):
        raise OutOfTurn("it sent an answer to another question")
    return ("crash", f"it left: {content}") if kind == "exit" else (kind, content)


def run_program(zygote: Zygote, source: str, text: str, limits: Limits, seconds: float) -> Outcome:
    kills = kernel_kills()
    talk = Conversation(zygote, limits, text.encode("utf-8", "surrogateescape"))
    try:
        start = time.monotonic()
        nonce = os.urandom(16).hex()
        outcome, detail = "ok", ""
        try:
            talk.send(encode([nonce, "stdio", source], MOST_REQUEST))
            frame = talk.finish(start + min(seconds, limits.wall_seconds))
            end = talk.stop()
            if end.status != 0:
                outcome, detail = _raised(frame, nonce) if os.waitstatus_to_exitcode(end.status) == RAISED else _cause(end, limits, kills)
        except Late:
            outcome, detail = "timeout", f"not done in {min(seconds, limits.wall_seconds):g} s"
        except TooMuch:
            outcome, detail = "error", f"it printed more than {limits.output_bytes} bytes"
        except OutOfTurn as fault:
            outcome, detail = "crash", str(fault)
        except TooMany:
            outcome, detail = "crash", f"it started more than {limits.processes} threads"
        spent = time.monotonic() - start
        return Outcome(outcome, stdout=bytes(talk.printed).decode("utf-8", "replace"), detail=_clean(detail), seconds=spent)
    finally:
        talk.close()


def _raised(frame: bytes | None, nonce: str) -> tuple[str, str]:
    """What a program that ended with status 1 says it raised."""
    if frame is not None:
        try:
            kind, content = _answer(frame, nonce)
        except OutOfTurn:
            kind, content = "", ""
        if kind in ("error", "oom"):
            return kind, str(content)
    return "crash", "it ended with status 1"


def _cause(end: End, limits: Limits, kills: int) -> tuple[str, str]:
    """Why a process ended that had not answered. Raises Infra for a kill that neither it nor we caused."""
    code = os.waitstatus_to_exitcode(end.status)
    if end.excess:
        return "crash", end.excess
    if code == OUT_OF_MEMORY:
        return "oom", "MemoryError"
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and end.cpu >= limits.cpu_seconds):
        return "timeout", f"{end.cpu:.3g} s of the processor"
    if end.killed:
        return "crash", "it closed its channel before it had answered"
    if code == -signal.SIGKILL:
        if kernel_kills() > kills or end.rss_kib > limits.memory_mib << 9:
            return "oom", f"killed at {end.rss_kib >> 10} MiB"
        raise Infra("a candidate was killed from outside")
    if code < 0:
        return "crash", f"killed by {signal.Signals(-code).name}"
    return "crash", f"it ended with status {code} before it had answered"


def _clean(text: str) -> str:
    """On one line, without control characters: it is a stranger's."""
    return "".join(each if each.isprintable() else " " for each in text[:300])
