"""Source code from outside lengen: the files that a class depends on, and a hash of each.

Hashes ignore comments, blank lines and trailing spaces. Imports are found without running any code.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import io
import linecache
import sys
import sysconfig
import tokenize
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FunctionType
from typing import Any

KNOWN: dict[str, str] = {}
"""In a worker: the sources of classes that its command has passed to it, by qualified name."""
INSTALLED = ("site-packages", "dist-packages")
OWN = "lengen"
"""The package itself; its classes have revisions instead of hashes."""


def sources(kind: type[Any]) -> dict[str, tuple[Path | None, str]]:
    """Return the files that a class from outside lengen depends on: its module, and the user's modules that it imports.

    Modules of other installed packages are left out; those of the class's own package are included. A class that is
    defined in a notebook or a script is identified by its own source.

    Args:
        kind: the class.

    Returns:
        By a short name of each file: its path, or None if there is none, and a hash of its source.
    """
    if kind.__module__ == "__main__":
        classes = [part for part in kind.__mro__ if part.__module__ == "__main__"]
        text = "\n".join(source_of(part) for part in classes)
        return {f"__main__:{kind.__qualname__}": (None, digest(text))}
    top = kind.__module__.partition(".")[0]
    files: dict[str, tuple[Path | None, str]] = {}
    queue, seen = [kind.__module__], set[str]()
    while queue:
        name = queue.pop()
        if name in seen or name.partition(".")[0] == OWN:
            continue
        seen.add(name)
        path = module_file(name)
        if path is None or (_installed(path) and name.partition(".")[0] != top):
            continue
        text = path.read_text(encoding="utf-8")
        label = name.replace(".", "/") + ("/__init__.py" if path.name == "__init__.py" else ".py")
        files[label] = path, digest(text)
        queue.extend(_imports(text, name, is_package=path.name == "__init__.py"))
    return dict(sorted(files.items()))


def source_of(kind: type[Any]) -> str:
    """Return the source of a class from a notebook or a script; failing that, of its functions, and its plain attributes."""
    if (known := KNOWN.get(kind.__qualname__)) is not None:
        return known
    with suppress(OSError, TypeError):
        return inspect.getsource(kind)
    functions = [*_functions(kind)]
    for function in functions:
        if (found := _around(kind, function)) is not None:
            return found
    parts = [kind.__qualname__]
    for function in functions:
        with suppress(OSError, TypeError):
            parts.append(inspect.getsource(function))
    for name, value in vars(kind).items():
        if isinstance(value, (str, int, float, bool, tuple)) and not name.startswith("__"):
            parts.append(f"{name} = {value!r}")
    return "\n".join(parts)


def _functions(kind: type[Any]) -> Iterator[FunctionType]:
    """Yield the functions of a class."""
    for value in vars(kind).values():
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if inspect.isfunction(function):
            yield function


def _around(kind: type[Any], function: FunctionType) -> str | None:
    """Return the source of a class by one of its functions, of which the cell of the notebook is known; None if it is not."""
    lines = linecache.getlines(function.__code__.co_filename)
    with suppress(SyntaxError):
        for node in ast.walk(ast.parse("".join(lines))):
            if isinstance(node, ast.ClassDef) and node.name == kind.__name__ and node.end_lineno:
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                if first <= function.__code__.co_firstlineno <= node.end_lineno:
                    return "".join(lines[first - 1 : node.end_lineno])
    return None


def digest(text: str) -> str:
    """Return a hash of source code without comments and blank lines."""
    return hashlib.sha256(normalised(text).encode()).hexdigest()[:16]


def normalised(text: str) -> str:
    r"""Return source code without comments, blank lines and trailing spaces; text that cannot be tokenised is unchanged.

    >>> normalised("x = 1  # one\n\n\ny = 2\n")
    'x = 1\ny = 2'
    """
    lines = text.splitlines()
    inside_strings = set[int]()  # lines within a string of several lines
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            row, column = token.start
            if token.type == tokenize.COMMENT:
                lines[row - 1] = lines[row - 1][:column]
            elif token.end[0] > row and token.type not in (tokenize.NEWLINE, tokenize.NL, tokenize.DEDENT):
                inside_strings.update(range(row, token.end[0]))
    except (tokenize.TokenError, SyntaxError):
        return text
    return "\n".join(
        line if number in inside_strings else line.rstrip()
        for number, line in enumerate(lines, 1)
        if line.strip() or number in inside_strings
    )


def _installed(path: Path) -> bool:
    """Whether a file belongs to an installed package or to Python itself."""
    if any(part in INSTALLED for part in path.parts):
        return True
    return any(path.is_relative_to(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))


def module_file(name: str) -> Path | None:
    """Return the Python file of a module; None if it has none, such as a built-in module or a namespace package."""
    module = sys.modules.get(name)
    origin = getattr(module, "__file__", None) if module is not None else getattr(_spec(name), "origin", None)
    path = Path(origin).resolve() if isinstance(origin, str) else None
    return path if path is not None and path.suffix == ".py" and path.is_file() else None


def _spec(name: str) -> ModuleSpec | None:
    """Find the spec of a module without importing it or its parents."""
    parent_name, _, _ = name.rpartition(".")
    search_path = None
    if parent_name:
        parent = _spec(parent_name)
        search_path = None if parent is None else parent.submodule_search_locations
        if search_path is None:
            return None
    try:
        return PathFinder.find_spec(name, search_path)
    except (ImportError, ValueError):
        return None


def _imports(text: str, name: str, *, is_package: bool) -> Iterator[str]:
    """Yield the names of modules that source code may import, with their parent packages."""
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = importlib.util.resolve_name("." * node.level + base, package)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for full_name in names:
            parts = full_name.split(".")
            yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
