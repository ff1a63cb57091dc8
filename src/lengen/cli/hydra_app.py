"""Runs a command under Hydra and reports usage errors on one line.

Imports no torch: `--help`, `--cfg`, completion and refusals answer at once.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lengen.config.compose import Command, config_dir, explain, named_modules, refuse_labels
from lengen.config.errors import UsageError, is_usage_error, require

REFUSED, FAILED, INTERRUPTED = 2, 1, 130

GIVEN = re.compile(r"~|[+]*[\w./@]+=")
"""How an option of the configuration begins: `task=copy`, `+mine=1`, `~mine`."""


@dataclass
class Job:
    """One job of a command: its overrides and its exit code (0 is success)."""

    overrides: list[str]
    code: int
    error: Exception | None = None


@dataclass
class HydraApp:
    """Runs a command's function on its composed configuration, once, or in a multirun once for every job.

    Args:
        command: which command.
        work: takes the configuration as plain resolved values and the allowed top-level modules; gives an exit code.
            A UsageError is the user's mistake; any other error keeps its traceback.
        arguments: what stood on the command line behind the command.
        jobs: what has been run, in order.
        many: whether this is a multirun.
        own_modules: top-level modules of the user's own classes, as the YAML of the last job names them.
    """

    command: Command
    work: Callable[[dict[str, Any], set[str]], int]
    arguments: list[str]
    jobs: list[Job] = field(default_factory=list)
    many: bool = False
    own_modules: set[str] = field(default_factory=set)

    def enter(self) -> int:
        """Compose and run.

        Returns:
            0; 1 if a run or a job failed; 2 for a mistake on the command line; 130 after Ctrl-C.

        Raises:
            Exception: of a single job, whatever is no mistake on the command line; Python prints it, and exits with 1.
        """
        import hydra
        from hydra._internal.utils import get_args_parser

        traced = os.environ.get("HYDRA_FULL_ERROR") == "1"
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises, and the exit code is ours
        completing = any(word.startswith(("-sc", "--shell-completion")) for word in self.arguments)
        words = [*map(self.command.word, self.arguments)]
        if not completing:  # argparse wants all options of the configuration together
            words.sort(key=lambda word: GIVEN.match(word) is not None)
        sys.argv = [sys.argv[0] if completing else f"lengen {self.command.name}", *words]
        entrance = hydra.main(
            config_path=str(config_dir()), config_name=self.command.name, version_base="1.3"
        )
        try:
            unknown = [] if completing else get_args_parser().parse_known_args(words)[1]
            require(
                not unknown,
                f"{' '.join(unknown)}: no such flag (lengen {self.command.name} --help shows what there is)",
            )
            refuse_labels(words)
            self._compose(entrance)
            return self._sum()
        except BrokenPipeError:  # nobody reads any more
            raise
        except Exception as error:
            if traced or not is_usage_error(error, self.own_modules):
                raise
            return refuse(self._line(error))
        except SystemExit as left:  # Hydra's --help, and argparse
            return left.code if isinstance(left.code, int) else 0
        except KeyboardInterrupt:
            print("lengen: interrupted; the same command goes on from what was written", file=sys.stderr)
            return INTERRUPTED
        finally:
            if not traced:
                os.environ.pop("HYDRA_FULL_ERROR", None)

    def _compose(self, entrance: Callable[..., Any]) -> None:
        """Compose with Hydra and run every job. Jobs do not raise, so what is raised here is about composing.

        Raises:
            UsageError: Hydra cannot compose what was given.
        """
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException
        from yaml import YAMLError

        try:
            entrance(self._job)()
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
            raise UsageError(str(error)) from error

    def _job(self, cfg: Any) -> None:
        """Run one job, as Hydra calls it. In a multirun a failed job does not stop the others."""
        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode

        chosen = HydraConfig.get()
        self.many = chosen.mode == RunMode.MULTIRUN  # by -m, or by an experiment file
        asked = list(chosen.overrides.task)
        if self.many:
            print(f"\nlengen: job {len(self.jobs) + 1}: {' '.join(asked)}", flush=True)
        try:
            self.own_modules = named_modules(self._folders)
            code = self.work(plain_values(cfg), {"lengen", *self.own_modules})
            self.jobs.append(Job(asked, code))
        except Exception as error:  # noqa: BLE001  # Hydra would print of it what only developers want to read
            usage = is_usage_error(error, self.own_modules)
            self.jobs.append(Job(asked, REFUSED if usage else FAILED, error))
            if self.many:
                print(f"lengen: {self._line(error)}", file=sys.stderr)
                if not usage:
                    traceback.print_exception(error)

    def _sum(self) -> int:
        """The exit code of all jobs; those of a multirun that failed are named."""
        if not self.jobs:
            return 0
        if not self.many:
            if self.jobs[0].error is not None:
                raise self.jobs[0].error
            return self.jobs[0].code
        failed = [job for job in self.jobs if job.code]
        print(f"\nlengen: {len(self.jobs) - len(failed)} of {len(self.jobs)} jobs finished")
        for job in failed:
            why = self._line(job.error) if job.error else "see above"
            print(f"  failed: {' '.join(job.overrides)}: {why}", file=sys.stderr)
        return FAILED if failed else 0

    @property
    def _folders(self) -> list[Path]:
        """The user's own configuration folders."""
        return [Path(folder) for folder in folders(self.arguments)[0]]

    def _line(self, error: BaseException) -> str:
        """Describe an error on one line: the option, the value it got, and what is allowed."""
        if not is_usage_error(error, self.own_modules):
            return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}".removesuffix(": ")
        return explain(error, self.command.name, self.arguments, self._folders)


def plain_values(cfg: Any) -> dict[str, Any]:
    """A composed configuration, resolved.

    Raises:
        UsageError: a value refers to something that is not there, or is missing.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise UsageError(str(error)) from error


def folders(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The user's own configuration folders, named with --config-dir, and the other arguments."""
    found, others, rest = list[str](), list[str](), iter(arguments)
    for word in rest:
        flag, _, folder = word.partition("=")
        if flag in ("--config-dir", "-cd"):
            found.append(folder or next(rest, ""))
        else:
            others.append(word)
    return found, others


def refuse(line: str) -> int:
    """Print a usage error on one line and return exit code 2."""
    print(f"lengen: {line}", file=sys.stderr)
    return REFUSED
