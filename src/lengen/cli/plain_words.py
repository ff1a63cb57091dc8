"""Commands that need no Hydra: their words are `name=value`, and one value without its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lengen.cli.arguments import HELP, refuse
from lengen.config.errors import UsageError, file_error, nearest, require
from lengen.config.short_words import short_names


@dataclass(frozen=True)
class PlainCommand:
    """A command that needs no Hydra.

    Args:
        work: carries it out, with the value of each option; returns the exit code.
        text: what `--help` prints.
        defaults: the options and their defaults.
        first: the option that a word without `=` is the value of.
        place: the option that is named where a file or folder without a name cannot be read or written.
    """

    work: Callable[[dict[str, str]], int]
    text: str
    defaults: Mapping[str, str]
    first: str
    place: str

    def run(self, arguments: Sequence[str]) -> int:
        """Run the command and return its exit code."""
        if any(word in HELP for word in arguments):
            print(self.text, end="")
            return 0
        if arguments[:1] in (["-sc"], ["--shell-completion"]):  # nothing is left to Hydra here
            return 0
        try:
            return self.work(self.parsed(arguments))
        except UsageError as error:
            return refuse(short_names(str(error), self.defaults))
        except OSError as error:
            given = [word.partition("=") for word in arguments]
            written = {name: value for name, _, value in given if name == self.place and value}
            return refuse(file_error(error, written, self.place))

    def parsed(self, arguments: Sequence[str]) -> dict[str, str]:
        """Read words of the command line.

        Raises:
            UsageError: a word is no option, has no value, or gives an option again.
        """
        given = dict[str, str]()
        for word in arguments:
            name, equals, value = word.partition("=")
            if word.startswith("-"):
                option = name.lstrip("-")
                known = (
                    f"; options have no dashes: {option}={value or '…'}" if option in self.defaults else ""
                )
                raise UsageError(f"{word}: unknown flag{known or nearest(word, HELP)} (allowed: --help)")
            if not equals or "/" in name:  # a path, which may have a sign of equality, as in seed=0
                name, equals, value = self.first, "=", word
            require(
                name in self.defaults,
                f"unknown option {name!r}{nearest(name, self.defaults)} (allowed: {', '.join(self.defaults)})",
            )
            require(bool(value), f"{name}{equals}: has no value")
            require(
                name not in given,
                f"{word}: {name}={given.get(name)} was given before, and the command takes one {name}",
            )
            given[name] = value
        return {**self.defaults, **given}
