"""Runs know the code and the data that they stand on."""

import json
import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from conftest import TINY

CODE = """
from helper_of_mine import SCALE
from lengen.pe import PositionalEncoding


class Mine(PositionalEncoding):
    def embed(self, x, positions):
        return x * SCALE
"""


@pytest.fixture
def own(tmp_path):
    """An encoding of one's own; each test has other module names, as modules stay imported."""
    name = f"mine_{tmp_path.name.replace('-', '_')}"
    helper = name.replace("mine", "helper")

    def write(scale="1.0", remark=""):
        (tmp_path / f"{helper}.py").write_text(f"{remark}SCALE = {scale}\n")
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(CODE).replace("helper_of_mine", helper))

    write()
    (tmp_path / "conf" / "pe").mkdir(parents=True)
    (tmp_path / "conf" / "pe" / "mine.yaml").write_text(f"_target_: {name}.Mine\n")
    write.helper, write.name = f"{helper}.py", f"{name}.py"
    return write


def fresh(*words):
    """Run lengen in a process of its own, as edited code is not imported again."""
    return subprocess.run(
        [sys.executable, "-m", "lengen", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def facts(tmp_path):
    return [json.loads(path.read_text()) for path in sorted(tmp_path.glob("results/runs/*/*/*/*/run.json"))]


RUN = ("train", "task=copy", "pe=mine", "--config-dir=conf", *TINY)


def test_an_edit_makes_another_cell_and_says_so(lengen, own, tmp_path):
    assert lengen(*RUN).code == 0
    (before,) = facts(tmp_path)
    assert set(before["sources"]) == {own.helper, own.name}
    assert set(before["identity"]["pe"]["source"]) == {own.helper, own.name}
    own(remark="# a remark\n\n")
    assert "is finished already" in fresh(*RUN).stdout
    own(scale="0.5")  # a module that the encoding imports
    again = fresh(*RUN)
    assert again.returncode == 0, again.stderr
    assert (
        f"lengen: {own.helper} changed since results/runs/copy/mine/{before['cell']}/seed=0" in again.stdout
    )
    assert len({each["cell"] for each in facts(tmp_path)}) == 2
    assert "is finished already" in fresh(*RUN).stdout  # the newer one
    own()
    assert f"{before['cell']}/seed=0 is finished already" in fresh(*RUN).stdout  # and the older one


def test_eval_refuses_changed_code_unless_told(lengen, own, tmp_path):
    assert lengen(*RUN).code == 0
    own(scale="0.5")
    refused = fresh("eval", "run=results/runs", "--config-dir=conf", "lengths=[2]")
    assert refused.returncode == 2
    assert f"{own.helper} changed" in refused.stderr
    assert "changed=true" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("results/runs/*/*/*/*/eval"))
    ran = fresh("eval", "run=results/runs", "--config-dir=conf", "lengths=[2]", "changed=true")
    assert ran.returncode == 0, ran.stderr
    (noted,) = tmp_path.glob("results/runs/*/*/*/*/eval/*/eval.json")
    assert json.loads(noted.read_text())["changed"] == [f"{own.helper} changed"]


def rows(folder, letters="abc"):
    """Two splits of rows, one for each letter and length."""
    for split in ("train", "test"):
        lines = [
            json.dumps({"prompt": letter * length, "answer": letter, "length": length})
            for length in (2, 3, 5)
            for letter in letters
        ]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")


def test_data_that_changed_make_another_cell(lengen, tmp_path):
    (tmp_path / "data").mkdir()
    rows(tmp_path / "data")
    run = ("train", "task=dataset", "task.path=data", "lengths.minimum=2", *TINY)
    ran = lengen(*run)
    assert ran.code == 0, ran.err
    (before,) = facts(tmp_path)
    assert set(before["identity"]["data"]) == {"training rows", "evaluation rows", "vocabulary"}
    assert "already" in lengen(*run).out
    shutil.copytree(tmp_path / "data", tmp_path / "moved")
    moved = lengen(*run, "task.path=moved")
    assert f"{before['cell']}/seed=0 is finished already" in moved.out  # the same rows at another place
    rows(tmp_path / "data", "abd")
    refused = lengen("eval", "run=results/runs", "lengths=[2]")
    assert refused.code == 2
    assert "the data of training rows changed" in refused.err
    again = lengen(*run)
    assert again.code == 0
    assert "the data of training rows changed" in again.out
    assert "this is another cell" in again.out
    assert len({each["cell"] for each in facts(tmp_path)}) == 2


def test_data_that_were_moved_are_named_and_must_be_the_same(lengen, tmp_path):
    for name in ("data", "other"):
        (tmp_path / name).mkdir()
        rows(tmp_path / name, "abc" if name == "data" else "abd")
    ran = lengen("train", "task=dataset", "task.path=data", "lengths.minimum=2", *TINY)
    assert ran.code == 0, ran.err
    (run,) = (path.parent for path in tmp_path.glob("results/runs/*/*/*/*/run.json"))
    assert json.loads((run / "vocabulary.json").read_text())["symbols"] == [
        "<pad>",
        "<bos>",
        "#",
        "<eos>",
        *"abc",
    ]
    (tmp_path / "data").rename("moved")
    line = ("eval", f"run={run}", "lengths=[2,3]")
    refused = lengen(*line)
    assert refused.code == 2
    assert "task.path=data" in refused.err
    assert "lengen eval task.path=" in refused.err
    assert len(refused.err.splitlines()) == 1
    moved = lengen(*line, "task.path=moved")
    assert moved.code == 0, moved.err
    other = lengen(*line, "task.path=other")
    assert other.code == 2
    assert "the data of training rows changed" in other.err
    marked = lengen(*line, "task.path=other", "changed=true")
    assert marked.code == 0, marked.err
    assert "is there already" not in marked.out  # a marked result never stands in for an unmarked one
    noted = [json.loads(path.read_text()) for path in run.glob("eval/*/eval.json")]
    assert sorted(len(each.get("changed", [])) for each in noted) == [0, 3]
    assert "is there already" in lengen(*line, "task.path=moved").out


def test_data_of_a_run_that_reads_none(lengen, tmp_path):
    assert lengen("train", "task=copy", *TINY).code == 0
    ran = lengen("eval", "run=results/runs", "task.path=data")
    assert ran.code == 2
    assert "task.path: the task of results/runs/copy" in ran.err
    assert "reads no data" in ran.err
    assert not list(tmp_path.glob("results/runs/*/*/*/*/vocabulary.json"))


def test_a_run_is_not_resumed_on_other_data(lengen, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    rows(tmp_path / "data")
    run = ("train", "task=dataset", "task.path=data", "lengths.minimum=2", *TINY)

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lengen.experiment.run.Experiment.sweep", stopped)
        assert lengen(*run).code == 130
    stamps = {path: path.stat() for path in (tmp_path / "data").iterdir()}
    rows(tmp_path / "data", "abd")
    for path, stamp in stamps.items():
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    again = lengen(*run)
    assert again.code == 0, again.err
    assert "the data of training rows changed" in again.out
    assert sorted(each["status"] for each in facts(tmp_path)) == ["finished", "interrupted"]
    assert not any("resumed_from_step" in each for each in facts(tmp_path))


@pytest.mark.parametrize(
    "word", ["labels.pe=rope", "+labels.x=1", "~labels", "++labels.task=../../x", "labels={}"]
)
def test_labels_are_set_by_the_program_alone(lengen, tmp_path, word):
    ran = lengen("train", "task=copy", word, *TINY)
    assert ran.code == 2
    assert "labels are set by the program" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "results").exists()


def test_a_finished_run_is_told_without_torch(lengen, tmp_path):
    run = ("train", "task=copy", *TINY)
    assert lengen(*run).code == 0
    program = (
        "import sys; from lengen.cli.main import main; sys.argv = ['lengen', *sys.argv[1:]]; code = main(); "
        "slow = {'torch', 'scipy.stats', 'scipy.optimize', 'pandas', 'matplotlib'} & {*sys.modules}; "
        "assert not slow, slow; sys.exit(code)"
    )
    again = subprocess.run([sys.executable, "-c", program, *run], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "is finished already" in again.stdout
    assert "exact" in again.stdout
    other = lengen(*run, "seed=1")
    assert "already" not in other.out
    assert len(facts(tmp_path)) == 2


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("trainer.keep=some", 2),
        ("trainer.threads=0", 2),
        ("trainer.log_every=0", 2),
        ("limits.memory=-1", 2),
        ("trainer.log_every=7", 0),
    ],
)
def test_an_option_of_a_finished_run_is_checked_also_where_it_changes_no_number(lengen, tmp_path, word, code):
    run = ("train", "task=copy", *TINY)
    assert lengen(*run).code == 0
    again = lengen(*run, word)
    assert again.code == code, again.err
    assert (word in again.err) is bool(code)
    assert ("is finished already" in again.out) is (not code)
