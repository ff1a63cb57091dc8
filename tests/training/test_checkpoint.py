"""Checkpoints are whole or absent, also when the disk is full, and hold tensors and plain values alone."""

from __future__ import annotations

import pickle
import resource

import pytest
import torch

from lengen.training.checkpoint import SafeCheckpoints, read_checkpoint


def test_what_is_written_is_read(tmp_path):
    SafeCheckpoints().save_checkpoint({"weight": torch.arange(5), "step": 3}, tmp_path / "a.ckpt")
    found = read_checkpoint(tmp_path / "a.ckpt")
    assert found["step"] == 3
    assert torch.equal(found["weight"], torch.arange(5))
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


def test_a_disk_without_room_leaves_the_old_one_whole(tmp_path):
    path = tmp_path / "a.ckpt"
    SafeCheckpoints().save_checkpoint({"step": 1}, path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # stands for a disk that is full
    try:
        with pytest.raises(OSError, match="File too large"):
            SafeCheckpoints().save_checkpoint({"step": 2, "weight": torch.zeros(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read_checkpoint(path)["step"] == 1
    assert [each.name for each in tmp_path.iterdir()] == ["a.ckpt"]


@pytest.mark.parametrize("contents", [b"", b"text", pickle.dumps({"x": print}), b"PK\x03\x04broken"])
def test_what_is_no_checkpoint_is_refused_by_name(tmp_path, contents):
    path = tmp_path / "a.ckpt"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=r"a\.ckpt is no checkpoint of lengen"):
        read_checkpoint(path)
