"""YAML from others, read within bounds: a small file must not fill the memory or the stack of this process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

from lengen.config.errors import UsageError, require, require_file

SIZE, DEPTH, NODES = 1 << 20, 64, 200_000
"""Most bytes of a file, levels of nesting, and values, those that aliases repeat included."""
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # safe, and with libyaml fast


def read_yaml(path: Path, name: str = "", *, size: int = SIZE, values: int = NODES) -> Any:
    """Read a YAML file of plain values.

    Args:
        path: of the file.
        name: how a message names it; its path if empty.
        size: most bytes of the file.
        values: most values in it, those that aliases repeat included.

    Raises:
        UsageError: it is not YAML, or is beyond the bounds.
        OSError: it cannot be read.
    """
    return parse_yaml(yaml_text(path, name, size=size), name or str(path), values=values)


def yaml_text(path: Path, name: str = "", *, size: int = SIZE) -> str:
    """Read the text of a YAML file.

    Raises:
        UsageError: it is not text, or too large.
        OSError: it cannot be read.
    """
    require_file(path)
    with path.open("rb") as file:
        content = file.read(size + 1)
    require(len(content) <= size, f"{name or path}: larger than {size >> 10} KiB")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{name or path}: not a YAML file ({error})") from None


def parse_yaml(text: str, name: str, *, values: int = NODES) -> Any:
    """Parse YAML.

    Raises:
        UsageError: the text is not YAML, or is beyond the bounds.
    """
    try:
        check_yaml(text, name, values=values)
        return yaml.load(text, Loader=LOADER)  # noqa: S506
    except (yaml.YAMLError, ValueError) as error:  # a value error is of a date or a number
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{name}: not a YAML file ({str(error).splitlines()[0]})") from None


def check_yaml(text: str, name: str, *, values: int = NODES, times: bool = True) -> None:
    """Refuse YAML that is nested too deeply, or that aliases make too large, without building its values.

    Args:
        text: the YAML.
        name: of its file, for messages.
        values: most values that it may have.
        times: whether a time without quotes is accepted, which is read as one number.

    Raises:
        UsageError: it is beyond the bounds.
        yaml.YAMLError: the text is not YAML.
    """
    sizes: dict[str | None, int] = {}
    opened: list[tuple[str | None, int]] = []
    count = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, CollectionStartEvent):
            opened.append((event.anchor, count))
            count += 1
        elif isinstance(event, CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        elif isinstance(event, ScalarEvent):
            count += 1
            if not times:
                _check_time(event, name)
        elif isinstance(event, AliasEvent):
            require(
                all(anchor != event.anchor for anchor, _ in opened), f"{name}: an alias that contains itself"
            )
            count += sizes.get(event.anchor, 1)
        require(len(opened) <= DEPTH, f"{name}: nested more than {DEPTH} levels deep")
        require(count <= values, f"{name}: more than {values:,} values")


def check_folder(folder: Path) -> None:
    """Refuse a configuration folder with YAML beyond the bounds, or with a time that would be read as one number.

    What is not YAML is left to its reader.

    Raises:
        UsageError: a file is beyond the bounds, or has such a time; it is named.
    """
    for path in sorted(folder.rglob("*.yaml")):
        if path.is_file():
            try:
                check_yaml(yaml_text(path), str(path), times=False)
            except yaml.YAMLError:
                continue


BASE_60 = re.compile(r"[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+")
"""What YAML 1.1 reads as a number to base 60 (section 2.4 of its type repository, tag:yaml.org,2002:int)."""


def _check_time(event: ScalarEvent, name: str) -> None:
    """Refuse `12:00:00` without quotes, which is the number 43200 to a reader of YAML."""
    if event.implicit[0] and BASE_60.fullmatch(event.value):
        place = f"line {event.start_mark.line + 1}: " if event.start_mark else ""
        raise UsageError(
            f"{name}: {place}{event.value} must be in quotes; without, YAML reads it as one number"
        )
