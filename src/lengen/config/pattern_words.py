"""Words of the command line that give layers different mixers: each mixer stands under its own name.

`mixer.pattern=[gru,gru,attention] mixer.gru.size=32` becomes the words of Hydra that choose `mixer=pattern` and put the file of each
mixer into a package of its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lengen.config.errors import UsageError, nearest
from lengen.config.search import choices

GROUP, OPTION, PARTS = "mixer", "pattern", "parts"
"""The group, its option whose layers differ, and the key under which this has the mixers by name."""
KEY = f"{GROUP}.{OPTION}"


def with_pattern(words: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Return the words of a command line with those of a pattern rewritten for Hydra.

    >>> with_pattern(["mixer.pattern=[gru,attention]", "mixer.gru.size=32"], ())
    ['mixer=pattern', '+mixer@mixer.parts.gru=gru', '+mixer@mixer.parts.attention=attention', 'mixer.pattern=[gru,attention]', \
'mixer.parts.gru.size=32']

    Args:
        words: as on the command line.
        folders: the user's own configuration folders.

    Raises:
        UsageError: there is no such mixer, or another one is chosen for all layers.
    """
    given = [word for word in words if word.partition("=")[0] == KEY]
    if not given:
        if f"{GROUP}={OPTION}" in words:
            raise UsageError(f"{GROUP}={OPTION}: needs {KEY}=[…], the mixers of the layers in turn")
        return [*words]
    text = given[-1].partition("=")[2].strip("'\"")
    names = [name.strip() for name in text.strip("[]").split(",")]
    known = [name for name in choices(GROUP, folders) if name != OPTION]
    for name in names:
        if not re.fullmatch(r"\w+", name) or name not in known:
            raise UsageError(
                f"{given[-1]}: must be a list such as [gru,attention]; there is no mixer {name!r}{nearest(name, known)}"
            )
    others = [word for word in words if word not in given and word != f"{GROUP}={OPTION}"]
    for word in others:
        if word.partition("=")[0] == GROUP:
            raise UsageError(f"{word} with {given[-1]}: the pattern chooses the mixers of all layers")
    own = [word for word in others if word.startswith(f"{GROUP}.")]
    for word in own:
        name = word.split(".")[1].partition("=")[0]
        if name not in names:
            raise UsageError(f"{word}: {name} must be one of the mixers in {given[-1]}")
    return [
        f"{GROUP}={OPTION}",
        *(f"+{GROUP}@{GROUP}.{PARTS}.{name}={name}" for name in dict.fromkeys(names)),
        f"{KEY}=[{','.join(names)}]",
        *(word.replace(f"{GROUP}.", f"{GROUP}.{PARTS}.", 1) if word in own else word for word in others),
    ]


def as_written(message: str) -> str:
    """Return a message in which the options of the mixers of a pattern have the names that they have on the command line.

    >>> as_written("mixer.parts.gru.size=0: must be at least 1")
    'mixer.gru.size=0: must be at least 1'
    """
    return re.sub(rf"\b{GROUP}\.{PARTS}\.(?=\w)", f"{GROUP}.", message)


def with_pattern_label(config: dict[str, Any]) -> dict[str, Any]:
    """Return a resolved configuration whose label of the mixer is its pattern, if it has one, such as `gru-attention`."""
    names = (config.get(GROUP) or {}).get(OPTION)
    if names and "labels" in config:
        config["labels"][GROUP] = "-".join(map(str, names))
    return config
