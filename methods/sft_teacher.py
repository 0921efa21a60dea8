"""Control: supervised fine-tuning on the teacher's responses, sequence-level distillation (Kim and Rush, arXiv:1606.07947)."""

from methods.method import Method
from methods.parts.losses import NLL
from methods.parts.teachers import Nobody
from methods.parts.writers import Teacher

SFT_TEACHER = Method(
    name="sft_teacher",
    paper="arXiv:1606.07947",
    formula="L = −(1/Σm) Σ_t m_t log p_S(y_t),  y ~ p_T",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \log p_S(y_t), \quad y \sim p_T",
    writer=Teacher(),
    teacher=Nobody(),
    loss=NLL(),
    control=True,
    about="The student imitates what the teacher wrote, token by token, and nobody scores anything. "
    "It is what on-policy methods must beat to be worth their cost.",
)
