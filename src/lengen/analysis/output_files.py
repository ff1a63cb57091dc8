"""The folder of a comparison, and the files that it has written there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lengen.config.errors import require
from lengen.records.curve import write_text

NOTE = "compare.json"
"""File with the options of the comparison and the names of the files that it wrote."""


class OutputFiles:
    """The files of a comparison. Files of an earlier comparison in the same folder are removed, and no others.

    Args:
        folder: created if it does not exist.

    Raises:
        UsageError: it is a file.
    """

    def __init__(self, folder: Path) -> None:
        require(not folder.is_file(), f"out={folder}: must be a folder, and is a file")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.names: set[str] = set()

    def file(self, name: str) -> Path:
        """Return the path of a file to be written, and count it as a file of this comparison."""
        self.names.add(name)
        return self.folder / name

    def stem(self, name: str) -> Path:
        """Return the path of a figure without suffix; `add` counts the files that are written for it."""
        return self.folder / name

    def add(self, paths: list[Path]) -> None:
        """Count written files as files of this comparison."""
        self.names |= {path.name for path in paths}

    @staticmethod
    def name(text: str) -> str:
        """Return a text as part of a file name: letters, digits and `=_+`, other characters as dashes.

        >>> OutputFiles.name("copy (repeats=one, alphabet=20)")
        'copy-repeats=one-alphabet=20'
        """
        safe = "".join(char if char.isalnum() or char in "=_+" else "-" for char in text)
        return "-".join(part for part in safe.split("-") if part)[:80]

    def close(self, asked: Mapping[str, Any]) -> list[str]:
        """Remove the files of an earlier comparison, and record the options and files of this one.

        Returns:
            the names of the files that are removed.
        """
        removed = self.remove_earlier()
        note = {"asked": asked, "files": sorted(self.names)}
        write_text(self.folder / NOTE, json.dumps(note, indent=2) + "\n")
        return removed

    def remove_earlier(self) -> list[str]:
        """Remove the files of an earlier comparison that this one does not write, and return their names."""
        removed = []
        try:
            earlier = json.loads((self.folder / NOTE).read_text(encoding="utf-8"))["files"]
        except (OSError, ValueError, LookupError, TypeError):
            return []
        for name in earlier if isinstance(earlier, list) else ():
            path = self.folder / Path(str(name)).name
            if path.name not in self.names and path.is_file():
                path.unlink()
                removed.append(path.name)
        return removed
