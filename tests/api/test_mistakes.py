"""A mistake in a call is one line, whatever was passed."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

import lengen
import typecheck
from api.mine import MyEncoding, MyTask
from lengen.analysis.output_files import OutputFiles
from lengen.api.arguments import compose_call
from lengen.api.study import _listed, _rows
from lengen.config.compose import COMPARE, TRAIN

WORD = "must be a word option=value, as in 'pe=rope'"


@pytest.fixture(autouse=True)
def _unchecked():
    """Users have no checks of types beside lengen's own."""
    typecheck.started.clear()
    yield
    typecheck.started.set()


class Needy(MyEncoding):
    """An encoding with an option that has no default."""

    def __init__(self, shape, reach: int):
        super().__init__(shape)
        self.reach = reach


def line_of(call):
    """The line of the usage error that a call ends with."""
    with pytest.raises(lengen.UsageError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("function", [lengen.train, lengen.study])
@pytest.mark.parametrize(
    ("word", "line"),
    [
        ({"task": "copy"}, f"{{'task': 'copy'}}: {WORD}, or a keyword, as in pe='rope'; a dictionary"),
        (3, f"3: {WORD}, or a keyword"),
        (["task=copy"], f"['task=copy']: {WORD}, or a keyword"),
        ("copy", f"'copy': {WORD}"),
        ("", f"'': {WORD}"),
        ("--help", f"'--help': {WORD}; flags belong to the command line"),
        ("--config-dir=conf", f"'--config-dir=conf': {WORD}; flags belong to the command line"),
        ("-m", f"'-m': {WORD}; a study is lengen.study"),
        ("eval.lengths=[2", "cannot parse eval.lengths=[2: [ without ]"),
    ],
)
def test_a_word_is_an_option_with_its_value(function, word, line):
    assert line_of(lambda: function(word, "task=copy")).startswith(line)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"jobs": "x"}, "jobs='x': must be a whole number, at least 1, or None"),
        ({"jobs": 1.5}, "jobs=1.5: must be a whole number"),
        ({"jobs": True}, "jobs=True: must be a whole number"),
        ({"config_dir": 3}, "config_dir=3: must be a folder, or a list of folders"),
        ({"config_dir": ["a", 3]}, "config_dir=3: must be a path"),
    ],
)
def test_a_study_names_the_argument(tmp_path, monkeypatch, options, line):
    monkeypatch.chdir(tmp_path)
    assert line_of(lambda: lengen.study(pe=["nope"], **options)).startswith(line)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("group", "given", "line"),
    [
        ("pe", functools.partial(MyEncoding, widht=3), "unknown option 'pe.widht'; did you mean 'width'?"),
        ("pe", functools.partial(MyEncoding, width="x"), "pe.width=x: must be a whole number"),
        ("pe", Needy, "pe.reach is missing: give it with functools.partial(Needy, reach=…)"),
        (
            "task",
            functools.partial(MyTask, symbls=3),
            "unknown option 'task.symbls'; did you mean 'symbols'?",
        ),
    ],
)
def test_an_option_of_a_class_is_named(tmp_path, monkeypatch, group, given, line):
    monkeypatch.chdir(tmp_path)
    assert line_of(lambda: lengen.train(**{"task": "copy", group: given})).startswith(line)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda run: run.predict(3), "prompts=3: must be a text"),
        (lambda run: run.predict([3]), "prompt 3: must be a text or a list of symbols"),
        (lambda run: run.predict([[["x"]]]), "prompt [['x']]: ['x'] is not a symbol"),
        (lambda run: run.predict("x#", limit=1.5), "limit=1.5: must be a whole number, or None"),
        (lambda run: run.attention(None), "prompt None: must be a text or a list of symbols"),
        (
            lambda run: run.attention("x#").figure(layer=9),
            "layer=9: must be a whole number from 0 to 1, negative from the end, or None for all",
        ),
        (lambda run: run.attention("x#").figure(head=-3), "head=-3: must be a whole number from 0 to 1"),
        (lambda run: run.attention("x#").figure(head="x"), "head='x': must be a whole number from 0 to 1"),
        (lambda run: run.figure().save("no/such/x.png"), "no/such/x.png: there is no folder no/such"),
        (lambda run: run.figure().save(None), "to=None: must be a path"),
        (lambda run: run.figure(width="x"), "width='x': must be a number"),
        (lambda run: run.figure(font=3), "font=3: must be a text"),
        (lambda run: lengen.load(3), "path=3: must be a path"),
        (lambda run: lengen.load(run.path, config_dir=3), "config_dir=3: must be a folder"),
        (lambda run: lengen.load(run.path, config_dir="nowhere"), "config_dir=nowhere: no such folder"),
        (lambda run: lengen.compare(run.path, config_dir=3), "config_dir=3: must be a folder"),
    ],
)
def test_a_run_names_the_argument(learned, call, line):
    assert line_of(lambda: call(learned)).startswith(line)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"seed": {0, 1}}, "seed={0, 1}: must be a number, a text, "),
        ({"seed": (each for each in (0, 1))}, "seed=<generator object"),
        ({"optimizer.lr": object()}, "optimizer.lr=<object object"),
        ({"trainer": {"progress": {1}}}, "trainer.progress={1}: must be a number"),
        ({"eval.lengths": np.ones((2, 2))}, "eval.lengths=array([[1., 1.], [1., 1.]]): must be a number"),
    ],
)
def test_a_value_of_a_wrong_kind_names_its_option(options, line):
    assert line_of(lambda: lengen.train(task="copy", **options)).startswith(line)
    assert line_of(lambda: lengen.study(task="copy", **options)).startswith(line)


