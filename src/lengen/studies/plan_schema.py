"""What the file of a study holds: its types, checked where it is read. Nothing else may be in it."""

from __future__ import annotations

from typing import Annotated, Any, Required

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from lengen.config.errors import UsageError

Part = Annotated[str, Field(pattern=r"^\.*[^/\\.\x00][^/\\\x00]*$", max_length=255)]
"""A name in a path: it leads neither up nor down."""
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Text = Annotated[str, Field(max_length=20_000)]
STRICT = ConfigDict(strict=True, extra="forbid")


class Run(TypedDict, total=False):
    """A run."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    options: Required[Text]
    task: Required[Part]
    pe: Required[Part]
    seed: Required[Part]
    key: Required[Key]
    stress: Text
    refused: Text
    recorded: Key
    failed: Text


class RunGrid(TypedDict, total=False):
    """The runs of one command."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    command: Required[Text]
    config_dir: Text
    common: Required[Text]
    runs: Required[list[Run]]


class Content(TypedDict):
    """The file."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    results: Part
    grids: list[RunGrid]


ADAPTER = TypeAdapter(Content)


def checked(content: Any, name: str) -> Content:
    """Check the types of what a file holds.

    Raises:
        UsageError: one is wrong.
    """
    try:
        return ADAPTER.validate_python(content)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        place = ".".join(map(str, found["loc"])) or "its content"
        message = found["msg"].replace("Input should", "must")
        raise UsageError(f"{name}: not the file of a study ({place}: {message}); move it away") from None
