"""Self-Distillation Policy Optimisation: a running mean of the student, shown another attempt that succeeded, teaches it (arXiv:2601.20802).

Authors: n 8, JSD at 0.5 in the runs on generalisation and reverse KL where an environment gives feedback (which is not shown here), top 100
with a tail, ratio capped at 2, a mean that moves by 0.05 an update. TRL's entry of this name compares the sampled token alone: another method.
"""

from methods.method import Method
from methods.parts.keep import HasPeer
from methods.parts.losses import JSD, Loss, TopK
from methods.parts.peers import WithPeers
from methods.parts.teachers import Ema
from methods.parts.writers import Student

SDPO = Method(
    name="sdpo",
    paper="arXiv:2601.20802",
    formula="L = (1/Σm) Σ_t m_t min(p_S/p_old, 2) JSD_½(p̄(·|x, y⁺) , p_S(·|x)) on the student's top 100 and a bucket,  y ~ p_S,  y⁺ right",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \min\!\left(\tfrac{p_S}{p_{\mathrm{old}}}, 2\right) \mathrm{JSD}_{1/2}\bigl(\bar p(\cdot|x, y^+), p_S(\cdot|x)\bigr)",
    writer=Student(n=8),
    teacher=Ema(0.05),
    reads=WithPeers(successes=1, failures=0),
    loss=Loss(JSD(0.5), support=TopK(100, of="student", tail="bucket"), ratio_cap=2.0),
    keep=HasPeer(),
    about="There is no larger model: a slow copy of the student reads one of its attempts that was right, and says how it would "
    "judge the others. Where no other attempt succeeded there is nothing to show, and the rollout does not count.",
)
