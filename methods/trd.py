"""Trajectory-Refined Distillation: the teacher rewrites the student's attempt, the student learns the rewrite (arXiv:2606.08432)."""

from methods.method import Method
from methods.parts.contexts import WithAttempt
from methods.parts.losses import ForwardKL, Loss
from methods.parts.writers import Teacher

TRD = Method(
    name="trd",
    paper="arXiv:2606.08432",
    formula="L = (1/Σm) Σ_t m_t KL(p_T(·|R(x, y_o), y_r,<t) ‖ p_S(·|x, y_r,<t)),  y_o ~ p_S,  y_r ~ p_T(·|R(x, y_o))",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{KL}\bigl(p_T(\cdot|R(x, y_o), y_{r,<t}) \,\|\, p_S(\cdot|x, y_{r,<t})\bigr), \quad y_o \sim p_S, \quad y_r \sim p_T(\cdot|R(x, y_o))",
    writer=Teacher(),
    reads=WithAttempt(),
    loss=Loss(ForwardKL()),
    about="The student attempts the problem, and the teacher, who sees the attempt, writes it again without its mistakes. "
    "The student then learns the rewritten text by forward KL, from the problem alone. "
    "The tokens stay close to what the student would say, yet do not follow its errors.",
)
