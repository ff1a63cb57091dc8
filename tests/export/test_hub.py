"""Sharing runs and data sets: prepared without a network, pushed and pulled over HTTP, and hostile runs refused."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time

import pytest
import yaml

from conftest import TINY, run_folders, train
from export.hub import hub
from lengen.config.errors import UsageError
from lengen.export.hub import require_hub
from lengen.export.received_run import NEEDED, check_names, check_received, targets

CURVE = ("length", "examples", "correct", "exact_match", "loss", "token_accuracy")


def refused(ran, *words):
    assert ran.code == 2, ran.out + ran.err
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    assert all(word in ran.err for word in words), ran.err


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Settings of the hub's library, which it reads when it is imported."""
    from huggingface_hub import constants

    def set_to(*, endpoint="http://127.0.0.1:9", offline=False, token="hf_test"):
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
        if token:
            monkeypatch.setenv("HF_TOKEN", token)

    return set_to


PUSH = ("data", "task=copy", "export=out", "examples=5", "push=me/copy")


@pytest.mark.parametrize(
    ("command", "settings", "words"),
    [
        (PUSH, {"offline": True}, ("push=me/copy", "HF_HUB_OFFLINE")),
        (PUSH, {"token": None}, ("push=me/copy", "nobody is logged in", "HF_TOKEN")),
        (PUSH, {}, ("push=me/copy", "http://127.0.0.1:9 cannot be reached")),
        ((*PUSH[:-1], "push=copy"), {}, ("push=copy", "must be OWNER/NAME")),
        ((*PUSH[:-1], "push=../../copy"), {}, ("push=../../copy",)),
        (("data", "task=copy", "push=me/copy"), {}, ("push=me/copy", "export=FOLDER")),
        (("pull", "me/copy"), {"offline": True}, ("me/copy", "HF_HUB_OFFLINE")),
        (("pull", "me/copy"), {}, ("me/copy", "cannot be reached")),
        (("pull", "../evil"), {}, ("../evil",)),
        (("pull",), {}, ("OWNER/NAME",)),
        (
            ("pull", "."),
            {},
            (
                ".: is on this machine and needs no pull: lengen eval run=. evaluates",
                "lengen.load",
                "OWNER/NAME",
            ),
        ),
        (
            ("pull", "./folder"),
            {},
            ("name=./folder: must be OWNER/NAME", "there is no such folder here, and one would need no pull"),
        ),
        (("pull", "https://huggingface.co/me/copy"), {}, ("must be OWNER/NAME; did you mean me/copy?",)),
        (("pull", "me/copy", "too=x"), {}, ("too", "did you mean 'to'")),
        (("share", "run=none", "export=out"), {}, ("run=none",)),
        (("share", "run=none"), {}, ("export=",)),
    ],
)
def test_what_needs_the_hub_is_refused_and_nothing_is_written(
    lengen, tmp_path, offline, command, settings, words
):
    offline(**settings)
    refused(lengen(*command), *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_hub_that_never_answers_is_refused_within_ten_seconds(offline):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, and says nothing
        offline(endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(UsageError, match="cannot be reached"):
            require_hub("push=me/copy", "me/copy", login=True)
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("name", ["evil.py", "last.ckpt", "model.pkl", "sub/config.yaml", "../config.yaml"])
def test_a_repository_with_other_files_is_no_shared_run(name):
    check_names([*NEEDED, ".gitattributes", "README.md"], "me/run")
    with pytest.raises(UsageError, match="no file of a shared run"):
        check_names([*NEEDED, name], "me/run")
    with pytest.raises(UsageError, match=r"has no model\.safetensors"):
        check_names(["config.yaml", "run.json", "curve.csv"], "me/run")


def test_classes_are_found_at_any_depth():
    nested = {"a": {"_target_": "x", "b": [{"c": {"_target_": "y"}}]}, "d": [[{"_target_": "z"}]]}
    assert list(targets(nested)) == ["x", "y", "z"]


# -- with a trained run --


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A trained run, and what `lengen share` makes of it."""
    folder = tmp_path_factory.mktemp("trained")
    train(folder, ("task=copy", "pe=rope", *TINY))
    (run,) = run_folders(folder)
    lengen = [sys.executable, "-m", "lengen"]
    subprocess.run(
        [*lengen, "share", f"run={run}", f"export={folder}/shared"],
        check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    return run, folder / "shared"


def rows(path):
    lines = [line.split(",") for line in path.read_text().splitlines()]
    return [[dict(zip(lines[0], line, strict=True))[name] for name in CURVE] for line in lines[1:]]


@pytest.mark.long
def test_a_shared_run_has_no_pickle_and_evaluates_to_the_same_numbers(lengen, tmp_path, shared):
    import lengen as library

    run, prepared = shared
    assert {*NEEDED, "README.md"} <= {path.name for path in prepared.iterdir()}
    assert all(path.is_file() for path in prepared.iterdir())
    check_received(prepared, "mine")
    texts = [
        path.read_text() for path in prepared.iterdir() if path.suffix in (".json", ".yaml", ".csv", ".md")
    ]
    assert not any(str(run.parents[3]) in text for text in texts)  # where it was trained is nobody's business
    front = yaml.safe_load((prepared / "README.md").read_text().split("---")[1])
    assert front["library_name"] == "lengen"
    shutil.copytree(prepared, tmp_path / "copy")
    shutil.copytree(run, tmp_path / "own")
    for name in ("own", "copy"):
        assert lengen("eval", f"run={name}", "lengths=[2,4,7]").code == 0
    own, copy = (next((tmp_path / name / "eval").glob("*/curve.csv")) for name in ("own", "copy"))
    assert rows(own) == rows(copy)
    assert library.load(tmp_path / "copy").predict("abc") == library.load(tmp_path / "own").predict("abc")


@pytest.mark.long
def test_a_prepared_folder_is_never_overwritten_and_the_run_must_be_ones_own_options(
    lengen, tmp_path, shared
):
    run, _ = shared
    (tmp_path / "there").mkdir()
    refused(lengen("share", f"run={run}", "export=there"), "export=there", "already exists")
    mine = tmp_path / "mine"
    shutil.copytree(run, mine)
    config = yaml.safe_load((mine / "config.yaml").read_text())
    config["pe"]["_target_"] = "mine.Encoding"
    (mine / "config.yaml").write_text(yaml.safe_dump(config))
    refused(lengen("share", f"run={mine}", "export=out"), "mine.Encoding", "code of your own")
    assert not (tmp_path / "out").exists()


def link(folder):
    (folder / "figure.png").unlink(missing_ok=True)
    (folder / "figure.png").symlink_to("/etc/passwd")


def linked_configuration(folder):
    (folder / "config.yaml").rename(folder.parent / "elsewhere")
    (folder / "config.yaml").symlink_to(folder.parent / "elsewhere")


def code(folder):
    (folder / "task.py").write_text("raise SystemExit")


def below(folder):
    (folder / "eval").mkdir()


def target(name):
    def change(folder):
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config["pe"]["deeper"] = [{"_target_": name}]
        (folder / "config.yaml").write_text(yaml.safe_dump(config))

    return change


def tag(folder):
    with (folder / "config.yaml").open("a") as file:
        file.write("evil: !!python/object/apply:os.system [exit]\n")


def bomb(folder):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    with (folder / "config.yaml").open("a") as file:
        file.write("\n".join(lines) + "\n")


def unfinished(folder):
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "status": "running"}))


@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (link, "figure.png is a link"),
        (linked_configuration, "config.yaml is a link"),
        (code, "task.py"),
        (below, "eval is not a file"),
        (target("os.system"), "os.system"),
        (target("lengenx.evil"), "lengenx.evil"),
        (tag, "not a YAML file"),
        (bomb, "more than 200,000 values"),
        (unfinished, "'running'"),
    ],
)
def test_a_hostile_folder_is_refused(tmp_path, shared, change, words):
    shutil.copytree(shared[1], tmp_path / "theirs")
    change(tmp_path / "theirs")
    with pytest.raises(UsageError, match=words.replace("(", "\\(")):
        check_received(tmp_path / "theirs", "me/run")


@pytest.mark.long
def test_parameters_that_do_not_fit_are_refused(lengen, tmp_path, shared):
    for name, change, words in (
        ("torn", lambda file: file.write_bytes(file.read_bytes()[:200]), "damaged"),
        (
            "other",
            lambda file: file.write_bytes(file.read_bytes().replace(b'"seed":"', b'"seed":"1')),
            "damaged",
        ),
    ):
        shutil.copytree(shared[1], tmp_path / name)
        change(tmp_path / name / "model.safetensors")
        refused(lengen("eval", f"run={name}", "lengths=[2]"), "model.safetensors", words)
    refused(lengen("eval", f"run={shared[1]}", "lengths=[2]", "checkpoint=best"), "checkpoint 'last'")


@pytest.mark.long
def test_a_run_goes_to_the_hub_and_comes_back(tmp_path, shared):
    run, prepared = shared
    with hub() as server:
        env = {
            **os.environ, "HF_ENDPOINT": server.address, "HF_TOKEN": "hf_test", "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_XET": "1",
        }  # fmt: skip

        def command(*words, token="hf_test"):
            return subprocess.run(
                [sys.executable, "-m", "lengen", *words], cwd=tmp_path, env={**env, "HF_TOKEN": token},
                capture_output=True, text=True, check=False,
            )  # fmt: skip

        done = command("share", f"run={run}", "export=out", "push=me/copy-rope")
        assert done.returncode == 0, done.stderr
        created = server.created[0]
        assert created.get("private") or created["visibility"] == "private", created
        assert server.repositories["me/copy-rope"].keys() == {path.name for path in prepared.iterdir()}
        server.repositories["me/copy-rope"][".gitattributes"] = b"*.safetensors filter=lfs\n"
        done = command("pull", "me/copy-rope")
        assert done.returncode == 0, done.stderr
        pulled = tmp_path / "results/pulled/me/copy-rope"
        assert {path.name: path.read_bytes() for path in pulled.iterdir()} == {
            path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()
        }
        assert command("eval", f"run={pulled}", "lengths=[2,4]").returncode == 0

        done = command("data", "task=copy", "export=data", "examples=5", "push=me/copies", "eval.examples=5")
        assert done.returncode == 0, done.stderr
        assert {"README.md", "train.parquet"} <= server.repositories["me/copies"].keys()
        assert server.created[1]["type"] == "dataset"

        server.repositories["me/copy-rope"]["setup.py"] = b"raise SystemExit"
        asked = len(server.asked)
        for words, expected in (
            (("pull", "me/copy-rope", "to=again"), "setup.py"),
            (("pull", "me/nothing"), "me/nothing: the hub refuses it"),
            (("pull", "me/copy-rope"), "already exists"),
        ):
            done = command(*words)
            assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
            assert expected in done.stderr
        assert not any("resolve" in each for each in server.asked[asked:])
        done = command("share", f"run={run}", "export=refused", "push=me/x", token="hf_wrong")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert not (tmp_path / "again").exists()
