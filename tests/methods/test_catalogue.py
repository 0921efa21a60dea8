"""The catalogue: what each entry says, that it costs no torch to read, and how foreign entries join."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import methods
from methods import METHODS, Method
from methods.parts.contexts import Plain, WithAttempt, WithAttemptAndSolution, WithSolution
from methods.parts.losses import JSD, NLL, Clip, ForwardKL, Loss, Policy, ReverseKL, Sampled, TopK
from methods.parts.teachers import Frozen, Nobody, Pair
from methods.parts.writers import Student, Teacher

ROOT = Path(methods.__file__).parent

ANSWERS = {  # as the papers and their released code have them
    "forward_kl": (Student(), Pair(), Plain(), Loss(ForwardKL()), False),
    "forward_kl_clip": (Student(), Pair(), Plain(), Loss(ForwardKL(), clip=Clip(0.1, "position")), False),
    "reverse_kl": (Student(), Pair(), Plain(), Loss(ReverseKL()), False),
    "reverse_kl_topk": (Student(), Pair(), Plain(), Loss(ReverseKL(), TopK(32, "teacher", tail="renorm")), False),
    "trd": (Teacher(), Pair(), WithAttempt(), Loss(ForwardKL()), False),
    "trd_self": (Teacher(), Frozen(), WithAttemptAndSolution(), Loss(ForwardKL()), False),
    "opd_sampled": (Student(), Pair(), Plain(), Loss(ReverseKL(), Sampled(), route=Policy(ratio_clip=0.2)), False),
    "revisiting": (Student(top_p=0.9), Pair(), Plain(), Loss(ReverseKL(), TopK(32, "teacher", tail="renorm")), False),
    "opsd": (Student(), Frozen(), WithSolution(), Loss(JSD(0.5), temperature=1.1), False),
    "sft_teacher": (Teacher(), Nobody(), Plain(), NLL(), True),
    "placebo": (Student(), Nobody(), Plain(), NLL(), True),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_entry_answers_as_its_paper_does(name):
    entry = METHODS[name]
    assert (entry.writer, entry.teacher, entry.reads, entry.loss, entry.control) == ANSWERS[name]


@pytest.mark.parametrize("name", METHODS)
def test_an_entry_is_told_to_its_readers(name):
    entry = METHODS[name]
    assert entry.name == name and entry.paper
    assert entry.formula.startswith("L = ") and "\n" not in entry.formula
    assert entry.about.count(". ") + 1 in (2, 3) and entry.about.endswith(".")
    module = (ROOT / f"{name.replace('@', '_')}.py").read_text()
    assert module.startswith('"""')
    assert "from no paper" in entry.paper or entry.paper in module
    assert entry.latex.startswith("L = ") and "\n" not in entry.latex and entry.latex.isascii()
    assert entry.latex.count("{") == entry.latex.count("}") and entry.latex.count(r"\left") == entry.latex.count(r"\right")
    assert entry.version >= 1


def test_an_entry_is_short():
    """What is written of it beside its docstring; and no file of the theory is long."""
    lengths = {}
    for name in methods.CATALOGUE:
        text = (ROOT / f"{name.replace('@', '_')}.py").read_text()
        docstring = ast.parse(text).body[0].end_lineno
        lengths[name] = sum(bool(line.strip()) for line in text.splitlines()[docstring:])
    assert statistics.median(lengths.values()) <= 15, lengths
    assert max(len(path.read_text().splitlines()) for path in ROOT.rglob("*.py")) <= 300


def test_every_entry_file_is_in_the_catalogue():
    files = {path.stem for path in ROOT.glob("*.py")} - {"__init__", "method"}
    assert files == {name.replace("@", "_") for name in methods.CATALOGUE}


@pytest.mark.parametrize("module", ["methods", "methods.parts.losses", "methods.trd"])
def test_reading_the_catalogue_imports_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, check=True)


FOREIGN = Method(name="foreign", paper="a test", formula="L = 0", loss=Loss(ForwardKL()))
CLASH = Method(name="trd", paper="a test", formula="L = 0", loss=Loss(ForwardKL()))


def point(name):
    """An entry point at a value of this file, as another package would declare it."""
    return EntryPoint(name="any", value=f"{__name__}:{name}", group="harness.methods")


def test_foreign_entries_join_and_clashes_are_refused():
    assert methods.joined(methods.CATALOGUE, [point("FOREIGN")]) == {**methods.CATALOGUE, "foreign": FOREIGN}
    assert "foreign" not in methods.CATALOGUE
    with pytest.raises(ValueError, match=r"already.*another name"):
        methods.joined(methods.CATALOGUE, [point("CLASH")])
    with pytest.raises(ValueError, match="Point it at a Method value"):
        methods.joined(methods.CATALOGUE, [point("ANSWERS")])


def test_an_installed_package_joins_by_its_entry_point(tmp_path):
    """As pip leaves it: a module and a dist-info folder on the path."""
    (tmp_path / "far_away.py").write_text(
        "from methods.method import Method\nfrom methods.parts.losses import ForwardKL, Loss\n"
        "FAR = Method(name='far', paper='a test', formula='L = 0', loss=Loss(ForwardKL()))\n"
    )
    (tmp_path / "far_away-1.0.dist-info").mkdir()
    (tmp_path / "far_away-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: far-away\nVersion: 1.0\n")
    (tmp_path / "far_away-1.0.dist-info" / "entry_points.txt").write_text("[harness.methods]\nfar = far_away:FAR\n")
    code = "import methods; print(methods.METHODS['far'].name, len(methods.METHODS) - len(methods.CATALOGUE))"
    path = {"PYTHONPATH": f"{tmp_path}:{ROOT.parent}"}
    done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True)
    assert done.stdout == "far 1\n"
