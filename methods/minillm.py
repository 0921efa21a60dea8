"""MiniLLM: the reverse KL of whole responses as a policy gradient, with its first step taken exactly (Gu et al., arXiv:2306.08543).

Of the paper are taken the decomposition, the normalisation by length and PPO's clip; left out are sampling from a mix of teacher and
student (0.2, with importance weights) and the loss on pre-training text. TRL discounts by the place, γ^t, which the paper does not.
"""

from methods.method import Method, Term
from methods.parts.losses import Credit, Loss, Policy, ReverseKL, Sampled

MINILLM = Method(
    name="minillm",
    paper="arXiv:2306.08543",
    formula="L = (1/Σm) Σ_t m_t [KL(p_S ‖ p_T) − ρ_t R_{t+1}],  R_{t+1} = mean over i > t of (log p_T − log p_S)(y_i),  ρ_t clipped to 1 ± 0.2,  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \bigl[ \mathrm{KL}(p_S \,\|\, p_T) - \rho_t R_{t+1} \bigr], \quad R_{t+1} = \frac{1}{T - t} \sum_{i > t} \log \frac{p_T(y_i)}{p_S(y_i)}",
    loss=Loss(ReverseKL()),
    also={"later": Term(loss=Loss(ReverseKL(), Sampled(), route=Policy(ratio_clip=0.2, credit=Credit(own=False, per_token=True))))},
    about="A token is judged by itself and by what it leads to: what the teacher thinks of the rest of the response is given back "
    "to it. The part that concerns the token alone is the exact reverse KL, the part that concerns the rest is a policy "
    "gradient.",
)
