"""`lengen.train`: the numbers and folders of the command line, objects of one's own, and the same refusals."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import pandas
import pytest
import torch

import lengen
from api.conftest import TINY, tiny
from api.mine import Hidden, MyEncoding, MyTask
from conftest import TINY as WORDS
from conftest import command, run_folders
from lengen.pe.rope import RoPE
from lengen.task.copy import Copy

pytestmark = pytest.mark.whole_run  # seconds each


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def untimed(path: Path) -> pandas.DataFrame:
    return pandas.read_csv(path / "curve.csv").drop(columns=["seconds", "peak_bytes", "memory_bytes"])


def test_the_same_words_are_the_same_run(lengen, tmp_path, monkeypatch, capsys):
    import lengen as package

    run = package.train("task=copy", "task.alphabet=5", pe="rope", **TINY)
    assert run.path == Path("results/runs/copy/rope") / run.path.parent.name / "seed=0"
    assert command(monkeypatch, "train", "task=copy", "task.alphabet=5", "pe=rope", *WORDS) == 0
    assert "finished already" in capsys.readouterr().out
    assert len(run_folders(tmp_path)) == 1
    there = package.train(task="copy", pe="rope", results_dir="other", **TINY, **{"task.alphabet": 5})
    assert command(monkeypatch, "train", "task=copy", "task.alphabet=5", "pe=rope", "force=true", *WORDS) == 0
    pandas.testing.assert_frame_equal(untimed(run.path), untimed(there.path))
    assert package.train(task="copy", pe="rope", **TINY, **{"task.alphabet": 5}).path == run.path


def test_a_run_says_what_it_found():
    run = lengen.train(task="copy", pe="rope", **TINY)
    assert run.status == "finished"
    assert run.error is None
    assert run.trained is False
    assert run.reach == {0.9: None, 0.95: None, 0.99: None}
    assert run.facts["command"].startswith("lengen.train(task='copy', pe='rope', decoder={")
    frame = run.curve.to_pandas()
    strings = run.verdicts
    assert " ".join(strings.columns) == "length example exact first_error wrong_tokens ending answer_tokens"
    assert strings.groupby("length")["exact"].sum().tolist() == frame["correct"].tolist()
    assert list(frame["length"]) == [2, 3, 5]
    assert list(frame.columns) == list(pandas.read_csv(run.path / "curve.csv").columns)
    assert run.error_law.note in ("at the floor", "too few lengths: 1 with exact match between 0.02 and 0.98")
    assert run.error_law.facts == run.facts["error_law"]
    assert run.evaluate(lengths=[4, 5])[0].error_law.law is None
    assert f"error law: none ({run.error_law.note})" in repr(run)
    assert "NOT TRAINED" in repr(run)
    assert str(run.path) in repr(run)
    assert run._repr_png_().startswith(b"\x89PNG")
    html = run._repr_html_()
    assert html.count("<tr>") == 4
    assert 'alt="exact match over length, as in the table" src="data:image/png;base64,' in html
    assert run.figure().save("figure.svg").read_text().startswith("<?xml")
    assert run.figure(width=2.6, font="serif").save("figure.pdf").read_bytes().startswith(b"%PDF")
    assert run.figure().save("copy.png").read_bytes() == (run.path / "figure.png").read_bytes()
    with pytest.raises(lengen.UsageError, match=r"x.jpg: must be a path that ends in .png or .svg or .pdf"):
        run.figure().save("x.jpg")


def test_a_run_that_diverges_is_returned_and_says_so():
    run = lengen.train(task="copy", pe="rope", **tiny(), **{"optimizer.lr": 1e30, "optimizer.rest_lr": 1e30})
    assert run.status == "diverged"
    assert "the loss is" in repr(run)
    assert "the loss is" in run._repr_html_()
    assert run._repr_png_() is None
    with pytest.raises(lengen.UsageError, match="is diverged and has no curve"):
        run.figure()


def test_threads_and_random_numbers_of_the_caller_stay():
    torch.manual_seed(3)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        lengen.train(task="copy", **TINY)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(state, torch.get_rng_state())


def test_objects_of_ones_own_need_no_yaml():
    run = lengen.train(task=MyTask(symbols=2), pe=functools.partial(MyEncoding, width=2), **TINY)
    assert run.path.parts[2:4] == ("my_task", "my_encoding")
    assert run.config["task"] == {"_target_": "api.mine.MyTask", "symbols": 2}
    assert run.config["pe"] == {"_target_": "api.mine.MyEncoding", "width": 2}
    assert run.config["train_length"] == 3
    assert run.decoder.pe.width == 2
    again = lengen.train(
        task=functools.partial(MyTask, symbols=2), pe=functools.partial(MyEncoding, width=2), **TINY
    )
    other = lengen.train(task=MyTask(symbols=2), pe=MyEncoding, **TINY)
    assert again.path == run.path
    assert other.path != run.path
    assert other.decoder.pe.width == 4
    assert other.config["pe"]["width"] == 4


def test_lengens_own_objects_are_the_run_of_their_yaml():
    named = lengen.train(task="copy", pe="rope", **TINY)
    record = {key: value for key, value in named.config.items() if key not in ("train_length", "steps")}
    made = lengen.train(task=Copy(), pe=RoPE, **TINY)
    assert {key: made.config[key] for key in ("task", "pe", "labels")} == {
        key: record[key] for key in ("task", "pe", "labels")
    }
    assert made.path == named.path


def test_a_run_of_ones_own_object_is_loaded_with_its_class():
    path = lengen.train(task=MyTask(symbols=2), pe=MyEncoding, **TINY).path
    without = lengen.load(path)
    assert len(without.curve) == 3
    line = r"was trained with api.mine.MyTask, api.mine.MyEncoding; load it with lengen.load\(path, task=MyTask, pe=MyEncoding\)"
    with pytest.raises(lengen.UsageError, match=line):
        _ = without.decoder
    assert "lengen.load(path, task=MyTask, pe=MyEncoding)" in repr(without)
    with pytest.raises(lengen.UsageError, match=line):
        without.evaluate(lengths=[4])
    run = lengen.load(path, task=MyTask, pe=MyEncoding)
    assert run.config["task"]["symbols"] == 2
    assert isinstance(run.decoder.pe, MyEncoding)
    assert len(run.evaluate(lengths=[4]).curve) == 1
    assert lengen.load(path, task=MyTask(symbols=2), pe=MyEncoding).predict("xyx#") == run.predict("xyx#")
    with pytest.raises(
        lengen.UsageError, match=r"task=MyTask\(symbols=1\): must be equal to what the run was trained with"
    ):
        lengen.load(path, task=MyTask(symbols=1))
    with pytest.raises(lengen.UsageError, match="task=MyEncoding: must be a Task"):
        lengen.load(path, task=MyEncoding)


MAIN = """
import lengen
from api.conftest import TINY
from api.mine import MyTask

