"""Reports of contract tests: which checks hold, which fail, and why."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lengen.config.errors import UsageError, one_line, require

Checks = Mapping[str, Callable[[], str | None]]
"""Checks by name: each raises AssertionError if it fails, and may return a remark if it holds."""


BUILT = ("is built, without buffers", "is built")
"""The checks on which all others depend: of modules, and of other parts."""
EQUAL, CHANGED = 1e-10, 1e-6
"""Largest difference of two equal passes in float64, and smallest difference that counts as a change."""


class ContractError(AssertionError):
    """A part breaks its contract; the message is one line."""


@dataclass(frozen=True)
class Check:
    """One check.

    Args:
        name: what must hold.
        passed: whether it holds.
        reason: why it fails, on one line; a remark if it holds.
    """

    name: str
    passed: bool
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """All checks of one part.

    Args:
        subject: name of the part.
        checks: the checks, in order.
    """

    subject: str
    checks: tuple[Check, ...]

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def passed(self) -> bool:
        """Whether all checks hold."""
        return not self.failures

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)

    def __repr__(self) -> str:
        width = max((len(check.name) for check in self.checks), default=0)
        lines, first = list[str](), dict[str, str]()
        for check in self.checks:
            same = first.setdefault(check.reason, check.name)
            reason = check.reason if same == check.name or not check.reason else f"as in {same!r}"
            lines.append(f"{'ok  ' if check.passed else 'FAIL'}  {check.name:<{width}}  {reason}".rstrip())
        held = len(self.checks) - len(self.failures)
        return "\n".join([f"{self.subject}: {held} of {len(self.checks)} checks hold", *lines])


def run(subject: str, checks: Checks, *, raise_on_failure: bool) -> Report:
    """Run checks; torch's global generator is restored.

    Args:
        subject: name of the checked part.
        checks: the checks by name.
        raise_on_failure: raise at the first failure; otherwise report all.

    Raises:
        ContractError: a check fails.
    """
    found = []
    for name, check in checks.items():
        try:
            with torch.random.fork_rng(devices=[]):
                found.append(Check(name, passed=True, reason=check() or ""))
        except Exception as error:  # any error of the user's code is a failure
            reason = explained(error)
            if raise_on_failure:
                raise ContractError(f"{subject}: {name}: {reason}") from error
            found.append(Check(name, passed=False, reason=reason))
            if name in BUILT:  # all others would fail likewise
                break
    return Report(subject, tuple(found))


def require_maker(made: object, call: str, kind: type) -> None:
    """Refuse what is neither a class nor a function.

    Args:
        made: what is to be checked.
        call: the function that checks it.
        kind: what it makes.

    Raises:
        UsageError: it cannot be called.
    """
    must = f"must be a class of {kind.__module__}.{kind.__name__}, or a function that makes one"
    require(callable(made), f"{call}({one_line(repr(made))}): {must}")


def require_object(given: object, call: str, kind: type) -> None:
    """Refuse what is no object of a class.

    Args:
        given: what is to be checked.
        call: the function that checks it.
        kind: the class.

    Raises:
        UsageError: it is none.
    """
    name = getattr(given, "__name__", None)
    hint = f", as in {call}({name}(…))" if isinstance(given, type) and issubclass(given, kind) else ""
    require(
        isinstance(given, kind),
        f"{call}({name or one_line(repr(given))}): must be an object of {kind.__module__}.{kind.__name__}{hint}",
    )


def name_of(made: Callable[..., object]) -> str:
    """Return the name of a class, or of a function that makes an instance."""
    kind = getattr(made, "func", made)
    return str(getattr(kind, "__name__", kind))


def explained(error: Exception) -> str:
    """Describe an error on one line: the message of a check, or the error and the line of the user's code that raised it."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    own = isinstance(error, UsageError) or (isinstance(error, AssertionError) and text)
    if own:
        return text
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _outside(frame.filename)]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text}{place}"


def _outside(file: str) -> bool:
    """Whether a file belongs neither to a library nor to these checks."""
    return "site-packages" not in file and Path(__file__).parent not in Path(file).parents


def expect(holds: object, message: str) -> None:
    """Fail a check with one line, unless the condition holds.

    Raises:
        ContractError: the condition does not hold.
    """
    if not holds:
        raise ContractError(message)


def expect_close(got: Tensor, expected: Tensor, tolerance: float, message: str) -> None:
    """Fail a check if two tensors differ in shape or by more than a tolerance.

    Raises:
        ContractError: they differ.
    """
    expect(
        got.shape == expected.shape, f"{message}: shape {list(got.shape)} instead of {list(expected.shape)}"
    )
    differences = (got.detach().double() - expected.detach().double()).abs()
    difference = float(differences.max()) if got.numel() else 0.0
    expect(difference <= tolerance, f"{message}: differ by up to {difference:.3g}, more than {tolerance:g}")
