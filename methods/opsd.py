"""On-Policy Self-Distillation: the untrained student, shown the solution, teaches itself (arXiv:2601.18734).

This is the paper's first version: JSD at 0.5, temperature 1.1 on both sides, no clip. Later official runs use forward KL
with a clip of 0.05 on entries of the vocabulary; in a suite: loss: {divergence: ForwardKL, clip: {max: 0.05, scope: vocab}}.
"""

from methods.method import Method
from methods.parts.contexts import WithSolution
from methods.parts.losses import JSD, Loss
from methods.parts.teachers import Frozen

OPSD = Method(
    name="opsd",
    paper="arXiv:2601.18734",
    formula="L = (1/Σm) Σ_t m_t JSD_½(p_0(·|x, y*) , p_S(·|x)) at temperature 1.1,  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{JSD}_{1/2}\bigl(p_0(\cdot|x, y^*), p_S(\cdot|x)\bigr)\Big|_{\tau = 1.1}, \quad y \sim p_S",
    teacher=Frozen(),
    reads=WithSolution(),
    loss=Loss(JSD(teacher_mix=0.5), temperature=1.1),
    about="There is no larger model: the student's own starting weights teach, because they may read the reference solution. "
    "The student writes from the problem alone and learns to say what it would have said had it known the solution.",
)
