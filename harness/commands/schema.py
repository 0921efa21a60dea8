"""`harness schema`: the JSON Schema of a suite file."""

from __future__ import annotations

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(args: argparse.Namespace) -> int:
    from harness.spec.schema import schema

    print(json.dumps(schema(), indent=2, ensure_ascii=False))
    return 0
