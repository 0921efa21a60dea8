"""Skewed reverse KL: the student is compared with a mix of the teacher and a little of itself (DistiLLM; Ko et al., arXiv:2402.03898).

The loss alone: the paper's way to reuse older texts of the student's is left out.
"""

from methods.method import Method
from methods.parts.losses import Loss, SkewReverseKL

DISTILLM_SKEW_RKL = Method(
    name="distillm_skew_rkl",
    paper="arXiv:2402.03898",
    formula="L = (1/Σm) Σ_t m_t KL(p_S ‖ 0.1 p_S + 0.9 p_T),  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{KL}\bigl(p_S \,\|\, \alpha p_S + (1 - \alpha) p_T\bigr), \quad \alpha = 0.1",
    loss=Loss(SkewReverseKL(0.1)),
    about="Where the teacher thinks a token all but impossible, the plain reverse KL explodes. A tenth of the student mixed into "
    "the target keeps it bounded.",
)
