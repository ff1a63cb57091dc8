"""What a set of checks found: which hold, which fail and why."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lengen.config.errors import UsageError

Checks = Mapping[str, Callable[[], str | None]]
"""Checks by name: each raises AssertionError if it fails, and may say something beside its success."""


BUILT = "is built, without buffers"
"""The check without which no other one can be made."""


class ContractError(AssertionError):
    """A part does not keep its contract; the message is one line."""


@dataclass(frozen=True)
class Check:
    """One check.

    Args:
        name: what must hold.
        passed: whether it does.
        reason: why it does not, in one line; or what is to be known where it does.
    """

    name: str
    passed: bool
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """All checks of one part.

    Args:
        subject: name of the part.
        checks: in their order.
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
        lines = [
            f"{'ok  ' if check.passed else 'FAIL'}  {check.name:<{width}}  {check.reason}".rstrip()
            for check in self.checks
        ]
        held = len(self.checks) - len(self.failures)
        return "\n".join([f"{self.subject}: {held} of {len(self.checks)} checks hold", *lines])


def run(subject: str, checks: Checks, *, raise_on_failure: bool) -> Report:
    """Carry out checks; torch's global generator is left as it was.

    Args:
        subject: name of what is checked.
        checks: by name.
        raise_on_failure: whether the first failure is raised; else all are in the report.

    Raises:
        ContractError: a check fails.
    """
    found = []
    for name, check in checks.items():
        try:
            with torch.random.fork_rng(devices=[]):
                found.append(Check(name, passed=True, reason=check() or ""))
        except Exception as error:  # whatever a stranger's code raises is a finding
            reason = explained(error)
            if raise_on_failure:
                raise ContractError(f"{subject}: {name}: {reason}") from error
            found.append(Check(name, passed=False, reason=reason))
            if name == BUILT:  # the others would say the same
                break
    return Report(subject, tuple(found))


def name_of(made: Callable[..., object]) -> str:
    """What a class, or what makes an instance of one, is called."""
    kind = getattr(made, "func", made)
    return str(getattr(kind, "__name__", kind))


def explained(error: Exception) -> str:
    """An error in one line: what a check says of itself, or the error with the line of code that raised it."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    own = isinstance(error, UsageError) or (isinstance(error, AssertionError) and text)
    if own:
        return text
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _stranger(frame.filename)]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text}{place}"


def _stranger(file: str) -> bool:
    """Whether a file is neither a library's nor one of these checks."""
    return "site-packages" not in file and Path(__file__).parent not in Path(file).parents


def expect(holds: object, message: str) -> None:
    """Fail a check with one line.

    Raises:
        ContractError: it does not hold.
    """
    if not holds:
        raise ContractError(message)


def expect_close(got: Tensor, expected: Tensor, tolerance: float, message: str) -> None:
    """Fail a check where two tensors differ, in their shapes or by more than a tolerance.

    Raises:
        ContractError: they differ.
    """
    expect(
        got.shape == expected.shape, f"{message}: shape {list(got.shape)} in place of {list(expected.shape)}"
    )
    apart = (got.detach().double() - expected.detach().double()).abs()
    difference = float(apart.max()) if got.numel() else 0.0
    expect(
        difference <= tolerance, f"{message}: they differ by up to {difference:.3g}, allowed is {tolerance:g}"
    )
