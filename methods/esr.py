"""Early-Stopping Rollouts: the student writes a hundred tokens and learns from these (arXiv:2605.27028).

Authors: 50 to 200 tokens, temperature 0.7, batch 16, an adapter at a learning rate of 5e-5.
"""

from methods.method import Method
from methods.parts.losses import Loss, ReverseKL
from methods.parts.writers import Student

ESR = Method(
    name="esr",
    paper="arXiv:2605.27028",
    formula="L = (1/Σm) Σ_{t ≤ 100} m_t KL(p_S ‖ p_T),  y ~ p_S, cut at 100 tokens",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_{t \le 100} m_t \, \mathrm{KL}(p_S \,\|\, p_T)",
    writer=Student(max_tokens=100),
    loss=Loss(ReverseKL()),
    about="Most of what a response costs is its length, and most of what it teaches is at its beginning. So it is cut off early, "
    "and far more problems are seen for the same tokens.",
)
