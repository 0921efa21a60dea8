"""`harness lock` against a stand-in of the hub, in a copy of the house: what it writes is what was missing, and nothing else."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BASE = """\
# base: someone/tiny@unpinned stays as it is in a comment\r
suite: base\r
engine: transformers   # größer\r
seeds: {train: [0], exam: 0}\r
pairs:\r
    tiny: {student:   "someone/tiny@unpinned"   ,   teacher: &big someone/big@unpinned}   # someone/big@unpinned\r
    two:\r
        student: 'someone/tiny@unpinned' # ← twice\r
        teacher: *big\r
    pinned: {student: someone/tiny@0badc0de, teacher: someone/big@unpinned}\r
methods: [forward_kl]\r
train:\r
  problems:\r
    set: {hub: {id: someone/problems, revision: unpinned, split: train}, fields: {prompt: q, answer: a}, domain: math}\r
  sampling: {temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12, n: 1}\r
  limits: {prompt: 96}\r
  rounds: {count: 1}\r
  optim: {learning_rate: 1.0e-3, batch: 4}\r
  lora: null\r
budgets: {steps: {updates: 1}}\r
evaluate: [{benchmarks: [tiny-exam], sampling: {n: 1, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12}}]\r
"""
CHILD = """\
suite: child
like: base.yaml
evaluate:
  - benchmarks:
      - aime24   # its revision stands in the catalogue
      - hub: {id: someone/exam, revision:   unpinned}  # unpinned, here
        fields: {prompt: q, answer: a}
        domain: math
    sampling: {n: 1, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12}
