"""Signals: a step is finished and a checkpoint written, a second signal stops at once."""

from __future__ import annotations

import os
import signal

import pytest

from lengen.training.interruption import HEEDED, SIGNALS, Interrupted, exit_code


@pytest.fixture
def _heard():
    """Handlers of another program, which must come back."""
    mine = [signal.signal(number, signal.default_int_handler) for number in HEEDED]
    yield
    for number, handler in zip(HEEDED, mine, strict=True):
        assert signal.getsignal(number) is signal.default_int_handler
        signal.signal(number, handler)


@pytest.mark.usefixtures("_heard")
@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_outside_training_a_signal_stops_at_once(number, code):
    with pytest.raises(Interrupted, match=f"stopped by {number}") as stopped, SIGNALS.heeded():
        os.kill(os.getpid(), getattr(signal, number))
        pytest.fail("not stopped")
    assert exit_code(stopped.value) == code


@pytest.mark.usefixtures("_heard")
def test_in_training_a_signal_waits_for_the_end_of_the_step(capsys):
    reached = False
    with pytest.raises(Interrupted, match="SIGTERM"), SIGNALS.heeded(), SIGNALS.deferred():
        SIGNALS.stop_if_pending()
        os.kill(os.getpid(), signal.SIGTERM)
        reached = True
        assert SIGNALS.pending == signal.SIGTERM
        SIGNALS.stop_if_pending()
    assert reached
    assert SIGNALS.pending is None
    assert "again to stop at once" in capsys.readouterr().err


@pytest.mark.usefixtures("_heard")
def test_a_second_signal_stops_within_the_step():
    with pytest.raises(Interrupted, match="SIGINT"), SIGNALS.heeded(), SIGNALS.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("not stopped")


@pytest.mark.usefixtures("_heard")
def test_what_is_ignored_stays_ignored():
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with SIGNALS.heeded():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.signal(signal.SIGHUP, before) is signal.SIG_IGN


def test_ctrl_c_in_a_notebook_has_no_number():
    assert exit_code(KeyboardInterrupt()) == 130
