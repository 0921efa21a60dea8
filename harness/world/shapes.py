"""What a stand-in for a model of the hub is like: its family, small, with the template and the stops of what it stands for. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.records import Fault

PREFIX = "stand-in/"  # of the name under which a rehearsal puts one into a suite; no model of the hub has two slashes
SCALE = 64  # widths are divided by this: models of unlike width stay so
HEADS = 4
ROWS = 128  # the head's rows are divided by this: 1,187 of them, and unlike heads stay unlike; the tokenizer has about 390 ids
NEEDED = (
    "family",
    "hidden",
    "heads",
    "kv_heads",
    "head_width",
    "feedforward",
    "vocabulary",
    "tied",
    "context",
    "tokenizer",
    "template",
    "stops",
)


@dataclass(frozen=True)
class Shape:
    """Everything that decides a stand-in's bytes. `name` is the model it stands for, and seeds its weights."""

    name: str
    family: str  # model_type, as transformers names it
    hidden: int
    heads: int
    kv_heads: int
    head_width: int
    feedforward: int
    rows: int  # of the head; more than the tokenizer has ids, as real heads have
    tied: bool
    context: int  # positions
    tokenizer: str
    template: str
    stops: tuple[str, ...]  # the tokenizer's own first
    layers: int = 2
    initializer_range: float = 0.3  # logits spread by about 2: neither flat nor peaked


def shape_of(name: str, entry: dict[str, Any]) -> Shape:
    """The shape of the stand-in for the model of that entry of suites/models.yaml. Raises Fault where the entry says too little."""
    missing = [key for key in NEEDED if key not in entry]
    if missing:
        raise Fault(f"suites/models.yaml: {name}: no stand-in can be made without {', '.join(missing)}. Add what its config says.")
    return Shape(
        name=name,
        family=entry["family"],
        hidden=max(8, entry["hidden"] // SCALE),
        heads=HEADS,
        kv_heads=max(1, HEADS * entry["kv_heads"] // entry["heads"]),
        head_width=max(8, entry["head_width"] // 4),
        feedforward=max(8, entry["feedforward"] // SCALE),
        rows=entry["vocabulary"] // ROWS,
        tied=entry["tied"],
        context=4 * entry["context"],  # byte tokens
        tokenizer=entry["tokenizer"],
        template=entry["template"],
        stops=tuple(entry["stops"]),
    )
