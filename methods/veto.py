"""Veto: the target moves from between student and teacher to the teacher (arXiv:2601.07155).

Authors: β starts at 0.8 for mathematics, 1.0 for programs, 0.3 for summaries. Either direction of KL is in the paper.
"""

from methods.method import Method
from methods.parts.losses import Bridge, ForwardKL, Loss, over

VETO = Method(
    name="veto",
    paper="arXiv:2601.07155",
    formula="L = (1/Σm) Σ_t m_t KL(Q ‖ p_S),  Q ∝ p_T · sg[p_S]^β,  β from 0.8 to 0 over the run,  y ~ p_S",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{KL}(Q \,\|\, p_S), \quad Q \propto p_T \, \mathrm{sg}[p_S]^{\beta}",
    loss=Loss(ForwardKL(), target=Bridge(share=over((0, 0.8), (1, 0.0)))),
    about="A teacher far away pulls too hard at first. So the student is first compared with a mix of the teacher and itself, "
    "which what either thinks impossible is left out of, and by the end with the teacher alone.",
)
