"""What the YAML files of a group name."""

from copy import deepcopy
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from omegaconf import OmegaConf

from lengen.config.builder import Builder
from lengen.task import Task

CONFIGS = Path(__file__).parents[1] / "configs"


def files(group):
    """Every YAML of a group."""
    return sorted((CONFIGS / group).glob("*.yaml"))


@cache
def content(path):
    """What a YAML holds."""
    return OmegaConf.to_container(OmegaConf.load(path), resolve=True)


def read(path):
    """The class that a YAML names, and its options; `# @package _global_` files hold them under their group's name."""
    held = content(path)
    options = deepcopy(held[path.parent.name] if path.read_text().startswith("# @package _global_") else held)
    module, _, kind = options.pop("_target_").rpartition(".")
    return getattr(import_module(module), kind), options


def built(kind, options):
    """A task, and the tasks inside it."""
    return Builder().build(Task, {"_target_": f"{kind.__module__}.{kind.__name__}", **options}, "task")


def made(group, name, **changes):
    """The object of a YAML, with some options changed."""
    kind, options = read(CONFIGS / group / f"{name}.yaml")
    return kind(**options | changes)


def named(group):
    """Every class that a YAML of a group names, with its options."""
    for path in files(group):
        kind, options = read(path)
        yield pytest.param(partial(kind, **options), id=path.stem)


def choices(kind):
    """The options of a class that take a few named values, or yes and no, and those values."""
    hints = get_type_hints(kind.__init__)
    named = {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}
    return named | {name: (False, True) for name, hint in hints.items() if hint is bool}


def variations(group):
    """As `named`, and again for every further value of an option that is a choice."""
    for path, case in zip(files(group), named(group), strict=True):
        yield case
        (given,) = case.values
        for name, values in choices(given.func).items():
            for value in values:
                if value != given.keywords[name]:
                    yield pytest.param(partial(given, **{name: value}), id=f"{path.stem}-{name}={value}")
