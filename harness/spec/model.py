"""What a suite says, as frozen checked values. The shapes alone; `rows` resolves methods, `checks` looks across sections."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, PositiveFloat, PositiveInt, Tag, WithJsonSchema

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


def percent(value: object) -> object:
    """`25%` -> 0.25; anything else is left to the type's own check."""
    if isinstance(value, str) and value.endswith("%"):
        try:
            return float(value[:-1]) / 100
        except ValueError:
            return value
    return value


def by_role(value: object) -> str:
    """Sampling is said once for both, or for student and teacher apart."""
    if isinstance(value, RoleSampling) or (isinstance(value, dict) and {"student", "teacher"} & value.keys()):
        return "by role"
    return "for both"


def schedule_kind(value: object) -> str | None:
    """`constant`, or a mapping of one kind to its numbers; None for anything else."""
    if isinstance(value, CosineSchedule | LinearSchedule | WsdSchedule):
        return type(value).__name__.removesuffix("Schedule").lower()
    if value == "constant":
        return "constant"
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("cosine", "linear", "wsd"):
        return next(iter(value))
    return None


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Seeds(Section):
    """`train` belongs to rows (data order, first adapter, round-0 rollouts), `exam` to the protocol."""

    train: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    exam: Annotated[int, Field(ge=0)]


Domain = Literal["math", "code"]  # harness.sources.DOMAINS


class Modes(Section):
    student: Literal["plain", "thinking"] = "plain"
    teacher: Literal["plain", "thinking"] = "plain"


class PairSpec(Section):
    """Who learns from whom. Models are `name@revision`, a local folder, or a name of the model catalogue.

    `reference`: a model from which the teacher has come, for methods that look at the way between the two. `teachers`: one for each domain
    of the problems, for methods whose teacher goes by it.
    """

    student: str
    teacher: str | None = None
    reference: str | None = None
    teachers: Annotated[dict[Domain, str], Field(min_length=1)] | None = None
    modes: Modes = Modes()
    differ: list[Literal["template", "stop", "mode"]] = []
    dtype: Literal["float32", "bfloat16"] | None = None

    @property
    def roles(self) -> dict[str, str]:
        """Part that is played → model: student, teacher, reference and, by domain, teachers/math."""
        named = {role: model for role in ("student", "teacher", "reference") if (model := getattr(self, role))}
        return named | {f"teachers/{domain}": model for domain, model in (self.teachers or {}).items()}

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that it names."""
        return tuple(self.roles.values())

    def cast(self, found: dict[str, str]) -> PairSpec:
        """The same pair with other models in these parts."""
        named = {role: model for role, model in found.items() if "/" not in role}
        by_domain = {role.partition("/")[2]: model for role, model in found.items() if "/" in role}
        return self.model_copy(update=named | ({"teachers": {**(self.teachers or {}), **by_domain}} if by_domain else {}))


class SamplingSpec(Section):
    """How a model is asked to write. Every field but n is said; top_k -1 is no cut; max_tokens counts the response."""

    temperature: PositiveFloat
    top_p: Annotated[float, Field(gt=0.0, le=1.0)]
    top_k: Literal[-1] | PositiveInt
    max_tokens: PositiveInt
    n: PositiveInt = 1


class RoleSampling(Section):
    student: SamplingSpec
    teacher: SamplingSpec


class ProblemsSpec(Section):
    """`set` is a name of the problem catalogue or a source written out; `take` problems of it, drawn by a fixed seed."""

    set: str | dict[str, Any]
    take: Literal["all"] | PositiveInt = "all"


class Limits(Section):
    """In tokens. A problem over a limit by its prompt and solution alone is dropped for all rows, and counted."""

    prompt: PositiveInt
    teacher_prompt: PositiveInt | None = None
    solution: PositiveInt | None = None
    drop: Literal["jointly"] = "jointly"


class Format(Section):
    student: Literal["chat"] = "chat"
    teacher: Literal["chat"] = "chat"


class Rounds(Section):
    """One round = write on `problems` problems, then train on them. `until-budget`: go on until a limit is met."""

    count: Literal["until-budget"] | PositiveInt = 1
    problems: Literal["all"] | PositiveInt = "all"


class Cosine(Section):
    floor: Fraction


class Linear(Section):
    floor: Fraction


class Wsd(Section):
    decay: Annotated[float, Field(gt=0.0, le=1.0)]


class CosineSchedule(Section):
    cosine: Cosine


class LinearSchedule(Section):
    linear: Linear


class WsdSchedule(Section):
    wsd: Wsd


Schedule = Annotated[
    Annotated[Literal["constant"], Tag("constant")]
    | Annotated[CosineSchedule, Tag("cosine")]
    | Annotated[LinearSchedule, Tag("linear")]
    | Annotated[WsdSchedule, Tag("wsd")],
    Discriminator(
        schedule_kind,
        custom_error_type="schedule",
        custom_error_message="expected constant, {cosine: {floor: 0.1}}, {linear: {floor: 0.05}} or {wsd: {decay: 0.1}}",
    ),
]


class Optim(Section):
    """AdamW. `batch` counts trajectories of the main term; `warmup` is a share of the budget."""

    learning_rate: PositiveFloat
    batch: PositiveInt
    warmup: Fraction = 0.0
    schedule: Schedule = "constant"
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    betas: Annotated[list[Fraction], Field(min_length=2, max_length=2)] = [0.9, 0.999]
    eps: PositiveFloat = 1.0e-8
    grad_clip: PositiveFloat = 1.0


class Lora(Section):
    rank: PositiveInt
    alpha: PositiveFloat
    dropout: Fraction = 0.0
    targets: Literal["all-linear"] | list[str] = "all-linear"


class Train(Section):
    problems: ProblemsSpec
    sampling: Annotated[Annotated[SamplingSpec, Tag("for both")] | Annotated[RoleSampling, Tag("by role")], Discriminator(by_role)]
    limits: Limits
    rounds: Rounds
    optim: Optim
    lora: Lora | None
    format: Format = Format()

    def sampling_of(self, role: str) -> SamplingSpec:
        """How the student, or the teacher, is asked to write."""
        return getattr(self.sampling, role) if isinstance(self.sampling, RoleSampling) else self.sampling


METERS = ("updates", "epochs", "rounds", "student_written", "teacher_written", "teacher_read", "trained", "flops", "gpu_hours")


class Budget(Section):
    """What a row may spend; the first limit met ends training. Tokens but for updates, epochs, rounds, flops, gpu_hours (modelled H100)."""

    updates: PositiveInt | None = None
    epochs: PositiveFloat | None = None
    rounds: PositiveInt | None = None
    student_written: PositiveInt | None = None
    teacher_written: PositiveInt | None = None
    teacher_read: PositiveInt | None = None
    trained: PositiveInt | None = None
    flops: PositiveFloat | None = None
    gpu_hours: PositiveFloat | None = None

    @property
    def limits(self) -> dict[str, float]:
        return {meter: value for meter in METERS if (value := getattr(self, meter)) is not None}


MathGrader = Literal["typed", "math-verify", "string", "amo"]  # harness.grading.MATH

AT = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        {"type": "string", "pattern": r"^(?!0+(\.0+)?%)(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$"},
    ]
}


class LmEvalTask(Section):
    """A task, group or tag of lm-eval. `include`: a folder of YAML tasks of one's own, without which the name is one of lm-eval's own.

    What is None is left to the task's own YAML. `chat`: prompts stand under the model's chat template.
    """

    task: Annotated[str, Field(min_length=1)]
    include: str | None = None
    num_fewshot: Annotated[int, Field(ge=0)] | None = None
    limit: PositiveInt | None = None
    chat: bool = False

    @property
    def settings(self) -> str:
        """What is not as usual, in a few words; empty where all is."""
        said = {"shots": self.num_fewshot, "limit": self.limit, "chat": self.chat or None}
        return ", ".join(
            "chat" if value is True else f"{value} {name}" if name == "shots" else f"{name} {value}"
            for name, value in said.items()
            if value is not None
        )


class EvalGroup(Section):
    """Exams that share a protocol, a named one or every sampling field; or tasks of lm-eval, whose own YAML says how they are sat.
    `at`: fractions of the budget at which students sit it.

    `grader` of mathematics: instead of the protocol's or the exam's own. `audit`: more graders for the same answers, never the score.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["benchmarks"]}, {"required": ["lm_eval"]}]})

    benchmarks: Annotated[list[str | dict[str, Any]], Field(min_length=1)] = []
    lm_eval: Annotated[list[str | LmEvalTask], Field(min_length=1)] = []
    protocol: str | None = None
    sampling: SamplingSpec | None = None
    metrics: list[str] | None = None
    grader: MathGrader | None = None
    audit: list[MathGrader] = []
    at: list[Annotated[float, Field(gt=0.0, le=1.0), BeforeValidator(percent), WithJsonSchema(AT)]] = Field(default=[1.0], min_length=1)

    @property
    def tasks(self) -> tuple[LmEvalTask, ...]:
        """Those of lm-eval, each as if written out."""
        return tuple(LmEvalTask(task=each) if isinstance(each, str) else each for each in self.lm_eval)


