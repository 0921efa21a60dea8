"""harness new-method NAME: an entry and its test, ready to fill in. Writes beside what is there, never over it."""

from __future__ import annotations

import argparse
import keyword
import os
import re
import sys
import tempfile
from pathlib import Path

import methods
from methods import METHODS

NAME = re.compile(r"[a-z][a-z0-9_]{0,59}\Z")
TAKEN = ("method", "parts", "student", "teacher", "student_again")  # modules of `methods`, and rows that every suite has

ENTRY = '''\
"""What it does, in one line (arXiv:0000.00000).

What the authors set, where their code and paper differ, and what is a choice of this project.
"""

from methods.method import Method
from methods.parts.losses import ForwardKL, Loss

{constant} = Method(
    name="{name}",
    paper="arXiv:0000.00000",
    formula="L = (1/Σm) Σ_t m_t KL(p_T ‖ p_S),  y ~ p_S",
    latex=r"L = \\frac{{1}}{{\\sum_t m_t}} \\sum_t m_t \\, \\mathrm{{KL}}(p_T \\,\\|\\, p_S), \\quad y \\sim p_S",
    loss=Loss(ForwardKL()),
    about="Say in plain words what it does, in two or three sentences. Say what it is meant to be good for.",
)
'''

TEST = '''\
"""{name}: its loss against the formula, written from the paper and not from the entry."""

from __future__ import annotations

import math

import pytest
import torch

from {module} import {constant}
from methods.parts.losses import TokenScores


def reference(student: list[float], teacher: list[float], token: int) -> float:
    """The loss at one token, from the probabilities of all tokens; `token` was sampled."""
    return sum(q * math.log(q / p) for p, q in zip(student, teacher, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_the_formula(seed: int) -> None:
    student_TV, teacher_TV = torch.randn(2, 6, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    ids_T = torch.arange(6)
    sampled_T = student_TV.log_softmax(-1).gather(1, ids_T[:, None])[:, 0]
    found_T = {constant}.loss.at(0.0)(TokenScores(student_TV, teacher_TV, ids_T, sampled_T))
    sides = (student_TV.softmax(-1).tolist(), teacher_TV.softmax(-1).tolist(), ids_T.tolist())
    assert found_T.tolist() == pytest.approx([reference(*each) for each in zip(*sides, strict=True)], rel=1e-9)
'''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of the method: small letters, digits, underscores")
    parser.add_argument("--out", metavar="DIR", type=Path, help="write it there, to be joined from a package of your own by an entry point")


def run(args: argparse.Namespace) -> int:
    from harness.records import Fault

    name, constant = args.name, args.name.upper()
    refuse_name(name)
    root = Path(methods.__file__).resolve().parent.parent
    if args.out is None and not (root / "tests" / "methods").is_dir():
        raise Fault(f"{root} is no checkout of this repository, so no entry can be added to it. Say --out DIR, for a package of your own.")
    if args.out is None:
        entry, test, module = root / "methods" / f"{name}.py", root / "tests" / "methods" / f"test_{name}.py", f"methods.{name}"
    else:
        args.out.mkdir(parents=True, exist_ok=True)
        entry, test, module = args.out / f"{name}.py", args.out / f"test_{name}.py", name
    texts = {entry: ENTRY.format(name=name, constant=constant), test: TEST.format(name=name, constant=constant, module=module)}
    for path, text in texts.items():
        if os.path.lexists(path) and not holds(path, text):  # what this very command left, killed half way, may stand
            raise Fault(f"{path} is there already, and is not overwritten. Choose another name, or move it away.")
    for path, text in texts.items():
        write_new(path, text)
    print(f"wrote {entry}\nwrote {test}")
    print(steps(name, constant, args.out is not None), file=sys.stderr)
    return 0


def refuse_name(name: str) -> None:
    """Raises Fault for what cannot be the name of a new method, of its module and of its row."""
    from harness.records import Fault

    if not NAME.match(name) or name.endswith("_"):
        raise Fault(f"{name!r} cannot name a method: small letters, digits and underscores, a letter first, at most 60: my_method.")
    if name in METHODS:
        raise Fault(f"there is a method {name!r} already (`harness methods {name}`). Choose another name.")
    if name in TAKEN or keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in sys.stdlib_module_names:
        raise Fault(f"{name!r} means something else already, to Python or to this harness. Choose another name.")


def holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def write_new(path: Path, text: str) -> None:
    """The whole file or none, and never over another. Raises Fault where one has come to be there meanwhile."""
    from harness.records import Fault

    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:
        file.write(text.encode())
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        try:
            os.link(file.name, path)
        except FileExistsError:
            if not holds(path, text):
                raise Fault(f"{path} is there already, and is not overwritten. Choose another name, or move it away.") from None


def steps(name: str, constant: str, outside: bool) -> str:
    """What is left to do by hand."""
    if outside:
        joins = f'[project.entry-points."harness.methods"]\n    {name} = "{name}:{constant}"'
        return (
            f"\nFill both in. In your package's pyproject.toml:\n\n    {joins}\n\nthen install it, and `harness methods {name}` shows it."
        )
    return (
        "\nFill both in. Then:\n"
        f"  methods/__init__.py   from methods.{name} import {constant}\n"
        f'                        "{name}": {constant},\n'
        f"  README.md             a line of the table of entries\n"
        f"  suites/*.yaml         - {name}"
    )
