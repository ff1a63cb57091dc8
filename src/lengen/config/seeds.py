"""The seeds that are trained as one model, `seeds=8` or `seeds=[0,3,5]`, and the run of each. Imports neither torch nor Hydra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lengen.config.errors import UsageError, require
from lengen.config.limits import MOST_JOBS, require_count

SEED_NAMES = ("seed", "init_seed", "data_seed")
"""The seeds of a run."""
SEEDS = "seeds"
"""The option."""
ALLOWED = "must be how many seeds from 0 on, such as 8, or which, such as [0,3,5]"


def seeds_of(value: Any) -> list[int] | None:
    """Return the seeds that an option means; None if it means none.

    >>> seeds_of(3), seeds_of([0, 3, 5])
    ([0, 1, 2], [0, 3, 5])

    Raises:
        UsageError: it is neither a number of seeds nor a list of different ones.
    """
    if value is None:
        return None
    shown = f"[{','.join(map(str, value))}]" if isinstance(value, list) else value
    whole = isinstance(value, int) and not isinstance(value, bool)
    require(whole or isinstance(value, list), f"{SEEDS}={shown}: {ALLOWED}")
    if whole:
        require(value >= 1, f"{SEEDS}={value}: must be at least 1")
        require_count(value, MOST_JOBS, f"{SEEDS}={value}", "runs")
        return [*range(value)]
    require(len(value) > 0, f"{SEEDS}=[]: has no seed; {ALLOWED}")
    for each in value:
        require(
            isinstance(each, int) and not isinstance(each, bool) and each >= 0,
            f"{SEEDS}={shown}: {each} is no seed, a whole number from 0 on",
        )
    twice = sorted({each for each in value if value.count(each) > 1})
    require(not twice, f"{SEEDS}={shown}: {', '.join(map(str, twice))} is there more than once")
    require_count(len(value), MOST_JOBS, f"{SEEDS}={shown}", "runs")
    return [*value]


def runs_of(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the configuration of each run that a configuration means: one a seed, or itself.

    Raises:
        UsageError: `seeds` has a wrong value.
    """
    seeds = seeds_of(config.get(SEEDS))
    if seeds is None:
        return [dict(config)]
    return [{**config, SEEDS: None, "seed": seed} for seed in seeds]


def without_seeds(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options without those that are seeds; a value that is none stays.

    >>> without_seeds({"pe": "rope", "seed": 0, "data_seed": -1})
    {'pe': 'rope', 'data_seed': -1}
    """
    return {
        name: value
        for name, value in options.items()
        if not (name in SEED_NAMES and isinstance(value, int) and value >= 0)
    }


def option_of(word: str) -> str:
    """The option that a word sets."""
    return word.partition("=")[0].lstrip("+~")


def words_of(words: Sequence[str], seed: int) -> list[str]:
    """Return the words of the run of one seed alone.

    >>> words_of(["lengen", "train", "seeds=8", "pe=rope"], 3)
    ['lengen', 'train', 'pe=rope', 'seed=3']
    """
    return [*(word for word in words if option_of(word) not in (SEEDS, "seed")), f"seed={seed}"]


def check_seed_words(words: Sequence[str]) -> None:
    """Refuse words that say twice which seeds there are, and several values of `seeds`.

    Raises:
        UsageError: names the words.
    """
    given = [word for word in words if option_of(word) == SEEDS and word.partition("=")[2] != "null"]
    if not given:
        return
    one = next((word for word in words if option_of(word) == "seed"), None)
    require(
        one is None, f"{given[-1]} with {one}: both say which seeds are trained; one of them must be left out"
    )
    from lengen.config.words import parsed

    if parsed(given[-1]).is_sweep_override():
        raise UsageError(f"{given[-1]}: {ALLOWED}; several values, as in a study, train runs twice")
