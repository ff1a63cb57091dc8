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
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _words(left, module)
            yield from _words(right, module)
        case ast.Constant(value=str(text)):  # an annotation in quotes
            yield from _words(ast.parse(text, mode="eval").body, module)
        case ast.Constant(value=None):
            yield "null"
        case ast.Subscript(value=ast.Name(id=name), slice=inner):
            yield from _of(name, inner, module)
        case ast.Name(id=name) if name in TYPES:
            yield TYPES[name]
        case ast.Name(id=name):
            found = find(module, name)
            if found and isinstance(found[1], ast.expr):  # a name for a type
                yield from _words(found[1], found[0])
            else:
                yield "group of options"


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
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from listed(left, module)
            yield from listed(right, module)
        case ast.Constant(value=str(text)):  # an annotation in quotes
            yield from listed(ast.parse(text, mode="eval").body, module)
        case ast.Constant(value=None):
            yield "null"
        case ast.Subscript(value=ast.Name(id="Literal")):
            yield from _words(node, module)
        case ast.Name(id="bool"):
            yield from ("true", "false")
        case ast.Name(id=name) if (found := find(module, name)) and isinstance(found[1], ast.expr):
            yield from listed(found[1], found[0])
