"""Load a trained run from its folder: its configuration, and the decoder with the parameters of a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jaxtyping import Bool
from torch import Tensor

from lengen.config.aliases import with_current_targets
from lengen.config.builder import Builder
from lengen.config.errors import UsageError, require
from lengen.config.identity import differences
from lengen.decoder import Decoder
from lengen.experiment.config import RunConfig
from lengen.experiment.kept_checkpoints import averaged, kept
from lengen.experiment.parameters import checkpoint_of, give, read_parameters, run_of
from lengen.extend import Sizes
from lengen.logger import LOCAL
from lengen.records.eval_options import EvalOptions, LoopWord
from lengen.records.run_dir import RunFolder
from lengen.sampling import generator
from lengen.training.averaging import Average

PRINTED = ("formats", "style")
"""Options of the figures, which are those of the command that draws: this machine may lack the font."""
DRAWN = 64
"""Examples of the longest trained length that are drawn to measure its tokens."""


@dataclass(frozen=True)
class TrainedRun:
    """A finished run.

    Args:
        config: the run's configuration, with the requested `eval` and `trainer` options in place of its own.
        folder: the run folder.
        changed: what has changed in the code or the data since training, one phrase each.
        average: what `eval.checkpoint=average` averages.
    """

    config: RunConfig
    folder: RunFolder
    changed: tuple[str, ...] = ()
    average: Average = field(default_factory=Average)

    def __post_init__(self) -> None:
        status = self.folder.facts().get("status", "nothing")
        require(
            status == "finished",
            f"run={self.folder.path}: its status is {status!r}; must be 'finished'",
        )
        if self.config.eval.checkpoint == "average":
            kept(self.folder)
            return
        require(
            self._checkpoint.exists(),
            f"eval.checkpoint={self.config.eval.checkpoint}: there is no {self._checkpoint}{self._kept}",
        )

    @property
    def _checkpoint(self) -> Path:
        return checkpoint_of(self.folder, self.config.eval.checkpoint)

    @property
    def _kept(self) -> str:
        """Which checkpoints the run was to keep, if it said so."""
        keep = self.config.record.get("trainer", {}).get("keep")
        return f": the run was trained with trainer.keep={keep}" if keep else ""

    @property
    def run(self) -> dict[str, str] | None:
        """Cell and seeds that its checkpoints must be of; None where an earlier version did not record them."""
        return run_of(self.folder, self.config.record)

    @cached_property
    def _contents(self) -> dict[str, Any]:
        if self.config.eval.checkpoint == "average":
            return averaged(self.folder, self.average, self.run)
        return read_parameters(self.folder, self.config.eval.checkpoint, self.config.record)

    @property
    def step(self) -> int:
        """Optimizer steps behind the parameters of the checkpoint."""
        return int(self._contents["global_step"])

    @cached_property
    def decoder(self) -> Decoder:
        """The decoder with the parameters of the checkpoint, in evaluation mode."""
        return self.decoder_of(self._contents)

    @property
    def reader(self) -> Decoder:
        """What answers a prompt whose length, in the task's unit, is not known: the decoder, with the loops of its evaluation.

        Raises:
            UsageError: their number depends on the length.
        """
        loops = self.config.evaluated_loops()
        require(
            not loops.by_length,
            f"loops={self.config.labels.loops}, eval.loops={self.config.eval.loops}: the number of loops depends on the length of the "
            "problem, which a prompt does not say; must be evaluated on the task",
        )
        return loops.of(self.decoder, 1)

    def decoder_of(self, contents: Mapping[str, Any]) -> Decoder:
        """Return the decoder with the parameters of a checkpoint of this run, in evaluation mode.

        Raises:
            UsageError: they are those of another decoder.
        """
        decoder = self.config.make_decoder()
        give(decoder, contents, self._checkpoint)
        return decoder.to(self.config.trainer.device).eval()

    def with_loops(self, word: LoopWord) -> TrainedRun:
        """Return the run with another number of loops in evaluation; the parameters are read once.

        Args:
            word: an entry of `eval.loops`.
        """
        made = replace(self, config=replace(self.config, eval=replace(self.config.eval, loops=word)))
        vars(made)["_contents"], vars(made)["decoder"] = self._contents, self.decoder
        return made

    @property
    def own_loops(self) -> LoopWord | None:
        """How often the stack is applied in the sweep of the run itself, as `eval.loops` said."""
        evaluated = self.config.record.get("eval", {})
        return EvalOptions(loops=evaluated.get("loops")).own_loops

    @property
    def trained_lengths(self) -> list[int]:
        """The trained lengths, ascending; all lengths of the task for a run of an earlier version, which does not record them."""
        return self.folder.facts().get("trained_lengths") or self.config.trained_lengths.support

    @cached_property
    def id_exact_match(self) -> float:
        """Exact match over the training lengths, in [0, 1]: as the run recorded it, or measured for another checkpoint."""
        return float(self.folder.facts()["id_exact_match"]) if self._own else self.measured_id_exact_match

    @property
    def id_examples(self) -> int | None:
        """Number of strings of `id_exact_match`; None if it is that of a run of an earlier version, which does not record it."""
        return self.folder.facts().get("id_examples") if self._own else self.config.id_examples

    @property
    def _own(self) -> bool:
        """Whether the checkpoint is the one that the run evaluated itself."""
        if self.config.eval.own_loops != self.own_loops:
            return False
        return bool(self.folder.facts().get("protocol", {}).get("checkpoint") == self.config.eval.checkpoint)

    @cached_property
    def measured_id_exact_match(self) -> float:
        """The same on the strings of this evaluation, whose number and seed can differ from those of the run."""
        return int(self.measured_id_verdicts.sum()) / len(self.measured_id_verdicts)

    @cached_property
    def measured_id_verdicts(self) -> Bool[Tensor, " strings"]:
        """Which of these strings are answered exactly."""
        return self.config.id_verdicts(self.decoder)

    @property
    def sizes(self) -> Sizes:
        """Lengths in tokens that the run was trained with, as those of an evaluation at its trained length."""
        tokens, largest = self.trained_tokens, self.folder.facts().get("largest_position")
        return Sizes(tokens, tokens if largest is None else int(largest) + 1, tokens)

    @cached_property
    def trained_tokens(self) -> int:
        """Tokens of the longest trained examples, bos and end token included."""
        return self.tokens_at(max(self.trained_lengths))

    def tokens_at(self, length: int) -> int:
        """Return the tokens of the longest examples of a length, bos and end token included."""
        batch = self.config.formatted_task.sample(length, DRAWN, generator("extend", length))
        return batch.time + self.config.decoder.bos


def load(
    folder: RunFolder,
    changes: Mapping[str, Any],
    allowed: Iterable[str],
    given: Mapping[str, Any] = MappingProxyType({}),
    like: Mapping[str, Any] | None = None,
    *,
    changed: bool = False,
    average: Average | None = None,
) -> TrainedRun:
    """Load a run from its folder.

    Args:
        folder: the run folder.
        changes: options of `eval` and `trainer` that replace the run's own, of `task` where data are read elsewhere, and of the
            figures.
        allowed: top-level modules whose classes its configuration may name.
        given: objects or classes of the caller, by group; see `Builder`.
        like: the configuration of the run that `given` belongs to, if it is another run; only groups that are equal in
            both runs are taken from `given`.
        changed: load the run even if its code or data have changed since training.
        average: what `eval.checkpoint=average` averages; None for the defaults.

    Raises:
        UsageError: the run or the checkpoint is missing, the configuration is invalid, a class is not allowed, or code or
            data have changed.
    """
    path = folder.path / "config.yaml"
    record = folder.config()
    require(
        all(isinstance(record.get(group), dict) for group in {*changes} - {"limits", *PRINTED}),
        f"{path}: not the configuration of a run",
    )
    for name in changes.get("task", {}):
        require(name in record["task"], f"task.{name}: the task of {folder.path} reads no data")
    kept = {name: value for name, value in record.items() if name not in PRINTED}
    evaluated = {
        name: value if name in PRINTED else {**record.get(name, {}), **value}
        for name, value in changes.items()
    }
    try:
        own = {
            name: part for name, part in given.items() if like is None or like.get(name) == record.get(name)
        }
        node = with_current_targets({**kept, **evaluated, "logger": {"_target_": LOCAL}})
        config = Builder(allowed, own).build(RunConfig, {**node, "record": record})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    try:
        differing = tuple(differences(folder.facts().get("identity") or config.identity, config.identity))
    except UsageError as error:
        hint = "; data that were moved: lengen eval task.path=…" if "path" in record["task"] else ""
        raise UsageError(f"run={folder.path}: {error}{hint}") from None
    require(
        changed or not differing,
        f"run={folder.path}: changed since training: {'; '.join(differing)}; changed=true evaluates it anyway and marks the result",
    )
    return TrainedRun(config, folder, differing, average or Average())
