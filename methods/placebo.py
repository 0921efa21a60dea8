"""Control: the student trains on its own responses as they are (no paper; it shows what training alone does)."""

from methods.method import Method
from methods.parts.losses import NLL
from methods.parts.teachers import Nobody

PLACEBO = Method(
    name="placebo",
    paper="a control of this harness, from no paper",
    formula="L = −(1/Σm) Σ_t m_t log p_S(y_t),  y ~ p_S",
    latex=r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \log p_S(y_t), \quad y \sim p_S",
    teacher=Nobody(),
    loss=NLL(),
    control=True,
    about="The student is trained on its own unfiltered responses. "
    "Sampled at temperature 1 and without truncation, they give an expected gradient of zero: "
    "whatever this row gains over the untouched student comes from noise, format or the optimizer, and from no teacher.",
)
