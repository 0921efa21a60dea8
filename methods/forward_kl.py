"""On-policy distillation in its plainest dense form (arXiv:2606.08432, row "Forward KL")."""

from methods.method import Method
from methods.parts.losses import ForwardKL, Loss

FORWARD_KL = Method(
    name="forward_kl",
    paper="arXiv:2606.08432",
    formula="L = (1/Σm) Σ_t m_t KL(p_T ‖ p_S),  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{KL}(p_T \,\|\, p_S), \quad y \sim p_S",
    loss=Loss(ForwardKL()),
    about="The student writes, and at each of its tokens it is pulled towards everything that the teacher considers possible there. "
    "The whole vocabulary counts and nothing is clipped. It is the row that all others are compared with.",
)
