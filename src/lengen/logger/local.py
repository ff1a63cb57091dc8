"""Files only: no account, no network, no prompt."""

from __future__ import annotations

from lengen.logger import Logger


class Local(Logger):
    """The run folder is all there is."""
