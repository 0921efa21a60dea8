"""TRD's self-distillation: the untrained student, shown its attempt and the solution, rewrites; the student learns the rewrite (arXiv:2606.08432)."""

from methods.method import Method
from methods.parts.contexts import WithAttemptAndSolution
from methods.parts.losses import ForwardKL, Loss
from methods.parts.teachers import Frozen
from methods.parts.writers import Teacher

TRD_SELF = Method(
    name="trd_self",
    paper="arXiv:2606.08432",
    formula="L = (1/Σm) Σ_t m_t KL(p_0(·|R(x, y*, y_o), y_r,<t) ‖ p_S(·|x, y_r,<t)),  y_o ~ p_0,  y_r ~ p_0(·|R(x, y*, y_o))",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{KL}\bigl(p_0(\cdot|R(x, y^*, y_o), y_{r,<t}) \,\|\, p_S(\cdot|x, y_{r,<t})\bigr), \quad y_o \sim p_0, \quad y_r \sim p_0(\cdot|R(x, y^*, y_o))",
    writer=Teacher(),
    teacher=Frozen(),
    reads=WithAttemptAndSolution(),
    loss=Loss(ForwardKL()),
    about="There is no larger model. The student's own starting weights read its attempt and the reference solution, and write the attempt "
    "again without its mistakes; the student then learns the rewritten text by forward KL, from the problem alone.",
)
