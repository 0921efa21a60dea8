"""Sampled-token on-policy distillation: the log-ratio at the sampled token as the advantage of a policy gradient (arXiv:2603.25562).

The baseline that Fu et al. start from; per token (γ = 0), without groups or a task's reward, in PPO's clipped form.
ε = 0.2 is the usual one; the authors' is not known to us. They bound the log-ratio to ± 5 as an option:
route: {Policy: {ratio_clip: 0.2, bound: 5.0}}.
"""

from methods.method import Method
from methods.parts.losses import Loss, Policy, ReverseKL, Sampled

OPD_SAMPLED = Method(
    name="opd_sampled",
    paper="arXiv:2603.25562",
    formula="L = −(1/Σm) Σ_t m_t min(r_t A_t, clip(r_t, 1 ± 0.2) A_t),  A_t = log p_T(y_t) − log p_S(y_t) detached,  "
    "r_t = p_S(y_t) / p_sampler(y_t),  y ~ p_S",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \min\bigl(r_t A_t, \mathrm{clip}(r_t, 1 \pm 0.2) A_t\bigr), \quad A_t = \mathrm{sg}\!\left[\log \frac{p_T(y_t)}{p_S(y_t)}\right], \quad r_t = \frac{p_S(y_t)}{p_{\mathrm{sampler}}(y_t)}, \quad y \sim p_S",
    loss=Loss(ReverseKL(), support=Sampled(), route=Policy(ratio_clip=0.2)),
    about="The student writes, and every token it wrote is made likelier where the teacher likes it better than the student does, and less "
    "likely where it likes it less. One token a position is all that is looked at: cheap, and noisy. It holds only for tokens that "
    "the student sampled from its whole distribution.",
)
