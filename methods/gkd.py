"""Generalised Knowledge Distillation: half of the texts are the student's own, half are reference solutions (Agarwal et al., arXiv:2306.13649).

Authors' settings as TRL has them: share 0.5, JSD at 0.5, sampled at temperature 0.9, a coin a batch; here a coin a problem and a round. Share 1,
the method on policy: writer: Student. For sequences of the teacher's instead of the data's: writer: {of: teacher}.
"""

from methods.method import Method
from methods.parts.losses import JSD, Loss
from methods.parts.writers import Mixed

GKD = Method(
    name="gkd",
    paper="arXiv:2306.13649",
    formula="L = (1/Σm) Σ_t m_t JSD_½(p_T , p_S),  y ~ p_S with chance λ = ½, else y = y*",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{JSD}_{1/2}(p_T, p_S), \quad y \sim \lambda\, p_S + (1 - \lambda)\, \mathcal{D}",
    writer=Mixed(share=0.5, of="solution"),
    loss=Loss(JSD(teacher_mix=0.5)),
    about="On every other problem, by a coin, the student learns from its own response, and on the rest from the reference "
    "solution. Both times it is compared with the teacher at every token, by a divergence that lies between the two "
    "directions of KL.",
)
