"""Generated command lines that are invalid by construction: each generator knows which option is wrong, and why.

| module | what it generates |
|---|---|
| `types` | values of a wrong type for every field of every option |
| `names` | options, groups, flags and commands that do not exist, and words of other libraries |
| `grammar` | words that Hydra cannot parse, empty values, sweeps without values, references that lead nowhere |
| `ranges` | values out of range, and combinations that are not defined |
| `sizes` | what needs more memory than there is, and numbers of hundreds of digits |
| `files` | YAML of one's own that is wrong |
"""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = (
    "task",
    "pe",
    "attention",
    "positions",
    "format",
    "lengths",
    "decoder",
    "optimizer",
    "trainer",
    "logger",
)
"""Groups of options of a run."""


@dataclass(frozen=True)
class Line:
    """A command line that must be refused.

    Args:
        words: the command line after `lengen`.
        named: a text that the refusal must contain: the option that is wrong.
        why: why it is wrong.
        yaml: YAML of one's own in `conf/pe/mine.yaml`, if the line uses it.
    """

    words: tuple[str, ...]
    named: str
    why: str
    yaml: str | None = None

    def __str__(self) -> str:
        return " ".join(word if len(word) < 60 else f"{word[:40]}…" for word in self.words)
