"""Base class of modules with hooks, which checks that no attribute hides a hook, and that no method is a misspelled one."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator
from types import CodeType, FunctionType
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
        """Check that every hook is a method, on the class and on this instance, and that no method is a misspelled hook.

        Raises:
            UsageError: an attribute hides a hook, or a method that nothing calls is spelled almost as one; the message names the class,
                the attribute and the hook.
        """
        check_spelling(type(self), self.hooks, former=self.renamed)
        held = {**vars(self), **self._parameters, **self._buffers, **self._modules}
        for name in self.hooks:
            owner = next(kind for kind in type(self).__mro__ if name in vars(kind))
            if hides(vars(owner)[name]) or (name in held and hides(held[name])):
                raise UsageError(hidden(self, name))


LIBRARIES = (OWN, "torch", "builtins", "abc", "typing")
"""Packages whose classes are not the user's."""
SHORT = 6
"""Letters of a hook, below which one wrong letter makes a misspelling, and from which two do."""


def check_spelling(part: type, hooks: Collection[str], former: Collection[str] = ()) -> None:
    """Refuse a method of the user's that can only be a misspelled hook.

    It is spelled almost as a hook that the user's classes do not define, takes what the hook takes, and none of their methods calls it.

    Args:
        part: the class.
        hooks: names of the methods that are called.
        former: further names by which they may be defined.

    Raises:
        UsageError: names the method and the hook.
    """
    own = [kind for kind in part.__mro__ if kind.__module__.partition(".")[0] not in LIBRARIES]
    others = [kind for kind in part.__mro__ if kind not in own]
    functions = {
        name: (kind, value)
        for kind in own
        for name, value in vars(kind).items()
        if isinstance(value, FunctionType)
    }
    called = {name for _, function in functions.values() for name in names_in(function.__code__)}
    inherited = {name for kind in others for name in vars(kind)}
    for name, (kind, function) in functions.items():
        if name.startswith("_") or name in called or name in former or name in inherited:
            continue
        for hook in hooks:
            base = next((vars(each)[hook] for each in others if hook in vars(each)), None)
            most = 1 if len(hook) < SHORT else 2
            if hook not in functions and 0 < edits(name, hook) <= most and takes(function, base):
                raise UsageError(
                    f"{kind.__module__}.{kind.__name__}.{name}: nothing calls this method; did you mean the hook {hook!r}?"
                )


def takes(function: FunctionType, base: Any) -> bool:
    """Whether a method can be called as another one is, which has only arguments by place."""
    if not isinstance(base, FunctionType):
        return False
    try:
        inspect.signature(function).bind(*inspect.signature(base).parameters)
    except TypeError:
        return False
    return True


def names_in(code: CodeType) -> Iterator[str]:
    """Names of the attributes and globals that a function reads, those in functions within it included."""
    yield from code.co_names
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from names_in(value)


def edits(one: str, other: str) -> int:
    """Number of letters that are added, left out, replaced or swapped with the next between two words.

    >>> edits("logit_bais", "logit_bias"), edits("normalize", "normalise"), edits("contxt", "context"), edits("mix", "mix")
    (1, 1, 1, 0)
    """
    before, last = list[int](), list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        now = [i]
        for j, against in enumerate(other, 1):
            least = min(last[j] + 1, now[-1] + 1, last[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                least = min(least, before[j - 2] + 1)
            now.append(least)
        before, last = last, now
    return last[-1]


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
