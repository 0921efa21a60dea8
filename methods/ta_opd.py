"""TA-OPD: reverse KL on the tenth of the tokens at which the two disagree within the student's reach (arXiv:2605.26844).

Authors take five to ten per cent. The scale of the divergence is that of its 5 % and 95 % quantiles over an optimizer step.
"""

from methods.method import Method
from methods.parts.losses import Loss, ReverseKL
from methods.parts.tokens import Teachable

TA_OPD = Method(
    name="ta_opd",
    paper="arXiv:2605.26844",
    formula="L = (1/Σw) Σ_t w_t KL(p_S ‖ p_T),  w_t = 1 for the tenth with the largest D_t · C_t (divergence; teacher's mass on the student's top 16),  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t w_t} \sum_t w_t \, \mathrm{KL}(p_S \,\|\, p_T), \quad w_t = \mathbb{1}\bigl[\tilde D_t \tilde C_t \text{ among the top tenth}\bigr]",
    loss=Loss(ReverseKL()),
    tokens=Teachable(0.1),
    about="A token can be learned where the teacher prefers another that the student already thinks possible. Only those are "
    "trained on: a tenth of all.",
)
