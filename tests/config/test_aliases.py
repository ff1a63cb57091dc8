"""What was written for an older version goes on to work: classes in YAML, imports, methods, attributes."""

import importlib
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import TINY, run_folders
from tests.scenes import inputs

from lengen.block.inputs import BlockInputs
from lengen.config.aliases import (
    FIELDS,
    METHODS,
    MODULES,
    NAMES,
    OPTIONS,
    current,
    find_moved,
    warn_renamed,
    with_current_targets,
)
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.config.search import config_dir
from lengen.pe import PositionalEncoding
from lengen.task import Task, Vocabulary
from lengen.task.copy import Copy
from lengen.training.options import TrainerOptions

TARGETS = Path(__file__).with_name("former_targets.txt").read_text().split()
"""Every `_target_` of the YAML of an earlier version."""

TASK = '''
from dataclasses import dataclass

import torch

from lengen.draws import orders
from lengen.refusal import require
from lengen.task import Batch, Span, Task, Vocabulary, assemble, letters


@dataclass(frozen=True)
class First(Task):
    """The first of some distinct symbols."""

    easy: bool = False

    @property
    def vocabulary(self):
        return Vocabulary(letters(9))

    def sample(self, length, count, generator):
        require(length <= 9, f"length {length}: allowed is up to 9")
        tokens = 4 + orders((count, 9), generator)[:, :length]
        return assemble(length, count, self.vocabulary, [Span(tokens)], [Span(tokens[:, :1])])

    def examined(self):
        return First(easy=False)

    def trained(self):
        return (First(easy=True), First(easy=False))

    def stresses(self):
        return {"easy": First(easy=True)}

    def traced(self, length):
        return any(part.traced(length) for part in ())
'''

ENCODING = '''
import torch

from lengen.pe import PositionalEncoding, Shape
from lengen.pe.alibi import ALiBi
from lengen.scene import Scene, wide


class Steep(ALiBi):
    """Steeper for what a block has counted."""

    def __init__(self, shape: Shape, steep: float = 2.0):
        super().__init__(shape)
        self.steep = steep

    def bias(self, query, key):
        return wide(super().bias(query, key)) * self.steep

    def context(self, query, key, scene: Scene):
        before = scene.memory.get("count")
        scene.memory.put("count", torch.ones(1) if before is None else before + 1)
        assert scene.lags is None
        return None
'''


@pytest.fixture(autouse=True)
def _unwarned():
    warn_renamed.cache_clear()


def found(name):
    module, _, leaf = name.rpartition(".")
    return getattr(importlib.import_module(module), leaf)


@pytest.mark.parametrize("target", TARGETS)
def test_targets_of_an_earlier_version_resolve(target):
    assert isinstance(found(current(target)), type)


@pytest.mark.parametrize(("old", "new"), NAMES.items())
def test_renamed_things_are_imported_with_one_warning(old, new):
    module, _, leaf = old.rpartition(".")
    with pytest.warns(FutureWarning, match=f"^{old} is now {new}; ") as warned:
        assert getattr(importlib.import_module(module), leaf) is found(new)
    assert getattr(importlib.import_module(module), leaf) is found(new)
    assert sum(f"{old} is now" in str(each.message) for each in warned) == 1


@pytest.mark.parametrize(("old", "new"), [pair for pair in MODULES.items() if pair[0] != "lengen.scratchpad"])
def test_moved_modules_are_imported(old, new):
    assert importlib.import_module(old).__name__ == old
    name = next(
        name
        for name, value in vars(importlib.import_module(new)).items()
        if getattr(value, "__module__", "") == new
    )
    with pytest.warns(FutureWarning, match=f"^{old}.{name} is now {new}.{name}; "):
        assert find_moved(old, name) is found(f"{new}.{name}")


def test_packages_move_with_their_modules():
    with pytest.warns(
        FutureWarning, match=r"lengen\.text\.copy\.vocabulary is now lengen\.task\.text\.copy\.vocabulary"
    ):
        assert found("lengen.text.copy.vocabulary") is found("lengen.task.text.copy.vocabulary")
    with pytest.warns(FutureWarning, match=r"lengen\.scratchpad\.tail\.trace is now"):
        assert found("lengen.scratchpad.tail.trace") is found("lengen.task.scratchpad.tail.trace")


def test_what_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"lengen\.nothing"):
        importlib.import_module("lengen.nothing")
    for module in ("lengen.scene", "lengen.training", "lengen.text"):
        assert not hasattr(importlib.import_module(module), "nothing")
    assert current("mine.scene.Scene") == "mine.scene.Scene"
    assert current("lengen.pe.rope.RoPE") == "lengen.pe.rope.RoPE"


def test_a_module_of_today_is_meant_before_what_had_its_name():
    from lengen.training import fit

    assert fit.__name__ == "lengen.training.fit"


