"""Reverse KL on the teacher's 32 likeliest tokens, renormalised (arXiv:2606.08432, row "Reverse KL w/ Top-K")."""

from methods.method import Method
from methods.parts.losses import Loss, ReverseKL, TopK

REVERSE_KL_TOPK = Method(
    name="reverse_kl_topk",
    paper="arXiv:2606.08432",
    formula="L = (1/Σm) Σ_t m_t Σ_{v∈S_t} p̂_S (log p̂_S − log p̂_T),  S_t = top 32 of p_T,  p̂ = softmax over S_t,  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \sum_{v \in S_t} \hat p_S(v) \log \frac{\hat p_S(v)}{\hat p_T(v)}, \quad S_t = \mathrm{top}_{32}(p_T), \quad y \sim p_S",
    loss=Loss(ReverseKL(), support=TopK(32, of="teacher", tail="renorm")),
    about="Reverse KL that looks at no more than the 32 tokens the teacher likes best. Both sides are renormalised over these, "
    "so how much weight the student puts elsewhere goes unseen.",
)
