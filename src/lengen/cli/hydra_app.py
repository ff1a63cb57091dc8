"""Runs a command under Hydra and reports usage errors on one line.

Imports no torch, so that `--help`, `--cfg`, tab completion and usage errors are fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, redirect_stderr
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from lengen.cli.arguments import OVERRIDE, folders, refuse
from lengen.cli.composed_once import composed_once
from lengen.cli.flags import given_flags
from lengen.cli.study_jobs import Jobs, Keeper
from lengen.config.bounded_yaml import check_folder
from lengen.config.compose import Command, plain_values, refuse_labels
from lengen.config.errors import UsageError, is_usage_error, nearest, require
from lengen.config.explain import explain, known_options
from lengen.config.objectives import require_objective
from lengen.config.search import config_dir, groups, named_modules, own_files, refuse_taken_names
from lengen.config.unknown_options import refuse_unknown
from lengen.config.words import check_words
from lengen.launcher import Launcher
from lengen.launcher.job import JobResult, named
from lengen.training.interruption import SIGNALS, Interrupted, exit_code


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
        check: the same for what refuses a job before any starts; see `Jobs`.
        keeper: makes what is told of the jobs of a multirun before they start, and of their results.
        search_of: makes what a search is told of its trials; see `Multirun`.
        settings: options of Hydra itself that the command sets.
        headed: of how many jobs of a multirun the name is shown; see `Multirun`.
        done: what becomes of the jobs of a multirun, in a word; see `Multirun`.
        planned: whether jobs are only described, of a command that has a launcher.
        code: exit code of a single run.
        error: what a single run has raised.
        own_modules: top-level modules of the user's classes, as their YAML names them.
        launcher: of a multirun whose jobs are only described; None if there is none, or if they come batch by batch.
    """

    command: Command
    work: Callable[[dict[str, Any], set[str]], int]
    arguments: list[str]
    job: Callable[[dict[str, Any], set[str]], JobResult] | None = None
    check: Callable[..., JobResult] | None = None
    keeper: Callable[[], Keeper] | None = None
    search_of: Callable[[Mapping[str, Any], Any, Sequence[str]], Any] | None = None
    settings: tuple[str, ...] = ()
    headed: int | None = None
    done: str = "finished"
    planned: bool = False
    code: int = 0
    error: Exception | None = None
    own_modules: set[str] = field(default_factory=set)
    launcher: Launcher | None = None

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
        package: str | None = None
        completing = any(word.startswith(("-sc", "--shell-completion")) for word in self.arguments)
        hydra_main = hydra.main(
            config_path=str(config_dir()), config_name=self.command.name, version_base="1.3"
        )
        try:
            words = self.command.rewritten(self.arguments, self._folders)
            if not completing:
                words = together(words)
            sys.argv = [sys.argv[0] if completing else f"lengen {self.command.name}", *words]
            if not completing:
                extends = self.command.extends  # what extend= names was checked when it was rewritten
                given = [word for word in self.arguments if not (extends and word.startswith("extend="))]
                package = self._check(together(map(self.command.word, given)))
            sys.argv += self.settings
            with (
                redirect_stderr(StringIO()) if package else nullcontext()
            ):  # Hydra says it on a line of its own
                return self._run(hydra_main)
        except BrokenPipeError:  # the reader has closed the pipe
            raise
        except Exception as error:  # noqa: BLE001  # raised again unless it is a mistake
            return self._failed(error, traced=traced)
        except SystemExit as exit_request:  # Hydra's --help, and argparse
            if exit_request.code == 1 and package:
                return refuse(self._no_package(package))
            return exit_request.code if isinstance(exit_request.code, int) else 0
        except KeyboardInterrupt as stopped:
            return self._interrupted(stopped)
        finally:
            if not traced:
                os.environ.pop("HYDRA_FULL_ERROR", None)

    def _failed(self, error: Exception, *, traced: bool) -> int:
        """Say what was wrong; return the exit code.

        Raises:
            Exception: the error, if it is no mistake of the user, or if it is to be `traced`.
        """
        if (
            SIGNALS.raised is not None
        ):  # in the middle of Hydra or OmegaConf, which raised an error of their own then
            return self._interrupted(Interrupted(SIGNALS.raised))
        if traced or not is_usage_error(error, self.own_modules):
            raise error
        return refuse(self._line(error))

    def _interrupted(self, stopped: KeyboardInterrupt) -> int:
        """Say that a signal has stopped the command; return its exit code."""
        known = getattr(stopped, "__notes__", [self.command.interrupted])
        print(f"lengen: interrupted; {known[0]}", file=sys.stderr)
        return exit_code(stopped)

    def _no_package(self, package: str) -> str:
        """Say that the configuration has no option or group of a name, whose part was to be printed."""
        known = known_options(self.command.name, self.arguments, self._folders)
        hint = "" if package in known else nearest(package, known)
        return f"--package={package}: is not in the configuration that --cfg prints{hint} (allowed: an option or a group, as in task)"

    def _check(self, words: list[str]) -> str | None:
        """Refuse words before Hydra sees them.

        Returns:
            The part of the configuration that is to be printed, if it is one alone.

        Raises:
            UsageError: names the word.
        """
        flags = given_flags(words, self.command.name)
        self._refuse_paths(flags.overrides)
        refuse_labels(words)
        for folder in self._folders:
            check_folder(folder)
        refuse_taken_names(self._folders)
        refuse_unknown(flags.overrides, self.command.name, self.arguments, self._folders)
        known = groups(self._folders) if self.command.grouped else ()
        check_words(flags.overrides, self._folders, known, self.command.name)
        package: str | None = flags.package
        return package

    def _refuse_paths(self, words: Sequence[str]) -> None:
        """Refuse a path without its option, of a command on runs; that of a run has a sign of equality itself, as in seed=0."""
        option = next((name for name in ("run", "runs") if name in self.command.lists), "")
        for word in words if option else ():
            key, equals, _ = word.partition("=")
            path = ("/" in key and not key.startswith("hydra/")) or (not equals and Path(word).exists())
            require(not path, f"{word}: a path needs its option; write {option}={word}")

    def _run(self, hydra_main: Callable[..., Any]) -> int:
        """Compose with Hydra and run every job. Jobs do not raise, so any error of Hydra's is from composing.

        Raises:
            UsageError: Hydra cannot compose the overrides.
            Exception: any error of a single run.
        """
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException
        from yaml import YAMLError

        from lengen.cli.multirun import LauncherFault, Multirun

        work = self.job or partial(exit_coded, self.work)
        jobs = Jobs(work, self.command.name, self.arguments, self._folders, self.check)
        launcher = launcher_of if self.job else None
        named = launcher_of if self.planned else None
        multirun = Multirun(jobs, launcher, self.keeper, self.search_of, self.headed, self.done, named)
        try:
            with multirun.launching(), composed_once(self._given, self._folders):
                hydra_main(self._job)()
        except LauncherFault as fault:
            raise fault.__cause__ or fault from None
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
            raise UsageError(str(error)) from error
        if self.error is not None:
            raise self.error
        self.launcher = multirun.named
        if not multirun.results:
            return self.code
        if multirun.keeper is not None:
            multirun.keeper.end(multirun.results)
        return multirun.summed_up()

    def _job(self, cfg: Any) -> None:
        """Carry out a single run; called by Hydra, which would print its own traceback of an error."""
        try:
            self.own_modules = named_modules(self._folders)
            composed = plain_values(cfg)
            if self.job or self.planned:
                self._refuse_unused()
            if "launcher" in composed:  # a single run needs none, and is refused what is wrong
                require_objective(composed["objective"])
                launcher = launcher_of(composed, {"lengen", *self.own_modules})
                require(
                    launcher.here or not (self.job or self.planned),
                    "launcher: a single run would be carried out here: add -m, by which it is a study of one",
                )
            self.code = self.work(composed, {"lengen", *self.own_modules})
        except Exception as error:  # noqa: BLE001  # raised again outside of Hydra
            self.error = error

    def _refuse_unused(self) -> None:
        """Refuse a single run whose experiment says what a multirun varies, unless it is asked for.

        Raises:
            UsageError: names the file, if it is one of the user's.
        """
        from hydra.core.hydra_config import HydraConfig

        params = HydraConfig.get().sweeper.get("params") or {}
        varied = [f"{key}={value}" for key, value in params.items()]
        if not varied or any(word.lstrip("+").startswith("hydra.mode=") for word in self.arguments):
            return
        names = [word.partition("=")[2] for word in self.arguments if word.startswith("experiment=")]
        files = [str(path) for name in names for path in own_files("experiment", name, self._folders)]
        raise UsageError(
            f"{': '.join([*files[:1], 'hydra.sweeper.params'])}: {' '.join(varied)} is for a multirun: add -m, or write hydra.mode: "
            "MULTIRUN there (hydra.mode=RUN trains one run without it)"
        )

    @property
    def _given(self) -> list[str]:
        """The words of the command line for Hydra, without those that the command adds."""
        return [word for word in sys.argv[1:] if word not in self.settings]

    @property
    def _folders(self) -> list[Path]:
        """The user's configuration folders."""
        return [Path(folder) for folder in folders(self.arguments)[0]]

    def _line(self, error: BaseException) -> str:
        """Describe an error on one line: the option, the value it got, and what is allowed."""
        if not is_usage_error(error, self.own_modules):
            return named(error)
        return explain(error, self.command.name, self.arguments, self._folders)


def together(words: Iterable[str]) -> list[str]:
    """Return words with all overrides next to each other, as argparse needs them.

    >>> together(["task=copy", "--config-dir", "conf", "pe=rope"])
    ['--config-dir', 'conf', 'task=copy', 'pe=rope']
    """
    return sorted(words, key=lambda word: OVERRIDE.match(word) is not None)


def exit_coded(
    work: Callable[[dict[str, Any], set[str]], int], config: dict[str, Any], allowed: set[str]
) -> JobResult:
    """Do what a command does, as a job of a multirun."""
    code = work(config, allowed)
    return JobResult(code, "see above" if code else "")


def launcher_of(config: Mapping[str, Any], allowed: set[str]) -> Launcher:
    """Build the launcher of a study.

    Raises:
        UsageError: an unknown launcher, or a value that is not allowed.
    """
    from lengen.config.builder import Builder, leaf

    leaf(int | None, config["jobs"], "jobs")  # by its own name, of which every launcher's is a copy
    return Builder(allowed).build(Launcher, config["launcher"], "launcher")
