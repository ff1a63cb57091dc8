"""The processes that train one run together, one a device, all on this machine: what one of them knows of the others."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch._C._distributed_c10d import FileStore, PrefixStore, Store

PATIENCE = timedelta(hours=12)
"""How long a process waits for another one that lives; one that dies is noticed at once."""
PAUSE = 0.02
"""Seconds between two looks at the store."""


class RankLostError(RuntimeError):
    """One of the processes of a run has died."""


@dataclass(frozen=True)
class Ranks:
    """One of the processes of a run. Rank 0 is the command itself: it alone writes, and the others follow it.

    Args:
        count: number of processes.
        rank: of this one, from 0.
        folder: a private folder, through whose store they find each other; None for a run of one process.
        check: raises `RankLostError` if one of the others has died.
    """

    count: int = 1
    rank: int = 0
    folder: Path | None = None
    check: Callable[[], None] = lambda: None

    @property
    def first(self) -> bool:
        """Whether this process writes the files of the run."""
        return self.rank == 0

    @cached_property
    def store(self) -> Store:
        """Keys and values that all processes see."""
        assert self.folder is not None
        return FileStore(str(self.folder / "store"))

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[None]:
        """Form a group for collective operations, over gloo for CPU tensors and NCCL for those of GPUs."""
        loopback = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), None)
        if loopback is not None:  # no other machine is to reach it
            os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
            store=PrefixStore("group", self.store),
            rank=self.rank,
            world_size=self.count,
            timeout=PATIENCE,
        )
        try:
            yield
        finally:
            with suppress(RuntimeError):  # of a group of which a process has died
                distributed.destroy_process_group()

    def gather(self, values: Sequence[float]) -> list[Sequence[float]]:
        """Return the values of every process, by rank."""
        if self.count == 1:
            return [values]
        mine = torch.tensor(values, dtype=torch.float64)
        every = [torch.empty_like(mine) for _ in range(self.count)]
        distributed.all_gather(every, mine)
        return [each.tolist() for each in every]

    def tell(self, name: str, value: Any) -> None:
        """Say something to the others once, as JSON."""
        if self.count == 1:
            return
        self.store.set(name, json.dumps(value))

    def told(self, name: str) -> Any:
        """Wait for what another process says."""
        store = self.store
        while not store.check([name]):
            self.wait()
        return json.loads(store.get(name))

    def wait(self) -> None:
        """Wait a moment for the others.

        Raises:
            RankLostError: one of them has died.
        """
        self.check()
        time.sleep(PAUSE)


ALONE = Ranks()
"""A run of one process."""
