"""Dense reverse KL, differentiated directly (arXiv:2606.08432, row "Reverse KL")."""

from methods.method import Method
from methods.parts.losses import Loss, ReverseKL

REVERSE_KL = Method(
    name="reverse_kl",
    paper="arXiv:2606.08432",
    formula="L = (1/Σm) Σ_t m_t KL(p_S ‖ p_T),  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{KL}(p_S \,\|\, p_T), \quad y \sim p_S",
    loss=Loss(ReverseKL()),
    about="The student writes, and is pushed away from whatever it considers likely and the teacher does not. "
    "It may settle on one of the teacher's ways and forget the others. "
    "The sum over the vocabulary is exact, not an estimate from the sampled token.",
)
