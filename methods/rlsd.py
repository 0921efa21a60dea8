"""Self-distilled RLVR: a verifier gives a token's reward its sign, the student that knows the solution its size (arXiv:2604.03128).

Authors: the teacher's share goes from 0.5 to 0 over 50 updates, here over the run; the weight is clipped to 1 ± 0.2. How many responses make
a group was not looked up: 8 is this project's choice.
"""

from methods.method import Method
from methods.parts.contexts import WithSolution
from methods.parts.losses import over
from methods.parts.rewards import Guide, Reward
from methods.parts.teachers import Current
from methods.parts.writers import Student

RLSD = Method(
    name="rlsd",
    paper="arXiv:2604.03128",
    formula="L = −(1/Σm) Σ_t m_t min(r A_t, clip(r, 1 ± 0.2) A_t),  A_t = A (1 − λ + λ w_t),  w_t = exp(sign(A) log(p_S(y_t|x, y*) / p_S(y_t|x))) within 1 ± 0.2,  y ~ p_S",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \min(r A_t, \mathrm{clip}(r) A_t), \quad A_t = A\,(1 - \lambda + \lambda w_t), \quad w_t = \mathrm{clip}\!\left(\Bigl(\tfrac{p_S(y_t|x, y^*)}{p_S(y_t|x)}\Bigr)^{\mathrm{sgn} A}\right)",
    writer=Student(n=8),
    teacher=Current(),
    reads=WithSolution(),
    loss=Reward(guide=Guide(share=over((0, 0.5), (1, 0.0)), clip=0.2)),
    about="Whether a response was right decides if its tokens are made likelier. How much each of them is, the student itself "
    "says, once it has read the reference solution.",
)
