"""PACED: problems that the student sometimes solves weigh most; first forward, then reverse KL (arXiv:2603.11178).

How many rollouts estimate the rate was not looked up: 8 is this project's choice. alpha = beta = 0 weighs all alike.
"""

from methods.method import Method
from methods.parts.keep import PassRate
from methods.parts.losses import ForwardKL, Loss, ReverseKL, over
from methods.parts.writers import Student

PACED = Method(
    name="paced",
    paper="arXiv:2603.11178",
    formula="L = (1/Σw m) Σ w Σ_t m_t D(p_T, p_S),  w = p (1 − p) with the share p of the problem's rollouts that are right,  D forward KL for half the run, then reverse KL",
    latex=r"L = \frac{1}{\sum w\, m} \sum w \sum_t m_t \, D(p_T, p_S), \quad w = p^{\alpha} (1 - p)^{\beta}",
    writer=Student(n=8),
    loss=Loss(over((0, ForwardKL()), (0.5, ReverseKL()))),
    keep=PassRate(),
    about="What the student always solves or never solves teaches it little. Problems weigh by how far its success is from both, "
    "and the loss first covers what the teacher may say, then sharpens.",
)
