"""A file is whole or absent, and no link of a stranger is followed."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from lengen.records import atomic
from lengen.records.atomic import whole, whole_folder
from lengen.records.run_dir import RunFolder


def test_a_file_replaces_the_one_before_at_the_end(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("before")
    with whole(path) as part:
        part.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert [each.name for each in tmp_path.iterdir()] == ["curve.csv"]


def test_a_writer_that_fails_leaves_the_file_before_and_nothing_else(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("before")
    with pytest.raises(KeyError), whole(path) as part:
        part.write_text("half")
        raise KeyError
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["curve.csv"]


def test_a_file_is_for_those_whom_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        with whole(tmp_path / "run.json") as part:
            part.write_text("{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o640


def test_a_link_in_the_place_of_a_file_is_replaced(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path = tmp_path / "run" / "run.json"
    path.parent.mkdir()
    path.symlink_to(victim)
    with whole(path) as part:
        part.write_text("{}")
    assert victim.read_text() == "mine"
    assert not path.is_symlink()


def test_temporary_names_cannot_be_guessed(tmp_path):
    names = set()
    for _ in range(3):
        with whole(tmp_path / "run.json") as part:
            names.add(part.name)
            part.write_text("{}")
        with whole_folder(tmp_path / f"run{len(names)}") as part:
            names.add(part.name)
    assert len(names) == 6


def test_everything_is_flushed_before_it_gets_its_name_and_the_name_after(tmp_path, monkeypatch):
    """The order that survives a power cut: contents, rename, folder."""
    events = []
    fsync, replace = os.fsync, os.replace

    def flushed(descriptor):
        events.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("rename"), replace(*names)))
    with whole(tmp_path / "run.json") as part:
        part.write_text("{}")
    assert events[0] == str(part)
    assert events[-1] == str(tmp_path)
    assert "rename" in events[1:-1] or len(events) == 2  # pathlib may rename without the function of `os`
    events.clear()
    with whole_folder(tmp_path / "run") as folder:
        (folder / "checkpoints").mkdir()
        (folder / "config.yaml").write_text("a: 1")
    assert set(events) >= {str(folder / "config.yaml"), str(folder / "checkpoints"), str(folder)}
    assert events[-1] == str(tmp_path)


def test_a_full_disk_names_the_file_and_not_its_temporary_name(tmp_path, monkeypatch):
    path = tmp_path / "curve.csv"
    monkeypatch.setattr(
        atomic, "flush", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left"))
    )
    with pytest.raises(OSError, match="No space left on device") as error, whole(path) as part:
        part.write_text("x")
    assert error.value.filename == str(path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["config.yaml", None])
def test_a_full_disk_names_a_file_of_a_new_folder_by_where_it_was_to_be(tmp_path, name):
    path = tmp_path / "seed=0"
    with pytest.raises(OSError, match="No space left on device") as error, whole_folder(path) as part:
        raise OSError(errno.ENOSPC, "in the words of a library", *([str(part / name)] if name else []))
    assert error.value.filename == str(path / name if name else path)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as error, whole(tmp_path / "absent" / "curve.csv"):
        pass
    assert error.value.filename == str(tmp_path / "absent" / "curve.csv")


def test_what_a_killed_writer_left_is_removed_by_the_next_process(tmp_path):
    folder = RunFolder(tmp_path / "seed=1")
    folder.create("a: 1\n", {})
    (folder.path / "eval" / "x").mkdir(parents=True)
    for place in (folder.path, folder.path / "checkpoints", folder.path / "eval" / "x", tmp_path / "seed=10"):
        place.mkdir(exist_ok=True)
        (place / ".curve.csv.abc.part").touch()
    for name in (".seed=1.0a.part", ".seed=10.0a.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").touch()
    with folder.locked():
        left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob(".*.part")}
    assert left == {".seed=10.0a.part", "seed=1/eval/x/.curve.csv.abc.part", "seed=10/.curve.csv.abc.part"}
