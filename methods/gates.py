"""GATES: the student that may read a document is its own tutor, and is believed where its answers agree (arXiv:2602.20574).

The document is the reference solution here. Authors: 4 of 8 must agree, weights 1 and 0.1. The bound of the log-ratio was not looked up: 5
nats is this project's choice.
"""

from methods.method import Method, Term
from methods.parts.contexts import WithSolution
from methods.parts.keep import Agreed
from methods.parts.losses import NLL, Loss, Policy, ReverseKL, Sampled
from methods.parts.teachers import Frozen
from methods.parts.writers import Teacher

GATES = Method(
    name="gates",
    paper="arXiv:2602.20574",
    formula="L = −(1/Σm) Σ_t m_t log p_S(y_t) + 0.1 · L_k1(own rollouts),  y ~ p_0(·|x, d), of 8 kept those whose answer at least half agree on",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \log p_S(y_t) + 0.1\, L_{\mathrm{k1}}, \quad y \sim p_0(\cdot|x, d) \text{ where at least half of 8 agree}",
    writer=Teacher(n=8),
    teacher=Frozen(),
    reads=WithSolution(),
    loss=NLL(),
    keep=Agreed(0.5),
    also={"own": Term(weight=0.1, teacher=Frozen(), reads=WithSolution(), loss=Loss(ReverseKL(), Sampled(), route=Policy(bound=5.0)))},
    about="A tutor, the student's starting weights with a document before them, answers each problem eight times. What it says is "
    "learned only where half of its answers agree, so that nobody needs to know the truth; beside that the student's own "
    "responses are judged by the tutor.",
)
