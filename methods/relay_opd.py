"""Relay-OPD: where the teacher would doubt and the student would not, the teacher takes the pen (arXiv:2607.26057; ZJU-REAL/Relay-OPD).

As released (eab2145): thirteen words of doubt, the student's top 5, turns of three paragraphs or 256 tokens, and the response ends with the
second turn; sampled at temperature 1 without a cut, lr 1e-6, batch 128. The policy gradient is the same at the teacher's tokens, their ratio
taken to the student's own probability; there it is no unbiased estimate. As released, without a clip of the log-ratio; PPO's of the ratio is 0.2.
Their ablations score the student's discarded token at the teacher's turns, or forward KL there; neither is an override here.
"""

from methods.method import Method
from methods.parts.losses import Loss, Policy, ReverseKL, Sampled
from methods.parts.triggers import Doubt
from methods.parts.writers import Relayed

RELAY_OPD = Method(
    name="relay_opd",
    paper="arXiv:2607.26057",
    formula="L = −(1/Σm) Σ_t m_t min(r_t A_t, clip(r_t, 1 ± 0.2) A_t),  A_t = log p_T(y_t) − log p_S(y_t) detached,  y ~ p_S; "
    "p_T for 3 paragraphs from each t with argmax p_T ∈ doubt \\ top 5 of p_S, at most twice",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \min\!\left(r_t A_t, \mathrm{clip}(r_t, 1 \pm 0.2) A_t\right), \quad A_t = \mathrm{sg}\!\left[\log \frac{p_T(y_t)}{p_S(y_t)}\right], \quad r_t = \frac{p_S(y_t)}{p_S^{\mathrm{old}}(y_t)}",
    writer=Relayed(trigger=Doubt(top=5), paragraphs=3, most=256, turns=2),
    loss=Loss(ReverseKL(), support=Sampled(), route=Policy(ratio_clip=0.2)),
    about="The student writes until the teacher would begin to doubt and the student sees no reason to. From there the teacher goes on for a "
    "few paragraphs and hands back, twice at most. Learning goes by the log-ratio at each token of the joint response.",
)
