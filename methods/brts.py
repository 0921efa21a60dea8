"""BRTS: beside its own responses the student learns the best of four of the teacher's (arXiv:2605.09725; BWGZK-keke/BRTS).

Paper: best of 4, weight 10, two responses of the student's to a problem (n of the suite), teacher at temperature 0.7. The released scripts
switch the second term off and choose a whole batch's context instead; of its weights only the teacher's top k is a KL, and stands here.
"""

from methods.method import Method, Term
from methods.parts.losses import Loss, Policy, ReverseKL, TopK, WeightedForwardKL
from methods.parts.writers import BestOf

BRTS = Method(
    name="brts",
    paper="arXiv:2605.09725",
    formula="L = L_rethinking(y) + 10 (1/Σm) Σ_t m_t Σ_{v∈top 16 of p_T} p̂_T (log p_T − log p_S) on y_T*,  y ~ p_S,  y_T* the best of 4 ~ p_T: right, then aligned with y",
    latex=r"L = L_{\mathrm{rethinking}}(y) + \lambda \frac{1}{\sum_t m_t} \sum_t m_t \sum_{v \in S_t} \hat p_T \log \frac{p_T}{p_S}\Big|_{y_T^*}, \quad \lambda = 10",
    loss=Loss(ReverseKL(), support=TopK(16, of="student", tail="drop"), route=Policy()),
    also={"teacher_context": Term(weight=10.0, writer=BestOf(n=4), loss=Loss(WeightedForwardKL(), support=TopK(16, tail="drop")))},
    version=2,
    about="For each of the student's responses the teacher's best is chosen: a right one, and of these the one whose words are "
    "most like what the student would say. Where none is right the teacher tries once more with the answer in view, and "
    "else the most similar one is taken.",
)
