"""The comments behind the values of a YAML file: what they mean, said where they are set. Imports no torch."""

from __future__ import annotations

from pathlib import Path

import yaml

from lengen.config.bounded_yaml import LOADER


def remarks(file: Path, prefix: str = "") -> dict[str, str]:
    """Return the comments that stand behind the values of a YAML file, by dotted name.

    Args:
        file: the file; entries of a list have the name of the list.
        prefix: start of all names, such as `pe.`.

    Raises:
        YAMLError: the file is no YAML.
    """
    text = file.read_text(encoding="utf-8")
    lines, found = text.splitlines(), dict[str, str]()

    def walk(node: yaml.Node | None, path: str) -> None:
        if isinstance(node, yaml.SequenceNode) and not node.flow_style:
            for entry in node.value:
                walk(entry, path)
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            name = f"{path}{key.value}"
            block = isinstance(value, yaml.CollectionNode) and not value.flow_style
            end = key.end_mark if block else value.end_mark
            comment = lines[end.line][end.column :].lstrip(" :") if end.line < len(lines) else ""
            if comment.startswith("#"):
                found[name] = comment.lstrip("# ")
            walk(value, f"{name}.")

    walk(yaml.compose(text, Loader=LOADER), prefix)
    return found
