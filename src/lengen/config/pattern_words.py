"""Words of the command line that give layers different mixers: each mixer stands under its own name.

`mixer.pattern=[gru,gru,attention] mixer.gru.size=32` becomes the words of Hydra that choose `mixer=pattern` and put the file of each
mixer into a package of its name. A name that is no mixer is made one by a word, and so one mixer may stand with several options:
`mixer.pattern=[near,far] mixer.near=attention mixer.far=attention mixer.near.pe=rope`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lengen.config.errors import UsageError, nearest
from lengen.config.search import arguments, choices

GROUP, OPTION, PARTS = "mixer", "pattern", "parts"
"""The group, its option whose layers differ, and the key under which this has the mixers by name."""
KEY = f"{GROUP}.{OPTION}"
INSIDE = ("pe", "attention")
"""Groups of which one layer may have its own option."""


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
        for word in words:
            if word.startswith(tuple(f"{GROUP}.{part}=" for part in INSIDE)):
                part, value = word.partition("=")[0].split(".")[1], word.partition("=")[2]
                raise UsageError(f"{word}: is for some layers of a {KEY}; {part}={value} is for all layers")
        _refuse_names_without_pattern(words, folders)
        return [*words]
    names = _names(given[-1])
    others = [word for word in words if word not in given and word != f"{GROUP}={OPTION}"]
    for word in others:
        if word.partition("=")[0] == GROUP:
            raise UsageError(f"{word} with {given[-1]}: the pattern chooses the mixers of all layers")
    own = {word.partition("=")[0]: word for word in others if word.startswith(f"{GROUP}.")}
    chosen = _chosen(names, own, given[-1], folders)
    return [
        f"{GROUP}={OPTION}",
        *(f"+{GROUP}@{GROUP}.{PARTS}.{name}={mixer}" for name, mixer in chosen.items()),
        f"{KEY}=[{','.join(names)}]",
        *(word for word in others if not word.startswith(f"{GROUP}.")),
        *(_part_word(word, folders) for key, word in own.items() if key.count(".") > 1),
    ]


def _refuse_names_without_pattern(words: Sequence[str], folders: Sequence[Path]) -> None:
    """Refuse a name of one's own for a mixer, which is none of a layer.

    Raises:
        UsageError: names the word.
    """
    known = choices(GROUP, folders)
    for word in words:
        key, _, value = word.partition("=")
        if re.fullmatch(rf"{GROUP}\.\w+", key) and value in known:
            name = key.partition(".")[2]
            raise UsageError(f"{word}: a mixer with a name of its own needs {KEY}=[…] with {name} in it")


def _names(pattern: str) -> list[str]:
    """Return the names in a pattern.

    Raises:
        UsageError: it has none, or a study is asked for several patterns.
    """
    value = pattern.partition("=")[2].strip("'\" ")
    what = f"a pattern is a list of mixers, one for each layer in turn, as in {KEY}=[gru,gru,attention]"
    if re.search(r"\]\s*,", value):
        raise UsageError(f"{pattern}: a command has one pattern; {_ONE_EACH}")
    names = [name.strip() for name in value.removeprefix("[").removesuffix("]").split(",")]
    if value == "null" or not all(names):
        empty = value != "null" and any(names)
        raise UsageError(f"{pattern}: {'an entry is empty' if empty else 'names no mixer'}; {what}")
    return names


_ONE_EACH = "run one command for each, and compare them with lengen compare"


def _chosen(
    names: Sequence[str], own: Mapping[str, str], pattern: str, folders: Sequence[Path]
) -> dict[str, str]:
    """Return the mixer of every name in a pattern: that of its word, such as `mixer.near=attention`, else the mixer of this name.

    Args:
        names: those in the pattern.
        own: words of its mixers, by option.
        pattern: the word that gives it.
        folders: the user's own configuration folders.

    Raises:
        UsageError: a word is of none of these, or there is no such mixer.
    """
    chosen, known = (
        {name: name for name in names},
        [name for name in choices(GROUP, folders) if name != OPTION],
    )
    for key, word in own.items():
        name, *below = key.split(".")[1:]
        if name not in chosen:
            mixers = {each: own.get(f"{GROUP}.{each}", each).rpartition("=")[2] for each in names}
            hint = _under(name, mixers, folders) or nearest(name, names)
            raise UsageError(f"{word}: {name} must be one of the mixers in {pattern}{hint}")
        if not below:
            chosen[name] = word.partition("=")[2]
            if "," in chosen[name]:
                raise UsageError(f"{word}: a command has one mixer of a name; {_ONE_EACH}")
            if name in known and chosen[name] != name:
                raise UsageError(f"{word}: {name} is a mixer itself; must be a name of your own in {pattern}")
    for name, mixer in chosen.items():
        if not re.fullmatch(r"\w+", name) or mixer not in known:
            if f"{GROUP}.{name}" in own:
                hint = f"{nearest(mixer, known)} (allowed: {', '.join(known)})"
                raise UsageError(f"{GROUP}.{name}={mixer}: there is no mixer {mixer!r}{hint}")
            hint = nearest(mixer, known) or f" ({GROUP}.{name}=attention would make it one)"
            raise UsageError(
                f"{pattern}: must be a list such as [gru,attention]; there is no mixer {mixer!r}{hint}"
            )
    return chosen


def _under(argument: str, mixers: Mapping[str, str], folders: Sequence[Path]) -> str:
    """Suggest the option of a mixer for an argument without its name; an empty text if none of them has it.

    >>> _under("size", {"near": "attention", "far": "gru"}, ())
    "; did you mean 'mixer.far.size'?"
    >>> _under("window", {"near": "attention", "far": "gru"}, ())
    "; did you mean 'mixer.near.attention.window', with mixer.near.attention=window?"

    Args:
        argument: its name, or that of a group of which one layer may have its own option.
        mixers: of the pattern, by name.
        folders: the user's own configuration folders.
    """
    found = [
        f"{GROUP}.{name}.{argument}"
        for name, mixer in mixers.items()
        if argument in arguments(GROUP, mixer, folders) or (argument in INSIDE and mixer == "attention")
    ]
    if found:
        return f"; did you mean {' or '.join(map(repr, found))}?"
    near = [f"{GROUP}.{name}.attention" for name, mixer in mixers.items() if mixer == "attention"]
    if argument == "window" and near:
        return f"; did you mean '{near[0]}.window', with {near[0]}=window?"
    return ""


def _part_word(word: str, folders: Sequence[Path]) -> str:
    """The word of Hydra for an option of a mixer in a pattern, or for the choice of a part inside of it, such as `mixer.near.pe=rope`.

    Raises:
        UsageError: there is no such part.
    """
    key, equals, value = word.partition("=")
    _, name, *below = key.split(".")
    if len(below) == 1 and below[0] in INSIDE and value not in ("", "null"):
        known = choices(below[0], folders)
        for each in (
            value.split(",") if re.fullmatch(r"[\w, ]+", value) else ()
        ):  # others are functions of Hydra
            if each.strip() not in known:
                hint = f"{nearest(each.strip(), known)} (allowed: {', '.join(known)})"
                raise UsageError(f"unknown option {key}={each.strip()}{hint}")
        return f"+{below[0]}@{GROUP}.{PARTS}.{name}.{below[0]}={value}"
    return f"{GROUP}.{PARTS}.{name}.{'.'.join(below)}{equals}{value}"


def as_written(message: str) -> str:
    """Return a message in which the options of the mixers of a pattern have the names that they have on the command line.

    >>> as_written("mixer.parts.gru.size=0: must be at least 1")
    'mixer.gru.size=0: must be at least 1'
    >>> as_written("+mixer@mixer.parts.near=attention +pe@mixer.parts.near.pe=rope")
    'mixer.near=attention mixer.near.pe=rope'
    """
    chosen = re.sub(rf"\+\w+@(?={GROUP}\.{PARTS}\.\w)", "", message)
    return re.sub(rf"\b{GROUP}\.{PARTS}\.(?=\w)", f"{GROUP}.", chosen)


def part_group(name: str) -> str:
    """Return the group of which a part of a pattern is an option.

    >>> part_group("mixer.near.pe"), part_group("mixer.near")
    ('pe', 'mixer')
    """
    last = name.rpartition(".")[2]
    return last if name.count(".") > 1 and last in INSIDE else GROUP


def with_pattern_label(config: dict[str, Any]) -> dict[str, Any]:
    """Return a resolved configuration whose label of the mixer is its pattern, if it has one, such as `gru-attention`."""
    names = (config.get(GROUP) or {}).get(OPTION)
    if names and "labels" in config:
        config["labels"][GROUP] = "-".join(map(str, names))
    return config
