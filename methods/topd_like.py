"""A reconstruction of TOPD, near-future guidance (Jiang and Ferraro, arXiv:2606.00305), of which we know an outline; no code was released.

Theirs: a token of high loss is a fork only if what follows differs; student and teacher go on from it for 50 tokens, and optimal transport
between the two tells; the other tokens of high loss are left out, and at forks the student is guided over the teacher's next tokens.
Ours, for want of theirs: a fifth of the tokens are suspects and a fifth of these forks, at most 32 suspects a response (100 tokens each, about
what the 1.41 times of their cost allow), the cost (harness/stages/weigh.py), forward KL over the continuation, with weight 1.
A change of the probe is said in both terms. The ablation "suppress": also: {near_future: null}.
"""

from methods.method import Method, Term
from methods.parts.losses import ForwardKL, Loss, ReverseKL
from methods.parts.writers import Probed

TOPD_LIKE = Method(
    name="topd_like",
    paper="arXiv:2606.00305",
    formula="L = (1/Σw) Σ_t w_t KL(p_S ‖ p_T) + 1 · mean over t ∈ D, j < 50 of KL(p_T ‖ p_S)(·|x, y_<t, u_<j),  w_t = 0 on G \\ D, else 1,  "
    "G = top 20 % of t by KL(p_S ‖ p_T), D = top 20 % of G by OT(s, u),  y, s ~ p_S,  u ~ p_T, from y_<t",
    latex=r"L = \frac{1}{\sum_t w_t} \sum_t w_t \, \mathrm{KL}(p_S \,\|\, p_T) + \lambda \frac{1}{50\,|D|} \sum_{t \in D} \sum_{j < 50} \mathrm{KL}(p_T \,\|\, p_S)(\cdot \mid x, y_{<t}, u_{<j}), \quad w_t = \mathbb{1}[t \notin G \setminus D], \; \lambda = 1",
    loss=Loss(ReverseKL()),
    writer=Probed(),
    also={"near_future": Term(writer=Probed(trains="futures"), loss=Loss(ForwardKL()))},
    about="Where student and teacher disagree most, both go on from the same word, and only where their continuations differ in substance "
    "is the disagreement taken for a fork. At the others the two say the same in other words, and the student is left alone; from the forks "
    "on it also learns how the teacher goes on. The idea is the authors', thresholds and distances are ours: this is not their method.",
)
