"""Errors of Hydra and OmegaConf in the user's words, on one line: the option, what it got, and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf.errors import OmegaConfBaseException

from lengen.config.command_page import command_page
from lengen.config.errors import file_error, nearest
from lengen.config.extend_words import with_extensions
from lengen.config.other_options import ABBREVIATED, begun, belongs, in_lengen, similar
from lengen.config.pattern_words import GROUP, PARTS, as_written, with_pattern
from lengen.config.search import config_dir, groups, hydra_in, own_files, searched
from lengen.config.short_words import SHORT, short_names

EVAL, TUNE = "eval", "tune"
"""Commands on trained runs."""
PYTHON = {"None": "null", "True": "true", "False": "false"}
"""How Python writes values, and YAML."""
WRITTEN = ("results_dir", "out", "export")
"""Options that say where is written."""
PLUGINS = {
    "hydra/sweeper=optuna": "'lengen[optuna]'",
    "hydra/launcher=joblib": "hydra-joblib-launcher",
    "hydra/launcher=submitit_local": "hydra-submitit-launcher",
    "hydra/launcher=submitit_slurm": "hydra-submitit-launcher",
    "hydra/launcher=ray": "hydra-ray-launcher",
}
"""Plugins of Hydra that lengen is tried with, and where they come from."""


def explain(error: BaseException, command: str, words: Sequence[str], folders: Sequence[Path]) -> str:
    """Describe an error on one line: the option, the value it got, and what is allowed.

    Args:
        error: an error of Hydra, or a usage error.
        command: name of the command.
        words: overrides as on the command line.
        folders: the user's own configuration folders.
    """
    message = as_written(explained(error, command, words, folders))
    message = f"{in_experiment(message, words, folders)}{message}"
    return as_given(short_names(message, SHORT.get(command, ()), words), words)


def as_given(message: str, words: Sequence[str]) -> str:
    """Return a message that echoes a value as the command line has it, where Python writes it in another way.

    >>> as_given("steps=1000.0: must be a whole number", ["steps=1e3"])
    'steps=1e3: must be a whole number'
    >>> as_given("steps=None: must be a whole number", ["steps=null"])
    'steps=null: must be a whole number'

    Args:
        message: what is wrong; it begins with the option and its value.
        words: overrides as on the command line.
    """
    found = re.match(r"([\w.]+)=(None|True|False|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?): ", message)
    given = [
        value for name, _, value in (word.partition("=") for word in words) if found and name == found[1]
    ]
    if not found or not given:
        return message
    value, echoed = given[-1], found[2]
    if value.lower() == PYTHON.get(echoed, ""):
        same = True
    else:
        exponent = re.fullmatch(r"-?\d+(\.\d*)?e[+-]?\d+", value.lower())
        same = bool(exponent) and echoed not in PYTHON and float(value) == float(echoed)
    return f"{found[1]}={value}{message[found.end(2) :]}" if same else message


def in_experiment(message: str, words: Sequence[str], folders: Sequence[Path]) -> str:
    """Return the file of an experiment of the user's that has what is unknown, to be said first; nothing if the command line has it.

    Args:
        message: what is wrong.
        words: overrides as on the command line.
        folders: the user's own configuration folders.
    """
    found = re.match(r"unknown option '?([\w./]+)", message)
    names = [word.partition("=")[2] for word in words if word.startswith("experiment=")]
    files = [path for name in names for path in own_files("experiment", name, folders)]
    if not found or not files or any(found[1] in word for word in words):
        return ""
    return f"{files[0]}: "


def explained(error: BaseException, command: str, words: Sequence[str], folders: Sequence[Path]) -> str:
    """See `explain`; the options of the mixers of a pattern have the names that they have in a configuration."""
    text = str(error)
    if found := re.search(r"Could not find '([^']+)/([^'/]+)'", text):
        options = re.findall(r"^\t([\w.-]+)$", text, re.MULTILINE)
        package = PLUGINS.get(f"{found[1]}={found[2]}")
        hint = f"; pip install {package} adds it" if package else ""
        hint = hint or forgotten_folder(found[1], found[2]) or nearest(found[2], options)
        return f"unknown option {found[1]}={found[2]}{hint} (allowed: {', '.join(options)})"
    if isinstance(error, OmegaConfBaseException) and "nterpolation" in f"{type(error).__name__} {text}":
        return interpolation(error)
    if isinstance(error, OSError):
        return file_error(error, written(command, words), "results_dir")
    if found := re.search(
        r"Could not override '([^']+)'|Key '([^']+)' is not in struct|In '[^']+': Could not override '([^']+)'",
        text,
    ):
        key = (found[1] or found[2] or found[3]).partition("@")[0].replace("/", ".")
        return f"unknown option {key!r}{near(key, command, words, folders)}"
    if "Error parsing override" in text:
        word = re.search(r"Error parsing override '(.*)'", text)
        detail = next((line.strip() for line in text.splitlines()[1:] if line.strip()), "")
        return f"cannot parse {word[1] if word else text!r}: must be option=value, quoted for the shell ({detail})"
    if "add --multirun" in text or "requires --multirun" in text:
        word = re.search(r"argument '(.*)'|Sweep parameters '(.*)' require", text)
        named = (word[1] or word[2]) if word else " ".join(text.splitlines()[0].split())
        return f"{named}: several values; to run them all, add -m, or pass a list to lengen.study"
    if "does not support sweep type" in text:
        swept = next((word for word in words if "interval(" in word), text)
        key = swept.partition("=")[0]
        return f"{swept}: a study needs values one by one, as in {key}=1,2 or {key}=range(0,3); hydra/sweeper=optuna searches intervals"
    return composing(error, words)


def written(command: str, words: Sequence[str]) -> dict[str, str]:
    """Return the options of a command that say where is written, with their values: those of the words, else the defaults.

    >>> written("compare", ["out=here"]), written("train", ["steps=3"])
    ({'out': 'here'}, {'results_dir': 'results/runs'})
    """
    known = {each.name: each.default for each in command_page(command).options if each.name in WRITTEN}
    given = {name: value.strip("'\"") for name, _, value in (word.partition("=") for word in words)}
    found = {name: given.get(name, default) for name, default in known.items()}
    return {name: value for name, value in found.items() if value not in ("", "null")}


def composing(error: BaseException, words: Sequence[str]) -> str:
    """Describe any other error of composing a configuration: by its text, or by that of its cause where it says nothing."""
    shown = " ".join(str(error).split("\nSet the environment variable", maxsplit=1)[0].split())
    merging = "Error merging override "
    if shown and not shown.startswith(merging):
        return shown
    cause: BaseException | None = error  # Hydra raises some errors of YAML without a text
    while cause is not None and (not str(cause).strip() or str(cause).startswith(merging)):
        cause = cause.__cause__ or cause.__context__
    if shown:
        return f"{shown.removeprefix(merging)}: {str(cause or 'is not allowed').splitlines()[0]}"
    return f"{' '.join(words)}: the configuration cannot be read ({' '.join(str(cause).split())})"


def interpolation(error: BaseException) -> str:
    """Describe a reference, such as `seed=${steps}`, that cannot be resolved: the option that has it, and what is wrong."""
    key, text = getattr(error, "full_key", None) or "an option", str(error).splitlines()[0]
    if "Recursive" in text:
        return f"{key}: refers to itself by ${{…}}"
    if found := re.search(r"Interpolation key '([^']*)' not found", text):
        return f"{key}: refers to ${{{found[1]}}}, and there is no such option"
    if found := re.search(r"Environment variable '([^']*)' not found", text):
        return f"{key}: refers to the environment variable {found[1]}, which is not set"
    return f"{key}: {text}"


def forgotten_folder(group: str, option: str) -> str:
    """Suggest `--config-dir` if a folder of the working directory has the option; an empty text if none has."""
    file = next(iter(sorted(Path.cwd().glob(f"*/{group}/{option}.yaml"))), None)
    return f"; did you forget --config-dir {file.parents[1].name}?" if file else ""


def near(key: str, command: str, words: Sequence[str], folders: Sequence[Path]) -> str:
    """Suggest the options nearest to one that does not exist, those of its own group first; an empty text if there are none."""
    if not (known := known_options(command, words, folders)):
        return ""
    value = next((word.partition("=")[2] for word in words if word.lstrip("+").partition("=")[0] == key), "")
    if own := of_attention(key, words) or of_training(key, command, known) or belongs(key, folders):
        return own
    head, _, tail = key.rpartition(".")
    siblings = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == head}
    if meant := longer(tail, siblings) or begun(key, folders) or in_lengen(key, value, known, folders):
        return meant
    if f"eval.{key}" in known:
        return f"; did you mean 'eval.{key}'?"
    if close := nearest(tail, siblings):
        return re.sub(r"'(\w+)'", rf"'{head}.\1'", close) if head else close
    if close := similar(key, folders):
        return close
    if namesakes := [name for name in known if name.rpartition(".")[2] == tail]:
        return f"; did you mean {namesakes[0]!r}?"
    if (
        command == TUNE and head == TUNE
    ):  # what is tuned has few arguments; those of the training are beside it
        beside = [*siblings.values(), *(name for name in _plain_options(TUNE) if name in known)]
        return nearest(tail, beside) or f" (allowed: {', '.join(beside)})"
    return (
        nearest(key, [name for name in known if name != head])
        or f" (lengen {command} {'--cfg hydra' if head.startswith('hydra') else '--help'} shows all)"
    )


def _plain_options(command: str) -> list[str]:
    """The options of a command that are in no group."""
    return [each.name for each in command_page(command).options if "." not in each.name]


def known_options(command: str, words: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Return the dotted names of all options of a command, with the options of groups that words choose; none if they cannot be composed."""
    known_groups = groups(folders)
    try:
        chosen = [
            word
            for word in with_pattern(with_extensions(words, folders), folders)
            if (found := re.fullmatch(r"\+?(\w+)(@[\w.]+)?=[\w-]+", word)) and found[1] in known_groups
        ]
        from hydra import compose
        from omegaconf import OmegaConf

        with hydra_in(config_dir()):
            names = flat(OmegaConf.to_container(compose(command, [*searched(folders), *chosen])))
        return [
            name for name in names if not name.endswith(".parts")
        ]  # which nobody writes: the parts are named themselves
    except Exception:  # noqa: BLE001  # failing to suggest must not hide the first error
        return []


