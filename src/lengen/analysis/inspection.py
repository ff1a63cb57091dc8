"""A read-out on a trained run, in a folder of its own: its tables, its figure, and its line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lengen.analysis.inspect import ReadOut
from lengen.analysis.read_tables import aligned, load_tables
from lengen.config.errors import require
from lengen.experiment.reevaluate import EvalResult, Reevaluation
from lengen.records.run_dir import EvalFolder


@dataclass(frozen=True, kw_only=True)
class Inspection(Reevaluation):
    """A read-out on a trained run.

    Args:
        read_out: what is read.
    """

    read_out: ReadOut

    def __post_init__(self) -> None:
        super().__post_init__()
        config = self.trained.config
        require(
            not config.evaluated_loops().by_length,
            f"inspect={self.read_out.name}: reads the decoder at decoder.loops; does not apply to loops={config.labels.loops} "
            f"(evaluated with eval.loops={config.eval.loops}), whose number of loops depends on the length",
        )

    @property
    def request(self) -> dict[str, Any]:
        """Everything that can change a result; its hash names the folder. How answers are decoded changes nothing."""
        options = {key: value for key, value in super().request.items() if key != "decode"}
        return {**options, **self.read_out.identity}

    @property
    def label(self) -> str:
        """The given name or that of the read-out, and the stress set."""
        return "-".join(filter(None, (self.name or self.read_out.name, self.stress)))

    def run(self) -> EvalResult:
        """Read, unless the folder is already finished; the lines are made of the files."""
        self.read_out.apply_to(self)
        result = super().run()
        tables = load_tables(result.folder.path, self.read_out.tables)
        headline = self.read_out.headline(tables)
        return result._replace(lines=(*aligned(self.read_out.shown(tables)), headline), headline=headline)

    def fill(self, folder: EvalFolder) -> None:
        """Write and draw the tables."""
        self.read_out.fill(self, folder)

    def draw(self, folder: EvalFolder) -> None:
        """Draw the figure of a folder that is finished."""
        self.read_out.draw(self, folder)
