"""Base class of modules with hooks, which checks that no attribute hides a hook."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from lengen.config.aliases import RenamedMethods
from lengen.config.errors import UsageError
from lengen.config.source import OWN


class HookedModule(RenamedMethods, nn.Module):
    """A module whose methods the decoder calls by name."""

    hooks: ClassVar[tuple[str, ...]] = ()
    """Names of the methods that the decoder calls."""
    reads_queries: ClassVar[bool] = False
    """True if hooks after `transform` read the queries of all tokens, not of those alone that they return something for. Classes
    from outside lengen do, unless they say False: the last block then leaves out what no answer needs."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Give classes from outside lengen all queries, unless they say otherwise."""
        super().__init_subclass__(**options)
        if cls.__module__.partition(".")[0] != OWN and "reads_queries" not in vars(cls):
            cls.reads_queries = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.hooks and hides(value):
            raise UsageError(hidden(self, name))
        super().__setattr__(name, value)

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        """See `nn.Module`; former names of hooks may be used for parameters."""
        if name in self.renamed:
            self._parameters[name] = param
        else:
            super().register_parameter(name, param)

    def overrides(self, hook: str) -> bool:
        """Whether the class has a hook of its own in place of that of the class which declares it.

        Args:
            hook: its name.
        """
        return getattr(type(self), hook) is not getattr(declares(type(self), hook), hook)

    def check_hooks(self) -> None:
        """Check that every hook is a method, on the class and on this instance.

        Raises:
            UsageError: an attribute hides a hook; the message names the class, the attribute and the hook.
        """
        held = {**vars(self), **self._parameters, **self._buffers, **self._modules}
        for name in self.hooks:
            owner = next(kind for kind in type(self).__mro__ if name in vars(kind))
            if hides(vars(owner)[name]) or (name in held and hides(held[name])):
                raise UsageError(hidden(self, name))


def hides(value: Any) -> bool:
    """Whether a value is neither callable nor a descriptor, so that it hides a hook of the same name."""
    return isinstance(value, nn.Module) or not (callable(value) or hasattr(value, "__get__"))


def hidden(part: HookedModule, name: str) -> str:
    """The error message for an attribute that hides a hook."""
    kind = type(part)
    base = declares(kind, name)
    return (
        f"{kind.__module__}.{kind.__name__}.{name}: this attribute hides the hook {name!r} of {base.__name__}; "
        "rename it"
    )


def declares(kind: type[HookedModule], hook: str) -> type[Any]:
    """The class, among those that a class derives from, which declares a hook."""
    return [parent for parent in kind.__mro__ if hook in vars(parent).get("hooks", ())][-1]
