"""Stable-OPD: a policy gradient, held by reference solutions and by the starting point (arXiv:2604.08527).

The two weights, 0.1 and 0.01, are those of ports by others; the paper's own were not looked up.
"""

from methods.method import Method, Term
from methods.parts.losses import NLL, Loss, Policy, ReverseKL, Sampled
from methods.parts.teachers import Frozen, Nobody
from methods.parts.writers import Solution

STABLE_OPD = Method(
    name="stable_opd",
    paper="arXiv:2604.08527",
    formula="L = −(1/Σm) Σ_t m_t sg[log p_T − log p_S](y_t) ρ_t − 0.1 (1/Σm*) Σ_t log p_S(y*_t) + 0.01 (1/Σm) Σ_t m_t KL(p_S ‖ p_0),  y ~ p_S",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \rho_t \, \mathrm{sg}\!\left[\log \frac{p_T(y_t)}{p_S(y_t)}\right] - 0.1\, \overline{\log p_S(y^*)} + 0.01\, \overline{\mathrm{KL}(p_S \,\|\, p_0)}",
    loss=Loss(ReverseKL(), support=Sampled(), route=Policy(ratio_clip=0.2)),
    also={
        "gold": Term(weight=0.1, writer=Solution(), teacher=Nobody(), loss=NLL()),
        "start": Term(weight=0.01, teacher=Frozen(), loss=Loss(ReverseKL())),
    },
    about="Trained on their own texts alone, students at times begin to repeat themselves and never end. Here some reference "
    "solutions are mixed in, and the student is kept near where it began.",
)
