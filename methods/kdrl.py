"""KDRL: a verifier's reward and a small pull to the teacher at the sampled tokens (arXiv:2506.02208).

Authors: coefficient 2e-3. How many responses make a group was not looked up: 8 is this project's choice.
"""

from methods.method import Method, Term
from methods.parts.losses import Loss, Sampled, Squared
from methods.parts.rewards import Reward
from methods.parts.teachers import Nobody
from methods.parts.writers import Student

KDRL = Method(
    name="kdrl",
    paper="arXiv:2506.02208",
    formula="L = −(1/Σm) Σ_t m_t min(r A, clip(r, 1 ± 0.2) A) + 0.002 (1/Σm) Σ_t m_t ½ (log p_S − log p_T)²(y_t),  y ~ p_S",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \min(r A, \mathrm{clip}(r) A) + \beta \frac{1}{\sum_t m_t} \sum_t m_t \tfrac12 \log^2 \frac{p_S(y_t)}{p_T(y_t)}, \quad \beta = 0.002",
    writer=Student(n=8),
    teacher=Nobody(),
    loss=Reward(),
    also={"near": Term(weight=2e-3, writer=Student(n=8), loss=Loss(Squared(), support=Sampled()))},
    about="The student learns from whether its responses were right. Beside that it is drawn to the teacher, a little, at the "
    "tokens that it sampled.",
)
