"""List the options of a group with their papers, learned parameters and costs; without a group, list all groups."""

from __future__ import annotations

from pathlib import Path

from lengen.cli.hydra_app import folders, refuse
from lengen.config.errors import nearest
from lengen.config.search import config_dir

FACTS = ("paper", "learned", "cost", "cache", "beyond")
"""Named comments in the YAML of an option: its paper, what it learns, the cheapest exact implementation, what decoding
caches, and its behaviour beyond the trained length."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    own, arguments = folders(arguments)
    for folder in own:
        if not folder or not Path(folder).is_dir():
            return refuse(f"--config-dir={folder}: no such folder")
    options: dict[str, list[Path]] = {}
    for file in sorted(
        file for folder in (config_dir(), *map(Path, own)) for file in folder.glob("*/*.yaml")
    ):
        options.setdefault(file.parent.name, []).append(file)
    groups = sorted(options)
    if any(word in ("-h", "--help") for word in arguments):
        print(f"lengen list [--config-dir DIR] [GROUP …]\n\nGroups: {', '.join(groups)}")
        return 0
    for group in arguments:
        if group not in groups:
            return refuse(f"unknown group {group!r}{nearest(group, groups)} (allowed: {', '.join(groups)})")
    for group in arguments or groups:
        files = sorted(options[group], key=lambda file: file.stem)
        print(f"{group}")
        width = max(len(file.stem) for file in files)
        for file in files:
            facts = described(file)
            line, paper = facts.pop("line"), facts.pop("paper")
            print(f"  {file.stem:<{width}}  {line}" + (f"  [{paper}]" if paper != "none" else ""))
            if arguments and facts:
                print(f"  {'':<{width}}  " + " · ".join(f"{name}: {fact}" for name, fact in facts.items()))
    return 0


def described(file: Path) -> dict[str, str]:
    """Read the first comments of an option's YAML: a description, its paper, and further facts by name."""
    facts = {"line": "", "paper": "none"}
    for text in file.read_text(encoding="utf-8").splitlines():
        if not text.startswith("#"):
            break
        comment = text.lstrip("# ")
        name, colon, fact = comment.partition(": ")
        if name in FACTS and colon:
            facts[name] = fact
        elif not comment.startswith("@package"):
            facts["line"] = facts["line"] or comment
    return facts
