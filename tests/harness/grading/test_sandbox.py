"""The sandbox's door: what goes in comes back as what it was, how a program ended is told, and a fault of the machinery is nobody's fault."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from harness.grading.sandbox import Limits, Numpy, Sandbox, Unavailable, plain, rungs
from harness.grading.sandbox.inside.codec import decode, encode

ROOT = Path(__file__).resolve().parents[3]
SMALL = Limits(cpu_seconds=5, memory_mib=512, output_bytes=1 << 16, file_mib=4, processes=8)


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    if request.param not in rungs():
        pytest.skip(f"the rung {request.param} does not hold on this machine")
    with Sandbox(request.param) as made:
        yield made


def same(one, other) -> bool:
    """Equal, of the same types all through, with nan equal to itself and the sign of zero told apart."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple | deque):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return len(one) == len(other) and all(same(a, b) and same(one[a], other[b]) for a, b in zip(one, other, strict=True))
    if isinstance(one, float):
        return one.hex() == other.hex()
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    return one == other


PLAIN = [
    None, True, 0, -1, 2**63, -(2**63), 10**5000, 0.1, -0.0, math.inf, -math.inf, math.nan, complex(-0.0, math.nan), "", "äöü\0\ud800",
    b"\xff\0", bytearray(b"x"), [], (), {}, set(), frozenset({1}), [1, 2.0, True, None, "a"], (1, (2, [3, {4}])), [True, 1, 1.0],
    {1: "a", "1": "b", (1, 2): [3], None: {"i": 1}, 2.5: {}}, {"t": [1]}, {frozenset({1, 2}), (3,)}, deque([1]), range(2, 9, 3),
    Decimal("1.10"), Fraction(-1, 3), [[]] * 1000, list(range(5000)), [[[[[]]]]],
]  # fmt: skip


def test_plain_data_travels_both_ways_as_what_it_is(box: Sandbox) -> None:
    outcomes = box.call("def echo(x):\n    return x\n", "echo", [[each] for each in PLAIN], SMALL)
    assert [each.outcome for each in outcomes] == ["ok"] * len(PLAIN)
    for sent, outcome in zip(PLAIN, outcomes, strict=True):
        assert same(sent, outcome.value), (sent, outcome.value)


def test_dicts_that_equal_a_dict_come_back_as_one(box: Sandbox) -> None:
    source = """
from collections import Counter, OrderedDict, defaultdict
def made(kind): return {"c": Counter("aab"), "o": OrderedDict(a=1), "d": defaultdict(list, a=[1])}[kind]
"""
    values = [each.value for each in box.call(source, "made", [["c"], ["o"], ["d"]], SMALL)]
    assert values == [{"a": 2, "b": 1}, {"a": 1}, {"a": [1]}] and {type(each) for each in values} == {dict}


def test_numpy_comes_back_marked(box: Sandbox) -> None:
    source = """
import numpy as np
class Fake(np.ndarray): pass
def f(kind):
    return {"scalar": np.float64(0.5), "array": np.arange(4).reshape(2, 2), "inside": [np.bool_(True), 1],
            "fake": np.zeros(2).view(Fake), "objects": np.array([f], dtype=object)}[kind]
"""
    kinds = ["scalar", "array", "inside", "fake", "objects"]
    scalar, array, inside, fake, objects = box.call(source, "f", [[each] for each in kinds], per_call_seconds=60)
    assert scalar.value == Numpy("float64", 0.5) and array.value == Numpy("int64", [[0, 1], [2, 3]])
    assert plain(inside.value) == [True, 1] and plain(array.value) == [[0, 1], [2, 3]]
    assert (fake.outcome, objects.outcome) == ("unserialisable", "unserialisable")


