"""Weights as an engine is given them: where they lie, and tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from harness import models
from harness.records import Fault
from harness.store import file_hash


def tensors(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights by their names. A tied head is sent too: vLLM keeps its own copy, and would go on with the old one."""
    embedding, head = None, False
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no mapping)
                tensor = file.get_tensor(name)
                if name.endswith("embed_tokens.weight"):
                    embedding = tensor
                head = head or name == "lm_head.weight"
                yield name, tensor
    if embedding is None:
        raise Fault(f"{folder}: no token embedding is found in its *.safetensors, so the engine cannot be given these weights.")
    if not head:
        yield "lm_head.weight", embedding


def content(trained: Path | None) -> str:
    """What is served, by content: another text means that log-probabilities must move. An adapter that adds nothing is the base."""
    if trained is None or (is_adapter(trained) and not adds_something(trained)):
        return "base"
    return " ".join(file_hash(path) for path in sorted(trained.glob("*.safetensors")))


def adds_something(adapter: Path) -> bool:
    """The second factor of an adapter is zero until it is trained."""
    for path in sorted(adapter.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            if any(bool(file.get_tensor(name).any()) for name in file.keys() if "lora_B" in name):  # noqa: SIM118
                return True
    return False


def is_adapter(folder: Path) -> bool:
    return (folder / "adapter_config.json").exists()


def folder_of(where: tuple[str, dict[str, Any]]) -> str:
    """Where the model's files lie: its folder, or the hub's snapshot of its revision. Safetensors and configs only."""
    if Path(where[0]).is_dir():
        return where[0]
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(where[0], revision=where[1]["revision"], allow_patterns=["*.json", "*.safetensors"])
    except (OSError, ValueError) as fault:
        raise Fault(f"model {where[0]}: its weights cannot be loaded: {models.first_sentence(fault)}.") from None
