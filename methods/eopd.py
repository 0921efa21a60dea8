"""Entropy-aware OPD: a policy gradient everywhere, and forward KL where the teacher itself is unsure (arXiv:2603.07079).

The second term is not renormalised over its 16 tokens, as published: so it pulls a little where the two agree. Both terms are means over all
tokens. Divided by the unsure ones alone, one such token in a batch outweighs all others: in the small world, whose teacher is seldom unsure,
the row then fell below the untrained student (tests/bench/RESULTS.md).
"""

from methods.method import Method, Term
from methods.parts.losses import ForwardKL, Loss, Policy, ReverseKL, Sampled, TopK
from methods.parts.tokens import UnsureTeacher

EOPD = Method(
    name="eopd",
    paper="arXiv:2603.07079",
    formula="L = −(1/Σm) Σ_t m_t sg[log p_T − log p_S](y_t) ρ_t + (1/Σm) Σ_t m_t u_t Σ_{v∈top 16 of p_T} p_T (log p_T − log p_S),  u_t = 1[H(p_T) > 0.8],  y ~ p_S",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \rho_t \, \mathrm{sg}\!\left[\log \frac{p_T(y_t)}{p_S(y_t)}\right] + \frac{1}{\sum_t m_t} \sum_t m_t u_t \sum_{v \in S_t} p_T \log \frac{p_T}{p_S}, \quad u_t = \mathbb{1}[H(p_T) > 0.8]",
    loss=Loss(ReverseKL(), support=Sampled(), route=Policy()),
    also={"unsure": Term(loss=Loss(ForwardKL(), support=TopK(16, tail="drop")), tokens=UnsureTeacher(0.8))},
    version=2,
    about="A gradient from the sampled token seeks one way to go on, and forgets the others. Where the teacher sees several, the "
    "student is also asked to cover all of them.",
)