def longer(start: str, siblings: Mapping[str, str]) -> str:
    """Suggest the one option that an abbreviation of at least three letters begins; an empty text if none or several.

    >>> longer("eps", {"epsilon": "head.epsilon"}), longer("eps", {"epsilon": "epsilon", "epsilons": "epsilons"})
    ("; did you mean 'head.epsilon'?", '')
    """
    found = [option for name, option in siblings.items() if name.startswith(start) and name != start]
    return f"; did you mean {found[0]!r}?" if len(found) == 1 and len(start) >= ABBREVIATED else ""


def of_attention(key: str, words: Sequence[str]) -> str:
    """Lead from the window of the mixer attention to that of its rule; an empty text for other options and mixers.

    >>> of_attention("mixer.far.window", ["mixer.far=attention"])
    "; did you mean 'mixer.far.attention.window', with mixer.far.attention=window?"
    """
    head, _, tail = key.replace(f"{GROUP}.{PARTS}.", f"{GROUP}.").rpartition(".")
    if head.partition(".")[0] != GROUP or tail != "window":
        return ""
    chosen = [word.partition("=")[2] for word in words if word.partition("=")[0] == head]
    mixer = chosen[-1] if chosen else head.removeprefix(f"{GROUP}.").replace(GROUP, "attention")
    place = "attention" if head == GROUP else f"{head}.attention"
    return f"; did you mean '{place}.window', with {place}=window?" if mixer == "attention" else ""


def of_training(key: str, command: str, known: Iterable[str]) -> str:
    """Say that an option belongs to training, of a command on trained runs that has none of its group; else an empty text."""
    group = key.partition(".")[0]
    if command not in (EVAL, TUNE) or any(name.partition(".")[0] == group for name in known):
        return ""
    page = command_page("train")
    training = any(each.name.partition(".")[0] == group for each in (*page.groups, *page.options))
    return f"; {key} belongs to training (lengen train)" if training else ""


def flat(node: Any, head: str = "") -> list[str]:
    """Return the dotted names of all options."""
    if not isinstance(node, dict):
        return []
    names = [f"{head}{key}" for key in node if key != "_target_"]
    return names + [name for key, value in node.items() for name in flat(value, f"{head}{key}.")]
