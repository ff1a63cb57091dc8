"""The commands of README and of the pages in docs/, as they stand in code blocks and in code within sentences."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))]
PLACEHOLDER = re.compile(r"…|\.\.\.|\b(?:[A-Z]|GROUP|NAME|FOLDER|COMMAND|NEW|DIR)\b|=$")
"""What stands for something of the reader's."""


@dataclass(frozen=True)
class Command:
    """A command of a page, as the shell reads its words."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def without_remark(line: str) -> str:
    """Cut what explains a command: after `#`, or after two spaces.

    >>> without_remark("lengen compare           # everything")
    'lengen compare'
    """
    return re.split(r"\s+#\s|\s{2,}", line.strip().removeprefix("$ "))[0]


def lines(page: str) -> list[str]:
    """Lines of code blocks, and code within sentences, in order."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block"):
            found += token.content.replace("\\\n", " ").splitlines()
        found += [part.content for part in token.children or () if part.type == "code_inline"]
    return found


def write_files(page: str, folder: Path) -> None:
    """Write the blocks that name a file of the reader's in a comment of their own."""
    for token in MarkdownIt("commonmark").parse((ROOT / page).read_text(encoding="utf-8")):
        if token.type == "fence" and (found := re.search(r"^# (conf/\S+)$", token.content, re.MULTILINE)):
            (folder / found[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / found[1]).write_text(token.content, encoding="utf-8")


def commands(page: str, program: str = "lengen") -> list[Command]:
    """All commands of a page that call a program, without those that only name one."""
    found = []
    for line in lines(page):
        text = without_remark(line)
        if text.startswith(f"{program} ") and not PLACEHOLDER.search(text):
            words = tuple(shlex.split(text))[1:]
            if len(words) > 1 or words[0] in ("compare", "status"):
                found.append(Command(page, words))
    return list(dict.fromkeys(found))
