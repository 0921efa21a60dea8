"""What stands below a pair's name."""

from __future__ import annotations

import pytest

from reports.pairing import pairing

BOTH = {"student": "thinking", "teacher": "thinking"}


@pytest.mark.parametrize(
    ("said", "limits", "line"),
    [
        (None, None, None),
        ({}, {"updates": 3}, None),
        ({"student": "a/b@1", "teacher": "c/d@2"}, None, "a/b@1 ← c/d@2"),
        (
            {"student": "a/b@1", "teacher": "c/d@2", "modes": BOTH},
            {"epochs": 1.0},
            "a/b@1 ← c/d@2 · both thinking · a row ends at 1 epoch",
        ),
        ({"student": "a/b@1", "modes": BOTH}, None, "a/b@1, its own teacher · thinking"),
        (
            {
                "student": "/home/me/small",
                "teacher": "c/d@2",
                "modes": {"student": "plain", "teacher": "thinking"},
                "differ": ["mode", "template"],
            },
            {"student_written": 60_000_000, "trained": 1234},
            "small ← c/d@2 · teacher thinking, student not · chat templates differ · a row ends at 60,000,000 tokens written by the student "
            "or 1,234 tokens trained on",
        ),
    ],
)
def test_a_pair_in_one_line(said, limits, line) -> None:
    assert pairing(said, limits) == line
