"""TIP: reverse KL on the half of the tokens at which the student is unsure or disagrees (arXiv:2604.14084).

Authors: a half of the tokens of a batch matches or beats all of them; n 16. Their repository can also draw the tokens by lot. Here the scales
and the share are those of one optimizer step.
"""

from methods.method import Method
from methods.parts.losses import Loss, ReverseKL
from methods.parts.tokens import Tip

TIP = Method(
    name="tip",
    paper="arXiv:2604.14084",
    formula="L = (1/Σw) Σ_t w_t KL(p_S ‖ p_T),  w_t = 1 for the half with the largest h + d − h·d (entropy h, divergence d, each on a scale of 0 to 1),  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t w_t} \sum_t w_t \, \mathrm{KL}(p_S \,\|\, p_T), \quad w_t = \mathbb{1}\bigl[h_t + d_t - h_t d_t \text{ among the top half}\bigr]",
    loss=Loss(ReverseKL()),
    tokens=Tip(0.5),
    about="Most tokens of a response teach little. Kept are those at which the student hesitates, and those at which it is sure "
    "of something that the teacher does not think.",
)
