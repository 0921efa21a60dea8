"""The board as one HTML file: styles and script inside, no request to anywhere, the same bytes every time."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from harness.results import Meters
from reports import words
from reports.charts import chart, coloured
from reports.concluded import probability
from reports.diagnostics import column_groups, never_cut
from reports.difficulty import FEW
from reports.drilldown import PER_CELL
from reports.files import FILES
from reports.mathematics import typeset
from reports.nouns import AGAIN, BLOCKS, SEEDS_FOR_RANKS, Board, Group, Row
from reports.pages import ALONE, Place
from reports.plots import Plot, Series, plot
from reports.sparklines import shown, sparklines
from reports.visible import visible
from reports.wrapping import argued, breakable, brief, dotted

TEMPLATES = Path(__file__).parent / "templates"
QUESTIONS = {
    "writer": "whose tokens are trained on",
    "teacher": "which model teaches",
    "reads": "what the teacher reads",
    "loss": "how far apart, at one token",
    "tokens": "which tokens count",
    "keep": "which rollouts count",
    "also": "further terms",
}
FOLLOWED = {  # figures of a log that are drawn, in this order: what they are called, and their units
    "objective": ("objective", "what was minimised, a token"),
    "kl_forward": ("forward KL", "KL(teacher ‖ student), nats a token"),
    "kl_reverse": ("reverse KL", "KL(student ‖ teacher), nats a token"),
    "student_entropy": ("entropy of the student", "nats a token"),
    "teacher_entropy": ("entropy of the teacher", "nats a token"),
    "same_top": ("same likeliest token", "share of tokens"),
    "gradient_norm": ("norm of the gradient", "before clipping"),
    "learning_rate": ("learning rate", ""),
}
TOKENS = ("student_written", "teacher_written", "teacher_read", "trained")  # meters that count tokens
METERS = {
    "updates": "updates",
    "epochs": "epochs",
    "rounds": "rounds",
    "student_written": "student wrote",
    "teacher_written": "teacher wrote",
    "teacher_read": "teacher read",
    "trained": "trained on",
    "flops": "FLOPs",
    "gpu_hours": "H100-h",
}
assert set(METERS) == set(Meters.model_fields)


@dataclass(frozen=True)
class Axis:
    """The common scale of all differences of one group, in percent of its width."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> str:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return f"{100 * share:.2f}"

    def wide(self, low: float, high: float) -> str:
        return f"{float(self.at(high)) - float(self.at(low)):.2f}"


def page(board: Board, place: Place = ALONE) -> str:
    """The leaderboard of one suite: what a reader may take away, and the table of each pair; as text."""
    return (
        _environment()
        .get_template("leaderboard.html.j2")
        .render(
            place=place,
            board=board,
            offered=offered(board),
            every=tuple(QUESTIONS),
            meters=METERS,
            seeds_for_ranks=SEEDS_FOR_RANKS,
            again=AGAIN,
            axes=[axis(group) for group in board.groups],
            asked=[_asked(group) for group in board.groups],
            usual=[_usual(group) for group in board.groups],
            pairs=len({(group.suite, group.pair) for group in board.groups}),
            rows=sum(len(group.rows) for group in board.groups),
            exams=len({exam.sat[0] for group in board.groups for exam in group.exams}),
            blocks=BLOCKS,
            files=tuple(FILES),
        )
    )


@dataclass(frozen=True)
class Offered:
    """What rows and columns can be filtered by: values, and how they are said."""

    pairs: tuple[tuple[str, str], ...]
    exams: tuple[tuple[str, str], ...]
    methods: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, tuple[str, ...]], ...]


def offered(board: Board) -> Offered:
    rows = [row for group in board.groups for row in group.rows]
    answers = [(question, tuple(sorted({said for row in rows if (said := answer(row, question))}))) for question in QUESTIONS]
    return Offered(
        pairs=tuple((pair, pair) for pair in dict.fromkeys(group.pair for group in board.groups)),
        exams=tuple((name, name) for name in dict.fromkeys(exam.name for group in board.groups for exam in group.exams)),
        methods=tuple((name, name) for name in sorted({row.method for row in rows if row.method})),
        answers=tuple((question, said) for question, said in answers if len(said) > 1),
    )


def rendered(template: str, place: Place, **context: object) -> str:
    """Any other page of the site."""
    common = {"place": place, "questions": QUESTIONS, "meters": METERS, "again": AGAIN, "blocks": BLOCKS, "files": tuple(FILES)}
    return _environment().get_template(template).render({**common, **context})


def style() -> str:
    """The stylesheet of all pages that are not sent alone."""
    return "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("leaderboard.css", "analysis.css", "site.css"))


