"""Copies of modules that hold the same parameters."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn

Part = TypeVar("Part", bound=nn.Module)


def shallow(module: Part) -> Part:
    """Return a copy of a module that holds the same parameters, buffers and submodules, and can get others."""
    made = copy.copy(module)
    for name in ("_parameters", "_buffers", "_modules"):
        made.__dict__[name] = dict(module.__dict__[name])
    return made
