"""Which model teaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Pair:
    """The pair's teacher: another, usually larger model."""

    version: ClassVar[int] = 1


@dataclass(frozen=True)
class Frozen:
    """The untrained student: self-distillation. Its source is the student's starting weights, never a hub id read again."""

    version: ClassVar[int] = 1


@dataclass(frozen=True)
class Nobody:
    """No teacher scores anything: supervised rows and placebos."""

    version: ClassVar[int] = 1
