"""How Lightning trains one run on several devices: each has the parameters, or a part of them."""

from __future__ import annotations

from lightning.fabric.plugins import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy, Strategy
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard

from lengen.decoder import Decoder
from lengen.training.options import TrainerOptions
from lengen.training.ranks import Ranks


def strategy(options: TrainerOptions, ranks: Ranks, decoder: Decoder) -> Strategy:
    """Return Lightning's strategy for several devices.

    Args:
        options: name the strategy.
        ranks: the processes of the run.
        decoder: what they train.
    """
    if options.sharded:
        return ModelParallelStrategy(ranks.count, tensor_parallel_size=1, save_distributed_checkpoint=False)
    own = all(type(part).__module__.startswith("lengen.") for part in (*decoder.encodings, *decoder.rules))
    return DDPStrategy(
        find_unused_parameters=not own,  # lengen's options use all of them in every step
        gradient_as_bucket_view=True,
    )


def shard(decoder: Decoder, mesh: DeviceMesh) -> None:
    """Divide the parameters of a decoder over devices, block by block, by FSDP2."""
    for block in (*decoder.blocks, *decoder.encoder):
        fully_shard(block, mesh=mesh)
    fully_shard(decoder, mesh=mesh)


class RankEnvironment(ClusterEnvironment):
    """Tells Lightning of processes that run already, whose group is formed.

    Args:
        ranks: the processes of the run.
    """

    creates_processes_externally = True
    main_address = "127.0.0.1"
    main_port = 0  # of no use: the group is formed

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks

    @staticmethod
    def detect() -> bool:
        """It is not found in the environment of a process."""
        return False

    def world_size(self) -> int:
        """Number of processes."""
        return self.ranks.count

    def set_world_size(self, size: int) -> None:
        """It is fixed."""

    def global_rank(self) -> int:
        """Rank of this process."""
        return self.ranks.rank

    def set_global_rank(self, rank: int) -> None:
        """It is fixed."""

    def local_rank(self) -> int:
        """Rank of this process, all of which are on this machine."""
        return self.ranks.rank

    def node_rank(self) -> int:
        """There is one machine."""
        return 0
