"""docs/theory.md has the verdicts of the YAML files in its table, and names every class."""

from pathlib import Path

from tests.options import content, files

PAGE = Path(__file__).parents[2] / "docs" / "theory.md"
FAMILIES = (
    *("parity", "cyclic", "cyclic_power_of_two", "solvable", "a5", "s5"),
    *("star_free", "counting", "recall"),
)
"""The columns of the table."""
WORDS = {"conditional": "if"}


def rows():
    """The rows of the table, as the files have them."""
    for path in files("theory"):
        if verdicts := content(path).get("verdicts"):
            words = [verdicts.get(family, {}).get("verdict", "") for family in FAMILIES]
            yield "| " + " | ".join([f"`{path.stem}`", *(WORDS.get(word, word) for word in words)]) + " |"


def test_the_table_is_that_of_the_files():
    assert {path.stem for path in files("family")} == {*FAMILIES}
    written = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.count("|") == len(FAMILIES) + 2
    ]
    assert written[2:] == [*rows()], "\n".join(rows())


def test_every_class_is_named():
    text = PAGE.read_text(encoding="utf-8")
    missing = {path.stem for path in files("theory") if f"`{path.stem}`" not in text} - {"no_statement"}
    assert not missing