"""


@pytest.fixture
def hub():
    spec = importlib.util.spec_from_file_location("hub_stand_in", Path(__file__).with_name("hub.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["hub_stand_in"] = module
    spec.loader.exec_module(module)
    with module.Hub() as hub:
        yield hub


@pytest.fixture
def house(tmp_path) -> Path:
    """A copy whose catalogue may be written, with every pin of the original taken out."""
    house = tmp_path / "house"
    for name in ("harness", "methods", "reports", "suites", "results/reported"):
        shutil.copytree(ROOT / name, house / name, ignore=shutil.ignore_patterns("__pycache__", "site"))
    for path in (house / "suites").glob("*.yaml"):
        path.write_bytes(re.sub(rb"(@|revision: )[0-9a-f]{40}", rb"\1unpinned", path.read_bytes()))
    return house


def call(house: Path, url: str, *words: str | Path, before: Sequence[str] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "PYTHON"))}
    environment = {"HF_ENDPOINT": url, "HF_HOME": str(house / "hf"), "no_proxy": "127.0.0.1", **environment}
    return subprocess.run(
        [*before, sys.executable, "-B", "-m", "harness", *map(str, words)],
        cwd=house, env={**clean, **environment}, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def texts(house: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((house / "suites").iterdir())}


MODELS = ("Qwen/Qwen3-4B-Instruct-2507", "Qwen/Qwen3-8B")
DATA = ("agentica-org/DeepScaleR-Preview-Dataset", "HuggingFaceH4/aime_2024", "math-ai/aime25", "MathArena/hmmt_feb_2025",
        "ByteDance-Seed/BeyondAIME", "meituan-longcat/AMO-Bench")  # fmt: skip


@pytest.mark.slow
def test_a_papers_suite_is_pinned_where_it_is_spelled(hub, house):
    for name in DATA:
        hub.add("datasets", name, {"README.md": b"first"})
    commits = {name: hub.add("datasets", name, {"README.md": b"second"}) for name in DATA}
    commits |= {name: hub.add("models", name, {"config.json": b"{}"}) for name in MODELS}
    before = texts(house)
    dry = call(house, hub.url, "lock", "suites/trd_opsd_math.yaml", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert texts(house) == before
    locked = call(house, hub.url, "lock", "suites/trd_opsd_math.yaml")
    assert locked.returncode == 0, locked.stderr
    assert dry.stdout == locked.stdout + "--dry-run: nothing was written.\n"
    assert [line.partition("  ")[0] for line in locked.stdout.splitlines()] == [
        f"{name}@unpinned → {commits[name]}" for name in (*MODELS, *DATA)
    ]

    after = texts(house)
    assert {name for name in after if after[name] != before[name]} == {"trd_opsd_math.yaml", "problems.yaml"}
    for line in locked.stdout.splitlines():  # each place that was named bears its commit, and with the old word there all is as before
        file, row, column = line.rpartition("  ")[2].split(":")
        stands = after[Path(file).name].decode().splitlines()[int(row) - 1][int(column) - 1 :]
        assert stands.removeprefix(line.partition("@")[0] + "@").startswith(line.split()[2])
    for name, data in after.items():
        for commit in commits.values():
            data = data.replace(commit.encode(), b"unpinned")
        assert data == before[name]

    again = call(house, "http://127.0.0.1:9", "lock", "suites/trd_opsd_math.yaml")
    assert (again.returncode, again.stdout) == (0, "suites/trd_opsd_math.yaml: nothing is unpinned.\n")
    assert call(house, hub.url, "plan", "suites/trd_opsd_math.yaml").returncode == 0
    refused = call(house, hub.url, "run", "suites/trd_opd_math.yaml")  # its data are pinned now, its own pairs are not
    assert "Qwen/Qwen3-1.7B@unpinned" in refused.stderr and "aime" not in refused.stderr


def test_a_set_with_options_is_pinned_where_the_catalogue_has_it(hub, house):
    names = ("BAAI/TACO", "livecodebench/code_generation_lite")
    commits = [hub.add("datasets", name, {"README.md": b"x"}) for name in names]
    for name in ("Qwen/Qwen3-1.7B", *MODELS):
        hub.add("models", name, {"config.json": b"{}"})
    before = texts(house)["problems.yaml"]
    locked = call(house, hub.url, "lock", "suites/trd_opd_code.yaml")
    assert locked.returncode == 0, locked.stderr
    found = texts(house)["problems.yaml"].decode()
    for name, commit in zip(names, commits, strict=True):
        assert f"hub: {{id: {name}, revision: {commit}" in found
        found = found.replace(commit, "unpinned")
    assert found.encode() == before


@pytest.mark.slow
def test_every_place_of_a_chain_is_written_and_nothing_else(hub, house):
    tiny, big = (hub.add("models", name, {"config.json": b"{}"}) for name in ("someone/tiny", "someone/big"))
    data, exam, aime = (hub.add("datasets", name, {"x": b""}) for name in ("someone/problems", "someone/exam", "HuggingFaceH4/aime_2024"))
    (house / "suites/base.yaml").write_bytes(BASE.encode())
    (house / "suites/child.yaml").write_text(CHILD)
    before = texts(house)["problems.yaml"].decode()
    refused = call(house, hub.url, "run", "suites/child.yaml", "--only", "nothing")
    assert refused.returncode == 2 and "`harness lock suites/child.yaml`" in refused.stderr

    locked = call(house, hub.url, "lock", "suites/child.yaml")
    assert locked.returncode == 0, locked.stderr
    assert len(locked.stdout.splitlines()) == 7  # tiny twice, big twice (one of them read twice, through its anchor), three data sets
    expected = BASE.replace('"someone/tiny@unpinned"', f'"someone/tiny@{tiny}"').replace(
        "'someone/tiny@unpinned'", f"'someone/tiny@{tiny}'"
    )
    expected = expected.replace("&big someone/big@unpinned", f"&big someone/big@{big}")
    expected = expected.replace("teacher: someone/big@unpinned", f"teacher: someone/big@{big}")
    expected = expected.replace("revision: unpinned", f"revision: {data}")
    assert (house / "suites/base.yaml").read_bytes().decode() == expected
    assert (house / "suites/child.yaml").read_text() == CHILD.replace("revision:   unpinned", f"revision:   {exam}")
    now = texts(house)["problems.yaml"].decode()
    assert now == before.replace("HuggingFaceH4/aime_2024, revision: unpinned", f"HuggingFaceH4/aime_2024, revision: {aime}") != before

    ran = call(house, hub.url, "run", "suites/child.yaml", "--only", "nothing")
    assert "--only nothing: no row matches" in ran.stderr


def test_what_cannot_be_had_is_told_line_by_line_and_nothing_is_written(hub, house):
    hub.add("models", "someone/tiny", {"config.json": b"{}"})
    hub.add("datasets", "someone/problems", {"x": b""})
    hub.gated.add("someone/problems")
    (house / "suites/base.yaml").write_bytes(BASE.encode())
    before = texts(house)
    refused = call(house, hub.url, "lock", "suites/base.yaml")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.splitlines() == [
        f"harness: suites/base.yaml:6:62: model someone/big: there is no {hub.url}/someone/big, or it is private. "
        "Correct the name, or give a token: `hf auth login`, or HF_TOKEN.",
        f"suites/base.yaml:14:49: data set someone/problems: it is gated. Accept its terms at {hub.url}/datasets/someone/problems, "
        "then give a token that may read it: `hf auth login`, or HF_TOKEN.",
    ]
    assert texts(house) == before


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "the hub cannot be asked: HF_HUB_OFFLINE is set"),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "http://127.0.0.1:9/Qwen/Qwen3-4B-Instruct-2507 cannot be asked for: "),
    ],
)
def test_without_the_hub_it_says_so_once(hub, house, environment, why):
    before = texts(house)
    refused = call(house, hub.url, "lock", "suites/trd_opsd_math.yaml", **environment)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    assert why in refused.stderr and "Lock on a machine that reaches" in refused.stderr
    assert texts(house) == before


# Rights do not bind the superuser, unless he gives up the power to pass them by.
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def test_a_catalogue_that_may_not_be_written_leaves_all_as_it_was(hub, house):
    if BOUND and (not shutil.which(BOUND[0]) or subprocess.run([*BOUND, "true"], capture_output=True, check=False).returncode):
        pytest.skip("runs as a superuser who cannot give up his powers")
    for name in DATA:
        hub.add("datasets", name, {"README.md": b""})
    for name in MODELS:
        hub.add("models", name, {"config.json": b"{}"})
    (house / "suites/problems.yaml").chmod(0o444)
    before = texts(house)
    refused = call(house, hub.url, "lock", "suites/trd_opsd_math.yaml", before=BOUND)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1, refused.stderr
    assert "problems.yaml: may not be written. Write the data set out in the suite" in refused.stderr
    assert texts(house) == before


def test_rights_and_links_of_a_file_stay(hub, house):
    for kind, name in (("models", "someone/tiny"), ("models", "someone/big"), ("datasets", "someone/problems")):
        hub.add(kind, name, {"x": b""})
    (house / "suites/real.yaml").write_bytes(BASE.encode())
    (house / "suites/real.yaml").chmod(0o640)
    (house / "suites/base.yaml").symlink_to("real.yaml")
    locked = call(house, hub.url, "lock", "suites/base.yaml")
    assert locked.returncode == 0, locked.stderr
    assert (house / "suites/base.yaml").is_symlink() and (house / "suites/real.yaml").stat().st_mode & 0o777 == 0o640
    assert b'someone/tiny@unpinned"' not in (house / "suites/real.yaml").read_bytes()


def test_what_cannot_be_replaced_is_refused(hub, house):
    for kind, name in (("models", "someone/tiny"), ("models", "someone/big"), ("datasets", "someone/problems")):
        hub.add(kind, name, {"x": b""})
    text = BASE.replace('"someone/tiny@unpinned"', '"someone/tin\\x79@unpinned"')
    (house / "suites/base.yaml").write_bytes(text.encode())
    refused = call(house, hub.url, "lock", "suites/base.yaml")
    assert (
        refused.returncode == 2
        and "suites/base.yaml:6:23: someone/tiny@unpinned is spelled in a way that cannot be replaced" in refused.stderr
    )
    assert (house / "suites/base.yaml").read_bytes() == text.encode()


@pytest.mark.parametrize("above", ["\ufeff", "# 🎉\x85# next\u2028# line\n", "\ufeff# one\r# two\n"])
def test_other_marks_and_line_ends_do_not_shift_the_place(hub, house, above):
    commits = {name: hub.add("models", name, {"x": b""}) for name in ("someone/tiny", "someone/big")}
    pairs = "pairs: {p: {student: someone/tiny@unpinned, teacher: someone/big@unpinned}}"
    (house / "suites/base.yaml").write_text(f"{above}{pairs}\nsuite: odd\nlike: smoke.yaml\n", newline="")
    before = (house / "suites/base.yaml").read_bytes()
    locked = call(house, hub.url, "lock", "suites/base.yaml")
    assert locked.returncode == 0, locked.stderr
    for name, commit in commits.items():
        before = before.replace(f"{name}@unpinned".encode(), f"{name}@{commit}".encode())
    assert (house / "suites/base.yaml").read_bytes() == before
