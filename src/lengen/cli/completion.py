"""Tab completion: what may stand where the cursor is, read from the YAML and the source of the options. Imports neither torch nor Hydra."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path

from lengen.cli.arguments import folders
from lengen.cli.help_text import FLAGS, flag_names
from lengen.cli.plain_words import PlainCommand
from lengen.config.annotation_words import listed
from lengen.config.class_source import parameters, read_class
from lengen.config.command_page import CommandPage, command_page
from lengen.config.errors import UsageError
from lengen.config.option_page import OptionPage, inner_class, option_page
from lengen.config.search import choices, config_dir, groups
from lengen.studies.places import RESULTS, study_names

CLASSES: Mapping[str, str] = {
    "train": "lengen.experiment.config.RunConfig",
    "data": "lengen.experiment.config.RunConfig",
    "check": "lengen.experiment.config.RunConfig",
    "eval": "lengen.analysis.eval_request.EvalRequest",
    "compare": "lengen.analysis.compare_runs.Comparison",
    "tune": "lengen.experiment.tune_request.TuneRequest",
    "plan": "lengen.analysis.plan_study.StudyPlan",
}
"""By command: the class whose annotations say what its options may be."""
PARTS = {
    "eval": "lengen.records.eval_options.EvalOptions",
    "trainer": "lengen.training.options.TrainerOptions",
}
"""Of `lengen eval`: the class of options that it changes."""
PATHS = ("results_dir", "from", "export", "out", "run", "runs", "against", "task.path", "task.tokens")
"""Options that are files or folders."""
PLAIN = re.compile(r"[\w./@:+-]+")
"""A value that the shell takes as it is."""


def completions(line: str, commands: Collection[str]) -> list[str]:
    """Return what the last word of a command line may become.

    Args:
        line: up to the cursor.
        commands: names of all commands.
    """
    words = line.split()
    last = words.pop() if words and not line[-1].isspace() else ""
    if len(words) < 2:  # noqa: PLR2004  # the program and its command
        offered: Iterable[str] = commands
    elif words[1] not in commands:
        offered = ()
    else:
        offered = Words(words[1], words[2:], last).offered()
    return sorted({word for word in offered if word.startswith(last)})


@dataclass(frozen=True)
class Words:
    """The words of a command line after the command.

    Args:
        command: the command.
        before: the words before the one at the cursor.
        last: the word at the cursor; empty if none has begun.
    """

    command: str
    before: Sequence[str]
    last: str

    @cached_property
    def own(self) -> list[Path]:
        """The user's configuration folders."""
        return [Path(folder) for folder in folders(self.before)[0] if Path(folder).is_dir()]

    @cached_property
    def page(self) -> CommandPage:
        """What there is to know of the command."""
        return command_page(self.command)

    def offered(self) -> Iterator[str]:
        """Yield what may stand here."""
        before = self.before[-1] if self.before else ""
        has_yaml = (config_dir() / f"{self.command}.yaml").exists()
        if before in ("--config-dir", "-cd"):
            yield from paths(self.last)
        elif self.last.startswith("--config-dir="):
            yield from (f"--config-dir={path}" for path in paths(self.last.partition("=")[2]))
        elif values := [part.split("|") for flag in FLAGS for part in _values_after(before, flag)]:
            yield from values[0]
        elif self.last.startswith("-"):
            yield from flag_names(self.command) if has_yaml else ("--config-dir", "--help")
        elif self.command == "list":
            yield from self._listed()
        elif has_yaml:
            yield from self._values() if "=" in self.last else self._names()
        else:
            yield from self._plain(import_module(f"lengen.cli.commands.{self.command}").COMMAND)

    def _listed(self) -> Iterator[str]:
        """Groups, and the options of the one that is named."""
        group, equals, _ = self.last.partition("=")
        yield from (f"{group}={name}" for name in choices(group, self.own)) if equals else groups(self.own)

    def _plain(self, command: PlainCommand) -> Iterator[str]:
        """Options of a command that needs no Hydra, and their values; that of its first one also without the name."""
        name, equals, value = self.last.partition("=")
        if not equals:
            yield from (f"{name}=" for name in command.defaults)
            yield from self._plain_values(command, command.first, self.last)
        elif name in command.defaults:
            yield from (f"{name}={each}" for each in self._plain_values(command, name, value))

    def _plain_values(self, command: PlainCommand, name: str, value: str) -> Iterable[str]:
        """What an option of such a command may be, as far as it is known."""
        if name == "study":
            return [*self._studies("", self.before)]
        if name in PATHS:
            return paths(value)
        return ("true", "false") if command.defaults[name] in ("true", "false") else ()

    def _studies(self, prefix: str, words: Sequence[str]) -> Iterator[str]:
        """Names of the studies there are."""
        given = [word.partition("=")[2] for word in words if word.startswith("results_dir=")]
        yield from (f"{prefix}{name}" for name in study_names(given[-1] if given else RESULTS))

    def _names(self) -> Iterator[str]:
        """Names of options: those of the command, and with a dot those of the option that is chosen of a group."""
        group, dot, _ = self.last.partition(".")
        names = {each.name for each in self.page.groups}
        with_arguments = {
            each.name for each in self.page.groups if each.default != "null"
        }  # no experiment, no size
        if dot and group in with_arguments:
            yield from (f"{name}=" for name in self._arguments(group))
            return
        yield from (f"{name}=" for name in names)
        yield from (f"{name}." for name in with_arguments)
        yield from (f"{each.name}=" for each in self.page.options)
        if self.command in ("eval", "tune"):  # these need no prefix
            yield from (f"{each.name.removeprefix('eval.')}=" for each in self.page.options)

    def _values(self) -> Iterator[str]:
        """Values of the option at the cursor; behind a comma, those of a further one of a study."""
        name, _, value = self.last.partition("=")
        head, comma, _ = value.rpartition(",")
        start = f"{name}={head}{comma}"
        taken = {*head.split(",")}
        yield from (f"{start}{each}" for each in self._choices(name, value) if each not in taken)

    def _choices(self, name: str, value: str) -> Iterable[str]:
        """What an option may be, as far as it is known: its choices, files, else its default."""
        group, _, argument = name.partition(".")
        if name in {each.name for each in self.page.groups}:
            return choices(name, self.own)
        if name == "study":
            return [*self._studies("", self.before)]
        if name in PATHS and (found := paths(value)):
            return found
        if argument and group in {each.name for each in self.page.groups}:
            known, default = self._arguments(group).get(name, ((), ""))
        else:
            known = self._annotated(name)
            names = (name, f"eval.{name}")
            default = next((each.default for each in self.page.options if each.name in names), "")
        return [*known, *([default] if PLAIN.fullmatch(default) else [])]

    def _annotated(self, name: str) -> tuple[str, ...]:
        """Choices of an option of the command, as the annotation of its class has them."""
        source, (*heads, last) = read_class(CLASSES[self.command]), name.split(".")
        if self.command in ("eval", "tune") and (
            heads or last not in {each.name for each in self.page.options}
        ):
            source, heads = read_class(PARTS.get(heads[0] if heads else "eval", "")), []
        for head in heads:
            parts = {part.name: part for part in parameters(source)} if source else {}
            source = inner_class(parts[head]) if head in parts else None
        parts = {part.name: part for part in parameters(source)} if source else {}
        return (*listed(parts[last].annotation, parts[last].module),) if last in parts else ()

    def _arguments(self, group: str) -> Mapping[str, tuple[tuple[str, ...], str]]:
        """Arguments of the option that is chosen of a group: by name their choices and their default."""
        page = self._page(group, self._chosen(group))
        if page is None:
            return {}
        return {each.name: (each.choices, each.default) for each in page.arguments}

    def _page(self, group: str, name: str) -> OptionPage | None:
        try:
            return option_page(group, name, self.own)
        except (UsageError, OSError, SyntaxError):
            return None

    def _chosen(self, group: str) -> str:
        """The option of a group: that of the command line, of the experiment, of the task, or the default."""
        given = dict(word.split("=", 1) for word in self.before if "=" in word)
        if group in given:
            return given[group].partition(",")[0]
        defaults = {each.name: each.default for each in self.page.groups}
        for above in ("experiment", "task"):
            name = given.get(above, defaults.get(above, "null"))
            if above != group and name != "null" and (page := self._page(above, name)) and group in page.sets:
                return page.sets[group]
        return defaults[group]


def _values_after(word: str, flag: str) -> Iterator[str]:
    """Yield the values that a flag takes, if a word is that flag: `job|hydra|all` for `--cfg`."""
    names, _, values = flag.rpartition(" ")
    if "|" in values and word in names.replace(",", "").split():
        yield values


def paths(start: str) -> list[str]:
    """Return the files and folders that begin with a text, folders with a slash behind them; no hidden ones."""
    folder, slash, name = start.rpartition("/")
    place = Path(f"{folder}{slash}" or ".").expanduser()
    if not place.is_dir():
        return []
    return [
        f"{folder}{slash}{each.name}{'/' * each.is_dir()}"
        for each in sorted(place.iterdir())
        if each.name.startswith(name) and not each.name.startswith(".") and PLAIN.fullmatch(each.name)
    ]
