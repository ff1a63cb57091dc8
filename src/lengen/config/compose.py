"""Compose a configuration from words of the command line, or from Python values, and resolve it to plain values.

Imports no torch. Hydra's global state in the process is restored afterwards.
"""

from __future__ import annotations

import numbers
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lengen.config.aliases import OPTIONS, current_options
from lengen.config.errors import UsageError, one_line, require
from lengen.config.explain import explain, interpolation, near
from lengen.config.extend_words import with_extensions
from lengen.config.own_experiments import GROUP as EXPERIMENTS
from lengen.config.own_experiments import check_experiments
from lengen.config.pattern_words import with_pattern, with_pattern_label
from lengen.config.search import config_dir, hydra_in, quoted, searched
from lengen.config.short_words import SHORT

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class Command:
    """A command, and its options that need no quotes on the command line.

    Args:
        name: name of the command and of its YAML.
        short: options of `eval` that may be written without `eval.` in front.
        texts: options that are texts, such as a title or a path; their values are taken literally.
        lists: options that are lists of such texts; a single text needs no brackets.
        maps: options that give each name a text, `{name: text, other name: text}`; names need no quotes.
        grouped: whether its options are those of a run, with the groups of options.
        extends: whether it takes extensions (`lengen.config.extend_words`).
        tries_each: whether it takes all of them, each alone.
        patterns: whether it takes a pattern of mixers (`lengen.config.pattern_words`).
        groups: groups of options that only this command has.
        interrupted: what the user is told when a signal has stopped it, unless a run says what becomes of it.
    """

    name: str
    short: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    grouped: bool = True
    extends: bool = False
    tries_each: bool = False
    patterns: bool = False
    groups: tuple[str, ...] = ()
    interrupted: str = "the same command starts again"

    def word(self, given: str) -> str:
        """Rewrite a word from the shell for Hydra: lists of lengths are no sweep, globs are texts, former names are current.

        Raises:
            UsageError: a list in the place of a text.
        """
        key, _, value = given.partition("=")
        name = key.lstrip("+")
        if name in OPTIONS and value:
            return f"{key}={current_options(name, value)}"
        if name in self.short:
            key, name = key.replace(name, f"eval.{name}"), f"eval.{name}"
        if name == "eval.lengths" and (found := re.fullmatch(r"\[?(range\([-\d, ]*\))\]?", value)):
            return f'{key}=["{found[1]}"]'
        if name in self.maps and value.startswith("{") and value.endswith("}"):
            return f"{key}={{{','.join(_pairs(value[1:-1]))}}}"
        if value not in ("", "null") and "],[" not in value and not value.startswith(("'", '"', "['", '["')):
            if name in self.texts:
                advised = shlex.quote(f'{key}="{value}"')
                require(
                    not re.fullmatch(r"\[.*\]|\{.*\}", value),
                    f"{given}: must be text; one in brackets needs quotes of its own, as in {advised}",
                )
                return f"{key}={quoted(value)}"
            if name in self.lists:
                bracketed = value.startswith("[") and value.endswith("]")
                parts = [part.strip() for part in (value[1:-1].split(",") if bracketed else [value])]
                return f"{key}=[{','.join(quoted(part) for part in parts if part)}]"
        return f"{key}={value}" if "=" in given else given

    def rewritten(self, given: Sequence[str], folders: Sequence[Path]) -> list[str]:
        """Rewrite all words from the shell for Hydra; see `word`, `with_pattern` and `with_extensions`.

        Args:
            given: the words.
            folders: the user's own configuration folders.

        Raises:
            UsageError: an extension or a mixer does not exist.
        """
        words = with_pattern(given, folders) if self.patterns else [*given]
        words = with_extensions(words, folders, each=self.tries_each) if self.extends else words
        return [*map(self.word, words)]


PAIR = re.compile(r"""\s*(.+?)\s*:\s*("[^"]*"|'[^']*'|[^,]*?)\s*(?:,|$)""")
"""A name and its text; the text has quotes if it has a comma."""


def _pairs(text: str) -> list[str]:
    r"""Return the pairs of a map, with the names escaped and the texts quoted as Hydra reads them.

    >>> print(*_pairs("nope: No PE, rope (a=1, b=2): #D55E00"))
    nope:"No PE" rope\ \(a\=1\,\ b\=2\):"#D55E00"
    """
    pairs = []
    for name, value in PAIR.findall(text):
        key = re.sub(r"([()\[\]{}:=, ])", r"\\\1", name.strip("\"'"))
        pairs.append(f"{key}:{value}" if value[:1] in ("'", '"') else f"{key}:{quoted(value)}")
    return pairs


