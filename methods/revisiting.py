"""Reverse KL on the teacher's top 32, on top-p rollouts, without tokens at which formats differ (Fu et al., arXiv:2603.25562).

The released recipe derives the divergence directly, as here, and to the same numbers (tests/bench/RESULTS.md). The mask on tokens of format is the paper's; in the released commands it is
off (tokens: Every). A mask by entropy is among the flags that its README lists for the
method; whether the paper's figures used it is not known, so it is left out here.
"""

from methods.method import Method
from methods.parts.losses import Loss, ReverseKL, TopK
from methods.parts.tokens import WithoutFirst
from methods.parts.writers import Student

REVISITING = Method(
    name="revisiting",
    paper="arXiv:2603.25562",
    formula="L = (1/Σm) Σ_t m_t Σ_{v∈S_t} p̂_S (log p̂_S − log p̂_T),  S_t = top 32 of p_T,  p̂ = softmax over S_t,  y ~ p_S at top-p 0.9",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \sum_{v \in S_t} \hat p_S(v) \log \frac{\hat p_S(v)}{\hat p_T(v)}, \quad S_t = \mathrm{top}_{32}(p_T), \quad y \sim p_S^{\text{top-}p\,0.9}",
    writer=Student(top_p=0.9),
    loss=Loss(ReverseKL(), support=TopK(32, of="teacher", tail="renorm")),
    tokens=WithoutFirst(("<", "think", "<|im_end|>")),
    about="Supervision by the sampled token alone is noisy and breaks where the two models format differently. Here both are compared on the "
    "teacher's 32 likeliest tokens, the student writes without its unlikely tail, so that the teacher knows what it is asked to judge, and "
    "the first of each token of format is left out.",
)
