"""The probe: a short text with the trainer's log-probabilities, kept beside the weights that gave them.

An engine to which new weights are sent can go on serving old ones without a word: where the head is tied to the embedding,
vLLM's stays what it was unless it is sent by name. Whoever serves the weights scores the probe first and compares.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.records import Fault
from harness.store import write_atomically

FILE = "probe.json"
TOKENS = 256  # at most

# Mean |Δ log p| in nats, by the type of the engine's numbers: what rounding explains, with room. Measured with vLLM 0.32.0 on a CPU: right
# weights 1e-6 in float32, and 0.002 to 0.02 in bfloat16 against a trainer in float32. Stale ones are as far as training went: unrelated
# weights 0.3 and more, a round ago in the small world 0.04 to 0.08, 30 updates at a rate of 5e-6 0.002. So in bfloat16 the bound
# does not find every stale weight; what cannot hide is an engine that gives the very same numbers after a change as before it.
BOUND = {"float32": 1e-3, "bfloat16": 0.05}


@dataclass(frozen=True)
class Probe:
    """`logprobs[i]` is that of `token_ids[i + 1]` after all before it: one fewer than ids."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.logprobs) != len(self.token_ids) - 1 or not self.logprobs:
            raise ValueError(f"a probe of {len(self.token_ids)} tokens cannot have {len(self.logprobs)} log-probabilities")


def write(folder: Path, probe: Probe) -> None:
    """Rounded to 6 decimals: the same bytes from the same weights."""
    document = {"token_ids": list(probe.token_ids), "logprobs": [round(value, 6) for value in probe.logprobs]}
    write_atomically(folder / FILE, (json.dumps(document) + "\n").encode())


def read(folder: Path) -> Probe | None:
    """None where there is none: weights that no train step of this version left."""
    if not (folder / FILE).is_file():
        return None
    document = json.loads((folder / FILE).read_text())
    return Probe(tuple(document["token_ids"]), tuple(document["logprobs"]))


def distance(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Mean |Δ log p| per token. A value that is not a number counts as infinitely far."""
    gaps = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    return sum(gaps) / len(gaps) if all(gap == gap for gap in gaps) else float("inf")


REMEDY = (
    "Nothing was written with it. Run again, which makes a new engine; if it says so again, say `engine: transformers`, and report the "
    "model and the version."
)


def check(model: str, weights: str, ours: Sequence[float], theirs: Sequence[float], dtype: str) -> float:
    """The distance. Raises Fault where it is above the bound: then other weights are served than those asked for."""
    found, bound = distance(ours, theirs), BOUND[dtype]
    if not found <= bound:
        raise Fault(
            f"model {model}, {weights}: the engine's log-probabilities of the probe are {found:.2g} nats a token from those of the weights "
            f"it was given (at most {bound:g}): it serves other weights, or computes something else. {REMEDY}"
        )
    return found


def check_moved(model: str, weights: str, before: Sequence[float], after: Sequence[float]) -> None:
    """Raises Fault where other weights were given, and every number of the probe is what it was before."""
    if list(before) == list(after):
        raise Fault(
            f"model {model}, {weights}: the engine gives the very same log-probabilities as before it was given these weights: it goes on "
            f"with the old ones. {REMEDY}"
        )