@pytest.mark.parametrize("value", ["object()", "lambda: 1", "(i for i in [1])", "type('I', (int,), {})(1)", "{1: [object()]}", "print"])
def test_anything_else_is_not_data(box: Sandbox, value: str) -> None:
    (outcome,) = box.call(f"def f():\n    return {value}\n", "f", [[]], SMALL)
    assert outcome.outcome == "unserialisable" and outcome.detail


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"nul", b"{}", b'{"x":1}', b'{"t":1}', b'{"s":[[1]]}', b'{"d":[[1],[1,2]]}', b'{"i":"z"}', b'{"b":"?"}', b'{"r":[1,2,0]}',
     b'{"t":[1],"s":[1]}', b'{"F":[1,0]}', b'{"D":"x"}', b'{"n":[1]}', b"[" * 100_000, b"[" * 500 + b"]" * 500, b"\xff\xff", b'{"c":[1]}',
     b"1" * 10_000],
)  # fmt: skip
def test_a_hostile_payload_is_a_value_error(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decode(payload)


def test_members_that_share_a_hash_are_refused_before_they_cost_time() -> None:
    clash = [each * (2**61 - 1) for each in range(100_000)]
    payload = b'{"s":' + encode(clash, 1 << 26) + b"}"
    with pytest.raises(ValueError, match="share a hash"):
        decode(payload)
    assert decode(encode(set(range(100_000)), 1 << 26)) == set(range(100_000))


def test_calls_share_one_process_and_runs_share_nothing(box: Sandbox) -> None:
    source = "seen = []\ndef f(x):\n    seen.append(x)\n    return list(seen)\n"
    assert [each.value for each in box.call(source, "f", [[1], [2]], SMALL)] == [[1], [1, 2]]
    assert [each.value for each in box.call(source, "f", [[3]], SMALL)] == [[3]]
    pids = [box.call("import os\ndef f(): return os.getpid()\n", "f", [[]], SMALL)[0].value for _ in range(2)]
    assert pids[0] != pids[1]


def test_how_a_call_ended_is_told(box: Sandbox) -> None:
    source = """
import time
def f(what):
    if what == "raise": raise KeyError("a key", what)
    if what == "sleep": time.sleep(1000)
    return what
"""
    outcomes = box.call(source, "f", [["a"], ["raise"], ["b"], ["sleep"], ["c"]], SMALL, [60, 60, 60, 0.2, 60])
    assert [each.outcome for each in outcomes] == ["ok", "error", "ok", "timeout", "skipped"]
    assert outcomes[1].detail == "KeyError: ('a key', 'raise')" and outcomes[3].seconds >= 0.2


@pytest.mark.parametrize(
    ("source", "detail"),
    [("def f(:", "SyntaxError"), ("1/0", "ZeroDivisionError"), ("g = 1", "NameError"), ("f = 3", "TypeError"), ("f = '\0'", "SyntaxError")],
)
def test_a_program_that_cannot_be_loaded_is_an_error(box: Sandbox, source: str, detail: str) -> None:
    first, second = box.call(source, "f", [[], []], SMALL)
    assert first.outcome == "error" and first.detail.startswith(detail)
    assert second.outcome == ("error" if source == "f = 3" else "skipped")


def test_a_method_of_a_class_and_the_world_of_a_module(box: Sandbox) -> None:
    source = """
from __future__ import annotations
from dataclasses import dataclass
@dataclass
class Point:
    x: int
class Solution:
    def f(self, x): return Point(x).x + 1
    def name(self): return __name__
if __name__ == "__main__": 1 / 0
"""
    assert box.call(source, "Solution.f", [[1]], SMALL)[0].value == 2
    assert box.call(source, "Solution.name", [[]], SMALL)[0].value == "solution"
    annotations = box.call("def g(x: int): pass\ndef f(): return type(g.__annotations__['x']).__name__\n", "f", [[]], SMALL)
    assert annotations[0].value == "type"  # our own __future__ does not leak into the program


def test_a_program_reads_and_prints(box: Sandbox) -> None:
    echo = "import sys\nsys.stdout.write(sys.stdin.read())\n"
    texts = ["", "one line\n", "no end", "äöü\u2028\n", "x" * 60_000]
    assert [each.stdout for each in box.stdio(echo, texts, SMALL)] == texts
    ways = [
        "print(input())\nimport sys\nprint(sys.stdin.readline(), end='')\nprint(sys.stdin.read(), end='')\n",
        "print(open(0).read(), end='')\n",
        "import os\nos.write(1, os.read(0, 100))\n",
        "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line)\n",
        "import fileinput\nfor line in fileinput.input(): print(line, end='')\n",
    ]
    for way in ways:
        assert box.stdio(way, ["a\nb\nc\n"], SMALL)[0].stdout == "a\nb\nc\n", way
    large = "9" * 3_000_000
    outcome = box.stdio("print(len(input()))\n", [large], Limits())[0]
    assert outcome.stdout == "3000000\n"


def test_how_a_program_ended_is_told(box: Sandbox) -> None:
    source = """
import os, sys, threading
what = input()
print(what, flush=True)
if what == "exit": sys.exit(3)
if what == "raise": raise ValueError("bad")
if what == "memory": held = bytearray(1 << 30)
if what == "much": print("x" * 100_000)
if what == "thread": threading.Thread(target=lambda: print("later")).start()
if what == "unread": sys.exit()
if what == "early": os._exit(5)
"""
    expected = {"exit": "ok", "raise": "error", "memory": "oom", "much": "error", "thread": "ok", "unread": "ok", "early": "crash"}
    for what, outcome in expected.items():
        (found,) = box.stdio(source, [what + "\n" + "y" * (200_000 if what == "unread" else 0)], SMALL)
        assert found.outcome == outcome, found
        assert found.stdout.startswith(what)
    assert box.stdio(source, ["thread\n"], SMALL)[0].stdout == "thread\nlater\n"
    assert len(box.stdio(source, ["much\n"], SMALL)[0].stdout) == SMALL.output_bytes
    fatal = box.stdio(source, ["exit\n", "early\n", "exit\n"], SMALL)
    assert [each.outcome for each in fatal] == ["ok", "crash", "skipped"]


def test_hashes_and_environment_are_the_same_every_time(box: Sandbox) -> None:
    source = "import os\ndef f(): return [hash('a'), sorted(os.environ), list({'a', 'b', 'c'}), os.listdir('.')]\n"
    first = box.call(source, "f", [[]], SMALL)[0].value
    box.close()
    assert box.call(source, "f", [[]], SMALL)[0].value == first and first[3] == []
    assert not {"PYTHONPATH", "HF_TOKEN", "PYTEST_CURRENT_TEST"} & set(first[1])


def test_the_processor_is_limited_over_all_calls(box: Sandbox) -> None:
    source = "import time\ndef f():\n    end = time.process_time() + 0.7\n    while time.process_time() < end: pass\n"
    outcomes = box.call(source, "f", [[]] * 3, Limits(cpu_seconds=1), 60)
    assert [each.outcome for each in outcomes] == ["ok", "timeout", "skipped"] and "processor" in outcomes[1].detail


def descendants(parent: int) -> list[int]:
    """Living processes below one, the nearest first."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found, layer = [], [parent]
    while layer:
        layer = [pid for pid, above in parents.items() if above in layer]
        found += layer
    return found


def kill_the_deepest(stop: threading.Event, times: int, before: set[int]) -> None:
    """SIGKILL the candidate's process, as the kernel's memory killer or a nervous admin would, as soon as it is there."""
    done: set[int] = set()
    while not stop.is_set() and len(done) < times:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                # Confined: the zygote and what is above it run without a filter.
                if pid not in before | done and "\nSeccomp:\t2\n" in Path(f"/proc/{pid}/status").read_text():
                    time.sleep(0.3)
                    os.kill(pid, signal.SIGKILL)
                    done.add(pid)
        time.sleep(0.02)


@pytest.mark.parametrize(("times", "outcome"), [pytest.param(1, "ok", marks=pytest.mark.slow), (2, "infra_error")])
def test_a_kill_from_outside_is_tried_again_once_and_is_never_the_candidates_fault(box: Sandbox, times: int, outcome: str) -> None:
    stop, before = threading.Event(), set(descendants(os.getpid()))
    killer = threading.Thread(target=kill_the_deepest, args=(stop, times, before))
    killer.start()
    outcomes = box.call("import time\ndef f():\n    time.sleep(1.5)\n    return 1\n", "f", [[], []], SMALL, 60)
    stop.set()
    killer.join()
    assert outcomes[0].outcome == outcome, outcomes
    assert outcomes[1].outcome == ("ok" if outcome == "ok" else "skipped")
    assert box.call("def f(): return 1\n", "f", [[]], SMALL)[0].value == 1


def test_a_zygote_that_is_gone_is_replaced(box: Sandbox) -> None:
    source = "def f(x): return x\n"
    assert box.call(source, "f", [[1]], SMALL)[0].value == 1
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            if b"inside" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
    assert box.call(source, "f", [[2]], SMALL)[0].value == 2


def test_a_folder_that_cannot_be_made_is_nobodys_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a full disk: there is no place to run in."""
    if "landlock" not in rungs():
        pytest.skip("the rung landlock does not hold on this machine")
    with Sandbox("landlock") as box:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
        outcomes = box.call("def f(): return 1\n", "f", [[], []], SMALL)
        assert [each.outcome for each in outcomes] == ["infra_error", "skipped"] and "No such file" in outcomes[0].detail
        assert box.stdio("print(1)\n", ["", ""], SMALL)[0].outcome == "infra_error"
        monkeypatch.undo()
        assert box.call("def f(): return 1\n", "f", [[]], SMALL)[0].value == 1


def test_boxes_in_threads_do_not_meet(box: Sandbox) -> None:
    found: dict[int, list] = {}

    def work(number: int) -> None:
        with Sandbox(box.rung) as own:
            found[number] = [own.call(f"def f(x): return x * {number}\n", "f", [[each]], SMALL, 60)[0].value for each in range(5)]

    threads = [threading.Thread(target=work, args=(number,)) for number in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [each * number for each in range(5)] for number in (2, 3)}


def test_when_its_owner_is_killed_nothing_stays(tmp_path: Path) -> None:
    """SIGKILL in the middle of a call: the jail's processes end and the folder goes."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from harness.grading.sandbox import Sandbox\n"
        "box = Sandbox(sys.argv[2]); box.call('def f(): return 1', 'f', [[]]); print('ready', flush=True)\n"
        "box.call('import time\\ndef f(): time.sleep(1000)', 'f', [[]], per_call_seconds=1000)"
    )
    for rung in [each for each in rungs() if each in ("bubblewrap", "landlock")]:
        words = [sys.executable, "-c", program, str(ROOT), rung]
        with subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}) as owner:
            assert owner.stdout is not None and owner.stdout.readline() == b"ready\n"
            deadline = time.monotonic() + 60
            while not (below := descendants(owner.pid)) and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.3)
            below = descendants(owner.pid)
            owner.kill()
        while time.monotonic() < deadline and (list(tmp_path.iterdir()) or any(map(living, below))):
            time.sleep(0.05)
        assert below and not any(map(living, below)) and list(tmp_path.iterdir()) == []


def living(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_without_a_rung_it_refuses_and_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_SANDBOX", "")
    assert rungs() == ["none"]
    with pytest.raises(Unavailable) as refused:
        Sandbox()
    for remedy in ("apt-get install bubblewrap", "Landlock", "5.13", "user namespaces", "--allow-unsafe", "HARNESS_SANDBOX"):
        assert remedy in str(refused.value)
    for asked in ("none", "landlock"):
        with pytest.raises(Unavailable):
            Sandbox(asked)
    with Sandbox(allow_unsafe=True) as box:
        assert box.rung == "none" and box.call("def f(): return 1\n", "f", [[]], SMALL)[0].value == 1


def test_a_mask_leaves_the_rungs_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    held = [each for each in rungs() if each in ("landlock", "namespaces")]
    monkeypatch.setenv("HARNESS_SANDBOX", "namespaces, landlock")
    assert rungs() == [*held, "none"]
    with pytest.raises(Unavailable, match="there is no rung 'docker'"):
        Sandbox("docker")
    with pytest.raises(Unavailable, match="left out by HARNESS_SANDBOX"):
        Sandbox("bubblewrap")


def test_limits_say_what_they_can_be() -> None:
    with pytest.raises(ValueError, match="at least"):
        Limits(cpu_seconds=0)
    with pytest.raises(ValueError, match="2 entries for 1 calls"), Sandbox(allow_unsafe=True) as box:
        box.call("f = 1", "f", [[]], per_call_seconds=[1, 2])
