"""A folder belongs to one process, of this machine or of another that shares it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lengen.config.errors import UsageError
from lengen.records import claim
from lengen.records.claim import claimed
from lengen.training.interruption import SIGNALS

HOLD = """
import sys
from pathlib import Path
from lengen.records.claim import claimed
from lengen.training.interruption import SIGNALS
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
OTHER = "filelock/2\npid=4242\nhost=node-7\nmode=lease\ntoken=00ff\nduration={duration}\nstart=1\n"


@pytest.fixture
def file(tmp_path):
    """The file of the claim."""
    return tmp_path / ".run.claim"


@pytest.fixture
def holder(tmp_path):
    """A process that works on a run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_run_belongs_to_one_process(tmp_path, holder):
    with (
        pytest.raises(
            UsageError, match=rf"run: another process is working on this run \(process {holder.pid} on "
        ),
        claimed(tmp_path / "run"),
    ):
        pass


def test_a_process_that_is_killed_lets_go_at_once(tmp_path, file, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert file.exists()
    started = time.monotonic()
    with claimed(tmp_path / "run"):
        pass
    assert time.monotonic() - started < 2
    assert not file.exists()


def test_an_error_inside_lets_go(tmp_path):
    with pytest.raises(KeyError), claimed(tmp_path / "run"):
        raise KeyError
    with claimed(tmp_path / "run"):
        pass


def test_a_process_of_another_machine_is_named(tmp_path, file):
    file.write_text(OTHER.format(duration=claim.LEASE))
    with pytest.raises(UsageError, match=r"\(process 4242 on node-7\)$"), claimed(tmp_path / "run"):
        pass
    assert file.exists()


def test_a_claim_of_another_machine_that_is_not_renewed_is_taken_over(tmp_path, file, monkeypatch, capsys):
    monkeypatch.setattr(claim, "LEASE", 0.3)
    monkeypatch.setattr(claim, "BEAT", 0.1)
    file.write_text(OTHER.format(duration=0.3))
    past = time.time() - claim.STALE
    os.utime(file, (past, past))
    with claimed(tmp_path / "run"):
        assert f"pid={os.getpid()}" in file.read_text()
    assert "process 4242 on node-7" in capsys.readouterr().err


def test_a_claim_is_renewed(tmp_path, file, monkeypatch):
    monkeypatch.setattr(claim, "BEAT", 0.05)
    with claimed(tmp_path / "run"):
        past = time.time() - claim.STALE
        os.utime(file, (past, past))
        deadline = time.monotonic() + 5
        while file.stat().st_mtime < past + 100:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize("ignored", [False, True], ids=["", "although Ctrl-C is ignored"])
def test_a_process_whose_claim_was_taken_over_stops(tmp_path, file, monkeypatch, ignored):
    monkeypatch.setattr(claim, "LEASE", 0.3)
    monkeypatch.setattr(claim, "BEAT", 0.1)
    with (
        handled(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler),
        SIGNALS.heeded(),
        pytest.raises(UsageError, match="another process has taken over this run"),
        claimed(tmp_path / "run"),
    ):
        file.unlink()
        file.write_text(OTHER.format(duration=0.3))
        for _ in range(500):
            time.sleep(0.01)


@contextmanager
def handled(number: int, handler: Any) -> Iterator[None]:
    """Handle a signal in some way while the block runs."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("text", ["123456789\n", "\0" * 40])
def test_a_claim_that_says_nothing_is_no_claim(tmp_path, file, text):
    file.write_text(text)
    with claimed(tmp_path / "run"):
        pass


def test_an_empty_claim_that_is_not_renewed_is_no_claim(tmp_path, file, monkeypatch, capsys):
    """A power cut leaves a new file empty."""
    monkeypatch.setattr(claim, "QUIET", 0.3)
    file.touch()
    with claimed(tmp_path / "run"):
        assert f"pid={os.getpid()}" in file.read_text()
    monkeypatch.setattr(claim, "QUIET", 3600.0)
    file.touch()
    past = time.time() - 3601
    os.utime(file, (past, past))
    started = time.monotonic()
    with claimed(tmp_path / "run"):
        assert time.monotonic() - started < 2
    assert not capsys.readouterr().err


def test_a_claim_that_is_being_written_is_one(tmp_path, file):
    file.touch()
    writer = threading.Timer(0.5, lambda: file.write_text(OTHER.format(duration=claim.LEASE)))
    writer.start()
    with pytest.raises(UsageError, match=r"\(process 4242 on node-7\)$"), claimed(tmp_path / "run"):
        pass
    writer.join()


def test_a_claim_is_on_the_disk_before_the_work_begins(tmp_path, file, monkeypatch):
    flushed, fsync = set(), os.fsync

    def noted(descriptor):
        flushed.add((os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size > 0))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    with claimed(tmp_path / "run"):
        assert {(file.stat().st_ino, True), (tmp_path.stat().st_ino, True)} <= flushed


def test_a_link_in_the_place_of_a_claim_is_not_followed(tmp_path, file):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    file.symlink_to(victim)
    with pytest.raises(UsageError, match=r"\.run\.claim: a link"), claimed(tmp_path / "run"):
        pass
    assert victim.read_text() == "mine"
    file.unlink()
    file.symlink_to(tmp_path / "absent")
    with pytest.raises(UsageError, match=r"\.run\.claim: a link"), claimed(tmp_path / "run"):
        pass
    assert not (tmp_path / "absent").exists()


def test_a_full_disk_names_the_claim(tmp_path, file, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(claim.SoftFileLease, "acquire", full)
    with pytest.raises(OSError, match="No space left") as error, claimed(tmp_path / "run"):
        pass
    assert error.value.filename == str(file)
