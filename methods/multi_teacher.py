"""Multi-teacher distillation: each rollout is scored by the teacher of its problem's domain, and by no other (arXiv:2606.30406).

Called MOPD in MiMo-V2-Flash's report (arXiv:2601.02780) and in NVIDIA NeMo RL, which compares the sampled token: the log-ratio as an advantage,
no clip of the ratio, tokens whose ratio to the sampler lies outside a band dropped (here it only weighs them). The other published form, on
the teacher's top K, is an override: `loss: {divergence: GeneralisedReverseKL, support: {TopK: {k: 64, tail: drop}}, route: direct}`.
"""

from methods.method import Method
from methods.parts.losses import Loss, Policy, ReverseKL, Sampled
from methods.parts.teachers import ByDomain

MULTI_TEACHER = Method(
    name="multi_teacher",
    paper="arXiv:2606.30406",
    formula="L = −(1/Σm) Σ_t m_t (p_S / p_sampler)(y_t) · sg[log p_T(d)(y_t) − log p_S(y_t)],  y ~ p_S,  d the domain of x",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \, \frac{p_S(y_t)}{p_{\mathrm{sampler}}(y_t)} \, \mathrm{sg}\!\left[\log \frac{p_{T(d(x))}(y_t)}{p_S(y_t)}\right], \quad y \sim p_S",
    teacher=ByDomain(),
    loss=Loss(ReverseKL(), support=Sampled(), route=Policy()),
    about="For each domain there is a teacher of its own, trained for nothing else. What the student writes to a problem is scored by "
    "the teacher of that problem's domain alone, so that one student comes to know what they know apart.",
)
