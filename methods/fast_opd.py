"""Fast OPD: only the beginning of each response is trained on (arXiv:2602.15260).

Authors: the first 1,024 to 8,192 tokens. Their loss was not looked up; the whole vocabulary is this project's choice.
"""

from methods.method import Method
from methods.parts.losses import Loss, ReverseKL
from methods.parts.tokens import Prefix

FAST_OPD = Method(
    name="fast_opd",
    paper="arXiv:2602.15260",
    formula="L = (1/Σm) Σ_{t ≤ 1024} m_t KL(p_S ‖ p_T),  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_{t \le 1024} m_t \, \mathrm{KL}(p_S \,\|\, p_T)",
    loss=Loss(ReverseKL()),
    tokens=Prefix(1024),
    about="The first 1,024 tokens of each response are learned from, and the rest is written but left alone. To save the writing "
    "too, cut it off: `writer: {max_tokens: 1024}`.",
)