class Own(MyTask):
    "Defined where it is run."

if __name__ == "__main__":
    run = lengen.train(task=Own(symbols=2), **TINY)
    assert run.config["task"] == {"_target_": "__main__.Own", "symbols": 2}, run.config["task"]
    assert run.config["labels"]["task"] == "own"
    try:
        lengen.load(run.path).decoder
    except lengen.UsageError as error:
        assert "lengen.load(path, task=Own)" in str(error)
    assert lengen.load(run.path, task=Own).predict("xx#") == run.predict("xx#")
    beside = lengen.study(task=Own(symbols=2), seed=[0, 1], jobs=2, **TINY)
    assert [each.path.parent for each in beside.runs] == [run.path.parent] * 2
    print("well")
"""


@pytest.mark.long
@pytest.mark.whole_run
def test_a_class_of_the_main_module(tmp_path):
    (tmp_path / "script.py").write_text(MAIN)
    tests = Path(__file__).parents[1]
    environment = {"PYTHONPATH": f"{tests}:{tests.parent / 'src'}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "script.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.stdout.endswith("well\n"), done.stderr


FORKED = """
import multiprocessing, sys
import lengen
from api.conftest import tiny

def child(seed, queue):
    queue.put((seed, str(lengen.train(task="copy", **tiny(seed=seed)).path)))

