"""The cheap stand-in for `topd_like`, ours as a whole, after the idea of arXiv:2606.00305: nobody writes anything further.

Instead of two continuations the student's own next 50 tokens are looked at: a token of high loss is a fork where the two stay apart over
them. The teacher's continuations, which are never written, are not trained on.
"""

from methods.method import Method
from methods.parts.losses import Loss, ReverseKL
from methods.parts.tokens import Lasting

TOPD_LIKE_SURROGATE = Method(
    name="topd_like@surrogate",
    paper="arXiv:2606.00305",
    formula="L = (1/Σw) Σ_t w_t KL(p_S ‖ p_T),  w_t = 0 on G \\ D, else 1,  G = top 20 % of t by KL(p_S ‖ p_T), "
    "D = top 20 % of G by the mean of KL(p_S ‖ p_T) over the next 50 tokens,  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t w_t} \sum_t w_t \, \mathrm{KL}(p_S \,\|\, p_T), \quad w_t = \mathbb{1}[t \notin G \setminus D], \quad D = \mathrm{top}_{20\%}\, \frac{1}{50} \sum_{j=1}^{50} \mathrm{KL}_{t+j}",
    loss=Loss(ReverseKL()),
    tokens=Lasting(),
    about="Of the tokens at which student and teacher disagree most, those count after which they go on disagreeing. The rest are taken for "
    "other words for the same thing, and left out. It is a stand-in of ours for a probe that costs extra writing.",
)
