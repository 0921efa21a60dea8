"""Policy gradient over the student's 16 likeliest tokens (arXiv:2604.13016; thunlp/OPD).

Authors: four responses a problem, batch 64, temperature 1; PPO's clip of each entry's ratio, which is 1 here, for the student scores as it
stands. Their recipes before it (a cold start on the teacher's texts) are rows of their own: sft_teacher.
"""

from methods.method import Method
from methods.parts.losses import Loss, Policy, ReverseKL, TopK

RETHINKING = Method(
    name="rethinking",
    paper="arXiv:2604.13016",
    formula="L = −(1/Σm) Σ_t m_t Σ_{v∈S_t} sg[p̂_S(v) (log p_T(v) − log p_S(v))] · (p_S / sg p_S)(v),  S_t = top 16 of p_S,  y ~ p_S",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \sum_{v \in S_t} \mathrm{sg}\!\left[\hat p_S(v) \log \frac{p_T(v)}{p_S(v)}\right] \frac{p_S(v)}{\mathrm{sg}\, p_S(v)}",
    loss=Loss(ReverseKL(), support=TopK(16, of="student", tail="drop"), route=Policy()),
    about="Not only the token that was sampled is made likelier or less likely, but each of the sixteen that the student likes "
    "best. Where it agrees with the teacher on all of them, nothing is learned.",
)
