"""Control: supervised fine-tuning on reference solutions (no paper; the other end of GKD's coin)."""

from methods.method import Method
from methods.parts.losses import NLL
from methods.parts.teachers import Nobody
from methods.parts.writers import Solution

SFT_REFERENCE = Method(
    name="sft_reference",
    paper="a control of this harness, from no paper",
    formula="L = −(1/Σm) Σ_t m_t log p_S(y*_t)",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \log p_S(y^*_t)",
    writer=Solution(),
    teacher=Nobody(),
    loss=NLL(),
    control=True,
    about="The student learns the reference solutions word by word. No teacher has a hand in it, and the tokens are nobody's sample.",
)
