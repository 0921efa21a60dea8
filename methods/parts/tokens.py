"""Which tokens count, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Every:
    """Every token that the writer sampled, with weight 1."""

    version: ClassVar[int] = 1
