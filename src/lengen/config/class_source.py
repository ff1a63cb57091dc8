"""Read a class from its source text: its docstring, and the arguments of its constructor. Nothing is imported or run."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from lengen.config.source import module_file

SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Attributes|Example|Examples|Note):\s*$")


@dataclass(frozen=True)
class Parameter:
    """An argument of a constructor.

    Args:
        name: its name.
        annotation: its type, as an expression; None if it has none.
        default: its default, as an expression; None if it has none.
        module: the module whose names the two expressions use.
    """

    name: str
    annotation: ast.expr | None
    default: ast.expr | None
    module: str


@dataclass(frozen=True)
class ClassSource:
    """A class, and the module whose source has it."""

    module: str
    node: ast.ClassDef

    @property
    def docstring(self) -> str:
        """Its docstring, without the indentation."""
        return inspect.cleandoc(ast.get_docstring(self.node, clean=False) or "")

    def bases(self) -> Iterator[ClassSource]:
        """Its base classes, as far as their source is found."""
        for base in self.node.bases:
            if isinstance(base, ast.Name) and (found := find_class(self.module, base.id)):
                yield found

    @property
    def is_dataclass(self) -> bool:
        """Whether it is decorated as a dataclass."""
        return any("dataclass" in ast.unparse(decorator) for decorator in self.node.decorator_list)


def read_class(target: str) -> ClassSource | None:
    """Return the class that a `_target_` names; None if its source is not found."""
    module, _, name = target.rpartition(".")
    return find_class(module, name)


@cache
def find_class(module: str, name: str) -> ClassSource | None:
    """Return a class by the name that it has in a module, also if the module imports it."""
    found = find(module, name)
    return ClassSource(*found) if found and isinstance(found[1], ast.ClassDef) else None  # type: ignore[arg-type]


@cache
def find(module: str, name: str) -> tuple[str, ast.AST] | None:
    """Return what a name of a module stands for, class or assigned value, and the module whose source has it."""
    for node in _statements(module):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return module, node
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets) and node.value:  # type: ignore[attr-defined]
            return module, node.value  # type: ignore[attr-defined]
        if isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                if (alias.asname or alias.name) == name and node.module and node.module != module:
                    return find(node.module, alias.name)
    return None


@cache
def _statements(module: str) -> tuple[ast.stmt, ...]:
    path = module_file(module)
    return tuple(ast.parse(path.read_text(encoding="utf-8")).body) if path else ()


def parameters(source: ClassSource) -> list[Parameter]:
    """Return the arguments of a class's constructor: those of `__init__`, or the fields of a dataclass, also if inherited."""
    for node in source.node.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            plain = node.args.posonlyargs + node.args.args
            padded = [*[None] * (len(plain) - len(node.args.defaults)), *node.args.defaults]
            pairs = [
                *zip(plain, padded, strict=True),
                *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
            ]
            return [
                Parameter(part.arg, part.annotation, default, source.module) for part, default in pairs[1:]
            ]
    inherited = {part.name: part for base in source.bases() for part in parameters(base)}
    if source.is_dataclass:
        for node in source.node.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                given = "" if node.value is None else ast.unparse(node.value)
                if "ClassVar" not in ast.unparse(node.annotation) and "init=False" not in given:
                    part = Parameter(node.target.id, node.annotation, node.value, source.module)
                    inherited[part.name] = part
    return [*inherited.values()]


def sections(docstring: str) -> tuple[str, str]:
    """Split a docstring into its text, before the first section and without examples, and its examples."""
    text, examples, inside = list[str](), list[str](), False
    for line in docstring.splitlines():
        if SECTION.match(line):
            break
        inside = line.startswith(">>>") or (inside and bool(line.strip()))
        (examples if inside else text).append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(text)).strip(), "\n".join(examples)


def meanings(source: ClassSource) -> dict[str, str]:
    """Return what the docstrings of a class and of its bases say of each argument."""
    known = {name: text for base in source.bases() for name, text in meanings(base).items()}
    for node in [source.node, *source.node.body]:
        if node is source.node or (isinstance(node, ast.FunctionDef) and node.name == "__init__"):
            known |= _arguments(inspect.cleandoc(ast.get_docstring(node, clean=False) or ""))
    return known


def _arguments(docstring: str) -> dict[str, str]:
    """Return the entries of the section `Args`."""
    found, name, inside = dict[str, list[str]](), "", False
    for line in docstring.splitlines():
        if SECTION.match(line):
            inside = line.startswith("Args")
        elif inside and (start := re.match(r" {4}(\*{0,2}\w+)(?: \([^)]*\))?: ?(.*)", line)):
            name = start[1].lstrip("*")
            found[name] = [start[2]]
        elif inside and name and line.strip():
            found[name].append(line.strip())
    return {name: " ".join(lines).strip() for name, lines in found.items()}


def ranges(source: ClassSource, prefix: str) -> dict[str, str]:
    """Return by argument the ranges that a class's `require` states, such as `at least 1`.

    Args:
        source: the class.
        prefix: the options' common start in messages, such as `task.`.
    """
    found = {name: text for base in source.bases() for name, text in ranges(base, prefix).items()}
    for loop, call in _requires(source.node):
        message = call.args[1] if len(call.args) > 1 else None
        if not isinstance(message, ast.JoinedStr):
            continue
        text = "".join(_shown(part, source.module) for part in message.values)
        start = re.match(rf"{re.escape(prefix)}(\w+|\{{\w+\}})=.*?: must be (.+)$", text)
        if start and "{" not in start[2]:
            for name in _named(loop) if start[1].startswith("{") else [start[1]]:
                found.setdefault(name, start[2])
    return found


def _named(loop: ast.For | None) -> list[str]:
    """Return the names that a loop goes over, as in `for name in ("a", "b")` or `for name, value in (("a", a), ("b", b))`."""
    listed = loop.iter.elts if loop and isinstance(loop.iter, ast.Tuple) else []
    first = (each.elts[0] if isinstance(each, ast.Tuple) and each.elts else each for each in listed)
    return [str(each.value) for each in first if isinstance(each, ast.Constant)]


def _requires(node: ast.AST, loop: ast.For | None = None) -> Iterator[tuple[ast.For | None, ast.Call]]:
    """Yield all calls of `require` in the constructors of a class, with the loop around each."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef) and child.name not in ("__init__", "__post_init__", "check"):
            continue
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == "require":
            yield loop, child
        yield from _requires(child, child if isinstance(child, ast.For) else loop)


def _shown(part: ast.expr, module: str) -> str:
    """Return a piece of a message as text; a constant of the module by its value, and what depends on the run in braces."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    value = part.value if isinstance(part, ast.FormattedValue) else part
    if isinstance(value, ast.Name) and (found := find(module, value.id)):
        try:
            return str(ast.literal_eval(found[1]))
        except ValueError:
            pass
    return f"{{{ast.unparse(value)}}}"
