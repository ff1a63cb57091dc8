"""Nothing that a run leaves has a secret: not of the environment, the command line, the git remote or a URL."""

from __future__ import annotations

import subprocess
import zipfile

import pytest

from conftest import TINY, run_folders
from lengen.config.secrets import without_secrets

SECRET = "SECRET0123456789012345678901234567890123"


def bytes_below(folder):
    """Every file below a folder with its bytes; those in archives, too."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for name in archive.namelist():
                        yield path / name, archive.read(name)


@pytest.mark.whole_run
def test_no_file_of_a_run_has_a_secret(lengen, tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    remote = f"https://me:{SECRET}@example.com/mine.git"
    subprocess.run(["git", "remote", "add", "origin", remote], cwd=tmp_path, check=True)
    for name in ("WANDB_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "MY_PASSWORD"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("DATABASE", f"postgresql://me:{SECRET}@host/db")
    words = (
        f"+hydra.job.env_set.DB='postgresql://me:{SECRET}@host/db'",
        "+hydra.job.env_set.PLAIN=" + SECRET,
    )
    ran = lengen("train", "task=copy", "logger=wandb", *TINY, *words)
    assert ran.code == 0, ran.err
    (run,) = run_folders(tmp_path)
    config = run / "config.yaml"  # as somebody else might have left it
    config.write_text(config.read_text().replace("name: null", "name: ${oc.env:HF_TOKEN}"))
    assert lengen("eval", f"run={run}", "lengths=4").code == 0
    assert lengen("compare").code == 0
    files = dict(bytes_below(tmp_path / "results"))
    assert len(files) > 20
    assert any(path.suffix == ".wandb" for path in files)
    assert [str(path) for path, content in files.items() if SECRET.encode() in content] == []
    assert b"postgresql://***@host/db" in files[run / "run.json"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://token@host/x", "https://***@host/x"),
        ("a=ssh://git@host b=s3://key:secret@bucket", "a=ssh://***@host b=s3://***@bucket"),
        ("name=supersecret1", "name=***"),
        ("https://host/a@b mail=a@b.c file:///a/b@c", "https://host/a@b mail=a@b.c file:///a/b@c"),
        ("pe=nope seed=short", "pe=nope seed=short"),
    ],
)
def test_logins_and_secret_variables_are_written_as_stars(monkeypatch, text, left):
    monkeypatch.setenv("SOME_TOKEN", "supersecret1")
    monkeypatch.setenv("A_KEY", "short")
    assert without_secrets(text) == left
