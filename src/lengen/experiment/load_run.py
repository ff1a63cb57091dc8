"""Load a finished run from its folder: its configuration, and its decoder with the parameters of a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from omegaconf import OmegaConf
from yaml import YAMLError

from lengen.config.aliases import with_current_targets
from lengen.config.builder import Builder
from lengen.config.errors import UsageError, require
from lengen.config.identity import differences
from lengen.decoder import Decoder
from lengen.experiment.config import RunConfig
from lengen.records.run_dir import RunFolder
from lengen.training.checkpoint import read_checkpoint

LOGGER = {"_target_": "lengen.logger.local.Local"}


@dataclass(frozen=True)
class TrainedRun:
    """A run that finished.

    Args:
        config: what the run is, with the evaluation that is asked in place of its own.
        folder: where it lies.
        changed: what of the code or the data is no longer what it was trained with.
    """

    config: RunConfig
    folder: RunFolder
    changed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        status = self.folder.facts().get("status", "nothing")
        require(
            status == "finished",
            f"run={self.folder.path}: its status is {status!r} (allowed: a finished run)",
        )
        require(
            self._checkpoint.exists(),
            f"eval.checkpoint={self.config.eval.checkpoint}: there is no {self._checkpoint}",
        )

    @property
    def _checkpoint(self) -> Any:
        return self.folder.best if self.config.eval.checkpoint == "best" else self.folder.last

    @cached_property
    def _contents(self) -> dict[str, Any]:
        return read_checkpoint(self._checkpoint)

    @property
    def step(self) -> int:
        """Optimizer steps that the parameters have seen."""
        return int(self._contents["global_step"])

    @cached_property
    def decoder(self) -> Decoder:
        """The decoder with the parameters of the checkpoint, in evaluation mode."""
        decoder = self.config.make_decoder()
        weights = {
            name.removeprefix("decoder."): value for name, value in self._contents["state_dict"].items()
        }
        try:
            decoder.load_state_dict(weights)
        except RuntimeError as error:
            raise UsageError(
                f"{self._checkpoint} is of another decoder ({str(error).splitlines()[-1].strip()})"
            ) from None
        return decoder.to(self.config.trainer.device).eval()

    @property
    def trained_lengths(self) -> list[int]:
        """The lengths that were trained, ascending; a run of an earlier version does not say, and has all of its task's."""
        return self.folder.facts().get("trained_lengths") or self.config.trained_lengths.support

    @cached_property
    def id_exact_match(self) -> float:
        """Exact match over the training lengths: what the run found, or measured where the checkpoint is another."""
        facts = self.folder.facts()
        own = facts.get("protocol", {}).get("checkpoint") == self.config.eval.checkpoint
        return float(facts["id_exact_match"] if own else self.config.id_exact_match(self.decoder))


def load(
    folder: RunFolder,
    changes: Mapping[str, Mapping[str, Any]],
    allowed: Iterable[str],
    given: Mapping[str, Any] = MappingProxyType({}),
    like: Mapping[str, Any] | None = None,
    *,
    changed: bool = False,
) -> TrainedRun:
    """Rebuild a run from its own configuration.

    Args:
        folder: of the run.
        changes: options of `eval` and `trainer` that are others than the run's.
        allowed: top-level modules whose classes its configuration may name.
        given: objects or classes of the caller, by group; see `Builder`.
        like: the configuration of the run that they are of, where it is another; they serve for equal groups.
        changed: whether a run is loaded whose code or data are not what it was trained with.

    Raises:
        UsageError: no such run, a configuration that is none, a class that is not allowed, no such checkpoint.
    """
    path = folder.path / "config.yaml"
    require(path.exists(), f"run={folder.path}: there is no config.yaml")
    try:
        record: Any = OmegaConf.to_container(OmegaConf.load(path))
    except (YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no YAML ({str(error).splitlines()[0]})") from None
    require(
        isinstance(record, dict) and all(isinstance(record.get(group), dict) for group in changes),
        f"{path} is no configuration of a run",
    )
    evaluated = {group: {**record[group], **options} for group, options in changes.items()}
    try:
        own = {
            name: part for name, part in given.items() if like is None or like.get(name) == record.get(name)
        }
        node = with_current_targets({**record, **evaluated, "logger": LOGGER})
        config = Builder(allowed, own).build(RunConfig, {**node, "record": record})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    told = tuple(differences(folder.facts().get("identity") or config.identity, config.identity))
    require(
        changed or not told,
        f"run={folder.path}: not what it was trained with: {'; '.join(told)}; changed=true goes on and marks the result",
    )
    return TrainedRun(config, folder, told)
