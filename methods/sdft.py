"""Self-Distillation Fine-Tuning: a running mean of the student that reads a demonstration teaches the student without it (arXiv:2601.19897).

How fast the mean moves was not looked up: 0.05 an update is this project's choice. A port of it compared samples instead of the whole
vocabulary; the exact form was better by five points.
"""

from methods.method import Method
from methods.parts.contexts import WithSolution
from methods.parts.losses import Loss, ReverseKL
from methods.parts.teachers import Ema

SDFT = Method(
    name="sdft",
    paper="arXiv:2601.19897",
    formula="L = (1/Σm) Σ_t m_t KL(p_S(·|x) ‖ p̄(·|x, y*)),  y ~ p_S,  p̄ a running mean of the student",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{KL}\bigl(p_S(\cdot|x) \,\|\, \bar p(\cdot|x, y^*)\bigr), \quad y \sim p_S",
    teacher=Ema(),
    reads=WithSolution(),
    loss=Loss(ReverseKL()),
    about="The student's own slow copy reads a worked solution and judges what the student wrote without it. As the student gets "
    "better, so does its teacher.",
)
