"""List groups and options: all, those of a group with papers and costs, or one option (pe=alibi) with its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lengen.cli.arguments import HELP, folders, refuse
from lengen.cli.option_text import entry, page_lines
from lengen.cli.text import entries, width, wrapped
from lengen.comparison.theory_files import CLASSES, FAMILIES, load_theory
from lengen.config.command_page import group_meanings
from lengen.config.errors import UsageError, nearest, require
from lengen.config.option_page import described, option_file, option_page
from lengen.config.search import choices, groups

FORMS = {
    "lengen list": "every option of every group, a line each",
    "lengen list GROUP …": "the options of a group, with what they learn, what they cost, and what they do beyond the trained length",
    "lengen list GROUP=OPTION …": "an option: what it is, and its arguments with defaults, allowed values and meanings",
    "lengen list … --config-dir DIR": "your own options as well",
}


def main(arguments: list[str]) -> int:
    """Run the command."""
    given, words = folders(arguments)
    for folder in given:
        if not folder or not Path(folder).is_dir():
            return refuse(f"--config-dir={folder}: no such folder")
    own, columns = [Path(folder) for folder in given], width()
    if any(word in HELP for word in words):
        known = group_meanings()
        pairs = [(name, known.get(name, "")) for name in sorted(groups(own))]
        print(*entries(FORMS.items(), 0, columns), "", "Groups", *entries(pairs, 2, columns), sep="\n")
        return 0
    try:
        for word in words:
            flags = ("--config-dir", *HELP)
            require(
                not word.startswith("-"),
                f"{word}: unknown flag{nearest(word, flags)} (allowed: {', '.join(flags)})",
            )
        named = [word.partition("=")[0] for word in words] or sorted(groups(own))
        if own and {CLASSES, FAMILIES} & {*named}:
            load_theory([folder.resolve() for folder in own])
        shown = [lines(word, own, columns, full=bool(words)) for word in words or sorted(groups(own))]
    except UsageError as error:
        return refuse(str(error))
    apart = "\n\n" if any("=" in word for word in words) else "\n"
    print(apart.join("\n".join(block) for block in shown))
    return 0


def lines(word: str, own: Sequence[Path], columns: int, *, full: bool) -> list[str]:
    """What is said of a group, such as `pe`, or of an option, such as `pe=alibi`.

    Raises:
        UsageError: there is no such group or option.
    """
    group, equals, name = word.partition("=")
    if equals:
        return page_lines(option_page(group, name, own), columns)
    known = sorted(groups(own))
    if group not in known:
        if having := [f"{each}={group}" for each in known if group in choices(each, own)]:
            raise UsageError(f"{group!r} is an option, not a group: lengen list {' '.join(having)}")
        raise UsageError(f"unknown group {group!r}{nearest(group, known)} (allowed: {', '.join(known)})")
    meaning = group_meanings().get(group)
    pairs = [
        pair
        for name in choices(group, own)
        for pair in entry(name, *described(option_file(group, name, own)), full=full)
    ]
    head = wrapped(f"{group}: {meaning}" if meaning else group, 0, columns)
    return [*head, *entries(pairs, 2, columns)]
