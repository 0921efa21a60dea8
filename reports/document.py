"""The board as JSON: every noun of the view with its fields, for a program. Figures are fractions with all their digits."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from reports.nouns import Board

FORMAT = 1


def text(board: Board) -> str:
    return json.dumps({"format": FORMAT, **plain(board)}, indent=1, sort_keys=True, allow_nan=False) + "\n"


def plain(noun: Any) -> Any:
    """Nouns as objects, sequences as lists; only what JSON has."""
    if dataclasses.is_dataclass(noun) and not isinstance(noun, type):
        return {field.name: plain(getattr(noun, field.name)) for field in dataclasses.fields(noun)}
    if isinstance(noun, BaseModel):
        return noun.model_dump(mode="json")
    if isinstance(noun, Mapping):
        return {str(key): plain(value) for key, value in noun.items()}
    if isinstance(noun, list | tuple):
        return [plain(each) for each in noun]
    return noun
