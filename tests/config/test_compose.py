"""Words and Python values to one configuration, whatever else uses Hydra in the process."""

from __future__ import annotations

import math

import pytest

from lengen.config.compose import COMPARE, EVAL, TRAIN, Request
from lengen.config.errors import UsageError


def test_values_arrive_as_they_were_given():
    values = {
        "optimizer.lr": math.pi * 1e-7,
        "eval.lengths": (2, "1x", "range(3,5)"),
        "data_seed": None,
        "name": 'a "b", [c]=\\',
        "steps": 7,
        "trainer.progress": False,
    }
    config = Request(TRAIN, ["task=copy", "steps=5"], values).compose()
    assert config["optimizer"]["lr"] == math.pi * 1e-7
    assert config["eval"]["lengths"] == [2, "1x", "range(3,5)"]
    assert (config["data_seed"], config["name"], config["steps"]) == (None, 'a "b", [c]=\\', 7)
    assert config["trainer"]["progress"] is False
    assert config["labels"]["task"] == "copy"
    assert Request(EVAL, ["run=a*/b"], {"lengths": [3]}).compose()["eval"]["lengths"] == [3]
    assert Request(COMPARE, ["where=pe=rope|nope"]).compose()["where"] == ["pe=rope|nope"]


def test_a_value_that_others_are_read_from_reaches_them():
    words = ["task=copy_twice_with_copy"]
    task = Request(TRAIN, words, {"task.asked.alphabet": 7}).compose()["task"]
    assert task["asked"]["alphabet"] == task["aids"]["once"]["task"]["alphabet"] == 7


def test_a_node_stands_for_an_option_and_brings_none_of_its_settings():
    node = {"_target_": "mine.Task", "sizes": [1, 2]}
    config = Request(TRAIN, nodes={"task": node}, labels={"task": "mine"}).compose()
    assert config["task"] == node
    assert config["labels"]["task"] == "mine"
    assert config["labels"]["pe"] == "nope"


@pytest.mark.parametrize(
    ("words", "values", "line"),
    [
        (["task=cpoy"], {}, "unknown option task=cpoy; did you mean"),
        (["task=copy", "task.alphbet=3"], {}, "unknown option 'task.alphbet'; did you mean 'task.alphabet'?"),
        (["task=copy"], {"task.alphbet": 3}, "unknown option 'task.alphbet'; did you mean 'task.alphabet'?"),
        ([], {"stepz": 3}, "unknown option 'stepz'; did you mean 'steps' or 'style'?"),
        (["pe=rope,nope"], {}, "lengen.study"),
        (["steps"], {}, "cannot parse 'steps'"),
        ([], {"steps": object()}, "must be a number, a text"),
    ],
)
def test_what_is_wrong_is_said_as_on_the_command_line(words, values, line):
    with pytest.raises(UsageError) as error:
        Request(TRAIN, words, values).compose()
    assert line in str(error.value)


def test_a_forgotten_folder_of_options_is_named(tmp_path, monkeypatch):
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "mine.yaml").write_text("_target_: mine.Task\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"unknown option task=mine; did you forget --config-dir conf\?"):
        Request(TRAIN, ["task=mine"]).compose()


def test_hydra_of_the_caller_stays_as_it_was(tmp_path):
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.version import VersionBase

    (tmp_path / "mine.yaml").write_text("size: 3\nname: ${hydra:job.name}\n")
    with initialize_config_dir(str(tmp_path), job_name="theirs", version_base="1.2"):
        HydraConfig.instance().set_config(compose("mine", return_hydra_config=True))
        before = GlobalHydra.instance().hydra, HydraConfig.get(), VersionBase.instance().version_base
        assert Request(TRAIN, ["task=copy"]).compose()["labels"]["task"] == "copy"
        with pytest.raises(UsageError):
            Request(TRAIN, ["task=cpoy"]).compose()
        after = GlobalHydra.instance().hydra, HydraConfig.get(), VersionBase.instance().version_base
        assert all(one is other for one, other in zip(before, after, strict=True))
        assert compose("mine").size == 3
    HydraConfig.instance().cfg = None


@pytest.mark.parametrize(
    ("words", "values", "line"),
    [
        (["steps=???"], {}, "steps=???: has no value (set it to one)"),
        (["pe=rope", "pe.base=???"], {}, "pe.base=???: has no value (set it to one)"),
        (["train_length=???"], {}, "train_length=???: has no value (set it to one)"),
        ([], {"optimizer.lr": "???"}, "optimizer.lr=???: has no value (set it to one)"),
        (["eval.lengths=[4,???]"], {}, "eval.lengths[1]=???: has no value (set it to one)"),
    ],
)
def test_an_option_without_a_value_is_named(words, values, line):
    with pytest.raises(UsageError) as error:
        Request(TRAIN, ["task=copy", *words], values).compose()
    assert str(error.value) == line


def test_all_options_without_a_value_are_named():
    with pytest.raises(UsageError, match=r"decoder\.dim=\?\?\?.*have no value \(set each to one\)") as error:
        Request(TRAIN, ["task=copy", "steps=???", "decoder.dim=???"]).compose()
    assert "steps=???" in str(error.value)


def test_a_mandatory_option_of_ones_own_is_set_on_the_command_line(tmp_path, lengen):
    (tmp_path / "conf/pe").mkdir(parents=True)
    (tmp_path / "conf/pe/mine.yaml").write_text(
        "_target_: lengen.pe.rope.RoPE\nbase: ???\nfraction: 1.0\npairing: half\n"
    )
    words = ("train", "--config-dir", "conf", "task=copy", "pe=mine", "dry=true")
    ran = lengen(*words)
    assert (ran.code, ran.err) == (2, "lengen: pe.base=???: has no value (set it to one)\n")
    assert lengen(*words, "pe.base=100").code == 0
    for command in (["eval", "run=x", "lengths=???"], ["compare", "runs=x", "threshold=???"]):
        ran = lengen(*command)
        assert ran.code == 2
        assert f"{command[-1]}: has no value" in ran.err
    assert "steps=???: has no value" in lengen("train", "-m", "task=copy", "steps=1,???", "dry=true").err
