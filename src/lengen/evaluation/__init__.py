"""Evaluation of trained decoders on a test set of every length.

| module | content |
|---|---|
| `test_set` | the test examples and their positions, the same for every cell and training seed |
| `scoring` | verdicts on examples: right or wrong, token by token |
| `decoding` | greedy decoding with a cache |
| `metrics` | losses, exact match and first errors, from logits and tokens |
| `sweep` | the loop over lengths that makes a curve; accuracy over several lengths together |
| `stress_sets` | hard test sets that a task defines |
"""

from typing import TYPE_CHECKING

from lengen.config.aliases import moved_from

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)
