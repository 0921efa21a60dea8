"""What work costs: FLOPs by counting, H100-hours by a model. Deterministic, so that a budget in them repeats anywhere.

Convention: one multiply-add is two FLOPs. A token read or written costs 2 N, a token trained on 6 N with all weights or 4 N with an
adapter (no gradient of the frozen weights), N = weights that multiply once per token; and 4 · layers · heads · width for each token
that stands before it, three times that where it is trained on. Reading and training are bound by arithmetic; writing, token by token,
by what must be fetched from memory for it: its share of the weights, which a batch divides, and the keys and values of its own context.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class H100:
    """Assumed sustained rates of one H100 in bf16. Modelled, not measured; raised with `version` when revised."""

    version: int = 2
    train: float = 4.0e14  # FLOP/s
    read: float = 5.0e14
    fetch: float = 2.3e12  # bytes/s, of 3.35e12
    room: float = 6.8e10  # bytes of weights, keys and values while writing
    batch: int = 256  # responses written at once, at most


TABLE = H100()


@dataclass(frozen=True)
class Size:
    """A model as its cost goes: N; layers × heads × width of a head; bytes of keys and values that a token leaves, in half precision."""

    parameters: float
    attention: float = 0.0
    cache: float = 0.0

    @classmethod
    def of(cls, parameters: float, layers: int, heads: int, kv_heads: int, head_width: int) -> Size:
        return cls(parameters, layers * heads * head_width, 2 * 2 * layers * kv_heads * head_width)


def before(start: float, count: float) -> float:
    """Σ over `count` tokens that follow `start` others, of how many stand before each: the `…_context` of what follows."""
    return count * start + count * count / 2


def flops(
    size: Size,
    *,
    read: float = 0,
    written: float = 0,
    trained: float = 0,
    read_context: float = 0,
    written_context: float = 0,
    trained_context: float = 0,
    adapter: bool = False,
) -> float:
    """Counted floating-point operations of token counts through a model."""
    weights = 2 * size.parameters * (read + written) + (4 if adapter else 6) * size.parameters * trained
    return weights + 4 * size.attention * (read_context + written_context + 3 * trained_context)


def h100_seconds(
    size: Size,
    *,
    read: float = 0,
    written: float = 0,
    trained: float = 0,
    read_context: float = 0,
    written_context: float = 0,
    trained_context: float = 0,
    adapter: bool = False,
) -> float:
    """Modelled seconds of one H100 for the same counts."""
    reading = flops(size, read=read, read_context=read_context) / TABLE.read
    training = flops(size, trained=trained, trained_context=trained_context, adapter=adapter) / TABLE.train
    arithmetic = flops(size, written=written, written_context=written_context) / TABLE.read
    return reading + training + max(arithmetic, fetched(size, written, written_context) / TABLE.fetch)


def fetched(size: Size, written: float, written_context: float) -> float:
    """Bytes that writing fetches. As many responses are written at once as their keys and values have room beside the weights."""
    if not written:
        return 0.0
    kept = size.cache * written_context / written
    batch = min(TABLE.batch, max(1.0, (TABLE.room - 2 * size.parameters) / kept)) if kept else TABLE.batch
    return written * 2 * size.parameters / batch + size.cache * written_context