def script() -> str:
    return "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("leaderboard.js", "compare.js", "problem.js", "budgets.js"))


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,  # text from outside: see reports/visible.py
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        name: getattr(words, name)
        for name in ("percent", "error", "points", "gap", "interval", "series", "short", "hours", "amount", "moment", "measured")
    }
    environment.filters |= {
        "breakable": breakable,
        "dotted": dotted,
        "brief": brief,
        "argued": argued,
        "bucket": words.bucket,
        "tokens": words.tokens,
        "typeset": typeset,
        "sure": probability,
    }
    environment.globals |= {
        "plural": words.plural,
        "says": words.says,
        "shared": words.shared,
        "answer": answer,
        "basis": words.basis,
        "settings": settings,
        "crowded": crowded,
        "diagnostics": column_groups,
        "never_cut": never_cut,
        "sparklines": sparklines,
        "chart": chart,
        "coloured": coloured,
        "shown": shown,
        "few": FEW,
        "shade": shade,
        "per_cell": PER_CELL,
        "curve": curve,
        "followed": FOLLOWED,
        "counts_tokens": TOKENS,
        "went": went,
    }
    return environment


def settings(group: Group) -> list[words.Span]:
    """Under which settings all were trained, and which rows change some of them for themselves: the answers apart, which are the method."""
    if not (group.trained and group.like_divisions):
        return []
    known = {"common": "the suite’s common settings", "authors": "their authors’ settings"}
    division = group.trained[0].division
    said = f"All rows are trained with {known.get(division, f'settings of the division {division}')}"
    said += f" and {words.plural(group.seeds, 'seed')}" if group.like_seeds and group.seeds > 1 else ""
    own = [row.label for row in group.trained if any(field.split(".")[0] not in QUESTIONS for field in row.overrides)]
    if len(own) == len(group.trained):
        return []
    if not own:
        return [("text", f"{said}.")]
    return [("text", f"{said}, but for the settings that "), *words.listed(own), ("text", f" {'changes' if len(own) == 1 else 'change'}.")]


def crowded(group: Group) -> bool:
    """So many columns that the intervals, which the lines show already, leave room to the others."""
    there = (
        group.ranked, group.controlled, group.baseline, not group.like_seeds, not group.like_divisions, any(row.marks for row in group.rows)
    )  # fmt: skip
    return sum(map(bool, there)) > 2


def axis(group: Group) -> Axis:
    """Wide enough for every interval, zero always inside, with two to five round ticks."""
    ends = [0.0]
    for row in (*group.rows, *group.retired):
        if row.base:
            ends += [row.base.value, *(row.base.interval95 or ())]
    if group.noise:
        ends += [group.noise.low, group.noise.high]
    low, high = min(ends), max(ends)
    spread = (high - low) or 0.02
    low, high = low - 0.04 * spread, high + 0.04 * spread
    step = next(step for step in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2) if (high - low) / step <= 4.5)
    ticks = tuple(round(place * step, 4) for place in range(-10, 11) if low <= place * step <= high)
    return Axis(low, high, ticks)


def went(group: Group) -> bool:
    """Whether anything is to be said of the way to the teacher."""
    return any(row.recovered for row in group.rows)


def shade(share: float | None) -> str:
    """The class of a field's tint: g0 for none right, g8 for all."""
    return "none" if share is None else f"g{round(share * 8)}"


def curve(name: str, values: Sequence[float]) -> Plot:
    """One figure of the log over the updates."""
    series = Series(name, tuple(float(at + 1) for at in range(len(values))), tuple(values), hue=0)
    title, unit = FOLLOWED[name]
    return plot(title, [series], "updates", unit, width=368, height=130, names="none")


def answer(row: Row, question: str) -> str:
    """One of the answers as text; empty where there is none."""
    if question == "also":
        return "; ".join(f"{name}: {_term(term)}" for name, term in sorted(row.answers.also.items()))
    return getattr(row.answers, question) or ""


def _term(term: object) -> str:
    return " · ".join(f"{key} {value}" for key, value in term.items()) if isinstance(term, dict) else str(term)


def _asked(group: Group) -> dict[str, str]:
    """The questions that any row answers."""
    return {question: meaning for question, meaning in QUESTIONS.items() if any(answer(row, question) for row in group.rows)}


def _usual(group: Group) -> dict[str, str | None]:
    """The answer that most rows share; a reader looks for the others."""
    found: dict[str, str | None] = {}
    for question in QUESTIONS:
        times = Counter(answer(row, question) for row in group.rows if row.answers.loss is not None)
        most = max(sorted(times), key=lambda said: times[said], default=None)
        found[question] = most if most is not None and times[most] > 1 else None
    return found
