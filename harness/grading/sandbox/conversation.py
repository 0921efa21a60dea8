"""One candidate process, talked to from outside: frames on a private channel, standard input and output, and the clock.

A frame is four bytes of length and the payload. Everything that comes from the candidate is hostile: it is read only when something is
due, never beyond what may come, and a word out of turn ends the conversation.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time

from harness.grading.sandbox.nouns import Infra, Limits
from harness.grading.sandbox.zygote import START_SECONDS, End, Zygote

GRACE_SECONDS = 0.5  # for a process that has closed its channel: it is dying, or it only closed it
BURY_SECONDS = 120.0  # for the zygote to reap it and empty its folder
PIECE = 1 << 16
TICK_SECONDS = 0.05  # how often a candidate's threads are counted
CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group


class Late(Exception):
    """The deadline passed."""


class Gone(Exception):
    """The candidate closed its channel or ended before it had answered."""


class OutOfTurn(Exception):
    """It spoke when it was not asked, or sent what is no frame."""


class TooMuch(Exception):
    """It printed more than it may."""


class TooMany(Exception):
    """It started more threads than it may."""


class Conversation:
    """Opened by the constructor: the candidate is forked, confined and ready when it returns; Infra where that fails.

    `stdin`: bytes on standard input; None for none, and then what is printed is thrown away.
    """

    def __init__(self, zygote: Zygote, limits: Limits, stdin: bytes | None = None) -> None:
        self.zygote, self.limits = zygote, limits
        self.most_frame = limits.output_bytes + 2000
        self.arrived = bytearray()
        self.outgoing = memoryview(b"")
        self.feeding = memoryview(stdin or b"")
        self.printed = bytearray()
        self.open = True  # the channel
        self.stdin = self.stdout = -1
        self.count_at = time.monotonic() + TICK_SECONDS
        self.ended: End | None = None
        self.files: list[int] = []
        try:
            self._start(stdin is not None)
        except OSError as fault:
            self._close()
            raise Infra(f"no pipe to a candidate: {fault.strerror}") from None
        except BaseException:
            self._close()
            raise

    def _start(self, piped: bool) -> None:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        inner = [theirs.detach()]
        try:
            if piped:
                standard_input, self.stdin = os.pipe()
                self.stdout, standard_output = os.pipe()
                self.files += [self.stdin, self.stdout]
                inner = [standard_input, standard_output, *inner]
            else:
                inner = [os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_WRONLY), *inner]
            self.zygote.spawn(self.limits, inner)
            self.pid = self._ready(ours)
        finally:
            for each in inner:
                os.close(each)
            self.channel = ours.detach()
            self.files.append(self.channel)
        for each in self.files:
            os.set_blocking(each, False)

    def _ready(self, channel: socket.socket) -> int:
        """Wait for the candidate's first word, which its own code has not yet had a chance to forge; its process number as we see it."""
        ready = _readable([channel.fileno(), self.zygote.control.fileno()], START_SECONDS)
        if channel.fileno() not in ready:
            if ready:
                self.ended = self.zygote.end(BURY_SECONDS)
            raise Infra("a candidate's process did not start")
        word, credentials, _, _ = channel.recvmsg(4096, socket.CMSG_SPACE(CREDENTIALS.size))
        if word[4:] != b"ready":
            raise Infra(f"a candidate's process could not be confined: {word[4:].decode(errors='replace')}")
        return CREDENTIALS.unpack(credentials[0][2])[0]

    def send(self, payload: bytes) -> None:
        """Queue a frame; it travels while we wait for the answer. Raises OutOfTurn if something came that was not asked for."""
        if self.open:
            self._read_channel()
        if self.arrived:
            raise OutOfTurn("it sent something before it was asked")
        self.outgoing = memoryview(len(payload).to_bytes(4, "big") + payload)

    def receive(self, deadline: float, more: bool = False) -> bytes:
        """The next frame; raises Late, Gone or OutOfTurn. `more`: others are due behind it, and may have come already."""
        while True:
            if len(self.arrived) >= 4:
                length = int.from_bytes(self.arrived[:4], "big")
                if length > self.most_frame:
                    raise OutOfTurn(f"a frame of {length} bytes")
                if len(self.arrived) > 4 + length and not more:
                    raise OutOfTurn("it sent more than its answer")
                if len(self.arrived) >= 4 + length:
                    payload = bytes(self.arrived[4 : 4 + length])
                    del self.arrived[: 4 + length]
                    return payload
            if not self.open:
                raise Gone
            self._step(deadline)

    def finish(self, deadline: float) -> bytes | None:
        """Wait until the process has ended by itself; the last frame it sent, if any. Raises Late or TooMuch."""
        while self.ended is None:
            self._step(deadline)
        self._drain()
        if self.open:
            self._read_channel()
        length = int.from_bytes(self.arrived[:4], "big") if len(self.arrived) >= 4 else 0
        return bytes(self.arrived[4:]) if 0 < length == len(self.arrived) - 4 else None

    def stop(self, gracious: bool = False) -> End:
        """End the process, if it has not ended; `gracious`: it may be ending by itself."""
        if self.ended is None:
            if not _readable([self.zygote.control.fileno()], GRACE_SECONDS if gracious else 0):
                self.zygote.kill()
            self.ended = self.zygote.end(BURY_SECONDS)
        return self.ended

    def close(self) -> None:
        """Leave nothing running; raises Infra when the zygote does not answer."""
        try:
            self.stop()
        finally:
            self._close()

    def _close(self) -> None:
        for each in self.files:
            os.close(each)
        self.files.clear()

    def _step(self, deadline: float) -> None:
        """Wait for something to happen, until the deadline, and move the bytes that can move."""
        poll = select.poll()
        control = self.zygote.control.fileno()
        poll.register(control, select.POLLIN)
        if self.open and len(self.arrived) < self.most_frame + 4:
            poll.register(self.channel, select.POLLIN | (select.POLLOUT if self.outgoing else 0))
        if self.stdout >= 0:
            poll.register(self.stdout, select.POLLIN)
        if self.stdin >= 0 and self.feeding:
            poll.register(self.stdin, select.POLLOUT)
        left = deadline - time.monotonic()
        if left <= 0:
            raise Late
        events = poll.poll(min(left, TICK_SECONDS) * 1000 + 1)
        if time.monotonic() >= self.count_at:
            self.count_at = time.monotonic() + TICK_SECONDS
            if self._threads() > self.limits.processes:
                raise TooMany
        for descriptor, event in events:
            if descriptor == control:
                self.ended = self.zygote.end(BURY_SECONDS)
            elif descriptor == self.stdout:
                self._read_stdout()
            elif descriptor == self.stdin:
                self._feed()
            elif event & select.POLLOUT and self.outgoing:
                self._write_channel()
            else:
                self._read_channel()
        if self.stdin >= 0 and not self.feeding:
            self._shut("stdin")
        if self.ended is not None and self.open:
            self._read_channel()
            self.open = False

    def _threads(self) -> int:
        try:
            return os.stat(f"/proc/{self.pid}/task").st_nlink - 2
        except OSError:
            return 0

    def _write_channel(self) -> None:
        try:
            self.outgoing = self.outgoing[os.write(self.channel, self.outgoing) :]
        except BlockingIOError:
            pass
        except OSError:
            self.outgoing = memoryview(b"")  # reading will find it closed

    def _read_channel(self) -> None:
        """What has arrived, at most one byte more than a frame may have."""
        while len(self.arrived) <= self.most_frame + 4:
            try:
                piece = os.read(self.channel, PIECE)
            except BlockingIOError:
                return
            except OSError:
                piece = b""
            if not piece:
                self.open = False
                return
            self.arrived += piece

    def _read_stdout(self) -> bool:
        """Whether more may come."""
        try:
            piece = os.read(self.stdout, PIECE)
        except BlockingIOError:
            return False
        if not piece:
            self._shut("stdout")
            return False
        self.printed += piece
        if len(self.printed) > self.limits.output_bytes:
            del self.printed[self.limits.output_bytes :]
            raise TooMuch
        return True

    def _drain(self) -> None:
        while self.stdout >= 0 and self._read_stdout():
            pass

    def _feed(self) -> None:
        try:
            self.feeding = self.feeding[os.write(self.stdin, self.feeding) :]
        except BlockingIOError:
            pass
        except OSError:
            self.feeding = memoryview(b"")  # it does not read its input; that is its right

    def _shut(self, name: str) -> None:
        descriptor = getattr(self, name)
        os.close(descriptor)
        self.files.remove(descriptor)
        setattr(self, name, -1)


def _readable(descriptors: list[int], seconds: float) -> list[int]:
    """Those that can be read, or are closed, within so many seconds."""
    poll = select.poll()
    for each in descriptors:
        poll.register(each, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(seconds * 1000)]
