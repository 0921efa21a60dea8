"""What one sees beside the loss, per token, from scores at temperature 1 and with nothing clipped."""

from __future__ import annotations

from methods.parts.losses import TokenScores


def observe(scores: TokenScores) -> dict:
    """Columns [C], in nats: log-probability of the written token under both, entropies, and the full reverse KL."""
    student_CV = scores.student_TV.log_softmax(1)
    written = scores.token_ids_T[:, None]
    columns = {
        "student_logprob": student_CV.gather(1, written).squeeze(1),
        "student_entropy": -(student_CV.exp() * student_CV).sum(1),
    }
    if scores.teacher_TV is not None:
        teacher_CV = scores.teacher_TV.log_softmax(1)
        columns |= {
            "teacher_logprob": teacher_CV.gather(1, written).squeeze(1),
            "teacher_entropy": -(teacher_CV.exp() * teacher_CV).sum(1),
            "kl_to_teacher": (student_CV.exp() * (student_CV - teacher_CV)).sum(1),
            "same_top": (student_CV.argmax(1) == teacher_CV.argmax(1)).float(),
        }
    return columns
