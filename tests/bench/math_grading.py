"""Answers graded a second on one core, by each profile, against math-verify called plainly in this process: the same pairs, one run.

    PYTHONPATH=. python tests/bench/math_grading.py [--pairs 500] [--rounds 3] [--out FILE.json]

The pairs: golds of the exams' rows, where `../shared/data` has them (else a few shapes of our own), in the spellings that models write,
half of them right, behind some 150 words of working. No pair occurs twice, within a round or across rounds: nothing is graded once for
two. Time is CPU seconds: of this process, and for a profile also of its one worker, which is warm. The graders take turns in each round.
AMO-Bench's parser gets the golds without letters, and its ratio is to plain math-verify on those.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from harness.grading import MATH
from harness.grading.math_text import letters
from harness.grading.workers import GraderPool

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
EXAMS = ("aime24", "aime25", "hmmt_feb_2025", "beyondaime", "extras/math500")
SHAPES = (
    "204", "25", r"\frac{9\sqrt{23}}{23}", r"2^{25} \cdot 26!", r"1-\frac{2}{\pi}", r"\frac{-1+\sqrt{17}}{2}, \frac{-1-\sqrt{17}}{2}", "(3, 4)",
    r"\left( 3, \frac{\pi}{2} \right)", r"[-2, 7)", r"x^2+5x+6", r"\text{odd}", r"y = 2x + 3", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"8\sqrt{10}",
)  # fmt: skip
WORKING = "We expand the product, collect the terms of equal degree and compare: this gives $a_{%d} = %d$, so the sum has $%d$ terms. "


def golds() -> tuple[list[str], str]:
    paths = [DATA / f"{name}.jsonl" for name in EXAMS]
    if not all(path.exists() for path in paths):
        return list(SHAPES), "built-in shapes"
    return [json.loads(line)["answer"] for path in paths for line in path.read_text(encoding="utf-8").splitlines()], ", ".join(EXAMS)


def pairs(count: int) -> tuple[list[tuple[str, str]], str]:
    """`count` different (gold, completion) pairs."""
    draw = random.Random(0)
    answers, source = golds()
    made: dict[tuple[str, str], None] = {}
    while len(made) < count:
        gold = draw.choice(answers)
        answer = gold if draw.random() < 0.5 else draw.choice(answers)
        spelled = draw.choice((answer, answer.replace(r"\frac", r"\dfrac"), f"x = {answer}", rf" {answer}\,", rf"\displaystyle {answer}"))
        numbers = (draw.randrange(99), draw.randrange(10**6), draw.randrange(10**6))
        made[gold, WORKING * 8 % (numbers * 8) + rf"Therefore the final answer is $\boxed{{{spelled}}}$."] = None
    return list(made), source


def plainly(items: list[tuple[str, str]]) -> None:
    """As its README has it: parse both, verify, with its own timers."""
    from math_verify import parse, verify

    for gold, completion in items:
        verify(parse(gold if "\\boxed" in gold else rf"\boxed{{{gold}}}"), parse(completion))


def cpu_seconds(pids: list[int]) -> float:
    """Of this process and of some workers, so far."""
    tick = os.sysconf("SC_CLK_TCK")
    ours = time.process_time()
    return ours + sum(sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) / tick for pid in pids)


def rate(work: Callable[[], object], count: int, pids: list[int]) -> float:
    """Answers a CPU second."""
    begun = cpu_seconds(pids)
    work()
    return count / (cpu_seconds(pids) - begun)


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    arguments.add_argument("--pairs", type=int, default=500, help="in each round")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--out", type=Path)
    chosen = arguments.parse_args()
    logging.disable(logging.CRITICAL)
    items, source = pairs(chosen.pairs * chosen.rounds)
    measured: dict[str, list[float]] = {}
    with GraderPool() as pool:
        for profile in MATH:
            pool.grade_many([(r"\boxed{\frac{1}{2}}", r"\boxed{\frac{2}{4}}")], profile=profile)
        plainly(items[:5])
        for turn in range(chosen.rounds):
            mine = items[turn :: chosen.rounds]
            numbers = [(rf"\boxed{{{gold}}}", completion) for gold, completion in mine if not letters(gold)]
            work = {profile: (numbers if profile == "amo" else mine) for profile in MATH}
            plain = {"plain": mine, "plain, numbers": numbers}
            for name, held in plain.items():
                measured.setdefault(name, []).append(rate(lambda held=held: plainly(held), len(held), []))
            for name, held in work.items():
                grade = lambda held=held, name=name: pool.grade_many(held, any_gold=True, profile=name)  # noqa: E731
                measured.setdefault(name, []).append(rate(grade, len(held), pool.pids()))
    rows = []
    for name, each in measured.items():
        base = statistics.median(measured["plain, numbers" if name in ("amo", "plain, numbers") else "plain"])
        middle = statistics.median(each)
        rows.append({"grader": name, "a_second": round(middle, 1), "ratio": round(middle / base, 2), "least": min(each), "most": max(each)})
    print(f"{chosen.pairs} pairs a round, from {source}; medians of {chosen.rounds} rounds\n")
    print("| grader | answers a CPU second | × math-verify, plain | least | most |\n| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        print(f"| {row['grader']} | {row['a_second']} | {row['ratio']} | {row['least']:.1f} | {row['most']:.1f} |")
    if chosen.out:
        chosen.out.write_text(json.dumps({"pairs": chosen.pairs, "source": source, "rounds": chosen.rounds, "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
