"""Forward KL with each position's value capped at 0.1 nats (arXiv:2606.08432, row "Forward KL w/ Clip")."""

from methods.method import Method
from methods.parts.losses import Clip, ForwardKL, Loss

FORWARD_KL_CLIP = Method(
    name="forward_kl_clip",
    paper="arXiv:2606.08432",
    formula="L = (1/Σm) Σ_t m_t min(KL(p_T ‖ p_S), 0.1),  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \min\bigl(\mathrm{KL}(p_T \,\|\, p_S),\, 0.1\bigr), \quad y \sim p_S",
    loss=Loss(ForwardKL(), clip=Clip(0.1, scope="position")),
    about="Forward KL that gives up where student and teacher disagree most: a token whose divergence exceeds 0.1 nats teaches nothing. "
    "The thought is that such tokens follow a mistake and their scores mislead. The cap is on the token, not on entries of the vocabulary.",
)
