"""How an exam is sat: per domain and, where a model card asks for it, per mode in which a model speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.document import did_you_mean
from harness.records import Sampling
from harness.sources import DOMAINS, Misread

MODES = ("plain", "thinking")


@dataclass(frozen=True)
class Manner:
    """Of one domain in one mode. `prompt_limit` in tokens, None where nothing is said; `grader` of mathematics, None for the exam's own."""

    sampling: Sampling
    prompt_limit: int | None = None
    grader: str | None = None


@dataclass(frozen=True)
class Protocol:
    """`manners`: domain → mode → manner. `any` stands for every domain, and for every mode, that is not named."""

    name: str
    manners: dict[str, dict[str, Manner]]

    def manner(self, domain: str | None, mode: str | None = None) -> Manner | None:
        """None where it says nothing of the domain. Without a mode: of any; all modes of a domain have the same n and grader."""
        modes = self.manners.get(domain or "any") or self.manners.get("any")
        if not modes:
            return None
        return modes.get(mode or "any") or modes.get("any") or next(iter(modes.values()))


def read(name: str, entry: dict[str, Any]) -> Protocol:
    """Raises Misread at the place."""
    found: dict[str, dict[str, Manner]] = {}
    for domain, said in entry.items():
        if domain not in (*DOMAINS, "any"):
            raise Misread(f"there is no domain {domain!r}.{did_you_mean(domain, (*DOMAINS, 'any'))}", domain, at_key=True)
        if isinstance(said, dict) and said.keys() & set(MODES):
            if said.keys() != set(MODES):
                raise Misread(f"modes: expected both, {' and '.join(MODES)}, and nothing beside them.", domain)
            found[domain] = {mode: manner(said[mode], domain, mode) for mode in MODES}
            first, second = found[domain].values()
            if (first.sampling.n, first.grader) != (second.sampling.n, second.grader):
                raise Misread("n and grader are the same in both modes, or one column would hold unlike figures.", domain)
        else:
            found[domain] = {"any": manner(said, domain)}
    return Protocol(name, found)


def manner(said: Any, *path: str) -> Manner:
    if not isinstance(said, dict):
        raise Misread("expected {n: 16, temperature: 0.6, top_p: 0.95, top_k: -1, max_tokens: 38912}.", *path)
    rest = {key: said[key] for key in said if key not in ("prompt_limit", "grader")}
    limit, grader = said.get("prompt_limit"), said.get("grader")
    if limit is not None and (type(limit) is not int or limit < 1):
        raise Misread("prompt_limit: expected tokens, a whole number above 0.", *path, "prompt_limit")
    if grader is not None and not isinstance(grader, str):
        raise Misread("grader: expected the name of a grader of mathematics.", *path, "grader")
    try:
        return Manner(Sampling(**rest), limit, grader)
    except TypeError as fault:
        words = str(fault).removeprefix("Sampling.__init__() ")
        raise Misread(f"{words}. Say temperature, top_p, top_k, max_tokens and n.", *path) from None
