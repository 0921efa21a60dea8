"""harness plan SUITE: what would be done, why, what is shared, and what it costs, before anything is spent."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.commands import power as power_text
from harness.overlaps import Seen, seen
from harness.plan import Plan, plan, summary
from harness.plan.estimate import PROMPT
from harness.plan.power import WANTED, Counts, power
from harness.progress import amount
from harness.records import Fault
from harness.spec import load_suite
from harness.store import Corrupt, Store

STORE = Path(".store")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("suite", type=Path, metavar="SUITE", help="the suite's YAML file")
    parser.add_argument("--store", type=Path, default=STORE, metavar="DIR", help="where steps are kept (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="the whole plan as JSON")
    parser.add_argument("--resolved", action="store_true", help="the suite with everything it inherits, as YAML, and nothing else")
    parser.add_argument(
        "--detect", type=float, default=100 * WANTED, metavar="POINTS", help="the difference that one wants to find (default: %(default)g)"
    )


def run(args: argparse.Namespace) -> int:
    suite = load_suite(args.suite)
    if not 0 < args.detect < 100:
        raise Fault(f"--detect {args.detect:g}: a difference in points, above 0 and below 100, is wanted.")
    if args.resolved:
        import yaml

        print(yaml.safe_dump(suite.resolved(), sort_keys=False, allow_unicode=True, width=120), end="")
        return 0
    made = plan(suite)
    store = Store(args.store)
    described = describe(made, store) | {"power": asdict(power(suite, made, sat_already(made, store), args.detect / 100))}
    print(json.dumps(described, indent=1, ensure_ascii=False) if args.json else text(described, suite.suite))
    return 0


def sat_already(made: Plan, store: Store) -> Counts:
    """What the untrained student of the first pair that has sat an exam reached on it."""
    found: dict[str, Any] = {}
    for row in made.rows:
        for exam in made.exams if row.role == "student" else ():
            try:
                record = store.record(row.steps[f"score/{exam.name}"])
            except Corrupt:
                continue
            if record and min(record.facts["graded"]) == record.facts["samples"]:
                found.setdefault(exam.name, (record.facts["correct"], record.facts["samples"]))
    return found


def describe(made: Plan, store: Store) -> dict:
    """The plan as plain data: `plan --json`."""
    names = {
        id(row): "/".join(
            str(x) for x in (row.pair, row.label, row.budget, None if row.seed is None else f"seed{row.seed}") if x is not None
        )
        for row in made.rows
    }
    served: dict[str, list[str]] = {step.address: [] for step in made.steps}
    for row in made.rows:
        for address in made.needed(row.steps.values()):
            served[address].append(names[id(row)])
    steps, whys, found = [], store.explain(made.steps), seen(made, store)
    for step in made.steps:
        try:
            done = store.record(step.address) is not None
            why = "its record stands" if done else whys[step.address]
        except Corrupt as fault:
            done, why = False, f"corrupt: {fault.what}"
        steps.append(
            {
                "key": step.key,
                "stage": step.stage,
                "title": step.title,
                "state": "done" if done else "todo",
                "why": why,
                "rows": served[step.address],
            }
        )
    rows = [
        {
            "name": names[id(row)],
            "pair": row.pair,
            "label": row.label,
            "role": row.role,
            "seed": row.seed,
            "budget": row.budget,
            "steps": row.steps,
        }
        for row in made.rows
    ]
    overlaps = [{name: value for name, value in vars(each).items() if name != "matches"} for each in found.values()]
    return {"steps": steps, "rows": rows, "overlap": overlaps, **summary(made)}


def shortened(why: str, most: int = 140) -> str:
    return why if len(why) <= most else why[: most - 1] + "…"


def text(described: dict, name: str) -> str:
    """A page of text: stage by stage, and what shares what."""
    steps = described["steps"]
    todo = [step for step in steps if step["state"] == "todo"]
    lines = [
        f"{name}: {len(described['rows'])} rows, {len(steps)} steps ({described['alone']} if every row ran alone), {len(todo)} to do",
        "",
    ]
    by_stage = Counter((step["stage"], step["state"]) for step in steps)
    lines.append(f"{'stage':<12}{'done':>6}{'to do':>7}")
    for stage in dict.fromkeys(step["stage"] for step in steps):
        lines.append(f"{stage:<12}{by_stage[stage, 'done']:>6}{by_stage[stage, 'todo']:>7}")
    shared = sorted(
        (s for s in steps if len(s["rows"]) > 1 and s["stage"] in ("pretrain", "generate", "construct")), key=lambda s: -len(s["rows"])
    )
    lines += ["", "shared by most rows"]
    lines += [f"  {len(step['rows']):>3} rows  {step['title']}" for step in shared[:12]]
    if described["overlap"]:
        lines += ["", "exams and training", *(f"  {each['exam']}: {Seen(**each, matches=()).line}" for each in described["overlap"])]
    if todo:
        again = [step for step in todo if step["why"] != "new"]
        other = f", {len(again)} that the store has in another form" if again else ""
        lines += ["", f"to do: {len(todo) - len(again)} new{other}"]
        lines += [f"  {step['key'][:10]}  {step['title']}  [{shortened(step['why'])}]" for step in again[:40]]
        lines += [f"  … and {len(again) - 40} more; `--json` lists all"] if len(again) > 40 else []
    found = power_text.lines(described["power"]) if "power" in described else []
    return "\n".join([*lines, *([""] if found else []), *found, "", *costs(described)])


def costs(described: dict) -> list[str]:
    """What will be written, and what it costs; guesses are named as such."""
    tokens, cost = described["tokens"], described["cost"]
    lines = [f"tokens written{'(each row alone)':>31}"]
    for kind, name in (("rollout", "rollouts"), ("teacher", "by teachers"), ("exam", "exams")):
        lines.append(f"  {name:<14}{amount(tokens[kind]['shared']):>10}{amount(tokens[kind]['alone']):>18}")
    lines += ["", f"on H100s in bf16{'FLOPs':>10}{'hours':>10}{'hours, each row alone':>25}"]
    total = Counter()
    for part, name in (("writing", "first rounds"), ("training", "training"), ("exams", "exams")):
        flops, hours = cost[part]["flops"], cost[part]["gpu_hours"]
        total.update({"flops": flops["shared"], "hours": hours["shared"], "alone": hours["alone"]})
        lines.append(f"  {name:<14}{flops['shared']:>10.2g}{duration(hours['shared']):>10}{duration(hours['alone']):>25}")
    lines.append(f"  {'together':<14}{total['flops']:>10.2g}{duration(total['hours']):>10}{duration(total['alone']):>25}")
    if cost["unsized"]:
        lines.append(
            f"  and what {', '.join(cost['unsized'])} will cost: suites/models.yaml does not tell the size, so all sums are too small"
        )
    if tasks := sum(step["stage"] == "lm_eval" for step in described["steps"]):
        lines.append(f"  and {tasks} sittings of lm-eval tasks, which stand here as 0: what they read and write only lm-eval can tell")
    lines += [
        "",
        f"Estimated: a response is half of max_tokens long, a prompt {PROMPT} tokens, a filter keeps half for each verdict it asks for; hours by",
        "the rates of harness/costs.py, which are modelled and not measured. Training has the writing of later rounds in it.",
    ]
    return lines


def duration(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 0.1 or not hours else f"{hours:.2g}"
