"""Source code from outside lengen: the files that a class stands on, and a hash of each.

Comments, blank lines and trailing spaces do not count. No code is run to find what a module imports.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import io
import sys
import sysconfig
import tokenize
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

INSTALLED = ("site-packages", "dist-packages")
OWN = "lengen"
"""Our own package, whose classes have revisions in place of hashes."""


def sources(kind: type[Any]) -> dict[str, tuple[Path | None, str]]:
    """Files that a class from outside stands on: its own module, and every module of the user's that it imports.

    Modules of other installed packages do not count; of the package that a class is installed with, all that it imports
    do. A class that was defined in a notebook or a script counts by its own source.

    Args:
        kind: the class.

    Returns:
        By a short name of each file: the file, None where there is none; and a hash of its source.
    """
    if kind.__module__ == "__main__":
        own = [part for part in kind.__mro__ if part.__module__ == "__main__"]
        text = "\n".join(_source(part) for part in own)
        return {f"__main__:{kind.__qualname__}": (None, digest(text))}
    top = kind.__module__.partition(".")[0]
    found: dict[str, tuple[Path | None, str]] = {}
    queue, seen = [kind.__module__], set[str]()
    while queue:
        name = queue.pop()
        if name in seen or name.partition(".")[0] == OWN:
            continue
        seen.add(name)
        path = _file(name)
        if path is None or (_installed(path) and name.partition(".")[0] != top):
            continue
        text = path.read_text(encoding="utf-8")
        label = name.replace(".", "/") + ("/__init__.py" if path.name == "__init__.py" else ".py")
        found[label] = path, digest(text)
        queue.extend(_imports(text, name, is_package=path.name == "__init__.py"))
    return dict(sorted(found.items()))


def _source(kind: type[Any]) -> str:
    """Source of a class of a notebook or a script; in a notebook, that of its functions and its other attributes."""
    with suppress(OSError, TypeError):
        return inspect.getsource(kind)
    parts = [kind.__qualname__]
    for name, value in vars(kind).items():
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if inspect.isfunction(function):
            with suppress(OSError, TypeError):
                parts.append(inspect.getsource(function))
        elif isinstance(value, (str, int, float, bool, tuple)) and not name.startswith("__"):
            parts.append(f"{name} = {value!r}")
    return "\n".join(parts)


def digest(text: str) -> str:
    """Hash of source code without its comments and blank lines."""
    return hashlib.sha256(normalised(text).encode()).hexdigest()[:16]


def normalised(text: str) -> str:
    r"""Source code without comments, blank lines and trailing spaces; text that cannot be tokenised as it is.

    >>> normalised("x = 1  # one\n\n\ny = 2\n")
    'x = 1\ny = 2'
    """
    lines = text.splitlines()
    kept = set[int]()  # lines inside a text of several lines
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            row, column = token.start
            if token.type == tokenize.COMMENT:
                lines[row - 1] = lines[row - 1][:column]
            elif token.end[0] > row and token.type not in (tokenize.NEWLINE, tokenize.NL, tokenize.DEDENT):
                kept.update(range(row, token.end[0]))
    except (tokenize.TokenError, SyntaxError):
        return text
    return "\n".join(
        line if number in kept else line.rstrip()
        for number, line in enumerate(lines, 1)
        if line.strip() or number in kept
    )


def _installed(path: Path) -> bool:
    """Whether a file belongs to an installed package or to Python itself."""
    if any(part in INSTALLED for part in path.parts):
        return True
    return any(path.is_relative_to(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))


def _file(name: str) -> Path | None:
    """The Python file of a module; None for one that has none, such as a built-in or a folder."""
    module = sys.modules.get(name)
    origin = getattr(module, "__file__", None) if module is not None else getattr(_spec(name), "origin", None)
    path = Path(origin).resolve() if isinstance(origin, str) else None
    return path if path is not None and path.suffix == ".py" and path.is_file() else None


def _spec(name: str) -> ModuleSpec | None:
    """Where a module would be found, without importing it or what it lies in."""
    head, _, _ = name.rpartition(".")
    places = None
    if head:
        above = _spec(head)
        places = None if above is None else above.submodule_search_locations
        if places is None:
            return None
    try:
        return PathFinder.find_spec(name, places)
    except (ImportError, ValueError):
        return None


def _imports(text: str, name: str, *, is_package: bool) -> Iterator[str]:
    """Names of modules that source code may import, packages above them included."""
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(text)):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            head = node.module or ""
            if node.level:
                head = importlib.util.resolve_name("." * node.level + head, package)
            found = [head, *(f"{head}.{alias.name}" for alias in node.names)]
        for each in found:
            parts = each.split(".")
            yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
