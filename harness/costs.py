"""What work costs: FLOPs by counting, H100-hours by a model. Deterministic, so that a budget in them repeats anywhere.

Convention: one multiply-add is two FLOPs; a token read or written costs 2 N, a token trained on 6 N with all weights
or 4 N with an adapter (no gradient of the frozen weights), N = weights that multiply once per token.
Attention's own products are left out; they are a few per cent at the lengths met here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class H100:
    """Assumed sustained rates of one H100 in bf16, in FLOP/s. Modelled, not measured; raised with `version` when revised."""

    version: int = 1
    train: float = 4.0e14
    read: float = 5.0e14
    write: float = 1.9e14  # about 12k tokens/s of an 8B model in a full batch


TABLE = H100()


def flops(*, read: float = 0, written: float = 0, trained: float = 0, parameters: float, adapter: bool = False) -> float:
    """Counted floating-point operations of token counts through a model of `parameters` weights."""
    return 2 * parameters * (read + written) + (4 if adapter else 6) * parameters * trained


def h100_seconds(*, read: float = 0, written: float = 0, trained: float = 0, parameters: float, adapter: bool = False) -> float:
    """Modelled seconds of one H100 for the same counts."""
    return (
        2 * parameters * read / TABLE.read
        + 2 * parameters * written / TABLE.write
        + (4 if adapter else 6) * parameters * trained / TABLE.train
    )
