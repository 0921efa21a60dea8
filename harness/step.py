"""One unit of work and its address: the hash of everything that decides its result, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

# A stage's number is raised when the meaning of its work changes; code itself is not hashed.
STAGES = {
    "problems": 2,
    "join": 1,
    "overlap": 1,
    "select": 2,
    "pretrain": 1,
    "standin": 1,
    "generate": 1,
    "copy": 1,
    "pick": 1,
    "locate": 1,
    "weigh": 1,
    "relay": 1,
    "grade": 3,
    "construct": 3,
    "train": 3,
    "analyse": 3,
    "snapshot": 1,
    "audit": 1,
    "score": 2,
    "lm_eval": 1,
}


def canonical(value: Any) -> Any:
    """The value as plain JSON with one spelling. Raises TypeError on anything without a stable identity."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise TypeError(f"{value} has no place in an address")
        return value
    if is_dataclass(value) and not isinstance(value, type):
        # A field that is None by default, and is, is left out: so a class can be given another without moving every address made before.
        said = [f for f in fields(value) if f.default is not None or getattr(value, f.name) is not None]
        own = {f.name: canonical(getattr(value, f.name)) for f in said}
        return {"type": type(value).__name__, "version": version(type(value)), **own}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("only text keys have a stable order")
        return {key: canonical(value[key]) for key in sorted(value)}
    raise TypeError(f"{type(value).__name__} has no stable identity; name it by a string, a number or a dataclass")


def version(kind: type) -> int:
    """A class's `version` is raised when its meaning changes, a default of its fields included. 1, and one more for every time a class or one of its bases was raised: an edited base has a remedy too."""
    return 1 + sum(base.__dict__["version"] - 1 for base in kind.__mro__ if "version" in base.__dict__)


def digest(value: Any) -> str:
    """sha256 over canonical JSON, in hex."""
    return hashlib.sha256(json.dumps(canonical(value), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def key_of(identity: dict[str, Any]) -> str:
    return digest(identity)[:20]


def address_of(identity: dict[str, Any]) -> str:
    """`<stage>/<key>`: where the store keeps a step, and how other steps name it."""
    return f"{identity['stage']}/{key_of(identity)}"


@dataclass(frozen=True)
class Step:
    """`params` is canonical; `inputs` maps a role to another step's address. Title, weight, tokens and what work costs are for people, never identity."""

    stage: str
    params: dict[str, Any]
    inputs: dict[str, str]
    title: str = ""
    weight: float = 1.0  # estimated seconds, to order work and tell the time left
    tokens: dict[str, int] = field(default_factory=dict)  # "rollout", "teacher" or "exam" → estimated tokens written, for the plan
    flops: float = 0.0  # estimated, as are gpu_hours: modelled hours of one H100
    gpu_hours: float = 0.0
    local: dict[str, str] = field(default_factory=dict)  # where files lie on this machine; their content's hash is in params
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", canonical(self.params))
        object.__setattr__(self, "key", key_of(self.identity))

    @property
    def identity(self) -> dict[str, Any]:
        return {"stage": self.stage, "version": STAGES[self.stage], "params": self.params, "inputs": self.inputs}

    @property
    def address(self) -> str:
        return f"{self.stage}/{self.key}"
