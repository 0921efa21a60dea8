"""What one sees beside the loss, per token, from scores at temperature 1 and with nothing clipped or masked."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from methods.parts.losses import TokenScores

# Openings of doubt (arXiv:2606.08432, §C.5): how much the teacher would like to begin one is how far it is from following the text.
EPISTEMIC = (
    "Wait", "Actually", "However", "Alternatively", "Oops", "Wrong", "Error", "Incorrect", "Correction", "Sorry", "Hmm", "Oh", "Hold",
    "Pause", "Uh", "Um",
)  # fmt: skip


def epistemic_ids(tokenizer) -> list[int]:
    """The first token of each opening, bare and after a space, each id once, in order.

    None at all where most of these are single letters or spaces: such a tokenizer spells words, and their mass would say nothing of doubt.
    """
    spelled = [tokenizer(form + word, add_special_tokens=False)["input_ids"] for word in EPISTEMIC for form in ("", " ")]
    found = sorted({ids[0] for ids in spelled if ids})
    letters = sum(len(tokenizer.decode([token]).strip()) < 2 for token in found)
    return found if letters <= len(found) / 2 else []


@dataclass(frozen=True)
class Observer:
    """Scores to columns [C], in nats but for shares.

    student_logprob, teacher_logprob: of the written token. student_entropy, teacher_entropy. kl_forward = KL(teacher ‖ student),
    kl_reverse = KL(student ‖ teacher), over the whole vocabulary. same_top: do both like the same token best. epistemic_mass: the teacher's
    probability of opening a doubt. On request, teacher_on_student_top16: the teacher's probability of the student's sixteen likeliest tokens.
    """

    epistemic_ids: tuple[int, ...] = ()
    figures: tuple[str, ...] = ()  # further ones, for rules that ask for them

    @functools.cache  # noqa: B019  one tensor a device: copied at each chunk, it would stall a GPU
    def _ids(self, device: torch.device) -> torch.Tensor:
        return torch.tensor(self.epistemic_ids, dtype=torch.long, device=device)

    def __call__(self, scores: TokenScores) -> dict[str, torch.Tensor]:
        student_CV = scores.student_TV.log_softmax(1)
        written = scores.token_ids_T[:, None]
        p_student_CV = student_CV.exp()
        columns = {
            "student_logprob": student_CV.gather(1, written).squeeze(1),
            "student_entropy": -(p_student_CV * student_CV).sum(1),
        }
        if scores.teacher_TV is not None:
            teacher_CV = scores.teacher_TV.log_softmax(1)
            p_teacher_CV = teacher_CV.exp()
            apart_CV = teacher_CV - student_CV
            columns |= {
                "teacher_logprob": teacher_CV.gather(1, written).squeeze(1),
                "teacher_entropy": -(p_teacher_CV * teacher_CV).sum(1),
                "kl_forward": (p_teacher_CV * apart_CV).sum(1),
                "kl_reverse": -(p_student_CV * apart_CV).sum(1),
                "same_top": (student_CV.argmax(1) == teacher_CV.argmax(1)).float(),
            }
            if "teacher_on_student_top16" in self.figures:
                likeliest = student_CV.topk(min(16, student_CV.shape[1]), dim=1).indices
                columns["teacher_on_student_top16"] = p_teacher_CV.gather(1, likeliest).sum(1)
            if self.epistemic_ids:
                columns["epistemic_mass"] = p_teacher_CV.index_select(1, self._ids(p_teacher_CV.device)).sum(1)
        return columns


STEEP = 5.0  # nats: the bound that Fu et al. offer for the log-ratio


def sampled_signal(
    student_T: torch.Tensor, teacher_T: torch.Tensor, ids_T: torch.Tensor, counts_T: torch.Tensor, lengths: Sequence[int]
) -> dict[str, list]:
    """What the sampled tokens alone would teach, response by response (arXiv:2603.25562): A = log p_T(y_t) - log p_S(y_t), in nats.

    From log-probabilities, ids and whether a token counts [T], tokens in the order of the responses; sums over the tokens that count.
    log_ratio_abs = sum |A|, log_ratio_square = sum A^2; log_ratio_negative and log_ratio_steep: how many A are below 0, and beyond STEEP;
    late_tokens and late_teacher_logprob: of the second half of each response. log_ratio_lowest, and at which token id it stands.
    """
    device, count = ids_T.device, len(lengths)
    rows_T = torch.repeat_interleave(torch.tensor(lengths)).to(device)
    late_T = torch.cat([2 * torch.arange(length) >= length for length in lengths]).to(device)
    apart_T = (teacher_T - student_T).double()
    sums = {
        "log_ratio_abs": apart_T.abs(),
        "log_ratio_square": apart_T.square(),
        "log_ratio_negative": apart_T < 0,
        "log_ratio_steep": apart_T.abs() > STEEP,
        "late_tokens": late_T,
        "late_teacher_logprob": teacher_T * late_T,
    }
    found = {
        name: apart_T.new_zeros(count).index_add(0, rows_T, values_T.double().masked_fill(~counts_T, 0.0)).tolist()
        for name, values_T in sums.items()
    }
    low_T = apart_T.masked_fill(~counts_T, float("inf"))
    lowest = apart_T.new_full((count,), float("inf")).scatter_reduce(0, rows_T, low_T, "amin")
    places_T = torch.arange(len(ids_T), device=device)
    at = places_T.masked_fill(low_T > lowest[rows_T], len(ids_T))  # only the places of a response's lowest are left
    first = torch.full((count,), len(ids_T), device=device).scatter_reduce(0, rows_T, at, "amin")
    return found | {"log_ratio_lowest": lowest.tolist(), "lowest_token": ids_T[first].tolist()}
