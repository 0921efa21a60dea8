"""On-Policy Context Distillation: what the student would say after reading instructions becomes what it says without them (arXiv:2602.12275).

The text is this project's; a suite says its own: reads: {said: …}.
"""

from methods.method import Method
from methods.parts.contexts import WithText
from methods.parts.losses import Loss, ReverseKL
from methods.parts.teachers import Frozen

OPCD = Method(
    name="opcd",
    paper="arXiv:2602.12275",
    formula="L = (1/Σm) Σ_t m_t KL(p_S(·|x) ‖ p_0(·|c, x)),  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{KL}\bigl(p_S(\cdot|x) \,\|\, p_0(\cdot|c, x)\bigr), \quad y \sim p_S",
    teacher=Frozen(),
    reads=WithText(said="Work in small steps, and check each one before you go on."),
    loss=Loss(ReverseKL()),
    about="Instructions or experience that would stand before every problem are trained into the student. Its own starting "
    "weights teach, for they are given the text and the student is not.",
)
