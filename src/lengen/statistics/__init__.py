"""Statistics of accuracies and of seeds: plain functions of numbers, independent of runs and files.

| module | content |
|---|---|
| `areas` | score of a seed: mean exact match over log2 length, on common lengths |
| `intervals` | exact intervals of proportions, reach, success rates over seeds |
| `simplex`, `interquartile` | intervals of a mean and of an interquartile mean over few seeds |
| `strings` | error from the draw of test strings, paired test on strings |
| `differences` | difference of two cells' means, probability that a seed of one beats one of the other |
| `permutation`, `counts` | test of two cells' areas, and of their success counts |
| `multiple`, `closed`, `pairs` | adjustment for many tests; all pairs of a panel |
| `variance` | shares of variance of init seed, data seed and strings |
| `reaches` | median reach and its profile, where sweeps end before curves fall |
| `equivalence` | whether two cells are alike within a margin |
| `power`, `plans` | what a study of so many cells and seeds can show |
| `laws`, `error_law`, `hazards` | how errors grow with length, and whether by length or by place in the answer |
| `seed_kinds` | distributions of seeds, for simulations |
| `estimates` | a value with its interval |
| `scores` | performance profile |
| `resampling` | bootstrap over seeds, interquartile mean |
| `former` | functions that others replace, for one release |
"""

from typing import TYPE_CHECKING

from lengen.config.aliases import moved_from

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)
