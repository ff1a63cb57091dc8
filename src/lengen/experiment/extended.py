"""A trained run with extensions: the lengths that their rules read, and what they make of its decoder."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from jaxtyping import Bool
from torch import Tensor

from lengen.config.builder import Builder
from lengen.config.errors import UsageError, require
from lengen.decoder import Decoder
from lengen.evaluation.sweep import as_trained
from lengen.experiment.load_run import TrainedRun
from lengen.extend import Extension, Sizes
from lengen.extend.chosen import Chosen, Reads
from lengen.positions import Positions
from lengen.statistics.paired import PairedChange, paired_change
from lengen.task import Batch


@dataclass(frozen=True)
class ExtendedRun:
    """A trained run with extensions.

    Args:
        trained: the run.
        chosen: its extensions; none leaves the run as it is.
    """

    trained: TrainedRun
    chosen: Chosen = field(default_factory=Chosen)

    @cached_property
    def sizes(self) -> Sizes:
        """Lengths in tokens; the evaluated one is that of training."""
        return self.trained.sizes

    def at(self, tokens: int) -> Sizes:
        """Lengths in tokens at an evaluated length.

        Args:
            tokens: those of its longest example.
        """
        return Sizes(self.sizes.trained, self.sizes.positions, tokens)

    def prepare(self, decoder: Decoder, positions: Positions, batch: Batch) -> tuple[Decoder, Positions]:
        """Return what reads a test set; see `lengen.evaluation.sweep.Prepare`."""
        if not self.chosen.extensions:
            return as_trained(decoder, positions, batch)
        return self.chosen.of(
            decoder, positions, self.at(self.chosen.tokens(batch, bos=decoder.architecture.bos))
        )

    def check(self) -> None:
        """Refuse extensions that do not apply to the run.

        Raises:
            UsageError: names the extension and the run.
        """
        try:
            self.fits  # noqa: B018  # it raises
        except UsageError as error:
            raise UsageError(f"{error}; run={self.trained.folder.path}") from None

    @cached_property
    def fits(self) -> dict[str, str]:
        """How each extension applies: `exact`, as its source defines it, or `approximate`."""
        config = self.trained.config
        return {**self.chosen.fits(self.trained.decoder, config.positions, self.sizes, vars(config.labels))}

    @cached_property
    def id_exact_match(self) -> float:
        """Exact match over the training lengths, in [0, 1], of the extended decoder; without extensions, that of the run."""
        if not self.chosen.extensions:
            return self.trained.id_exact_match
        return int(self._id_verdicts.sum()) / len(self._id_verdicts)

    @cached_property
    def _id_verdicts(self) -> Bool[Tensor, " strings"]:
        return self.trained.config.id_verdicts(self.trained.decoder, self.prepare)

    @property
    def id_change(self) -> PairedChange:
        """How exact match over the training lengths changes, on the same strings."""
        before, after = self.trained.measured_id_verdicts, self._id_verdicts
        return paired_change(int((before & ~after).sum()), int((~before & after).sum()), len(before))

    def changes_nothing(self, batch: Batch) -> bool:
        """Whether the extensions say that they leave the decoder as it is on a test set.

        Args:
            batch: the examples as the task draws them.
        """
        sizes = self.at(self.chosen.tokens(batch, bos=self.trained.config.decoder.bos))
        return all(extension.changes_nothing(sizes) for extension in self.chosen.extensions.values())

    @property
    def id_examples(self) -> int | None:
        """Number of strings of `id_exact_match`."""
        return self.trained.config.id_examples if self.chosen.extensions else self.trained.id_examples

    @property
    def category(self) -> str:
        """Category letters of the run, with G for a decoder that is changed after training."""
        letters = self.trained.config.category
        return f"{letters.removeprefix('A')}G" if self.chosen.extensions else letters


@dataclass(frozen=True)
class ExtensionGrid:
    """The settings of extensions that one request tries.

    Args:
        nodes: the configuration of each extension, by name.
        grid: values that are tried, by extension and option.
        each: each extension alone, in place of all together.
        n: see `Chosen`.
    """

    nodes: Mapping[str, Mapping[str, Any]]
    grid: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    each: bool = False
    n: Reads = "swept"

    def __post_init__(self) -> None:
        for name, options in self.grid.items():
            require(name in self.nodes, f"grid.{name}: must be one of the extensions that extend= names")
            for option, values in options.items():
                require(
                    option in self.nodes[name] and option != "_target_",
                    f"grid.{name}.{option}: no option of {name} (allowed: {', '.join(key for key in self.nodes[name] if key != '_target_')})",
                )
                given = f"grid.{name}.{option}={values}"
                require(isinstance(values, list), f"{given}: must be a list of values")
                require(bool(values), f"{given}: has no value; must be a list of at least one")

    def settings(
        self, allowed: Iterable[str], given: Mapping[str, Any] = MappingProxyType({})
    ) -> list[Chosen]:
        """Return every setting.

        Args:
            allowed: top-level modules whose classes configurations may name.
            given: classes of the caller, by the path of their configuration.

        Raises:
            UsageError: an option is wrong, or two extensions change the same.
        """
        builder = Builder(allowed, given)
        names = sorted(self.nodes)  # the order on the command line changes nothing
        together = [[name] for name in names] if self.each else [names]
        return [self._built(nodes, builder) for names in together for nodes in self._varied(names)]

    def _varied(self, names: Sequence[str]) -> Iterator[dict[str, dict[str, Any]]]:
        """Yield the configurations of some extensions, one for each combination of the values that are tried."""
        axes = [
            [(name, option, value) for value in values]
            for name in names
            for option, values in self.grid.get(name, {}).items()
        ]
        for combination in itertools.product(*axes):
            nodes = {name: dict(self.nodes[name]) for name in names}
            for name, option, value in combination:
                nodes[name][option] = value
            yield nodes

    def _built(self, nodes: Mapping[str, Mapping[str, Any]], builder: Builder) -> Chosen:
        made = {
            name: builder.build(Extension, node, f"extend.{name}")  # type: ignore[type-abstract]
            for name, node in nodes.items()
        }
        return Chosen(made, self.n, nodes)
