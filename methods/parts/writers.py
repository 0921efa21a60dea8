"""Whose tokens are trained on. A writer spells a short list of acts; plan and the round loop interpret the acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Write:
    """One act: `by` ("student" or "teacher") writes `n` responses. `reads` is "plain" or "method" (what the method's teacher reads)."""

    by: str
    reads: str


@dataclass(frozen=True, kw_only=True)
class SamplingOverrides:
    """What a writer asks of sampling; None leaves the suite's setting."""

    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None

    version: ClassVar[int] = 1

    def overrides(self) -> dict[str, float]:
        return {key: value for key, value in vars(self).items() if value is not None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value}' for key, value in self.overrides().items())})"


@dataclass(frozen=True, kw_only=True, repr=False)
class Student(SamplingOverrides):
    """The student's own rollouts, from the problem alone: on-policy."""

    def acts(self, reads_attempt: bool) -> tuple[Write, ...]:
        return (Write(by="student", reads="plain"),)


@dataclass(frozen=True, kw_only=True, repr=False)
class Teacher(SamplingOverrides):
    """The teacher's rollouts, under what the method's teacher reads; a reading of attempts makes the student write first."""

    def acts(self, reads_attempt: bool) -> tuple[Write, ...]:
        own = Write(by="teacher", reads="method")
        return (Write(by="student", reads="plain"), own) if reads_attempt else (own,)
