"""Runs a command under Hydra and reports usage errors on one line.

Imports no torch, so that `--help`, `--cfg`, tab completion and usage errors are fast.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from lengen.cli.study_jobs import Composed, Guarded
from lengen.config.bounded_yaml import check_folder
from lengen.config.compose import Command, refuse_labels
from lengen.config.errors import UsageError, is_usage_error, one_line, require
from lengen.config.explain import explain, interpolation
from lengen.config.search import config_dir, groups, named_modules
from lengen.config.words import check_words
from lengen.launcher import Launcher
from lengen.launcher.job import FAILED, REFUSED, JobResult, named
from lengen.launcher.job import Job as Launched
from lengen.launcher.shared import run_shared
from lengen.training.interruption import exit_code

OVERRIDE = re.compile(r"~|[+]*[\w./@]+=")
"""Start of an override: `task=copy`, `+mine=1`, `~mine`."""


@dataclass
class Job:
    """A job that has ended: its overrides, its exit code (0 is success), and the reason if it failed."""

    overrides: list[str]
    code: int
    reason: str = ""
    error: Exception | None = None


@dataclass
class HydraApp:
    """Runs a command's function on its composed configuration: once, or in a multirun once per job.

    Args:
        command: the command.
        work: called with the configuration as resolved plain values, and with the allowed top-level modules; returns the
            exit code. A UsageError is a mistake of the user; any other error keeps its traceback.
        arguments: the command line after the command.
        job: the same for one job of a multirun, which a launcher carries out in a process of its own; None runs the jobs of
            a multirun here, one after another.
        after: called with the results of a multirun, for what is shown at its end.
        settings: options of Hydra itself that the command sets.
        jobs: the finished jobs, in order.
        composed: the jobs of a multirun that a launcher will carry out.
        many: whether this is a multirun.
        own_modules: top-level modules of the user's classes, as named by the YAML of the last job.
    """

    command: Command
    work: Callable[[dict[str, Any], set[str]], int]
    arguments: list[str]
    job: Callable[[dict[str, Any], set[str]], JobResult] | None = None
    after: Callable[[list[JobResult]], None] | None = None
    settings: tuple[str, ...] = ()
    jobs: list[Job] = field(default_factory=list)
    composed: list[Composed] = field(default_factory=list)
    many: bool = False
    own_modules: set[str] = field(default_factory=set)

    def enter(self) -> int:
        """Compose the configuration and run the command.

        Returns:
            0; 1 if a run or a job failed; 2 for a mistake on the command line; after a signal 128 and its number (130 after Ctrl-C).

        Raises:
            Exception: any error of a single job that is not a usage error; Python prints its traceback and exits with 1.
        """
        import hydra

        traced = os.environ.get("HYDRA_FULL_ERROR") == "1"
        os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise its errors, so that we choose the exit code
        completing = any(word.startswith(("-sc", "--shell-completion")) for word in self.arguments)
        words = [*map(self.command.word, self.arguments)]
        if not completing:  # argparse needs all overrides next to each other
            words.sort(key=lambda word: OVERRIDE.match(word) is not None)
        sys.argv = [sys.argv[0] if completing else f"lengen {self.command.name}", *words]
        hydra_main = hydra.main(
            config_path=str(config_dir()), config_name=self.command.name, version_base="1.3"
        )
        try:
            if not completing:
                self._check(words)
            sys.argv += self.settings
            self._compose(hydra_main)
            if self.composed:
                self._launch()
            return self._exit_code()
        except BrokenPipeError:  # the reader has closed the pipe
            raise
        except Exception as error:
            if traced or not is_usage_error(error, self.own_modules):
                raise
            return refuse(self._line(error))
        except SystemExit as exit_request:  # Hydra's --help, and argparse
            return exit_request.code if isinstance(exit_request.code, int) else 0
        except KeyboardInterrupt as stopped:
            print("lengen: interrupted; the same command resumes from the last checkpoint", file=sys.stderr)
            return exit_code(stopped)
        finally:
            if not traced:
                os.environ.pop("HYDRA_FULL_ERROR", None)

    def _check(self, words: list[str]) -> None:
        """Refuse words before Hydra sees them.

        Raises:
            UsageError: names the word.
        """
        flags = given_flags(words, f"lengen {self.command.name} --help lists all flags")
        refuse_labels(words)
        for folder in self._folders:
            check_folder(folder)
        known = groups(self._folders) if self.command.grouped else ()
        check_words(flags.overrides, self._folders, known)

    def _compose(self, hydra_main: Callable[..., Any]) -> None:
        """Compose with Hydra and run every job. Jobs do not raise, so any error here is from composing.

        Raises:
            UsageError: Hydra cannot compose the overrides.
        """
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException
        from yaml import YAMLError

        try:
            hydra_main(self._job)()
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
            raise UsageError(str(error)) from error

    def _job(self, cfg: Any) -> None:
        """Run one job; called by Hydra. In a multirun a failed job does not stop the others."""
        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode
        from omegaconf import OmegaConf

        hydra_config = HydraConfig.get()
        self.many = hydra_config.mode == RunMode.MULTIRUN  # with -m, or set by an experiment file
        overrides = [*map(str, OmegaConf.to_container(hydra_config.overrides.task) or ())]
        if self.many and self.job is not None:
            self.composed.append(self._composed(cfg, overrides))
            return
        if self.many:
            print(f"\nlengen: job {len(self.jobs) + 1}: {' '.join(overrides)}", flush=True)
        try:
            self.own_modules = named_modules(self._folders)
            composed = plain_values(cfg)
            if "launcher" in composed:  # a single run needs none, and is refused a wrong one
                launcher_of(composed, {"lengen", *self.own_modules})
            code = self.work(composed, {"lengen", *self.own_modules})
            self.jobs.append(Job(overrides, code, "see above" if code else ""))
        except Exception as error:  # noqa: BLE001  # Hydra would print its own traceback
            usage = is_usage_error(error, self.own_modules)
            self.jobs.append(Job(overrides, REFUSED if usage else FAILED, self._line(error), error))
            if self.many:
                print(f"lengen: {self._line(error)}", file=sys.stderr)
                if not usage:
                    traceback.print_exception(error)

    def _composed(self, cfg: Any, overrides: list[str]) -> Composed:
        """Resolve the configuration of a job of a multirun."""
        try:
            self.own_modules = named_modules(self._folders)
            return Composed(overrides, plain_values(cfg), frozenset(self.own_modules))
        except UsageError as error:
            return Composed(overrides, {}, refused=self._line(error))

    def _launch(self) -> None:
        """Carry out the jobs of a multirun by their launcher.

        Raises:
            UsageError: the launcher cannot be built.
        """
        assert self.job is not None
        results = {
            index: JobResult(REFUSED, each.refused)
            for index, each in enumerate(self.composed)
            if each.refused
        }
        able = [index for index in range(len(self.composed)) if index not in results]
        shared = set[str]()
        if len(able) > 1:
            shared = set.intersection(*(set(self.composed[index].overrides) for index in able))
        jobs = [self._launched(self.composed[index], shared) for index in able]
        if able:
            first = self.composed[able[0]]
            launcher = launcher_of(first.config, {"lengen", *first.own_modules})
            results |= {able[index]: result for index, result in run_shared(launcher, jobs)}
        ended = [results[index] for index in range(len(self.composed))]
        self.jobs += [
            Job(each.overrides, result.code, result.line)
            for each, result in zip(self.composed, ended, strict=True)
        ]
        if self.after is not None:
            self.after(ended)

    def _launched(self, composed: Composed, shared: set[str]) -> Launched:
        """A job for a launcher, named by the overrides that not all jobs share."""
        assert self.job is not None
        threads = composed.config["trainer"]["threads"]
        return Launched(
            " ".join(word for word in composed.overrides if word not in shared) or "run",
            Guarded(self.job, composed, self.command.name, self.arguments, self._folders),
            threads if isinstance(threads, int) and threads > 0 else 1,  # the job refuses any other
        )

    def _exit_code(self) -> int:
        """Return the exit code over all jobs; in a multirun, list the jobs that failed."""
        if not self.jobs:
            return 0
        if not self.many:
            if self.jobs[0].error is not None:
                raise self.jobs[0].error
            return self.jobs[0].code
        failed = [job for job in self.jobs if job.code]
        print(f"\nlengen: {len(self.jobs) - len(failed)} of {len(self.jobs)} jobs finished")
        for job in failed:
            print(f"  failed: {' '.join(job.overrides)}: {job.reason}", file=sys.stderr)
        return FAILED if failed else 0

    @property
    def _folders(self) -> list[Path]:
        """The user's configuration folders."""
        return [Path(folder) for folder in folders(self.arguments)[0]]

    def _line(self, error: BaseException) -> str:
        """Describe an error on one line: the option, the value it got, and what is allowed."""
        if not is_usage_error(error, self.own_modules):
            return named(error)
        return explain(error, self.command.name, self.arguments, self._folders)


