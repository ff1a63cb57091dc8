"""Say in words which values a type annotation allows, from its source text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from lengen.config.class_source import find

TYPES = {
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "str": "text",
    "Any": "any value",
    "list": "list",
}
ANY = "any"
"""A kind of which nothing is known, and every value is one."""


def allowed(annotation: ast.expr | None, module: str) -> str:
    """Say in words which values an annotation allows, choices by name.

    Args:
        annotation: the annotation, as an expression.
        module: the module whose names it uses.

    >>> allowed(ast.parse("Literal['a', 'b'] | list[int] | None", mode="eval").body, "")
    'a, b, list of whole numbers, or null'
    """
    parts = [*dict.fromkeys(_words(annotation, module))]
    if len(parts) < 2:  # noqa: PLR2004
        return "".join(parts)
    return f"{', '.join(parts[:-1])}{',' if len(parts) > 2 else ''} or {parts[-1]}"  # noqa: PLR2004


def _words(node: ast.expr | None, module: str) -> Iterator[str]:
    for part, home in _parts(node, module):
        match part:
            case ast.Constant(value=None):
                yield "null"
            case ast.Subscript(value=ast.Name(id=name), slice=inner):
                yield from _of(name, inner, home)
            case ast.Name(id=name):
                yield TYPES.get(name, "group of options")


def _parts(node: ast.expr | None, module: str) -> Iterator[tuple[ast.expr, str]]:
    """Yield the parts of a union, each with the module whose names it uses; names for types are followed."""
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _parts(left, module)
            yield from _parts(right, module)
        case ast.Constant(value=str(text)):  # an annotation in quotes
            yield from _parts(ast.parse(text, mode="eval").body, module)
        case ast.Name(id=name) if (
            name not in TYPES and (found := find(module, name)) and isinstance(found[1], ast.expr)
        ):
            yield from _parts(found[1], found[0])
        case ast.expr():
            yield node, module


def _of(name: str, inner: ast.expr, module: str) -> Iterator[str]:
    """Yield the words for a type with others in brackets: choices, a list or a mapping."""
    elements = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name == "Literal":
        yield from (str(element.value) for element in elements if isinstance(element, ast.Constant))
    elif name in ("dict", "Mapping"):
        yield "group of options, by name"
    else:
        singular = " or ".join(_words(elements[0], module))
        yield f"list of {re.sub(r'number$|text$', lambda word: word[0] + 's', singular)}"


def listed(node: ast.expr | None, module: str) -> Iterator[str]:
    """Yield the values that an annotation lists one by one: those of a `Literal`, true and false, null.

    >>> [*listed(ast.parse("Literal['a', 'b'] | bool | None", mode="eval").body, "")]
    ['a', 'b', 'true', 'false', 'null']
    """
    for part, home in _parts(node, module):
        match part:
            case ast.Constant(value=None):
                yield "null"
            case ast.Subscript(value=ast.Name(id="Literal")):
                yield from _words(part, home)
            case ast.Name(id="bool"):
                yield from ("true", "false")


def kinds(node: ast.expr | None, module: str) -> Iterator[str]:
    """Yield the kinds of values that an annotation allows: `int`, `float`, `bool`, `str`, `list`, `null`, `named` for choices, or `any`.

    >>> [*kinds(ast.parse("Literal['a', 'b'] | list[int] | None", mode="eval").body, "")]
    ['named', 'list', 'null']
    """
    if node is None:
        yield ANY
    for part, _ in _parts(node, module):
        match part:
            case ast.Constant(value=None):
                yield "null"
            case ast.Subscript(value=ast.Name(id="Literal")):
                yield "named"
            case ast.Subscript(value=ast.Name(id="list")):
                yield "list"
            case ast.Name(id="int" | "float" | "bool" | "str" as name):
                yield name
            case _:
                yield ANY
