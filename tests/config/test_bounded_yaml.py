"""YAML from others: what is beyond the bounds is refused at once, everything else is read as PyYAML reads it."""

from __future__ import annotations

import time

import pytest
import yaml

from lengen.config.bounded_yaml import DEPTH, SIZE, check_folder, parse_yaml, read_yaml
from lengen.config.compose import TRAIN, Request, config_dir
from lengen.config.errors import UsageError
from lengen.config.search import refuse_taken_names

LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 30)
)
BEYOND = {
    "billion laughs": (LAUGHS, "more than 200,000 values"),
    "brackets": ("[" * 20_000 + "]" * 20_000, "not a YAML file|nested"),
    "dashes": ("- " * 20_000, "nested more than 64"),
    "just too deep": ("- " * (DEPTH + 1) + "x", "nested more than 64"),
    "an alias of itself": ("&a [*a]", "contains itself"),
    "large": ("x" * (SIZE + 1), "larger than 1024 KiB"),
    "a number of 5,000 digits": ("a: " + "9" * 5000, "not a YAML file"),
    "an impossible date": ("a: 2020-13-45", "not a YAML file"),
    "code": ("!!python/object/apply:os.system [ls]", "not a YAML file"),
}


@pytest.mark.parametrize("name", BEYOND)
def test_what_is_beyond_the_bounds_is_refused_at_once(tmp_path, name):
    text, why = BEYOND[name]
    (tmp_path / "x.yaml").write_text(text)
    start = time.perf_counter()
    with pytest.raises(UsageError, match=why) as refused:
        read_yaml(tmp_path / "x.yaml")
    assert time.perf_counter() - start < 1
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["a: &a [1, {b: 2}]\nc: [*a, *a]", "- " * DEPTH + "x", "", "a: [1.0e-05, null]"]
)
def test_everything_else_is_read(text):
    assert parse_yaml(text, "x") == yaml.safe_load(text)


def test_a_configuration_folder_is_checked_before_it_is_composed(lengen, tmp_path):
    check_folder(config_dir())
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "mine.yaml").write_text(LAUGHS)
    ran = lengen("train", "task=mine", "--config-dir", "conf")
    assert ran.code == 2
    assert ran.err == "lengen: conf/task/mine.yaml: more than 200,000 values\n"


def test_an_option_of_ones_own_has_another_name_than_those_of_lengen(lengen, tmp_path):
    (tmp_path / "conf" / "pe").mkdir(parents=True)
    own = tmp_path / "conf" / "pe" / "rope.yaml"
    own.write_text("_target_: mine.Rope\n")
    ran = lengen("train", "task=copy", "pe=nope", "--config-dir", "conf", "dry=true")
    line = "conf/pe/rope.yaml: lengen has an option pe=rope, which would be taken; give the file another name"
    assert (ran.code, ran.err) == (2, f"lengen: {line}\n")
    with pytest.raises(UsageError, match="lengen has an option pe=rope"):
        Request(TRAIN, ["task=copy"], folders=[tmp_path / "conf"]).compose()
    own.rename(own.with_name("my_rope.yaml"))
    own.with_name("my_rope.yaml").write_text("_target_: lengen.pe.nope.NoPE\n")
    assert (
        Request(TRAIN, ["task=copy", "pe=my_rope"], folders=[tmp_path / "conf"]).compose()["labels"]["pe"]
        == "my_rope"
    )
    refuse_taken_names([config_dir()])


@pytest.mark.parametrize(
    ("line", "accepted"),
    [("time: 12:00:00", False), ("time: 1:30", False), ("- 90:00", False), ('time: "12:00:00"', True), ("time: 08:00:00 # of the queue", True),
     ("time: 720", True), ("text: at 12:00", True), ("time: 1-12:00:00", True)],
)  # fmt: skip
def test_a_time_without_quotes_is_refused_where_yaml_reads_a_number(tmp_path, line, accepted):
    """The first digit of such a number is no zero: a time like 08:00:00 is text."""
    (tmp_path / "own.yaml").write_text(f"# mine\n{line}\n")
    if accepted:
        check_folder(tmp_path)
    else:
        parsed = yaml.safe_load(line)
        assert isinstance(parsed[0] if isinstance(parsed, list) else next(iter(parsed.values())), int)
        with pytest.raises(UsageError, match=r"own.yaml: line 2: [\d:]+ must be in quotes"):
            check_folder(tmp_path)
