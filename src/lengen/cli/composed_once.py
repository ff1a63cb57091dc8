"""Hydra composes a configuration twice where once is enough: to look for its mode, and to see that the jobs of a batch are legal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

MOST_KEPT = 64
"""Most configurations of a batch that wait in memory; those of further jobs are composed again."""


@contextmanager
def composed_once(words: Sequence[str], folders: Sequence[Path]) -> Iterator[None]:
    """Spare Hydra every second composition while the block runs.

    It composes once to look for `hydra.mode`, also where nothing sets it, and each job of a batch once to see that it can and once to
    carry it out: that of the first time is used.

    Args:
        words: of the command line.
        folders: the user's own configuration folders, whose files may set the mode.
    """
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.hydra import Hydra
    from hydra.plugins.sweeper import Sweeper

    mode, legal, load = Hydra.get_mode, Sweeper.validate_batch_is_legal, ConfigLoaderImpl.load_sweep_config
    kept, checking = dict[tuple[Any, ...], Any](), Event()

    def seen_to_be_legal(sweeper: Any, batch: Sequence[Sequence[str]]) -> None:
        kept.clear()
        checking.set()
        try:
            legal(sweeper, batch)
        finally:
            checking.clear()

    def loaded(loader: Any, master_config: Any, sweep_overrides: list[str]) -> Any:
        key = id(master_config), *sweep_overrides
        if key in kept and not checking.is_set():
            return kept.pop(key)
        config = load(loader, master_config, sweep_overrides)
        if checking.is_set() and len(kept) < MOST_KEPT:
            kept[key] = config
        return config

    if not folders and not any(word.lstrip("+~").startswith(("hydra", "experiment")) for word in words):
        Hydra.get_mode = lambda *_, **__: None  # type: ignore[method-assign]
    Sweeper.validate_batch_is_legal = seen_to_be_legal  # type: ignore[method-assign, assignment]
    ConfigLoaderImpl.load_sweep_config = loaded  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Hydra.get_mode, Sweeper.validate_batch_is_legal = mode, legal  # type: ignore[method-assign]
        ConfigLoaderImpl.load_sweep_config = load  # type: ignore[method-assign]
