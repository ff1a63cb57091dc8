"""Contract tests for the user's own parts; lengen's own options pass the same tests.

    from lengen.testing import check_encoding
    check_encoding(MyEncoding, width=4)

Each function runs named checks and returns a report, or raises at the first failure.
"""

from lengen.testing.attention import check_attention
from lengen.testing.encoding import check_encoding
from lengen.testing.extension import check_extension
from lengen.testing.head import check_head
from lengen.testing.mixer import check_mixer
from lengen.testing.positions import check_positions
from lengen.testing.report import Check, ContractError, Report
from lengen.testing.task import check_task

__all__ = [
    "Check",
    "ContractError",
    "Report",
    "check_attention",
    "check_encoding",
    "check_extension",
    "check_head",
    "check_mixer",
    "check_positions",
    "check_task",
]
