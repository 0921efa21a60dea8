"""On-policy distillation as in Thinking Machines' cookbook: the log-ratio at the sampled token as an advantage (thinking-machines-lab/tinker-cookbook).

Released: coefficient 1, no discount, no clip of the ratio, no reward of the task, an adapter of rank 128 at a learning rate of 1e-4. There the
advantage is taken with the sampler's log-probability, here with the student's as it stands: the two are one at a round's first update.
"""

from methods.method import Method
from methods.parts.losses import Loss, Policy, ReverseKL, Sampled

TML_OPD = Method(
    name="tml_opd",
    paper="thinking-machines-lab/tinker-cookbook, train_on_policy.py",
    formula="L = −(1/Σm) Σ_t m_t (p_S / p_sampler)(y_t) · sg[log p_T(y_t) − log p_S(y_t)],  y ~ p_S",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \, \frac{p_S(y_t)}{p_{\mathrm{sampler}}(y_t)} \, \mathrm{sg}\!\left[\log \frac{p_T(y_t)}{p_S(y_t)}\right]",
    loss=Loss(ReverseKL(), support=Sampled(), route=Policy()),
    about="Each token that the student sampled is made likelier where the teacher finds it likelier than the student does, and "
    "less likely elsewhere. Tokens sampled some updates ago are weighed by how much likelier they have become since.",
)
