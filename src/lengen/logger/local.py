"""No logging beyond the run folder: no account, no network, no prompt."""

from __future__ import annotations

from lengen.logger import Logger


class Local(Logger):
    """Logs nothing beyond the run folder."""

    several = True