if __name__ == "__main__":
    lengen.train(task="copy", **tiny()).predict("ab#")
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=child, args=(seed, queue)) for seed in (1, 2)]
    for each in children:
        each.start()
    found = sorted(queue.get(timeout=100) for _ in children)
    for each in children:
        each.join(100)
    assert [each.exitcode for each in children] == [0, 0]
    assert [path.endswith(f"seed={seed}") for seed, path in found] == [True, True]
    print("well")
"""


@pytest.mark.long
@pytest.mark.whole_run
def test_after_a_fork(tmp_path):
    (tmp_path / "script.py").write_text(FORKED)
    tests = Path(__file__).parents[1]
    environment = {"PYTHONPATH": f"{tests}:{tests.parent / 'src'}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "script.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=200,
        check=False,
    )
    assert done.stdout.endswith("well\n"), done.stderr


@pytest.mark.parametrize(
    ("words", "options", "line"),
    [
        ((), {"task": "cpoy"}, "unknown option task=cpoy; did you mean"),
        ((), {"task": "copy", "stepz": 3}, "unknown option 'stepz'; did you mean 'steps' or 'style'?"),
        (
            (),
            {"task": "copy", "task.alphbet": 3},
            "unknown option 'task.alphbet'; did you mean 'task.alphabet'?",
        ),
        (("task=copy", "task.alphbet=3"), {}, "unknown option 'task.alphbet'; did you mean 'task.alphabet'?"),
        ((), {"pe": ["rope", "nope"]}, "to vary it, use lengen.study"),
        ((), {"pe": None}, "pe=None: must be the name of one option, an object or a class"),
        ((), {"task": MyTask, "task.symbols": 3}, "task is an object in this call"),
        (("task=copy",), {"task": MyTask}, "task: given twice; give it once"),
        ((), {"task": MyEncoding}, "task=MyEncoding: must be a Task"),
        ((), {"task": Hidden(3)}, "cannot record its argument 'count'"),
        ((), {"pe": lambda shape: MyEncoding(shape, 3)}, "functools.partial(Class, option=value)"),
        ((), {"pe": MyTask(2)}, "since the decoder constructs it with its own shape"),
        ((), {"experiment": MyTask(2)}, "objects can be given for"),
        ((), {"task": "copy", "steps": 0}, "steps=0: must be at least 1"),
        ((), {"task": "copy", "config_dir": "nowhere"}, "config_dir=nowhere: no such folder"),
    ],
)
def test_a_mistake_is_a_usage_error_of_one_line(tmp_path, words, options, line):
    with pytest.raises(lengen.UsageError) as error:
        lengen.train(*words, **options)
    assert line in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "results").exists()


def test_yaml_of_ones_own_is_named_with_its_folder(tmp_path):
    (tmp_path / "conf/pe").mkdir(parents=True)
    (tmp_path / "conf/pe/mine.yaml").write_text("_target_: api.mine.MyEncoding\nwidth: 3\n")
    run = lengen.train(task="copy", pe="mine", config_dir=tmp_path / "conf", **TINY)
    assert run.config["pe"]["width"] == 3
    assert run.path.parts[3] == "mine"
    assert isinstance(lengen.load(run.path, config_dir="conf").decoder.pe, MyEncoding)


def test_load_takes_one_run_that_is_over(tmp_path):
    first, second = (lengen.train(task="copy", **tiny(seed=seed)) for seed in (0, 1))
    assert lengen.load("results/runs/copy/nope/*/seed=1").path == second.path
    assert lengen.load(first.path.parent / "seed=0").path == first.path
    with pytest.raises(lengen.UsageError, match="must be one run, found 2"):
        lengen.load("results/runs")
    with pytest.raises(lengen.UsageError, match="no run"):
        lengen.load("results/rnus")


@pytest.mark.parametrize("name", ["checkpoint", "eval.checkpoint"])
def test_a_mistake_in_an_evaluation_names_the_option_as_it_was_given(learned, name):
    with pytest.raises(lengen.UsageError) as found:
        learned.evaluate(**{name: "first"})
    assert str(found.value).startswith(f"{name}=first: ")
