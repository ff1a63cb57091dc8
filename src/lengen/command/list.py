"""List the options of a group with one line and the paper of each; without a group, the groups."""

from __future__ import annotations

from pathlib import Path

from lengen.config import config_dir, nearest
from lengen.door import refuse


def main(arguments: list[str]) -> int:
    """Run the command."""
    groups = sorted(
        folder.name for folder in config_dir().iterdir() if folder.is_dir() and any(folder.glob("*.yaml"))
    )
    if any(word in ("-h", "--help") for word in arguments):
        print(f"lengen list [GROUP …]\n\nGroups: {', '.join(groups)}")
        return 0
    for group in arguments:
        if group not in groups:
            return refuse(f"unknown group {group!r}{nearest(group, groups)} (allowed: {', '.join(groups)})")
    for group in arguments or groups:
        files = sorted((config_dir() / group).glob("*.yaml"))
        print(f"{group}")
        width = max(len(file.stem) for file in files)
        for file in files:
            line, paper = described(file)
            print(f"  {file.stem:<{width}}  {line}" + (f"  [{paper}]" if paper else ""))
    return 0


def described(file: Path) -> tuple[str, str]:
    """An option's one-line description and its paper: the first comments of its YAML."""
    comments = [
        line.lstrip("# ").strip()
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    ]
    comments = [comment for comment in comments if not comment.startswith("@package")]
    paper = next(
        (comment.partition(":")[2].strip() for comment in comments if comment.startswith("paper:")), ""
    )
    line = next((comment for comment in comments if not comment.startswith("paper:")), "")
    return line, "" if paper == "none" else paper
