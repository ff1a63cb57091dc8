"""Parts of the decoder that are called by hooks: no attribute may hide one."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from lengen.config.aliases import RenamedMethods
from lengen.config.errors import UsageError


class HookedModule(RenamedMethods, nn.Module):
    """A module whose methods the decoder calls by name."""

    hooks: ClassVar[tuple[str, ...]] = ()
    """Methods and properties that the decoder calls or reads."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.hooks and hides(value):
            raise UsageError(hidden(self, name))
        super().__setattr__(name, value)

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        """As torch does it; the former name of a hook is free for parameters."""
        if name in self.renamed:
            self._parameters[name] = param
        else:
            super().register_parameter(name, param)

    def check_hooks(self) -> None:
        """Refuse a class or an instance that has something else under the name of a hook.

        Raises:
            UsageError: names the class, the attribute and the hook.
        """
        held = {**vars(self), **self._parameters, **self._buffers, **self._modules}
        for name in self.hooks:
            owner = next(kind for kind in type(self).__mro__ if name in vars(kind))
            if hides(vars(owner)[name]) or (name in held and hides(held[name])):
                raise UsageError(hidden(self, name))


def hides(value: Any) -> bool:
    """Whether something is no method and no property, so that a hook of its name would be lost."""
    return isinstance(value, nn.Module) or not (callable(value) or hasattr(value, "__get__"))


def hidden(part: HookedModule, name: str) -> str:
    """What is said of an attribute that hides a hook."""
    kind = type(part)
    base = [parent for parent in kind.__mro__ if name in parent.__dict__.get("hooks", ())][-1]
    return (
        f"{kind.__module__}.{kind.__name__}.{name}: an attribute of this name hides the hook {name!r} of "
        f"{base.__name__}, give it another name"
    )
