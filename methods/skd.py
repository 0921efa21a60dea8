"""Speculative knowledge distillation: the teacher replaces each token of the student's that it finds unlikely (Xu et al., arXiv:2410.11325).

A token is accepted among the teacher's 25 likeliest (5 is named, too: writer: {trigger: {top: 5}}), else the teacher samples one in its
place and the student goes on. Blocks of 16 proposed tokens, and the forward KL, are a choice of ours.
"""

from methods.method import Method
from methods.parts.losses import ForwardKL, Loss
from methods.parts.triggers import Unlikely
from methods.parts.writers import Relayed

SKD = Method(
    name="skd",
    paper="arXiv:2410.11325",
    formula="L = (1/Σm) Σ_t m_t KL(p_T ‖ p_S),  y_t ~ p_S where it is in the top 25 of p_T, else y_t ~ p_T",
    latex=r"L = \frac{1}{\sum_t m_t} \sum_t m_t \, \mathrm{KL}(p_T \,\|\, p_S), \quad y_t \sim \begin{cases} p_S & \text{if } y_t \in \mathrm{top}_{25}(p_T) \\ p_T & \text{else} \end{cases}",
    writer=Relayed(trigger=Unlikely(top=25), paragraphs=None, most=1, turns=None, block=16),
    loss=Loss(ForwardKL()),
    about="The student writes, and a token that is not among the teacher's likeliest is replaced by one of the teacher's. So the text is the "
    "student's where it is good, and leads nowhere that the teacher would not go.",
)
