"""Which rollouts count, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class All:
    """Every rollout, with weight 1."""

    version: ClassVar[int] = 1
