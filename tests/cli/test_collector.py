"""Imports are not looked through by the collector of cycles, and what is made afterwards is."""

import gc
import sys

import pytest

from lengen.cli.collector import paused


class Circle:
    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    """As in a process that has not imported torch."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    gc.unfreeze()
    yield
    gc.freeze()
    gc.enable()


def test_nothing_is_collected_meanwhile_and_cycles_are_afterwards():
    with paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count()
    Circle()
    assert gc.collect()


def test_a_second_job_freezes_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", object())
    with paused():
        assert gc.isenabled()
    assert not gc.get_freeze_count()


def test_it_collects_again_after_an_error():
    with pytest.raises(ValueError, match="import"), paused():
        raise ValueError("import")
    assert gc.isenabled()


def test_who_has_switched_it_off_keeps_it_off():
    gc.disable()
    with paused():
        pass
    assert not gc.isenabled()
