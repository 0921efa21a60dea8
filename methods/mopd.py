"""Multi-Rollout On-Policy Distillation: a running mean of the student reads other attempts, right and wrong ones, and teaches (arXiv:2605.12652).

Not the multi-teacher method of the same letters. The released code has JSD at 0.5, the paper reverse KL for mathematics: loss: {divergence:
ReverseKL}. Its documents speak of a reward mixed in; the code has none. Controls: reads: {peers: random}, {peers: other_problem},
{failures: 0}.
"""

from methods.method import Method
from methods.parts.keep import HasPeer
from methods.parts.losses import JSD, Loss, TopK
from methods.parts.peers import WithPeers
from methods.parts.teachers import Ema
from methods.parts.writers import Student

MOPD = Method(
    name="mopd",
    paper="arXiv:2605.12652",
    formula="L = (1/Σm) Σ_t m_t min(p_S/p_old, 2) JSD_½(p̄(·|x, y⁺, y⁺′, y⁻) , p_S(·|x)) on the student's top 100 and a bucket,  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \min\!\left(\tfrac{p_S}{p_{\mathrm{old}}}, 2\right) \mathrm{JSD}_{1/2}\bigl(\bar p(\cdot|x, y^+, y^{+\prime}, y^-), p_S(\cdot|x)\bigr)",
    writer=Student(n=8),
    teacher=Ema(0.05),
    reads=WithPeers(successes=2, failures=1),
    loss=Loss(JSD(0.5), support=TopK(100, of="student", tail="bucket"), ratio_cap=2.0),
    keep=HasPeer(),
    about="A slow copy of the student reads up to two attempts at the problem that were right and one that was wrong, each named "
    "as what it is. It then judges a further attempt, which learns to be as one who has seen them.",
)
