"""Stress sets by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from lengen.stress import chosen
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.passkey import Passkey


def test_names_and_families():
    assert list(chosen(Addition(), ["uneven", "carry", "carry"])) == ["carry", "uneven"]
    assert len(chosen(Passkey(), ["depth"])) == 11
    assert list(chosen(Passkey(), ["depth=0.50"])) == ["depth=0.50"]
    assert chosen(Passkey(), []) == {}


def test_unknown_names_are_refused():
    with pytest.raises(
        ValueError, match=r"eval\.stress=dept: unknown; did you mean 'depth'.*allowed for this task: depth\)"
    ):
        chosen(Passkey(), ["dept"])


@dataclass(frozen=True)
class Wider(Copy):
    def stresses(self):
        return {"wider": replace(self, alphabet=self.alphabet + 1)}


def test_another_vocabulary_is_refused():
    with pytest.raises(ValueError, match=r"eval\.stress=wider: its vocabulary differs"):
        chosen(Wider(), ["wider"])
