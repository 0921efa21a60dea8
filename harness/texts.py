"""What a step of the store wrote, as text again. Only the tokenizer's file is read: no model, no network."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from tokenizers import Tokenizer

from harness.store import Record, Store

FILE = "tokenizer.json"

Decode = Callable[[Sequence[int]], str]


def decoder(store: Store, record: Record) -> Decode | None:
    """From the ids that a step wrote or graded to text without special tokens; None where its model's tokenizer is not on this machine."""
    path = _tokenizer_file(store, record)
    if path is None:
        return None
    tokenizer = _load(path)
    return lambda ids: tokenizer.decode(list(ids), skip_special_tokens=True)


def _tokenizer_file(store: Store, record: Record) -> Path | None:
    model = record.step["params"]["model"]
    if address := record.step["inputs"].get("weights"):
        folder = store.payload(address)
    elif Path(model["path"]).is_dir():
        folder = Path(model["path"])
    else:
        cached = try_to_load_from_cache(model["path"], FILE, revision=model["revision"])
        return Path(cached) if isinstance(cached, str) else None
    return folder / FILE if (folder / FILE).is_file() else None


@functools.lru_cache(maxsize=8)
def _load(path: Path) -> Tokenizer:
    return Tokenizer.from_file(str(path))
