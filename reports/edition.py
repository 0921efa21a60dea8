"""A frozen edition of a public site: its name, the hash of all that it was made from, how to cite it, and what asks machines to leave it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from harness.shelf import Shelf

# Stands on every public page: a model that can continue it has been trained on results of exams.
CANARY = "Results of examinations, not for training. opd-harness canary 8d0c6f1e-52b7-4f0e-9a36-b1d1c0de7a44"


@dataclass(frozen=True)
class Edition:
    name: str
    hash: str
    bibtex: str
    canary: str = CANARY


def edition(name: str, shelf: Shelf) -> Edition:
    """The same results and suites give the same hash, wherever and whenever the site is rendered."""
    rows = sorted(json.dumps(result.model_dump(mode="json"), sort_keys=True) for result in shelf.results)
    suites = json.dumps(shelf.suites, sort_keys=True, default=str)
    found = hashlib.sha256("\n".join([*rows, suites]).encode()).hexdigest()[:16]
    return Edition(name, found, _bibtex(name, found, sorted({result.suite for result in shelf.results})))


def _bibtex(name: str, found: str, suites: list[str]) -> str:
    key = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "edition"
    said = re.sub(r"[{}\\%$&#_~^]", " ", ", ".join(suites))
    return (
        f"@misc{{opd-harness-{key},\n"
        f"  title = {{On-policy distillation, compared: {said}}},\n"
        f"  note = {{Edition {re.sub(r'[^A-Za-z0-9 .-]', ' ', name)}, results {found}; made with opd-harness}},\n"
        f"  howpublished = {{opd-harness leaderboard}}\n"
        "}\n"
    )