@pytest.mark.parametrize("lengths", [np.arange(2, 7, 2), torch.tensor([2, 4, 6])])
def test_an_array_of_one_dimension_is_a_list(lengths):
    values = {"eval.lengths": lengths, "seed": np.int64(3), "optimizer": {"lr": torch.tensor(0.5)}}
    config = compose_call(TRAIN, ["task=copy"], values, None).config
    assert config["eval"]["lengths"] == [2, 4, 6]
    assert (config["seed"], config["optimizer"]["lr"]) == (3, 0.5)
    assert type(config["eval"]["lengths"][0]) is int


def test_an_array_is_varied_by_a_study():
    options = {name: _listed(value) for name, value in {"seed": np.arange(2), "pe": "rope"}.items()}
    rows, varied = _rows([], options, None)
    assert (rows, varied) == ([{"seed": 0}, {"seed": 1}], ("seed",))


@pytest.mark.parametrize(
    ("words", "options", "name"),
    [
        (["task=copy"], {"task": "sort"}, "task"),
        (["task.alphabet=3"], {"task.alphabet": 5}, "task.alphabet"),
        (["task.alphabet=3"], {"task": {"alphabet": 5}}, "task.alphabet"),
        ([], {"trainer": {"progress": True}, "trainer.progress": False}, "trainer.progress"),
        ([], {"optimizer": {"schedule": {"warmup": 1}, "schedule.warmup": 2}}, "optimizer.schedule.warmup"),
    ],
)
@pytest.mark.parametrize("function", [lengen.train, lengen.study])
def test_what_is_given_twice_is_refused(function, words, options, name):
    assert line_of(lambda: function(*words, **options)) == f"{name}: given twice; give it once"


def test_an_option_of_an_evaluation_is_given_once(learned):
    twice = "eval.lengths: given twice; give it once"
    assert line_of(lambda: learned.evaluate(lengths=[2], **{"eval.lengths": [3]})) == twice
    extended = {"extend": {"yarn": {"factor": 2}}, "extend.yarn.factor": 3}
    assert line_of(lambda: learned.evaluate(**extended)) == "extend.yarn.factor: given twice; give it once"


@pytest.mark.parametrize(
    ("words", "options", "line"),
    [
        ([], {"pe": ["nope", "ropee"]}, "unknown option pe=ropee; did you mean 'rope'"),
        (
            [],
            {"task": ["copy", "cpoy"], "pe": "rope"},
            "unknown option task=cpoy; did you mean 'poly' or 'copy'",
        ),
        (["attention=sofmax"], {"seed": [0, 1]}, "unknown option attention=sofmax; did you mean 'softmax'"),
        ([], {"pe": ["nope", 3]}, "pe=3: must be a class"),
        ([], {"pe": ["nope", None]}, "pe=None: must be the name of one option"),
    ],
)
def test_an_option_that_does_not_exist_stops_a_study_before_its_first_run(
    tmp_path, monkeypatch, capsys, words, options, line
):
    monkeypatch.chdir(tmp_path)
    assert line_of(lambda: lengen.study(*words, **options)).startswith(line)
    assert not [*tmp_path.iterdir()]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("options", [{"style.names": {"a.b": "x"}}, {"style": {"names": {"a.b": "x"}}}])
def test_an_option_that_gives_names_texts_takes_a_dictionary(options):
    config = compose_call(COMPARE, [], options, None).config
    assert config["style"]["names"] == {"a.b": "x"}
    assert config["style"]["colours"] is None


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (
            lambda: lengen.testing.check_encoding("rope"),
            "check_encoding('rope'): must be a class of lengen.pe.PositionalEncoding, or a function that makes one",
        ),
        (
            lambda: lengen.testing.check_attention(3),
            "check_attention(3): must be a class of lengen.attention.",
        ),
        (
            lambda: lengen.testing.check_mixer(None),
            "check_mixer(None): must be a class of lengen.mixer.Mixer",
        ),
        (
            lambda: lengen.testing.check_task(MyTask),
            "check_task(MyTask): must be an object of lengen.task.Task, as in check_task(MyTask(…))",
        ),
        (
            lambda: lengen.testing.check_task("copy"),
            "check_task('copy'): must be an object of lengen.task.Task",
        ),
        (
            lambda: lengen.testing.check_positions(3),
            "check_positions(3): must be an object of lengen.positions.",
        ),
    ],
)
def test_what_is_checked_is_of_its_kind(call, line):
    assert line_of(call).startswith(line)


def test_a_comparison_is_not_written_into_a_file(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(lengen.UsageError, match="taken: must be a folder, and is a file"):
        OutputFiles(tmp_path / "taken")
