"""docs/heads.md has every head in its table, and every encoding and rule that reads in both directions."""

import re
from pathlib import Path

from tests.options import files, read

PAGE = (Path(__file__).parents[2] / "docs" / "heads.md").read_text(encoding="utf-8")


def test_every_head_is_in_the_table():
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert {path.stem for path in files("head")} <= set(named)


def test_what_is_defined_in_both_directions_is_named():
    listed = re.search(r"after the query: (.*?) are;", PAGE, re.DOTALL)
    rules = re.search(r"that hide or count keys; (.*?) are not", PAGE, re.DOTALL)
    for group, found in (("pe", listed), ("attention", rules)):
        there = {path.stem for path in files(group) if vars(read(path)[0]).get("both_ways")} - {"nope"}
        assert set(re.findall(r"`(\w+)`", found[1])) == there
