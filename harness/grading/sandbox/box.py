"""`Sandbox`: run untrusted programs, judge nothing but how they ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from harness.grading.sandbox.nouns import Infra, Limits, Outcome
from harness.grading.sandbox.probe import choose
from harness.grading.sandbox.runs import FATAL, run_calls, run_program
from harness.grading.sandbox.zygote import Zygote

DEFAULT = Limits()


class Sandbox:
    """Used by one thread at a time; several may exist. `rung`: one of `rungs()`, the best that holds where None.

    Raises Unavailable where none holds; `allow_unsafe` then runs with resource limits alone, rung "none".
    """

    def __init__(self, rung: str | None = None, allow_unsafe: bool = False) -> None:
        self.rung = choose(rung, allow_unsafe)
        self._zygote: Zygote | None = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End whatever still runs and remove its folder. The next run starts afresh."""
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.close()

    def call(
        self,
        source: str,
        entry_point: str,
        calls: Sequence[Sequence[Any] | bytes],
        limits: Limits = DEFAULT,
        per_call_seconds: Sequence[float] | float = 10.0,
        known: Sequence[bytes | None] | None = None,
    ) -> list[Outcome]:
        """Load `source` once in a fresh process and call `entry_point` on each list of arguments, in order; one outcome a call.

        `entry_point`: a function's name, or `Class.method` of an instance made without arguments. The source runs as a module that is not
        `__main__`. Arguments are plain data, or encoded already (inside/codec.py); answers come back as the same builtin types, numpy's as
        `Numpy`. A call sees what earlier ones changed. If loading fails, the first outcome tells; the rest are skipped, as they are after a
        process has ended. `known`: an encoded answer a call, which need not be decoded to be recognised. It stays on this side.
        """
        seconds = _seconds(per_call_seconds, len(calls))
        if not calls:
            return []
        done = self._twice(lambda zygote: run_calls(zygote, source, entry_point, calls, limits, seconds, known))
        return done + [Outcome("skipped")] * (len(calls) - len(done))

    def stdio(
        self, source: str, inputs: Sequence[str], limits: Limits = DEFAULT, per_call_seconds: Sequence[float] | float = 10.0
    ) -> list[Outcome]:
        """Run `source` as a program once per input, with that text on standard input; `stdout` is what it printed.

        Every run is a fresh process in an empty folder. After a timeout, oom, crash or infra_error the rest are skipped.
        """
        seconds = _seconds(per_call_seconds, len(inputs))
        outcomes: list[Outcome] = []
        for text, limit in zip(inputs, seconds, strict=True):
            if outcomes and outcomes[-1].outcome in FATAL:
                break
            outcomes += self._twice(lambda zygote: [run_program(zygote, source, text, limits, limit)])  # noqa: B023
        return outcomes + [Outcome("skipped")] * (len(inputs) - len(outcomes))

    def _twice(self, action: Callable[[Zygote], list[Outcome]]) -> list[Outcome]:
        """A fault of the machinery is tried again once, with a new zygote; then it is reported as what it is."""
        fault: Exception | None = None
        for _ in range(2):
            try:
                if self._zygote is None or not self._zygote.usable():
                    self.close()
                    self._zygote = Zygote(self.rung)
                return action(self._zygote)
            except (Infra, OSError) as found:
                fault = found
                self.close()
            except BaseException:  # interrupted: the zygote may still owe an answer that nobody remembers
                self.close()
                raise
        return [Outcome("infra_error", detail=str(fault))]


def _seconds(per_call: Sequence[float] | float, count: int) -> list[float]:
    seconds = [float(per_call)] * count if isinstance(per_call, int | float) else list(map(float, per_call))
    if len(seconds) != count:
        raise ValueError(f"per_call_seconds has {len(seconds)} entries for {count} calls")
    return seconds
