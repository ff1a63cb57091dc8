"""Compose a configuration from words of the command line, or from Python values, and resolve it to plain values.

Imports no torch. Hydra's global state in the process is restored afterwards.
"""

from __future__ import annotations

import numbers
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lengen.config.aliases import OPTIONS, current_options
from lengen.config.errors import UsageError, nearest, require

if TYPE_CHECKING:
    from omegaconf import DictConfig


def config_dir() -> Path:
    """Return the folder of the packaged YAML: next to the modules in a wheel, at the top of the repository in a checkout."""
    here = Path(__file__).resolve().parent
    for folder in (here.parent / "configs", here.parents[2] / "configs"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError("lengen was installed without its configs")


@dataclass(frozen=True)
class Command:
    """A command, and its options that need no quotes on the command line.

    Args:
        name: name of the command and of its YAML.
        short: options of `eval` that may be written without `eval.` in front.
        texts: options that are texts, such as a title or a path; their values are taken literally.
        lists: options that are lists of such texts; a single text needs no brackets.
    """

    name: str
    short: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    def word(self, given: str) -> str:
        """Rewrite a word from the shell for Hydra: lists of lengths are no sweep, globs are texts, former names are current."""
        key, _, value = given.partition("=")
        name = key.lstrip("+")
        if name in OPTIONS and value:
            return f"{key}={current_options(name, value)}"
        if name in self.short:
            key, name = key.replace(name, f"eval.{name}"), f"eval.{name}"
        if name == "eval.lengths" and (found := re.fullmatch(r"\[?(range\([-\d, ]*\))\]?", value)):
            return f'{key}=["{found[1]}"]'
        if value not in ("", "null") and not value.startswith(("'", '"', "['", '["')):
            if name in self.texts:
                return f"{key}={quoted(value)}"
            if name in self.lists:
                bracketed = value.startswith("[") and value.endswith("]")
                parts = [part.strip() for part in (value[1:-1].split(",") if bracketed else [value])]
                return f"{key}=[{','.join(quoted(part) for part in parts if part)}]"
        return f"{key}={value}" if "=" in given else given


TEXTS, LISTS = ("task.path", "task.train", "task.tokens"), ("task.evaluation",)
"""Options of `task=dataset` that are texts, and options that are lists of texts."""
TRAIN = Command("train", texts=TEXTS, lists=LISTS)
CHECK = Command("check", texts=TEXTS, lists=LISTS)
DATA = Command("data", texts=("export", *TEXTS), lists=LISTS)
EVAL = Command(
    "eval",
    short=("lengths", "decode", "examples", "seed", "checkpoint", "stress"),
    texts=("name", "task.path", "task.tokens"),
    lists=("run", "against", "eval.stress"),
)
PLAN = Command("plan")
COMPARE = Command("compare", texts=("title", "out", "against"), lists=("runs", "where", "by", "best"))


@dataclass(frozen=True)
class Request:
    """The overrides of a command.

    Args:
        command: the command whose configuration is composed.
        words: overrides as on the command line, such as `pe=rope`.
        values: options by dotted name, as Python values. They take precedence over `words`; a leading `+` adds an option
            that the configuration does not have.
        nodes: groups that are replaced as a whole, such as `{"task": {"_target_": …}}`.
        labels: labels of these groups.
        folders: the user's own configuration folders.
    """

    command: Command
    words: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    folders: Sequence[Path] = ()

    def compose(self) -> dict[str, Any]:
        """Compose the configuration and resolve it to plain values.

        Raises:
            UsageError: an option is unknown, or a value cannot be parsed.
        """
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException
        from yaml import YAMLError

        try:
            return self._composed()
        except UsageError:
            raise
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
            raise UsageError(explain(error, self.command.name, self.words, self.folders)) from None

    def _composed(self) -> dict[str, Any]:
        from hydra import compose
        from omegaconf import open_dict

        refuse_labels((*self.words, *self.values))
        words = [*searched(self.folders), *map(self.command.word, self.words)]
        words += [f"~{group}" for group in self.nodes]
        with hydra_in(config_dir()):
            config = compose(self.command.name, words, return_hydra_config=True)
            with open_dict(config):
                for group, node in self.nodes.items():
                    config[group] = dict(node)
                for group, label in self.labels.items():
                    config.labels[group] = label
            for key, value in self.values.items():
                self._put(config, key, value)
            return resolved(config)

    def _put(self, config: DictConfig, key: str, value: Any) -> None:
        """Set an option that the configuration has; with a leading `+`, add one."""
        from omegaconf import DictConfig, OmegaConf

        name, adds = key.lstrip("+"), key.startswith("+")
        name = f"eval.{name}" if name in self.command.short else name
        node: Any = config
        for part in name.split(".") if not adds else ():
            if not isinstance(node, DictConfig) or part not in node.keys():  # noqa: SIM118  # `in` would resolve it
                raise UsageError(
                    f"unknown option {name!r}{near(name, self.command.name, self.words, self.folders)}"
                )
            node = node._get_node(part)  # noqa: SLF001  # keeps an interpolation as it is
        OmegaConf.update(config, name, plain(value), merge=False, force_add=adds)


def refuse_labels(options: Iterable[str]) -> None:
    """Refuse options that set a label: labels name the chosen options, and the program sets them.

    Args:
        options: words of the command line, or names of options.

    Raises:
        UsageError: one of them sets a label.
    """
    for option in options:
        head, _, group = option.partition("=")[0].lstrip("+~").partition(".")
        require(
            head != "labels",
            f"{option}: labels are set by the program; choose an option with {group or 'GROUP'}=OPTION",
        )


@contextmanager
def hydra_in(folder: Path) -> Iterator[None]:
    """Initialize Hydra on a configuration folder, and restore its global state at the end."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.version import VersionBase

    hydra, config, version = GlobalHydra.instance(), HydraConfig.instance(), VersionBase.instance()
    before = hydra.hydra, config.cfg, version.version_base
    hydra.clear()
    try:
        with initialize_config_dir(str(folder), version_base="1.3"):
            yield
    finally:
        hydra = GlobalHydra.instance()
        hydra.hydra, config.cfg, version.version_base = before


def resolved(config: DictConfig) -> dict[str, Any]:
    """Resolve a composed configuration to plain values, without the node `hydra`; the labels name the chosen options."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict

    HydraConfig.instance().set_config(config)
    with open_dict(config):
        del config["hydra"]
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


def searched(folders: Sequence[Path]) -> list[str]:
    """Return the override that adds the user's configuration folders to Hydra's search path.

    Raises:
        UsageError: a folder does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"config_dir={folder}: no such folder")
    places = ",".join(quoted(f"file://{folder.resolve()}") for folder in folders)
    return [f"hydra.searchpath=[{places}]"] if folders else []


def plain(value: Any) -> Any:
    """Convert a Python value for a configuration: None, bool, int, float, str, or lists and dictionaries of these."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [plain(part) for part in value]
    raise UsageError(
        f"{value!r}: must be a number, a text, True, False, None, or a list or dictionary of these"
    )


def named_modules(folders: Sequence[Path]) -> set[str]:
    """Return the modules that YAML in the user's folders names; they become importable from there and from the working folder."""
    text = "\n".join(
        file.read_text(encoding="utf-8", errors="replace")
        for folder in folders
        for file in sorted(folder.rglob("*.yaml"))
    )
    if folders:
        places = [
            str(place.resolve()) for place in (Path.cwd(), *folders)
        ]  # the process may change its working folder
        sys.path.extend(place for place in places if place not in sys.path)
    return set(re.findall(r"_target_:\s*['\"]?(\w+)[\w.]*\.\w+", text))


def groups(folders: Sequence[Path] = ()) -> set[str]:
    """Return the names of the option groups."""
    return {
        place.name
        for folder in (config_dir(), *folders)
        if folder.is_dir()
        for place in folder.iterdir()
        if place.is_dir()
    }


def explain(error: BaseException, command: str, words: Sequence[str], folders: Sequence[Path]) -> str:
    """Describe an error on one line: the option, the value it got, and what is allowed.

    Args:
        error: an error of Hydra, or a usage error.
        command: name of the command.
        words: overrides as on the command line.
        folders: the user's own configuration folders.
    """
    text = str(error)
    if found := re.search(r"Could not find '([^']+)/([^'/]+)'", text):
        options = re.findall(r"^\t([\w.-]+)$", text, re.MULTILINE)
        hint = forgotten_folder(found[1], found[2]) or nearest(found[2], options)
        return f"unknown option {found[1]}={found[2]}{hint} (allowed: {', '.join(options)})"
    if isinstance(error, OSError):
        return f"{error.filename or 'results_dir'}: {error.strerror or error}"
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
        return f"{' '.join(text.splitlines()[0].split())} To run them all, add -m, or pass a list to lengen.study"
    return " ".join(
        line.strip()
        for line in text.split("\nSet the environment variable", maxsplit=1)[0].splitlines()
        if line.strip()
    )


def forgotten_folder(group: str, option: str) -> str:
    """Suggest `--config-dir` if a folder of the working directory has the option; an empty text if none has."""
    file = next(iter(sorted(Path.cwd().glob(f"*/{group}/{option}.yaml"))), None)
    return f"; did you forget --config-dir {file.parents[1].name}?" if file else ""


def near(key: str, command: str, words: Sequence[str], folders: Sequence[Path]) -> str:
    """Suggest the options nearest to a mistyped one; an empty text if there are none."""
    known_groups = groups(folders)
    chosen = [
        word for word in words if re.fullmatch(r"\w+=[\w-]+", word) and word.partition("=")[0] in known_groups
    ]
    try:
        from hydra import compose
        from omegaconf import OmegaConf

        with hydra_in(config_dir()):
            known = flat(OmegaConf.to_container(compose(command, [*searched(folders), *chosen])))
    except Exception:  # noqa: BLE001  # failing to suggest must not hide the first error
        return ""
    head, _, tail = key.rpartition(".")
    siblings = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == head}
    if close := nearest(tail, siblings):
        return close.replace("'", f"'{head}." if head else "'", 1) if head else close
    if namesakes := [name for name in known if name.rpartition(".")[2] == tail]:
        return f"; did you mean {namesakes[0]!r}?"
    return nearest(key, known)


def quoted(text: str) -> str:
    r"""Quote a text for Hydra, which reads a backslash as an escape only before a quote.

    >>> print(quoted('a "b"'))
    "a \"b\""
    """
    escaped = re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + found[2].replace('"', '\\"'), text)
    return f'"{escaped}"'


def flat(node: Any, head: str = "") -> list[str]:
    """Return the dotted names of all options."""
    if not isinstance(node, dict):
        return []
    names = [f"{head}{key}" for key in node if key != "_target_"]
    return names + [name for key, value in node.items() for name in flat(value, f"{head}{key}.")]
