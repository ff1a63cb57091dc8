"""What the files of a run hold: the types of `run.json`, `eval.json` and `config.yaml`, checked where they are read.

Every key may be missing, as in runs of earlier versions; a key that is there has its type. Keys that are not listed hold
plain values.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Required

from pydantic import ConfigDict, Field, FiniteFloat, JsonValue, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from lengen.config.errors import UsageError

Group = dict[str, JsonValue]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]
Seed = Annotated[int, Field(ge=0, lt=1 << 64)]
Length = Annotated[int, Field(ge=1, lt=1 << 31)]
Seconds = Annotated[FiniteFloat, Field(ge=0)]
Word = Annotated[str, Field(max_length=200)]
SHOWN = 60
"""Most characters of a value in a message."""
NEEDED = ("task", "eval", "labels", "train_length")
"""Keys that every configuration has."""
EVER = "task"
"""The key that every version has written, at the end of the file."""
STRICT = ConfigDict(strict=True, extra="allow")


class OlderVersionError(UsageError):
    """A configuration is of a version that wrote less."""


class Git(TypedDict, total=False):
    """The commit of the code."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    commit: str | None
    dirty: bool | None


class Source(TypedDict, total=False):
    """A file of the user's code."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    path: str | None
    hash: str


class Estimated(TypedDict, total=False):
    """A value with its interval, as in `lengen.statistics.estimates.Estimate`."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")  # type: ignore[misc]
    value: Required[FiniteFloat]
    low: Required[FiniteFloat | None]
    high: Required[FiniteFloat | None]
    note: str


class Law(TypedDict, total=False):
    """An error law, as in `lengen.records.error_law.ErrorLaw`."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    law: Word | None
    note: str
    error_rate: Estimated | None
    growth: Estimated | None
    horizon: Estimated | None
    half_length: Estimated | None
    dispersion: float | None
    errors_follow: str | None
    place_over_length: float | None
    by_bic: str | None
    fits: dict[str, Group] | None
    predicted: dict[Annotated[str, Field(pattern=r"^\d{1,9}$")], FiniteFloat] | None


class Strings(TypedDict):
    """Counts of the test prompts of a length, as in `lengen.training.overlap.Strings`."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")  # type: ignore[misc]
    examples: Annotated[int, Field(ge=1, lt=1 << 53)]
    distinct: Count
    trained: Count


class Coverage(TypedDict):
    """The overlap of the test set with training, as in `lengen.training.overlap.Overlap`."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    exact: bool
    steps: Count
    lengths: dict[Annotated[str, Field(pattern=r"^\d{1,9}$")], Strings]


class Facts(TypedDict, total=False):
    """The contents of `run.json` and `eval.json`."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    status: Word
    error: str | None
    cell: Word
    identity: Group
    sources: dict[str, Source]
    record_key: str
    protocol: Group
    category: Word | None
    changed: list[str]
    asked: Group
    command: str | None
    git: Git | None
    versions: Group
    device: str
    devices: list[str]
    sweep_device: str
    started: str
    finished: str
    trained_lengths: list[Length] | None
    unavailable_lengths: list[Length]
    train_seconds: Seconds
    wall_seconds: Seconds | None
    id_exact_match: float | None
    id_examples: Count | None
    trained: bool
    error_law: Law | None
    coverage: Coverage
    parameters: Count | None
    parameters_digest: str | None


class Eval(TypedDict, total=False):
    """The options of evaluation."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    lengths: Required[Annotated[list[int | Word], Field(min_length=1, max_length=100_000)]]
    examples: Annotated[int, Field(ge=1, lt=1 << 53)]
    decode: Word
    checkpoint: Word
    seed: Seed
    stress: list[str]


class Config(TypedDict, total=False):
    """A resolved configuration: `config.yaml`."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    task: Required[Group]
    eval: Required[Eval]
    labels: Required[dict[str, Word]]
    train_length: Required[Length]
    steps: Count
    batch_size: Count
    seed: Seed
    init_seed: Seed | None
    data_seed: Seed | None
    name: str | None
    results_dir: str
    pe: Group
    positions: Group
    attention: Group
    decoder: Group
    optimizer: Group
    trainer: Group
    lengths: Group
    format: Group
    logger: Group


def check_facts(facts: Any, name: str) -> dict[str, Any]:
    """Check the contents of `run.json` or `eval.json`.

    Raises:
        UsageError: a value has the wrong type; it is named.
    """
    return _checked(Facts, facts, name)


def check_config(config: Any, name: str) -> dict[str, Any]:
    """Check a resolved configuration.

    Raises:
        UsageError: a required key is missing, or a value has the wrong type; it is named.
        OlderVersionError: the keys are missing that came after the first version.
    """
    missing = [key for key in NEEDED if not isinstance(config, dict) or key not in config]
    if EVER in missing:
        raise UsageError(f"{name}: damaged, or no configuration of lengen: without {', '.join(missing)}")
    if missing:
        raise OlderVersionError(f"{name} is from an older version of lengen, without {', '.join(missing)}")
    return _checked(Config, config, name)


def _checked(kind: Any, values: Any, name: str) -> dict[str, Any]:
    """Check values: plain ones everywhere, and of their types.

    Raises:
        UsageError: one is neither.
    """
    try:
        _adapter(Group).validate_python(values, strict=True)
        _adapter(kind).validate_python(values)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        place = ".".join(
            str(part) for part in found["loc"] if str(part) not in ("int", "str", "dict", "list")
        )
        if found["type"] == "missing":
            raise UsageError(f"{name}: {place} is missing") from None
        got = repr(found["input"])
        got = got if len(got) <= SHOWN else f"{got[:SHOWN]}…"
        message = found["msg"].replace("Input should", "must")
        raise UsageError(f"{name}: {place}={got}: {message}".replace(": =", ": ")) from None
    checked: dict[str, Any] = values
    return checked


@cache
def _adapter(kind: Any) -> Any:
    return TypeAdapter(kind)
