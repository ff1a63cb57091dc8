"""A folder of results that somebody else has made: no command writes outside it, runs what is in it, or hangs."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import time
from pathlib import Path

import pytest

from conftest import TINY, run_folders, train

pytestmark = pytest.mark.long  # several commands each

TRAIN = ("train", "task=copy", *TINY)
VICTIM = "precious\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train(folder, TRAIN[1:])
    return folder / "results"


@pytest.fixture
def run(trained, tmp_path):
    """A run of a stranger, below the working folder; beside it what must not be touched."""
    shutil.copytree(trained, tmp_path / "results", symlinks=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "precious").write_text(VICTIM)
    (folder,) = run_folders(tmp_path)
    return folder


def untouched(tmp_path: Path) -> bool:
    home = tmp_path / "home"
    return [path.name for path in home.iterdir()] == ["precious"] and (
        home / "precious"
    ).read_text() == VICTIM


def unfinished(run: Path) -> None:
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "status": "interrupted"}))


FILES = (
    "run.json",
    "config.yaml",
    "curve.csv",
    "verdicts.parquet",
    "train.csv",
    "figure.png",
    "vocabulary.json",
)
FILES += tuple(f"checkpoints/{name}.ckpt" for name in ("last", "previous", "best"))


def plant(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


@pytest.mark.parametrize("name", [*FILES, "../.seed=0.claim", "eval", "checkpoints", "eval/.lengths-0.claim"])
def test_no_command_writes_through_a_link_of_a_run(lengen, run, tmp_path, name):
    home = tmp_path / "home"
    unfinished(run)
    plant(run / name, home if Path(name).suffix == "" else home / "precious")
    for command in (
        (*TRAIN,),
        ("eval", f"run={run}", "lengths=4"),
        ("compare",),
        ("status",),
        (*TRAIN, "force=true"),
    ):
        ran = lengen(*command)
        assert "Traceback" not in ran.err, ran.err
        assert untouched(tmp_path), command


@pytest.mark.parametrize("name", ["copy", "copy/nope", "multirun", "../studies", "../compare"])
def test_no_command_writes_through_a_link_above_the_runs(lengen, run, tmp_path, name):
    runs = tmp_path / "results" / "runs"
    plant(runs / name, tmp_path / "home")
    for command in (TRAIN, ("train", "-m", *TRAIN[1:], "decoder.heads=3,5"), ("compare",), ("status",)):
        ran = lengen(*command)
        assert "Traceback" not in ran.err, ran.err
        assert untouched(tmp_path), command


@pytest.mark.parametrize(
    "name", ["table.csv", "table.md", "page.html", "compare.json", "best.csv", "curves-copy.png"]
)
def test_a_comparison_replaces_a_link_in_its_folder(lengen, run, tmp_path, name):
    plant(tmp_path / "results" / "compare" / name, tmp_path / "home" / "precious")
    ran = lengen("compare")
    assert "Traceback" not in ran.err, ran.err
    assert untouched(tmp_path)


class Bomb:
    def __reduce__(self):
        return (os.system, ("touch exploded",))


def test_nothing_in_a_run_is_executed(lengen, run, tmp_path):
    """Pickles as checkpoints, classes of other modules, a module beside the run, a shell in names."""
    named = run.with_name("seed=0$(touch exploded)`touch exploded`;touch exploded")
    shutil.copytree(run, named)
    for folder in (run, named):
        unfinished(folder)
        for name in ("last", "previous", "best"):
            (folder / "checkpoints" / f"{name}.ckpt").write_bytes(pickle.dumps(Bomb()))
    for command in (
        TRAIN,
        ("eval", f"run={run}", "lengths=4"),
        ("eval", f"run={named}"),
        ("compare",),
        ("status",),
    ):
        ran = lengen(*command)
        assert "Traceback" not in ran.err, ran.err
    (tmp_path / "evil.py").write_text("open('exploded', 'w')\nclass Task: pass\n")
    text = (run / "config.yaml").read_text()
    for target in (
        "os.system",
        "evil.Task",
        "builtins.exec",
        "subprocess.Popen",
        "lengen.cli.main.main",
        "lengen.task.copy.torch.load",
    ):
        (run / "config.yaml").write_text(text.replace("lengen.task.copy.Copy", target))
        for command in (("eval", f"run={run}", "lengths=4"), ("compare",), ("status",)):
            ran = lengen(*command)
            assert "Traceback" not in ran.err, ran.err
        assert lengen("eval", f"run={run}", "lengths=4").code == 2
    assert not (tmp_path / "exploded").exists()


def test_paths_in_a_configuration_lead_nowhere(lengen, run, tmp_path):
    home, text = tmp_path / "home", (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(
        text.replace("results_dir: results/runs", f"results_dir: {home}").replace(
            "task: copy", f"task: {home}"
        )
    )
    for command in (("eval", f"run={run}", "lengths=4"), ("compare",), ("status",)):
        ran = lengen(*command)
        assert "Traceback" not in ran.err, ran.err
        assert untouched(tmp_path)


def test_names_of_folders_do_nothing_in_a_terminal(lengen, run, tmp_path):
    odd = run.parent / "seed=0\x1b[2J\x1b]0;title\x07\nlengen: all is well\u202e"
    shutil.copytree(run, odd)
    for command in (
        ("eval", f"run={odd}", "lengths=4"),
        ("compare", f"runs={run.parent}"),
        ("status",),
        ("compare",),
    ):
        ran = lengen(*command)
        assert "\x1b[2J" not in ran.out + ran.err
        assert "\x07" not in ran.out + ran.err
        assert "\nlengen: all is well" not in ran.out + ran.err
        assert "Traceback" not in ran.err


@pytest.mark.parametrize("what", ["bomb", "deep", "huge curve", "huge facts", "loops", "fifo"])
def test_what_is_boundless_is_refused_in_seconds(lengen, run, tmp_path, what):
    match what:
        case "bomb":
            aliases = "\n".join(
                f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            )
            (run / "config.yaml").write_text(f"a: &a [lol]\n{aliases}\n")
        case "deep":
            (run / "config.yaml").write_text("a: " + "[" * 20_000)
        case "huge curve":
            (run / "curve.csv").write_text((run / "curve.csv").read_text() + "x," * 10_000_000)
        case "huge facts":
            (run / "run.json").write_text("[" * 100_000)
        case "loops":
            for name in ("a", "b", "c"):
                (run / name).symlink_to(tmp_path / "results")
                (run.parent / name).symlink_to("..")
        case "fifo":
            (run / "curve.csv").unlink()
            os.mkfifo(run / "curve.csv")
    start = time.monotonic()
    for command in (("eval", f"run={run}", "lengths=4"), ("compare",), ("status",), TRAIN):
        ran = lengen(*command)
        assert "Traceback" not in ran.err, (command, ran.err)
    assert time.monotonic() - start < 120
