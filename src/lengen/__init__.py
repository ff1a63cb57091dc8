"""lengen: train a small decoder on short problems, and ask whether it still works at lengths it has never seen.

    import lengen
    run = lengen.train(task="copy", pe="rope", steps=500, seed=0)

Names are imported when they are first used: `import lengen` itself costs nothing.
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

from lengen.config.aliases import install
from lengen.config.version import VERSION

if TYPE_CHECKING:
    from lengen.api.comparison import compare as compare
    from lengen.api.planning import plan as plan
    from lengen.api.run import load as load
    from lengen.api.study import study as study
    from lengen.api.training import train as train
    from lengen.attention import AttentionRule as AttentionRule
    from lengen.config.errors import LengthUnavailable as LengthUnavailable
    from lengen.config.errors import UsageError as UsageError
    from lengen.pe import PositionalEncoding as PositionalEncoding
    from lengen.positions import Positions as Positions
    from lengen.task import Task as Task

__version__ = VERSION

_PLACES = {
    "train": "lengen.api.training",
    "study": "lengen.api.study",
    "load": "lengen.api.run",
    "compare": "lengen.api.comparison",
    "plan": "lengen.api.planning",
    "UsageError": "lengen.config.errors",
    "LengthUnavailable": "lengen.config.errors",
    "Task": "lengen.task",
    "PositionalEncoding": "lengen.pe",
    "Positions": "lengen.positions",
    "AttentionRule": "lengen.attention",
}
_MODULES = ("testing",)

__all__ = [  # sorted
    "AttentionRule",
    "LengthUnavailable",
    "PositionalEncoding",
    "Positions",
    "Task",
    "UsageError",
    "__version__",
    "compare",
    "load",
    "plan",
    "study",
    "testing",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used."""
    if name in _MODULES:
        return importlib.import_module(f"lengen.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'lengen' has no attribute {name!r}")
    with warnings.catch_warnings():  # the progress bar of a library, which is not used
        warnings.filterwarnings("ignore", message="IProgress not found")
        found = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return all names, imported or not."""
    return sorted({*globals(), *__all__})


install()
