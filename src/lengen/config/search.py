"""Where configurations lie: the packaged YAML and the user's own folders, and Hydra on top of them. Imports no torch."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lengen.config.bounded_yaml import read_yaml
from lengen.config.errors import UsageError


def config_dir() -> Path:
    """Return the folder of the packaged YAML: next to the modules in a wheel, at the top of the repository in a checkout."""
    here = Path(__file__).resolve().parent
    for folder in (here.parent / "configs", here.parents[2] / "configs"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError("lengen was installed without its configs")


def groups(folders: Sequence[Path] = ()) -> set[str]:
    """Return the names of the option groups."""
    return {
        place.name
        for folder in (config_dir(), *folders)
        if folder.is_dir()
        for place in folder.iterdir()
        if place.is_dir()
    }


def choices(group: str, folders: Sequence[Path] = ()) -> list[str]:
    """Return the names of the options of a group; none if it is no group."""
    files = (file for folder in (config_dir(), *folders) for file in (folder / group).glob("*.yaml"))
    return sorted({file.stem for file in files})


def refuse_taken_names(folders: Sequence[Path]) -> None:
    """Refuse an option of the user's with the name of one of lengen's, which would be taken in its place.

    Raises:
        UsageError: there is one; its file is named.
    """
    for folder in folders:
        for path in sorted(folder.glob("*/*.yaml")):
            own = path.relative_to(folder)
            if (config_dir() / own).is_file() and not folder.samefile(config_dir()):
                raise UsageError(
                    f"{path}: lengen has an option {own.parent}={own.stem}, which would be taken; give the file another name"
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


def searched(folders: Sequence[Path]) -> list[str]:
    """Return the override that adds the user's configuration folders to Hydra's search path.

    Raises:
        UsageError: a folder does not exist, or has an option with the name of one of lengen's.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"config_dir={folder}: no such folder")
    refuse_taken_names(folders)
    places = ",".join(quoted(f"file://{folder.resolve()}") for folder in folders)
    return [f"hydra.searchpath=[{places}]"] if folders else []


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


def quoted(text: str) -> str:
    r"""Quote a text for Hydra, which reads a backslash as an escape only before a quote.

    >>> print(quoted('a "b"'))
    "a \"b\""
    """
    escaped = re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + found[2].replace('"', '\\"'), text)
    return f'"{escaped}"'


def arguments(group: str, name: str, folders: Sequence[Path] = ()) -> list[str]:
    """Return the names that the YAML of an option has; none if there is no such file, or if it cannot be read."""
    files = [folder / group / f"{name}.yaml" for folder in (config_dir(), *folders)]
    try:
        held = read_yaml(next(file for file in files if file.is_file()))
    except (StopIteration, UsageError, OSError):
        return []
    return [key for key in held if key != "_target_"] if isinstance(held, dict) else []


def own_files(group: str, name: str, folders: Sequence[Path]) -> list[Path]:
    """Return the files of an option in the user's own folders."""
    paths = [folder / group / f"{name}.yaml" for folder in folders]
    return [path for path in paths if path.is_file()]
