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


class _OnDemand(ModuleType):
    """A package whose own code runs when a name is asked for that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self.__spec__ is None or self.__spec__.loader is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.__class__ = ModuleType  # type: ignore[assignment]  # from here on an ordinary package
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def defer() -> None:
    """Let the whole of torchmetrics be imported on demand.

    Does nothing where it is imported already or not installed, and leaves a version whose parts cannot be imported alone to the ordinary
    import.
    """
    if "torchmetrics" in sys.modules or (spec := find_spec("torchmetrics")) is None:
        return
    package: Any = _OnDemand(spec.name)
    package.__spec__, package.__loader__, package.__file__ = spec, spec.loader, spec.origin
    package.__package__, package.__path__ = spec.name, list(spec.submodule_search_locations or [])
    package._logger = logging.getLogger(spec.name)  # noqa: SLF001  # its modules import it from here
    sys.modules[spec.name] = package
    try:
        package.__version__ = import_module("torchmetrics.__about__").__version__
        import_module("torchmetrics.utilities")  # first: it and the module of metrics import each other
        package.Metric = import_module("torchmetrics.metric").Metric
        package.MetricCollection = import_module("torchmetrics.collections").MetricCollection
    except (ImportError, AttributeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == spec.name]:
            del sys.modules[name]