class Overlap(Section):
    """Exams whose questions are trained on, and why that is meant. Their columns bear a mark."""

    declared: str | Annotated[list[str], Field(min_length=1)]
    why: Annotated[str, Field(min_length=1)]

    @property
    def names(self) -> tuple[str, ...]:
        return (self.declared,) if isinstance(self.declared, str) else tuple(self.declared)


class Primary(Section):
    metric: str
    over: Literal["all"] | list[str] = "all"
    weight: Literal["exams", "problems"] = "exams"


class Report(Section):
    """`margins`: exam or task of lm-eval → the fraction that training may cost there (0.01: a point)."""

    baseline: str | None = None
    controls: list[str] = []
    primary: Primary | None = None
    margins: dict[str, Annotated[float, Field(gt=0.0, lt=1.0)]] = {}
    reported: list[str] = []  # names below results/reported/: what others published, shown apart


class Claim(Section):
    """What the suite expects before it runs; no training and no exam depends on it. `that`: `a > b`, `a > b + 1.0` or `a >= b - 0.5`, with labels
    of rows, `student` or `teacher`, and points of the metric. What it leaves out is the primary's; without pair or budget it holds for each.
    """

    say: Annotated[str, Field(min_length=1)]
    that: str
    exam: str | Annotated[list[str], Field(min_length=1)] | None = None
    metric: str | None = None
    pair: str | None = None
    budget: str | None = None

    @property
    def exams(self) -> tuple[str, ...]:
        """Those that it names, which weigh alike; none where it goes by the primary's."""
        return (self.exam,) if isinstance(self.exam, str) else tuple(self.exam or ())


class SuiteFile(Section):
    """A suite as written, `like` already merged. `methods` is resolved by `rows`."""

    suite: str
    like: str | None = None
    seeds: Seeds
    engine: Literal["transformers", "vllm"]
    pairs: Annotated[dict[str, PairSpec], Field(min_length=1)]
    methods: Annotated[list[str | dict[str, Any]], Field(min_length=1)]
    train: Train
    budgets: Annotated[dict[str, Budget], Field(min_length=1)]
    evaluate: list[EvalGroup] = Field(min_length=1)
    overlap: Overlap | None = None
    claims: list[Claim] = []
    report: Report = Report()
    deviations: list[str] = []
