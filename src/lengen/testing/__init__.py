"""Checks for parts of one's own: the contracts that lengen's own options are held to.

    from lengen.testing import check_encoding
    check_encoding(MyEncoding, width=4)

Each function carries out named checks and returns them as a report, or raises at the first that fails.
"""

from lengen.testing.attention import check_attention
from lengen.testing.encoding import check_encoding
from lengen.testing.positions import check_positions
from lengen.testing.report import Check, ContractError, Report
from lengen.testing.task import check_task

__all__ = [
    "Check",
    "ContractError",
    "Report",
    "check_attention",
    "check_encoding",
    "check_positions",
    "check_task",
]