def launcher_of(config: Mapping[str, Any], allowed: set[str]) -> Launcher:
    """Build the launcher of a study.

    Raises:
        UsageError: an unknown launcher, or a value that is not allowed.
    """
    from lengen.config.builder import Builder, leaf

    leaf(int | None, config["jobs"], "jobs")  # by its own name, of which every launcher's is a copy
    return Builder(allowed).build(Launcher, config["launcher"], "launcher")


def plain_values(cfg: Any) -> dict[str, Any]:
    """Resolve a composed configuration to plain values.

    Raises:
        UsageError: a value is missing, or refers to a key that does not exist.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise UsageError(interpolation(error)) from error


def given_flags(words: list[str], hint: str) -> Any:
    """Parse the flags of a command.

    Raises:
        UsageError: a flag is unknown, or has a wrong value.
    """
    from hydra._internal.utils import get_args_parser

    def fault(message: str) -> NoReturn:
        raise UsageError(f"{message.removeprefix('argument ')} ({hint})")

    parser = get_args_parser()
    parser.error = fault  # type: ignore[method-assign]
    flags, unknown = parser.parse_known_args(words)
    require(not unknown, f"{' '.join(unknown)}: unknown flag ({hint})")
    for name in ("config_path", "config_name", "experimental_rerun"):
        flag = f"--{name.replace('_', '-')}"
        require(
            getattr(flags, name) is None, f"{flag}: lengen has its own; --config-dir adds a folder of yours"
        )
    return flags


def folders(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split arguments into the configuration folders given by --config-dir and the other arguments."""
    given, others, rest = list[str](), list[str](), iter(arguments)
    for word in rest:
        flag, _, folder = word.partition("=")
        if flag in ("--config-dir", "-cd"):
            given.append(folder or next(rest, ""))
        else:
            others.append(word)
    return given, others


def refuse(line: str) -> int:
    """Print a usage error on one line and return exit code 2."""
    print(f"lengen: {one_line(line)}", file=sys.stderr)
    return REFUSED
