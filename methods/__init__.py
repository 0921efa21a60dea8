"""The catalogue of methods. Reading it imports no torch. Entries from other packages join through the group `harness.methods`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from methods.brts import BRTS
from methods.distillm_skew_rkl import DISTILLM_SKEW_RKL
from methods.eopd import EOPD
from methods.esr import ESR
from methods.exopd import EXOPD
from methods.fast_opd import FAST_OPD
from methods.forward_kl import FORWARD_KL
from methods.forward_kl_clip import FORWARD_KL_CLIP
from methods.gates import GATES
from methods.gkd import GKD
from methods.grpo import GRPO
from methods.kdrl import KDRL
from methods.method import Method, Term
from methods.minillm import MINILLM
from methods.mopd import MOPD
from methods.multi_teacher import MULTI_TEACHER
from methods.opcd import OPCD
from methods.opd_sampled import OPD_SAMPLED
from methods.opsd import OPSD
from methods.paced import PACED
from methods.placebo import PLACEBO
from methods.placebo_shuffled import PLACEBO_SHUFFLED
from methods.relay_opd import RELAY_OPD
from methods.rethinking import RETHINKING
from methods.reverse_kl import REVERSE_KL
from methods.reverse_kl_topk import REVERSE_KL_TOPK
from methods.revisiting import REVISITING
from methods.rlsd import RLSD
from methods.sdft import SDFT
from methods.sdpo import SDPO
from methods.sft_reference import SFT_REFERENCE
from methods.sft_teacher import SFT_TEACHER
from methods.skd import SKD
from methods.stable_opd import STABLE_OPD
from methods.ta_opd import TA_OPD
from methods.tip import TIP
from methods.tml_opd import TML_OPD
from methods.topd_like import TOPD_LIKE
from methods.topd_like_surrogate import TOPD_LIKE_SURROGATE
from methods.trd import TRD
from methods.trd_self import TRD_SELF
from methods.veto import VETO

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
    "gkd": GKD,
    "minillm": MINILLM,
    "tml_opd": TML_OPD,
    "sdpo": SDPO,
    "mopd": MOPD,
    "multi_teacher": MULTI_TEACHER,
    "sdft": SDFT,
    "opcd": OPCD,
    "rethinking": RETHINKING,
    "tip": TIP,
    "ta_opd": TA_OPD,
    "eopd": EOPD,
    "paced": PACED,
    "esr": ESR,
    "fast_opd": FAST_OPD,
    "exopd": EXOPD,
    "veto": VETO,
    "stable_opd": STABLE_OPD,
    "rlsd": RLSD,
    "kdrl": KDRL,
    "distillm_skew_rkl": DISTILLM_SKEW_RKL,
    "brts": BRTS,
    "topd_like": TOPD_LIKE,
    "topd_like@surrogate": TOPD_LIKE_SURROGATE,
    "relay_opd": RELAY_OPD,
    "skd": SKD,
    "gates": GATES,
    "sft_teacher": SFT_TEACHER,
    "sft_reference": SFT_REFERENCE,
    "grpo": GRPO,
    "placebo": PLACEBO,
    "placebo_shuffled": PLACEBO_SHUFFLED,
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
