"""ExOPD: learn from a teacher further away from the starting point than the teacher is (arXiv:2602.12125; RUCBM/G-OPD).

The extrapolated distribution is normalised here, which shifts all advantages of one place alike and leaves the expected gradient as it is.
scale 1 is the teacher itself; 1.5 collapses, the authors say. With a model that the teacher has come from: teacher: {over: reference}.
"""

from methods.method import Method
from methods.parts.losses import Loss, Policy, ReverseKL, Sampled
from methods.parts.teachers import Extrapolated

EXOPD = Method(
    name="exopd",
    paper="arXiv:2602.12125",
    formula="L = −(1/Σm) Σ_t m_t ρ_t sg[log p_0 + λ (log p_T − log p_0) − log p_S](y_t),  λ = 1.25,  p_0 the untrained student,  y ~ p_S",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \rho_t \, \mathrm{sg}\!\left[\log p_0 + \lambda (\log p_T - \log p_0) - \log p_S\right]\!(y_t), \quad \lambda = 1.25",
    teacher=Extrapolated(1.25),
    loss=Loss(ReverseKL(), support=Sampled(), route=Policy(ratio_cap=5.0)),
    about="What the teacher has over the untrained student is taken a quarter further than the teacher went. So the student can "
    "end up beyond its teacher.",
)
