"""Control: learning from a verifier alone, without a teacher (GRPO; Shao et al., arXiv:2402.03300).

No KL to the starting point. Tokens are averaged over the whole batch, not first within a response. Where all of a group are right, or all
wrong, there is nothing to learn.
"""

from methods.method import Method
from methods.parts.rewards import Reward
from methods.parts.teachers import Nobody
from methods.parts.writers import Student

GRPO = Method(
    name="grpo",
    paper="arXiv:2402.03300",
    formula="L = −(1/Σm) Σ_t m_t min(r A, clip(r, 1 ± 0.2) A),  A = (reward − mean) / std over the problem's rollouts,  r = p_S / p_sampler,  y ~ p_S",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \min\bigl(r A, \mathrm{clip}(r, 1 \pm 0.2) A\bigr), \quad A = \frac{R - \mathrm{mean}(R)}{\mathrm{std}(R)}",
    writer=Student(n=8),
    teacher=Nobody(),
    loss=Reward(),
    control=True,
    about="Several responses to each problem are graded, and the tokens of those that were better than the average are made "
    "likelier. There is no teacher, so this row shows what the verdicts alone are worth.",
)
