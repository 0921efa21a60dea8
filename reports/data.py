"""The board as JSON: every figure that the pages show, by the names of the nouns in `reports.nouns`; scores are fractions."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from harness.statistics import Estimate
from reports.nouns import Board

FORMAT = 1


def text(board: Board) -> str:
    return json.dumps({"format": FORMAT, **plain(board)}, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Dataclasses and models as objects; what JSON has no word for, such as an infinity, as null."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        said = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        # an estimate keeps what its interval follows from; a reader should not have to know how
        return said | {"interval95": plain(value.interval95)} if isinstance(value, Estimate) else said
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
