"""Programs that are nearly right, made from right ones by one change of their syntax tree. Deterministic; nothing here runs them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

SWAPPED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn,
    ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.FloorDiv, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def mutants(program: str) -> list[str]:
    """All of them, in the order of the places that are changed."""
    count = sum(1 for _ in places(ast.parse(program)))
    made = []
    for wanted in range(count):
        tree = ast.parse(program)
        for place, change in enumerate(places(tree)):
            if place == wanted:
                change()
                break
        made.append(ast.unparse(ast.fix_missing_locations(tree)))
    return [each for each in dict.fromkeys(made) if each != ast.unparse(ast.parse(program))]


def places(tree: ast.AST) -> Iterator:
    """A change at each place, to be called at most once."""
    for node in ast.walk(tree):
        for field in ("ops", "op"):
            operator = getattr(node, field, None)
            kind = type(operator[0] if isinstance(operator, list) else operator)
            if operator and kind in SWAPPED:
                yield lambda node=node, field=field, operator=operator, kind=kind: setattr(
                    node, field, [SWAPPED[kind](), *operator[1:]] if isinstance(operator, list) else SWAPPED[kind]()
                )
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield lambda node=node: setattr(node, "value", node.value + 1)
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield lambda node=node: setattr(node, "value", not node.value)
        elif isinstance(node, ast.Return) and node.value is not None:
            yield lambda node=node: setattr(node, "value", ast.Constant(None))
            yield lambda node=node: setattr(node, "value", ast.Tuple([node.value], ast.Load()))
            yield lambda node=node: setattr(node, "value", ast.Call(ast.Name("str", ast.Load()), [node.value], []))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range" and node.args:
            yield lambda node=node: node.args.append(node.args.pop(0)) if len(node.args) > 1 else node.args.insert(0, ast.Constant(1))
