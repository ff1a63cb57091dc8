"""The way in through Hydra: composes a command's configuration, and turns every mistake of a user into one line.

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

from lengen.config.builder import config_dir, nearest
from lengen.config.errors import require

REFUSED, FAILED, INTERRUPTED = 2, 1, 130
MISTAKES = (ValueError, OSError)
"""What a user can mend: everything else is ours, and keeps its traceback."""

GIVEN = re.compile(r"~|[+]*[\w./@]+=")
"""How an option of the configuration begins: `task=copy`, `+mine=1`, `~mine`."""
TEXTS, LISTS = ("task.path", "task.train", "task.tokens"), ("task.evaluation",)
"""Options of `task=dataset` that are texts, and that are lists of them."""


@dataclass
class Job:
    """One job of a command: what was asked, and how it ended (0 is well)."""

    overrides: list[str]
    code: int
    error: Exception | None = None


@dataclass
class HydraApp:
    """Runs a command's function on its composed configuration, once, or in a multirun once for every job.

    Args:
        command: name of the command and of its YAML.
        work: takes the configuration as plain resolved values and the allowed top-level modules; gives an exit code.
            ValueError is the user's mistake.
        arguments: what stood on the command line behind the command.
        short: options of `eval` that may be written without its name (`lengths` is a group besides).
        jobs: what has been run, in order.
        many: whether this is a multirun.
        texts: options that are texts, such as a title or a path: taken as they stand, whatever is in them.
        lists: options that are lists of such texts; a single one needs no brackets.
    """

    command: str
    work: Callable[[dict[str, Any], set[str]], int]
    arguments: list[str]
    short: tuple[str, ...] = ()
    jobs: list[Job] = field(default_factory=list)
    many: bool = False
    texts: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    def enter(self) -> int:
        """Compose and run.

        Returns:
            0; 1 if a run or a job failed; 2 for a mistake on the command line; 130 after Ctrl-C.
        """
        import hydra
        from hydra._internal.utils import get_args_parser
        from hydra.errors import CompactHydraException

        traced = os.environ.get("HYDRA_FULL_ERROR") == "1"
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises, and the exit code is ours
        completing = any(word.startswith(("-sc", "--shell-completion")) for word in self.arguments)
        words = [*map(self._quoted, self.arguments)]
        if not completing:  # argparse wants all options of the configuration together
            words.sort(key=lambda word: GIVEN.match(word) is not None)
        sys.argv = [sys.argv[0] if completing else f"lengen {self.command}", *words]
        entrance = hydra.main(config_path=str(config_dir()), config_name=self.command, version_base="1.3")
        try:
            unknown = [] if completing else get_args_parser().parse_known_args(words)[1]
            require(
                not unknown,
                f"{' '.join(unknown)}: no such flag (lengen {self.command} --help shows what there is)",
            )
            entrance(self._job)()
            return self._sum()
        except BrokenPipeError:  # nobody reads any more
            raise
        except (CompactHydraException, ValueError, OSError) as error:
            if traced:
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

    def _job(self, cfg: Any) -> None:
        """One job, as Hydra calls it; in a multirun nothing that fails stops the others."""
        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode
        from omegaconf import OmegaConf

        chosen = HydraConfig.get()
        self.many = chosen.mode == RunMode.MULTIRUN  # by -m, or by an experiment file
        asked = list(chosen.overrides.task)
        if self.many:
            print(f"\nlengen: job {len(self.jobs) + 1}: {' '.join(asked)}", flush=True)
        try:
            plain = OmegaConf.to_container(cfg, resolve=True)
            code = self.work(plain, {"lengen", *self._named()})  # type: ignore[arg-type]
            self.jobs.append(Job(asked, code))
        except Exception as error:  # noqa: BLE001  # Hydra would print of it what only developers want to read
            self.jobs.append(Job(asked, REFUSED if isinstance(error, MISTAKES) else FAILED, error))
            if self.many:
                print(f"lengen: {self._line(error)}", file=sys.stderr)
                if not isinstance(error, MISTAKES):
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

    def _quoted(self, word: str) -> str:
        """What the shell gave, as Hydra reads it: a list of lengths is no sweep over them, a glob is a text."""
        key, _, value = word.partition("=")
        name = key.lstrip("+")
        if name in self.short:
            key, name = key.replace(name, f"eval.{name}"), f"eval.{name}"
        if name == "eval.lengths" and (found := re.fullmatch(r"\[?(range\([-\d, ]*\))\]?", value)):
            return f'{key}=["{found[1]}"]'
        if value not in ("", "null") and not value.startswith(("'", '"', "['", '["')):
            if name in self.texts:
                return f"{key}={quoted(value)}"
            if name in self.lists:
                several = value.startswith("[") and value.endswith("]")
                parts = [part.strip() for part in (value[1:-1].split(",") if several else [value])]
                return f"{key}=[{','.join(quoted(part) for part in parts if part)}]"
        return f"{key}={value}" if "=" in word else word

    @property
    def _folders(self) -> list[Path]:
        """The user's own configuration folders."""
        return [Path(folder) for folder in folders(self.arguments)[0]]

    def _named(self) -> set[str]:
        """Modules that YAML in the user's own folders names; they are looked for there and in the working folder."""
        text = "\n".join(
            file.read_text(encoding="utf-8")
            for folder in self._folders
            for file in sorted(folder.rglob("*.yaml"))
        )
        if self._folders:
            sys.path.extend(
                str(place) for place in (Path.cwd(), *self._folders) if str(place) not in sys.path
            )
        return set(re.findall(r"_target_:\s*['\"]?(\w+)[\w.]*\.\w+", text))

    def _line(self, error: BaseException) -> str:
        """What went wrong, in one line that names the option, what was got and what is allowed."""
        text = str(error)
        if found := re.search(r"Could not find '([^']+)/([^'/]+)'", text):
            options = re.findall(r"^\t([\w.-]+)$", text, re.MULTILINE)
            return f"unknown option {found[1]}={found[2]}{nearest(found[2], options)} (allowed: {', '.join(options)})"
        if isinstance(error, OSError):
            return f"{error.filename or 'results_dir'}: {error.strerror or error}"
        if found := re.search(
            r"Could not override '([^']+)'|Key '([^']+)' is not in struct|In '[^']+': Could not override '([^']+)'",
            text,
        ):
            key = (found[1] or found[2] or found[3]).partition("@")[0].replace("/", ".")
            return f"unknown option {key!r}{self._near(key)}"
        if "Error parsing override" in text:
            word = re.search(r"Error parsing override '(.*)'", text)
            detail = next((line.strip() for line in text.splitlines()[1:] if line.strip()), "")
            return f"cannot read {word[1] if word else text!r}: allowed is option=value, quoted for the shell ({detail})"
        if "add --multirun" in text or "requires --multirun" in text:
            return f"{' '.join(text.splitlines()[0].split())} To run them all, give -m"
        return " ".join(
            line.strip()
            for line in text.split("\nSet the environment variable", maxsplit=1)[0].splitlines()
            if line.strip()
        )

    def _is_group(self, word: str) -> bool:
        """Whether an override chooses an option of a group."""
        return any((folder / word.partition("=")[0]).is_dir() for folder in (config_dir(), *self._folders))

    def _near(self, key: str) -> str:
        """The real options that a mistyped one is nearest to."""
        from hydra import compose, initialize_config_dir
        from hydra.core.global_hydra import GlobalHydra
        from omegaconf import OmegaConf

        GlobalHydra.instance().clear()
        try:
            with initialize_config_dir(str(config_dir()), version_base="1.3"):
                own = ",".join(f"file://{folder.resolve()}" for folder in self._folders)
                groups = [
                    word
                    for word in self.arguments
                    if re.fullmatch(r"\w+=[\w-]+", word) and self._is_group(word)
                ]
                known = flat(
                    OmegaConf.to_container(compose(self.command, [f"hydra.searchpath=[{own}]", *groups]))
                )
        except Exception:  # noqa: BLE001  # a hint is not worth a second error
            return ""
        head, _, tail = key.rpartition(".")
        same = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == head}
        if close := nearest(tail, same):
            return close.replace("'", f"'{head}." if head else "'", 1) if head else close
        if places := [name for name in known if name.rpartition(".")[2] == tail]:
            return f"; did you mean {places[0]!r}?"
        return nearest(key, known)


def quoted(text: str) -> str:
    r"""A text as Hydra reads it back: in its quotes a backslash means something only before a quote.

    >>> print(quoted('a "b"'))
    "a \"b\""
    """
    escaped = re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + found[2].replace('"', '\\"'), text)
    return f'"{escaped}"'


def flat(node: Any, head: str = "") -> list[str]:
    """Dotted names of all options."""
    if not isinstance(node, dict):
        return []
    names = [f"{head}{key}" for key in node if key != "_target_"]
    return names + [name for key, value in node.items() for name in flat(value, f"{head}{key}.")]


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
    """Say what is wrong on one line; the exit code is 2."""
    print(f"lengen: {line}", file=sys.stderr)
    return REFUSED