TEXTS, LISTS = ("task.path", "task.train", "task.tokens"), ("task.evaluation",)
"""Options of `task=dataset` that are texts, and options that are lists of texts."""
GOES_ON = "what is finished is kept, and the same command goes on with the rest"
TRAIN = Command(
    "train",
    texts=("name", "study", "results_dir", "from", *TEXTS),
    lists=("eval.stress", *LISTS),
    patterns=True,
    interrupted=GOES_ON,
)
CHECK = Command("check", texts=TEXTS, lists=LISTS, extends=True)
DATA = Command("data", texts=("export", "push", *TEXTS), lists=LISTS)
EVAL = Command(
    "eval",
    short=SHORT["eval"],
    texts=("name", "out", "task.path", "task.tokens"),
    lists=("run", "against", "eval.stress"),
    grouped=False,
    extends=True,
    tries_each=True,
    groups=("inspect",),
    interrupted="what is evaluated is kept, and the same command goes on with the rest",
)
TUNE = Command(
    "tune",
    short=SHORT["tune"],
    texts=("results_dir",),
    lists=("run",),
    grouped=False,
    extends=True,
    interrupted=GOES_ON,
)
PLAN = Command("plan", grouped=False)
COMPARE = Command(
    "compare",
    texts=("title", "out", "against", "control", "style.font"),
    lists=("runs", "where", "by", "best", "formats"),
    maps=("style.names", "style.colours"),
    grouped=False,
)


OF_STUDIES = ("study", "launcher", "jobs", "seeds", "objective")
"""Options of `configs/train.yaml` that say how the runs of a study are carried out, and are none of a run."""


def of_run(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without the options of studies."""
    return {name: value for name, value in config.items() if name not in OF_STUDIES}


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
        given = (word.partition("=") for word in self.words)
        check_experiments((value for name, _, value in given if name == EXPERIMENTS), self.folders)
        words = [*searched(self.folders), *self.command.rewritten(self.words, self.folders)]
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
            whole = resolved(config)
            if self.command.name != TRAIN.name:
                return whole
            several = whole.get("seeds")
            require(
                several is None,
                f"seeds={several}: only as a word of lengen train; in Python, lengen.study(seed=range(8)) trains one after another",
            )
            return of_run(whole)

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
        try:
            set_to = plain(value)
        except UsageError as error:
            raise UsageError(f"{name}={error}") from None
        OmegaConf.update(config, name, set_to, merge=False, force_add=adds)


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


def resolved(config: DictConfig) -> dict[str, Any]:
    """Resolve a composed configuration to plain values, without the node `hydra`; the labels name the chosen options."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    HydraConfig.instance().set_config(config)
    with open_dict(config):
        del config["hydra"]
    return plain_values(config)


def plain_values(config: Any) -> dict[str, Any]:
    """Resolve a composed configuration to plain values.

    Raises:
        UsageError: an option has no value, which Hydra writes as `???`, or refers to a key that does not exist.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        found: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        # OmegaConf.missing_keys fails where something refers to one
        require_values(OmegaConf.to_container(config, resolve=False))
        raise UsageError(interpolation(error)) from error
    return with_pattern_label(found)


def require_values(config: Any) -> None:
    """Refuse a configuration with an option that has no value.

    >>> require_values({"pe": {"base": "???"}})
    Traceback (most recent call last):
    lengen.config.errors.UsageError: pe.base=???: has no value (set it to one)

    Args:
        config: the configuration as plain values, with its references unresolved.

    Raises:
        UsageError: names the options that have none.
    """
    lacking = [f"{name}=???" for name in without_value(config)]
    one = len(lacking) == 1
    require(
        not lacking,
        f"{', '.join(lacking)}: {'has' if one else 'have'} no value (set {'it' if one else 'each'} to one)",
    )


def without_value(node: Any, name: str = "") -> list[str]:
    """Return the dotted names of the values below a node that are Hydra's word for a mandatory option that nobody has set."""
    if node == "???":
        return [name]
    if isinstance(node, Mapping):
        parts = [(value, f"{name}.{key}".lstrip(".")) for key, value in node.items()]
    else:
        parts = [(value, f"{name}[{i}]") for i, value in enumerate(node)] if isinstance(node, list) else []
    return [lacking for value, part in parts for lacking in without_value(value, part)]


def plain(value: Any) -> Any:
    """Convert a Python value for a configuration: None, bool, int, float, str, or lists and dictionaries of these.

    An array or tensor of one dimension is a list, and one of none is a number.

    Raises:
        UsageError: it is none of these.
    """
    value = unpacked(value)
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
        f"{one_line(repr(value))}: must be a number, a text, True, False, None, or a list or dictionary of these"
    )


def unpacked(value: Any) -> Any:
    """Return an array or tensor of at most one dimension as a list or number, and anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") and getattr(value, "ndim", 2) <= 1 else value
