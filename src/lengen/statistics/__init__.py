"""Statistics of accuracies and of seeds: plain functions of numbers, independent of runs and files.

| module | content |
|---|---|
| `intervals` | confidence intervals of proportions, reach, success rates over seeds |
| `scores` | one number per seed or cell: area under the curve, performance profile, mean rank |
| `resampling` | bootstrap over seeds: interquartile mean, probability of improvement |
| `tests` | significance of the difference between two cells |
"""

from typing import TYPE_CHECKING

from lengen.config.aliases import moved_from

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)
