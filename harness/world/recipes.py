"""How a small model is made: every number that decides its weights, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from harness import seeds
from harness.world import chain
from methods.parts.contexts import Material, Plain, WithAttempt, WithSolution
from methods.parts.peers import WithPeers

# How two solutions by other students are shown. The methods' own words for it belong to methods/parts/contexts.py once it has them.
PEERS = (
    "Here are solutions by other students, which may contain mistakes:\n{first}\n---\n{second}\n\n"
    "Write a correct solution. Problem: {problem}"
)
SLIPS = (0.0, 0.1, 0.3, 0.5)  # share of wrong steps in an attempt; the attempt's rate is drawn among these
COUNTS = (
    "steps", "batch", "hidden", "layers", "heads", "head_width", "feedforward", "gate_problems", "gate_samples", "cycle_steps", "max_cycles"
)  # fmt: skip
HINT = " YAML reads 4e-3 as text; write 4.0e-3."
READINGS = ("plain", "rewrite", "reference", "peers")


@dataclass(frozen=True)
class Recipe:
    """One stage of pretraining: from scratch, or as a branch of another model."""

    steps: int  # optimizer updates of the first cycle
    learning_rate: float  # peak, of both optimizers
    seed: int = 0  # initial weights, data and misconceptions
    batch: int = 32  # examples per update
    warmup: int = 20  # updates from 0 to the peak, in every cycle
    floor: float = 0.02  # last learning rate, as a share of the peak
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of the gradient

    modulo: int = 20
    chain_steps: tuple[int, int] = (3, 8)  # shortest and longest chain

    plain: float = 0.6  # shares of what the model reads; the four add up to 1
    rewrite: float = 0.2  # an attempt with mistakes, to be written anew
    reference: float = 0.12  # a reference solution
    peers: float = 0.08  # two attempts by others
    labelled: bool = False  # whether those are named right or wrong; who reads a right one copies it, as one does a reference
    spaced: bool = False  # writes a step as `4 - 9 = 15`: other tokens, the same facts
    misconceptions: float = 0.0  # share of facts learned wrong
    misconception_probability: float = 0.0  # how often such a fact is written wrong; never where a reference can be read

    hidden: int = 64  # width
    layers: int = 2
    heads: int = 4  # of queries, and of keys and values
    head_width: int = 16
    feedforward: int = 192
    initializer_range: float = 0.1  # 0.02, the usual, did not learn in this budget

    gate: float = 0.0  # least share of right answers on held-out problems at temperature 1; 0 measures, and asks nothing
    gate_problems: int = 48
    gate_samples: int = 4  # answers per problem
    cycle_steps: int = 250  # updates of each further cycle, run where the gate was missed
    max_cycles: int = 3  # the first included

    def __post_init__(self) -> None:
        if not isinstance(self.chain_steps, list | tuple) or [type(steps) for steps in self.chain_steps] != [int, int]:
            raise ValueError(f"recipe: chain_steps must be [shortest, longest], not {self.chain_steps!r}.")
        object.__setattr__(self, "chain_steps", tuple(self.chain_steps))  # YAML knows lists only
        for name, value in list(vars(self).items()):
            wanted = type(getattr(Recipe, name, 1 if name == "steps" else 0.1))  # of the default; the two fields without one
            if wanted is float and type(value) is int:
                object.__setattr__(self, name, float(value))  # 1 and 1.0 are one recipe, and have one address
            elif type(value) is not wanted:
                kind = "true or false" if wanted is bool else f"a number of type {wanted.__name__}"
                raise ValueError(f"recipe: {name} must be {kind}, not {value!r}." + HINT * (wanted is float and isinstance(value, str)))
        for name in COUNTS:
            self._check(name, getattr(self, name) >= 1, "at least 1")
        self._check("warmup", self.warmup >= 0, "at least 0")
        for name in ("learning_rate", "clip", "initializer_range"):
            self._check(name, getattr(self, name) > 0, "greater than 0")
        for name in ("floor", "weight_decay", "misconceptions", "misconception_probability", "gate", *READINGS):
            self._check(name, 0 <= getattr(self, name) <= 1, "between 0 and 1")
        self._check("head_width", self.head_width % 2 == 0, "even, for rotary positions")
        total = sum(self.mix)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"recipe: plain, rewrite, reference and peers must add up to 1, and add up to {total:g}.")
        chain.check(self.chain_steps, self.modulo)

    @property
    def mix(self) -> tuple[float, ...]:
        return tuple(getattr(self, name) for name in READINGS)

    def _check(self, name: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise ValueError(f"recipe: {name} must be {wanted}, not {getattr(self, name)!r}.")


def read(values: dict) -> Recipe:
    """A recipe from a mapping as it stands in suites/models.yaml. Raises ValueError for a field that does not exist."""
    known = [field.name for field in fields(Recipe)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"recipe: there is no field {', '.join(unknown)}. Known: {', '.join(known)}.")
    missing = [name for name in ("steps", "learning_rate") if name not in values]
    if missing:
        raise ValueError(f"recipe: {' and '.join(missing)} must be given.")
    return Recipe(**values)


def examples(recipe: Recipe, pool: int, count: int) -> list[tuple[str, str]]:
    """Pool number `pool` of `count` examples (user message, response): a function of its arguments, so a resumed run sees the same."""
    rng = seeds.generator(seeds.derive("pretrain", recipe.seed, "pool", pool))
    table = chain.misconceptions(recipe.misconceptions, recipe.seed, recipe.modulo)
    return [_example(recipe, table, rng) for _ in range(count)]


def _example(recipe: Recipe, table: dict[chain.Fact, int], rng: np.random.Generator) -> tuple[str, str]:
    reading = READINGS[int(rng.choice(len(READINGS), p=np.array(recipe.mix) / sum(recipe.mix)))]
    one = chain.draw(rng, recipe.chain_steps, recipe.modulo, "pretrain")
    attempts = [one.written(chain.careless(float(rng.choice(SLIPS)), rng, recipe.modulo)) for _ in range(2)]
    material = Material(problem=one.text, solution=one.solution, attempt=attempts[0])
    response = one.written(chain.misled(table, recipe.misconception_probability, rng, recipe.modulo), recipe.spaced)
    if reading == "plain":
        return Plain()(material), response
    if reading == "rewrite":
        return WithAttempt()(material), response
    if reading == "peers" and recipe.labelled:
        return _with_labelled_peers(one, attempts, response, rng)
    if reading == "peers":
        return PEERS.replace("{first}", attempts[0]).replace("{second}", attempts[1]).replace("{problem}", one.text), response
    return WithSolution()(material), one.solution  # who can read the solution copies it, misconceptions or not


def _with_labelled_peers(one: chain.Chain, attempts: list[str], response: str, rng: np.random.Generator) -> tuple[str, str]:
    """Up to two right attempts and a wrong one, as a method would show them. All right attempts at a chain are the same text."""
    wrong = [attempt for attempt in attempts if attempt != one.solution][:1]
    right = (one.solution,) * int(rng.integers(0, 3))
    return WithPeers()(Material(problem=one.text, successes=right, failures=tuple(wrong))), one.solution if right else response
