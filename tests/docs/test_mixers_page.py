"""docs/mixers.md has every mixer in its table."""

import re
from pathlib import Path

from tests.options import files

PAGE = Path(__file__).parents[2] / "docs" / "mixers.md"


def test_every_mixer_is_in_the_table():
    rows = [
        line.split("|")[2] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.count("|") == 5
    ]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(path.stem for path in files("mixer") if path.stem != "pattern")
