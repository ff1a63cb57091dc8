"""Start the other processes of a run, and end them with it.

Each is a fresh Python that reads its work from a private folder: the script, notebook or worker from which a run is started is not
run again. Its standard input ends when the command ends, however it ends, and then it ends too. Signals reach the command
alone, which tells the others.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from lengen.training.callback import DivergedError
from lengen.training.interruption import HEEDED
from lengen.training.options import TrainerOptions
from lengen.training.ranks import RankLostError, Ranks

Work = Callable[[Ranks], None]
COMMAND = "from lengen.training.rank_processes import main; main()"
GRACE = 5.0
"""Seconds in which the processes of a run end by themselves at its end, and in which one that died is found."""


@contextmanager
def started(options: TrainerOptions, work: Work) -> Iterator[Ranks]:
    """Start the other processes of a run while the block runs.

    Args:
        options: number of devices, kind of device, threads.
        work: what each of the others does; it is pickled, the user's own classes included.

    Raises:
        RankLostError: one of them has died.
    """
    import cloudpickle

    with TemporaryDirectory(prefix="lengen-ranks-") as name:
        folder = Path(name)
        (folder / "work").write_bytes(cloudpickle.dumps((work, options.device.type)))
        others = [_start(folder, rank, options) for rank in range(1, options.devices)]
        ranks = Ranks(options.devices, 0, folder, lambda: _require_alive(others))
        try:
            for rank in range(1, options.devices):
                ranks.told(f"ready {rank}")
            with ranks.joined(options.device):
                try:
                    yield ranks
                except BaseException as error:
                    try:
                        if isinstance(error, RuntimeError) and not isinstance(error, DivergedError):
                            _require_alive(others, GRACE)  # of others that died, this one hears by an error
                    finally:
                        _end(others, 0)
                    raise
                ranks.tell("end", None)
            _end(others, GRACE)
        finally:
            _end(others, 0)


def _start(folder: Path, rank: int, options: TrainerOptions) -> subprocess.Popen[bytes]:
    """Start a process."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": str(options.threads),
    }
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(folder), str(rank), str(options.devices)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment,
    )


def _require_alive(others: Sequence[subprocess.Popen[bytes]], seconds: float = 0.0) -> None:
    """Refuse to go on without a process that has died.

    Args:
        others: the processes, by rank from 1.
        seconds: how long to wait for one to be gone.
    """
    for rank, process in enumerate(others, 1):
        with suppress(subprocess.TimeoutExpired):
            if code := process.wait(seconds):
                reason = "was killed (out of memory?)" if code < 0 else "has failed: see above"
                raise RankLostError(
                    f"the process of device {rank} {reason}; the same command goes on from the last checkpoint"
                )


def _end(others: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    """End processes, after some seconds in which they may end by themselves."""
    for process in others:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        with suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]
        process.kill()
        process.wait()


def main() -> None:
    """Do the work of one of the other processes."""
    folder, rank, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for number in HEEDED:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_command, daemon=True).start()
    import cloudpickle

    work, kind = cloudpickle.loads((folder / "work").read_bytes())
    if kind == "cuda":
        torch.cuda.set_device(rank)
    ranks = Ranks(count, rank, folder)
    ranks.tell(f"ready {rank}", None)
    code = 0
    try:
        with ranks.joined(torch.device(kind)):
            work(ranks)
            ranks.told("end")
    except KeyboardInterrupt:  # the command was interrupted, and told so
        pass
    except Exception:  # noqa: BLE001  # the command names this process
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)


def _end_with_command() -> None:
    """End this process when the command has ended, at once: there is nothing that it would write."""
    sys.stdin.buffer.read()
    os._exit(0)
