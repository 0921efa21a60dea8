"""Control: the teacher judges each response as if it answered another problem (no paper; it shows what a teacher's habits alone are worth)."""

from methods.method import Method
from methods.parts.contexts import OtherProblem
from methods.parts.losses import ForwardKL, Loss

PLACEBO_SHUFFLED = Method(
    name="placebo_shuffled",
    paper="a control of this harness, from no paper",
    formula="L = (1/Σm) Σ_t m_t KL(p_T(·|x′, y_<t) ‖ p_S(·|x, y_<t)),  y ~ p_S(·|x),  x′ another problem",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{KL}\bigl(p_T(\cdot|x', y_{<t}) \,\|\, p_S(\cdot|x, y_{<t})\bigr)",
    reads=OtherProblem(),
    loss=Loss(ForwardKL()),
    control=True,
    about="The teacher reads the next problem of the round in the place of the one that was answered. What this row gains comes "
    "from the teacher's manner, and not from what it knows of the problem.",
)
