"""YAML of one's own that is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from bad_input import Line

YAML = (
    ("_target_: lengen.pe.rope.RoPE\nbase: abc\n", "pe.base", "a wrong type"),
    ("_target_: lengen.pe.rope.RoPE\nbase: -1\n", "pe.base", "out of range"),
    ("_target_: lengen.pe.rope.RoPE\nbase: .nan\n", "pe.base", "not a number"),
    ("_target_: lengen.pe.rope.RoPE\nzz: 1\n", "pe.zz", "no such field"),
    ("_target_: lengen.pe.rope.RoPE\nbase: ${pe.base}\n", "pe.base", "refers to itself"),
    ("_target_: lengen.pe.rope.RoPE\nbase: ${zz.nothing}\n", "pe.base", "refers to nothing"),
    ("_target_: lengen.pe.rope.Zz\n", "pe._target_", "no such class"),
    ("_target_: lengen.pe.zz.Zz\n", "pe._target_", "no such module"),
    ("_target_: lengen.task.copy.Copy\n", "pe._target_", "not an encoding"),
    ("_target_: zz_nothing.Zz\n", "pe._target_", "no such module"),
    ("_target_: 3\n", "pe._target_", "no class"),
    ("base: 3\n", "pe._target_", "no class"),
    ("", "pe._target_", "empty"),
    ("- 1\n- 2\n", "pe", "a list"),
    ("a: [1\n", "mine.yaml", "no YAML"),
    ("\tx: 1\n", "mine.yaml", "no YAML"),
    ("a: 1\na: 2\n", "mine.yaml", "a key twice"),
    ("zz\n", "pe._target_", "a text"),
    ("_target_: lengen.pe.rope.RoPE\nbase: ${\n", "mine", "an open reference"),
    ("defaults:\n  - zz_nothing\n", "zz_nothing", "no such file"),
)  # fmt: skip


def lines() -> Iterator[Line]:
    """Yield the command lines."""
    for text, named, why in YAML:
        for command in (
            ("train", "check") if "out of" not in why else ("train",)
        ):  # `check` reports it as a failed check
            yield Line((command, "--config-dir", "conf", "pe=mine"), named, why, text)
