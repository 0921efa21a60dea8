"""The catalogue of methods. Reading it imports no torch. Entries from other packages join through the group `harness.methods`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from methods.forward_kl import FORWARD_KL
from methods.forward_kl_clip import FORWARD_KL_CLIP
from methods.method import Method, Term
from methods.opd_sampled import OPD_SAMPLED
from methods.opsd import OPSD
from methods.placebo import PLACEBO
from methods.reverse_kl import REVERSE_KL
from methods.reverse_kl_topk import REVERSE_KL_TOPK
from methods.revisiting import REVISITING
from methods.sft_teacher import SFT_TEACHER
from methods.trd import TRD
from methods.trd_self import TRD_SELF

__all__ = ["METHODS", "Method", "Term"]

CATALOGUE: dict[str, Method] = {
    "forward_kl": FORWARD_KL,
    "forward_kl_clip": FORWARD_KL_CLIP,
    "reverse_kl": REVERSE_KL,
    "reverse_kl_topk": REVERSE_KL_TOPK,
    "trd": TRD,
    "trd_self": TRD_SELF,
    "opsd": OPSD,
    "opd_sampled": OPD_SAMPLED,
    "revisiting": REVISITING,
    "sft_teacher": SFT_TEACHER,
    "placebo": PLACEBO,
}


def joined(catalogue: dict[str, Method], points: Iterable[EntryPoint]) -> dict[str, Method]:
    """The catalogue and the entries of other packages. ValueError where one is no Method, or a name is taken."""
    methods = dict(catalogue)
    for point in points:
        origin = f"entry point {point.name!r} = {point.value!r} (group harness.methods)"
        entry = point.load()
        if not isinstance(entry, Method):
            raise ValueError(f"{origin} is a {type(entry).__name__}. Point it at a Method value: 'my_package.my_module:MY_METHOD'.")
        if entry.name in methods:
            raise ValueError(f"{origin}: there is a method {entry.name!r} already. Give this one another name.")
        methods[entry.name] = entry
    return methods


METHODS: dict[str, Method] = joined(CATALOGUE, entry_points(group="harness.methods"))