def test_builder_takes_former_targets_with_a_warning():
    with pytest.warns(FutureWarning, match=r"lengen\.training\.TrainerOptions is now"):
        made = Builder().build(TrainerOptions, {"_target_": "lengen.training.TrainerOptions"}, "trainer")
    assert made == TrainerOptions()


def test_a_former_option_is_chosen_with_a_warning():
    warn_renamed.cache_clear()
    with pytest.warns(FutureWarning, match="positions=giraffe is now positions=random_steps"):
        record = Request(TRAIN, ["positions=giraffe", "positions.maximum=9"]).compose()
    assert record["labels"]["positions"] == "random_steps"
    assert record["positions"] == {"_target_": "lengen.positions.random_steps.RandomSteps", "maximum": 9}
    assert TRAIN.word("positions=offset,giraffe") == "positions=offset,random_steps"
    assert TRAIN.word("positions") == "positions"
    for group, renamed in OPTIONS.items():
        options = {path.stem for path in (config_dir() / group).glob("*.yaml")}
        assert set(renamed.values()) <= options
        assert not renamed.keys() & options


def test_targets_in_nested_values():
    node = {"a": [{"_target_": "lengen.training.TrainerOptions", "b": 1}], "_target_": "lengen.pe.nope.NoPE"}
    assert with_current_targets(node) == {
        "a": [{"_target_": "lengen.training.options.TrainerOptions", "b": 1}],
        "_target_": "lengen.pe.nope.NoPE",
    }


@pytest.mark.parametrize("base", [PositionalEncoding, Task])
def test_new_names_of_methods_exist(base):
    for new in METHODS[base.__name__].values():
        assert callable(getattr(base, new))


def test_tasks_are_called_by_former_names():
    task = Copy(3)
    for old, new in METHODS["Task"].items():
        with pytest.warns(FutureWarning, match=rf"Copy\.{old} is now {new}"):
            method = getattr(task, old)
        arguments = (2,) if old in ("traced", "listed") else ()
        assert method(*arguments) == getattr(task, new)(*arguments)


def test_a_field_may_have_a_former_name():
    @dataclass(frozen=True)
    class Mine(Copy):
        trained: int = 3

    @dataclass(frozen=True)
    class Bare(Task):
        listed: int

        @property
        def vocabulary(self):
            return Vocabulary(("a",))

        def sample(self, length, count, generator):
            raise NotImplementedError

    assert Mine(3).trained == 3
    assert Bare(listed=4).listed == 4
    with pytest.raises(TypeError, match="listed"):
        Bare()


def test_inputs_are_read_by_former_names():
    view = inputs(3)
    for old, new in FIELDS[BlockInputs.__name__].items():
        with pytest.warns(FutureWarning, match=rf"BlockInputs\.{old} is now {new}"):
            assert getattr(view, old) is getattr(view, new)


def test_files_of_ones_own_for_an_earlier_version_run(lengen, tmp_path):
    """A task and an encoding that import, define and read by former names are trained; each name is said once."""
    for group, name, text, options in (
        ("task", "first", TASK, "_target_: my_first.First\neasy: false\n"),
        ("pe", "steep", ENCODING, "_target_: my_steep.Steep\nsteep: 3.0\n"),
    ):
        (tmp_path / "conf" / group).mkdir(parents=True)
        (tmp_path / "conf" / group / f"{name}.yaml").write_text(options)
        (tmp_path / "conf" / f"my_{name}.py").write_text(text)
    with pytest.warns(FutureWarning) as warned:
        ran = lengen("train", "--config-dir", "conf", "task=first", "pe=steep", "eval.stress=[easy]", *TINY)
    assert ran.code == 0, ran.err
    assert (run_folders(tmp_path)[0] / "curve.csv").exists()
    said = [str(warning.message) for warning in warned]
    assert len(said) == len(set(said))
    for old in (
        "lengen.draws.orders",
        "lengen.refusal.require",
        "lengen.scene.Scene",
        "lengen.scene.wide",
        "my_first.First.examined",
        "my_first.First.trained",
        "my_first.First.stresses",
        "my_first.First.traced",
        "my_steep.Steep.bias",
        "lengen.block.inputs.BlockInputs.memory",
    ):
        assert sum(line.startswith(f"{old} is now ") for line in said) == 1, (old, said)


def test_import_is_quiet_and_without_torch():
    script = "import sys, lengen; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_an_old_config_is_read_without_a_warning(lengen, tmp_path):
    assert lengen("train", "task=copy", "pe=nope", *TINY).code == 0
    (run,) = run_folders(tmp_path)
    config = (run / "config.yaml").read_text()
    former = config.replace("lengen.training.options.TrainerOptions", "lengen.training.TrainerOptions")
    assert former != config
    (run / "config.yaml").write_text(former)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ran = lengen("eval", f"run={run}", "lengths=[2]")
    assert ran.code == 0, ran.err
