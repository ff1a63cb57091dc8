"""torchmetrics, imported as far as Lightning uses it, and the rest on demand.

Lightning needs two classes of torchmetrics, whose package imports functions for audio, images and text with all that they depend on: two of
the seven CPU-seconds of a short run. The package's own code runs as soon as anything else is asked of it, so that other code sees
no difference.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_PARTS = {"Metric": "metric", "MetricCollection": "collections", "__version__": "__about__"}
"""What Lightning uses, and the modules that it is in."""


class _OnDemand(ModuleType):
    """A package whose own code runs when a name is asked for that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        if name == "_logger":  # its modules import it from here
            return logging.getLogger(self.__name__)
        if name in _PARTS and (value := self._part(name)) is not None:
            setattr(self, name, value)
            return value
        if name not in _PARTS and name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        assert self.__spec__ is not None
        assert self.__spec__.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]  # from here on an ordinary package
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)

    def _part(self, name: str) -> Any:
        """Import a name from its module; None in a version that has it elsewhere, or whose modules cannot be imported alone."""
        try:
            if not name.startswith("__"):
                import_module(f"{self.__name__}.utilities")  # first: it and that of metrics import each other
            return getattr(import_module(f"{self.__name__}.{_PARTS[name]}"), name)
        except (ImportError, AttributeError):
            for each in [each for each in sys.modules if each.startswith(f"{self.__name__}.")]:
                del sys.modules[each]
            return None


def defer() -> None:
    """Let torchmetrics be imported on demand, unless it is imported already or not installed."""
    if "torchmetrics" in sys.modules or (spec := find_spec("torchmetrics")) is None:
        return
    package: Any = _OnDemand(spec.name)
    package.__spec__, package.__loader__, package.__file__ = spec, spec.loader, spec.origin
    package.__package__, package.__path__ = spec.name, list(spec.submodule_search_locations or [])
    sys.modules[spec.name] = package
