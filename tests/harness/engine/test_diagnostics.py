"""Columns beside the loss, against sums written out; and the openings of doubt."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from harness.engine.diagnostics import EPISTEMIC, Observer, epistemic_ids
from harness.world import tokenizer as letters
from methods.parts.losses import TokenScores


def words() -> PreTrainedTokenizerFast:
    """Whole words, and the same after a space, as large tokenizers have them; Hold and Pause only in two pieces."""
    whole = [word for word in EPISTEMIC if word not in ("Hold", "Pause")]
    known = ["<unk>", *whole, *(f"Ġ{word}" for word in whole), "Ho", "ld", "Pau", "se", "ĠHo", "ĠPau"]
    tokenizer = Tokenizer(models.WordPiece({text: i for i, text in enumerate(known)}, unk_token="<unk>", continuing_subword_prefix=""))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def test_openings_of_doubt_are_first_tokens_bare_and_after_a_space() -> None:
    tokenizer = words()
    found = set(tokenizer.convert_ids_to_tokens(epistemic_ids(tokenizer)))
    whole = {word for word in EPISTEMIC if word not in ("Hold", "Pause")}
    assert found == whole | {f"Ġ{word}" for word in whole} | {"Ho", "Pau", "ĠHo", "ĠPau"}
    assert len(EPISTEMIC) == 16


def test_a_tokenizer_that_spells_by_letters_has_none() -> None:
    assert epistemic_ids(letters.build()) == []


def test_columns_by_hand() -> None:
    draw = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(7, 12, generator=draw, dtype=torch.float64) for _ in range(2))
    ids = torch.randint(0, 12, (7,), generator=draw)
    seen = Observer((2, 5))(TokenScores(student, teacher, ids))
    p, q = student.softmax(1), teacher.softmax(1)
    for t in range(7):
        assert seen["epistemic_mass"][t] == pytest.approx((q[t, 2] + q[t, 5]).item())
        assert seen["kl_forward"][t] == pytest.approx(sum((q[t, v] * (q[t, v] / p[t, v]).log()).item() for v in range(12)))
        assert seen["kl_reverse"][t] == pytest.approx(sum((p[t, v] * (p[t, v] / q[t, v]).log()).item() for v in range(12)))
        assert seen["student_logprob"][t] == pytest.approx(p[t, ids[t]].log().item())
        assert seen["teacher_entropy"][t] == pytest.approx(-sum((q[t, v] * q[t, v].log()).item() for v in range(12)))
    assert "epistemic_mass" not in Observer()(TokenScores(student, teacher, ids))
    assert "teacher_logprob" not in Observer((2,))(TokenScores(student, None, ids))
