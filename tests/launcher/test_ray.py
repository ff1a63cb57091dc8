"""Ray: a study on a cluster that is started for it, and on one that is there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from conftest import TINY
from launcher.clusters import STUDY, curves, wait_for
from lengen.config.errors import UsageError
from lengen.launcher.job import Planned
from lengen.launcher.ray import Board, Ray, begin, require_answer

HERE = importlib.util.find_spec("ray") is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, r"jobs=0: must be at least 1"),
        ({"cpus": -1.0}, r"launcher\.cpus=-1: "),
        ({"gpus": -1.0}, r"launcher\.gpus=-1: must be at least 0"),
        ({"gpus": -0.5}, r"launcher\.gpus=-0\.5"),
        ({"retries": -1}, r"launcher\.retries=-1"),
        ({"gpus": 1.5}, r"launcher\.gpus=1\.5: must be a whole number, or a part of one"),
        ({"gpus": 0.00001}, r"launcher\.gpus=1e-05: must be a whole number, or a part of one"),
        *(
            (
                {"address": address},
                r"launcher\.address=.*: must be null, auto, local, host:port or ray://host:port",
            )
            for address in (
                "foo",
                "",
                "ray://foo",
                "http://foo:1",
                "foo:bar",
                "foo:0",
                "foo:65536",
                "a b:1",
                "ray://",
            )
        ),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        Ray(**options)


@pytest.mark.parametrize("address", [None, "auto", "local", "foo:6379", "ray://foo:10001", "[::1]:6379"])
def test_addresses_are_those_of_ray(address):
    assert Ray(address=address).address == address


@pytest.mark.parametrize("dry", [(), ("dry=true",)], ids=["run", "dry"])
def test_what_is_no_address_is_refused_before_anything(lengen, tmp_path, dry):
    words = ("-m", "task=copy", *TINY, "seed=0,1", "launcher=ray", "launcher.address=foo", *dry)
    ran = lengen("train", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("lengen: launcher.address=foo: must be null, auto, local")
    assert ran.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_without_ray_the_extra_is_named(lengen, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "ray" else found(name, *a)
    )
    ran = lengen("train", "-m", "task=copy", *TINY, "seed=0,1", "launcher=ray")
    assert (ran.code, ran.err) == (2, 'lengen: launcher=ray: needs Ray: pip install "lengen[ray]"\n')
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "would start a Ray cluster on this machine; jobs: 4, as many at a time as fit; each reserves CPUs: 6"),
        (
            {"address": "auto", "jobs": 2, "cpus": 1.5, "gpus": 0.5},
            "would use the Ray cluster auto; jobs: 4, 2 at a time at most; each reserves CPUs: 1.5, GPUs: 0.5",
        ),
        ({"address": "local", "cpus": 0}, "start a Ray cluster on this machine; jobs: 4, as many at a time as fit; each reserves CPUs: 0"),
    ],
)  # fmt: skip
def test_a_dry_run_says_where_and_how_many(options, said, monkeypatch):
    planned = [Planned(threads=2, devices=3)] * 4
    monkeypatch.setattr("lengen.launcher.ray.installed", lambda: True)
    (line,) = Ray(**options).describe(planned)
    assert line.endswith(said)
    monkeypatch.setattr("lengen.launcher.ray.installed", lambda: False)
    assert Ray(**options).describe(planned) == [
        line,
        'launcher=ray needs Ray: pip install "lengen[ray]"; it is not installed here',
    ]


def test_a_dry_study_says_it_before_its_total(lengen):
    ran = lengen("train", "-m", "task=copy", *TINY, "seed=0,1", "launcher=ray", "jobs=2", "dry=true")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-2 if HERE else -3] == (
        "lengen: dry run: would start a Ray cluster on this machine; jobs: 2, 2 at a time at most; each reserves CPUs: 1"
    )


@pytest.mark.parametrize(("address", "given"), [(None, "local"), ("h:1", "h:1")])
def test_a_cluster_is_started_here_whatever_ray_would_find(monkeypatch, address, given):
    """`ray.init()` without an address takes that of RAY_ADDRESS, or a cluster that runs on this machine."""
    asked = []
    monkeypatch.setitem(
        sys.modules, "ray", SimpleNamespace(init=lambda **options: asked.append(options["address"]))
    )
    monkeypatch.setenv("RAY_ADDRESS", "other:6379")
    begin(address)
    assert asked == [given]


def test_the_board_tells_news_once():
    board = Board()
    board.tell(1, {"completed": 1})
    board.tell(1, {"completed": 2})
    assert board.news() == [(1, {"completed": 2})]
    assert board.news() == []


def study(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lengen", "train", "-m", *STUDY, *words]
    return subprocess.Popen(
        command,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def shown(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=200)[0]


def training(folder: Path) -> list[Path]:
    """The folders of runs that train."""
    return [path.parent for path in folder.glob("results/runs/copy/*/*/*/train.csv")]


def left_running(before: set[int]) -> list[str]:
    """Processes of Ray that were not there before."""
    names = [each.info for each in psutil.process_iter(["pid", "name"]) if each.info["pid"] not in before]
    return [info["name"] for info in names if info["name"].startswith(("ray", "gcs_server"))]


@pytest.mark.long
@pytest.mark.cluster
@pytest.mark.skipif(not HERE, reason='Ray is not installed (pip install "lengen[ray]")')
class TestRealRay:
    def test_a_stopped_study_leaves_checkpoints_and_goes_on(self, tmp_path, undisturbed):
        before = set(psutil.pids())
        process = study(tmp_path, "launcher=ray")
        wait_for(lambda: training(tmp_path))
        process.send_signal(signal.SIGTERM)
        told = shown(process)
        assert process.returncode == 143, told
        stopped = training(tmp_path)
        assert all((folder / "checkpoints" / "last.ckpt").exists() for folder in stopped)
        wait_for(lambda: not left_running(before))
        again = study(tmp_path, "launcher=ray")
        told = shown(again)
        assert again.returncode == 0, told
        assert "3 of 3 jobs finished" in told
        assert any('"resumed_from_step"' in (folder / "run.json").read_text() for folder in stopped)
        assert curves(tmp_path) == undisturbed
        wait_for(lambda: not left_running(before))

    def test_a_killed_worker_of_a_cluster_is_replaced(self, tmp_path, undisturbed):
        ray = Path(sys.executable).with_name("ray")
        environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
        temporary = Path(tempfile.mkdtemp(prefix="ray"))  # a short path: Ray makes sockets below it
        subprocess.run(
            [ray, "start", "--head", "--num-cpus=2", "--include-dashboard=false", f"--temp-dir={temporary}", "--port=0"],
            env=environment, check=True, capture_output=True,
        )  # fmt: skip
        try:
            process = study(tmp_path, "launcher=ray", "launcher.address=auto")
            wait_for(lambda: training(tmp_path))
            victims = [each for each in psutil.process_iter(["name"]) if each.info["name"] == "ray::work"]
            victims[0].kill()
            told = shown(process)
            assert process.returncode == 0, told
            assert "3 of 3 jobs finished" in told
            assert curves(tmp_path) == undisturbed
        finally:
            own = [
                each
                for each in psutil.process_iter(["cmdline"])
                if str(temporary) in " ".join(each.info["cmdline"] or ())
            ]
            for each in own:
                each.kill()
            psutil.wait_procs(own, timeout=20)
            shutil.rmtree(temporary, ignore_errors=True)


@pytest.mark.parametrize(
    "address", ["localhost:1", "127.0.0.1:99999999", "ray://localhost:1", "nowhere.invalid:6379"]
)
def test_an_address_at_which_nothing_answers_is_refused(address):
    with pytest.raises(UsageError, match=rf"launcher\.address={address}: nothing answers there \("):
        require_answer(address)


@pytest.mark.skipif(not HERE, reason="needs Ray")
def test_it_is_refused_before_anything_is_written(lengen, tmp_path):
    ran = lengen(
        "train", "-m", "task=copy", *TINY, "seed=0,1", "launcher=ray", "launcher.address=localhost:1"
    )
    assert ran.code == 2
    assert ran.err.startswith("lengen: launcher.address=localhost:1: nothing answers there (")
    assert ran.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.yaml"))
