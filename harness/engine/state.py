"""A run's whole state as two files that can be loaded without running code: tensors in safetensors, numbers in JSON."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

Tensors = Mapping[str, Mapping[str, torch.Tensor]]  # name → tensors by name, kept beside weights and optimizer: running means
NONE: Tensors = MappingProxyType({})


def trainable(model) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def save_state(folder: Path, name: str, model, optimizer: torch.optim.Optimizer, numbers: dict[str, Any], further: Tensors = NONE) -> None:
    """Written whole or not at all; the two newest stay, so that a broken one costs one state."""
    tensors = {f"weight/{key}": p.detach().cpu().contiguous() for key, p in trainable(model).items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{key}": torch.as_tensor(value).cpu().contiguous() for key, value in state.items()}
    tensors |= {f"further/{kind}/{key}": t.detach().cpu().contiguous() for kind, each in further.items() for key, t in each.items()}
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder, prefix=".writing-"))
    save_file(tensors, str(temporary / "tensors.safetensors"))
    (temporary / "numbers.json").write_text(json.dumps(numbers))
    target = folder / name
    shutil.rmtree(target, ignore_errors=True)
    os.replace(temporary, target)
    for stale in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))[:-2]:
        shutil.rmtree(stale, ignore_errors=True)
    for left in folder.glob(".writing-*"):
        shutil.rmtree(left, ignore_errors=True)


def load_state(folder: Path, model, optimizer: torch.optim.Optimizer, further: Tensors = NONE) -> dict[str, Any] | None:
    """Put the newest whole state back, into the tensors of `further` too; its numbers, or None where there is none."""
    for path in sorted((p for p in folder.glob("[!.]*") if p.is_dir()), reverse=True):
        try:
            tensors = load_file(str(path / "tensors.safetensors"))
            numbers = json.loads((path / "numbers.json").read_text())
        except (OSError, ValueError, SafetensorError):
            shutil.rmtree(path, ignore_errors=True)  # or it would count as one of the newest
            continue
        with torch.no_grad():
            for key, parameter in trainable(model).items():
                parameter.copy_(tensors[f"weight/{key}"])
            for kind, each in further.items():
                for key, tensor in each.items():
                    tensor.copy_(tensors[f"further/{kind}/{key}"])
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer/"):
                _, index, name = key.split("/")
                state.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        return numbers
    return None
