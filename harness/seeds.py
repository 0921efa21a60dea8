"""The one source of randomness: every draw in the harness is a function of a seed derived here."""

from __future__ import annotations

import hashlib

import numpy as np


def derive(*parts: int | str) -> int:
    """A 63-bit seed from the parts, in order: the same parts give the same seed on every machine."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def uniforms(seed: int, count: int) -> np.ndarray:
    """`count` float64 draws in [0, 1); draw t does not depend on how many follow it."""
    return np.random.Generator(np.random.Philox(key=seed)).random(count)


def permutation(seed: int, count: int) -> list[int]:
    return np.random.Generator(np.random.Philox(key=seed)).permutation(count).tolist()


def generator(seed: int) -> np.random.Generator:
    """A numpy generator of its own stream, for making problems and corrupting solutions."""
    return np.random.Generator(np.random.Philox(key=seed))
