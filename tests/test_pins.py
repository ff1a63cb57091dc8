"""Every option draws and computes what it did, as long as its revision is the same."""

import json

import pytest
import torch

import pinned

OPTIONS = list(pinned.options())


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_an_option_draws_and_computes_what_it_did(group, option, monkeypatch):
    plain = torch.Tensor.argsort

    def argsort(self, dim=-1, *, stable=False, **options):
        assert stable or group != "task", "equal draws would be in an order that hangs on the processor"
        return plain(self, dim=dim, stable=stable, **options)

    monkeypatch.setattr(torch.Tensor, "argsort", argsort)
    path = pinned.file(group, option)
    assert path.exists(), "a new option: make pins"
    before, now = json.loads(path.read_text()), pinned.value(group, option)
    assert now["revision"] == before["revision"], "make pins"
    assert pinned.same(before, now), "raise `revision` in the class, then make pins"


def test_every_file_belongs_to_an_option():
    assert {
        path.relative_to(pinned.HERE).with_suffix("").parts for path in pinned.HERE.rglob("*.json")
    } == set(OPTIONS)


@pytest.fixture
def two(tmp_path, monkeypatch):
    """Two options, one that draws and one that computes, with files of their own."""
    monkeypatch.setattr(pinned, "HERE", tmp_path / "pins")
    monkeypatch.setattr(pinned, "options", lambda: [("task", "copy"), ("pe", "rope")])
    assert pinned.main() == 0
    return tmp_path / "pins"


@pytest.mark.parametrize("option", ["task/copy", "pe/rope"])
def test_a_changed_value_is_refused_at_an_unchanged_revision(two, option, capsys):
    path = two / f"{option}.json"
    before = json.loads(path.read_text())
    if "draws" in before:
        before["draws"] = "0" * 16
    else:
        before["outputs"][0] += 1e-3
    path.write_text(json.dumps(before))
    assert pinned.main() == 1
    assert option.replace("/", "=") in capsys.readouterr().out
    assert json.loads(path.read_text()) == before
    before["revision"] = 0
    path.write_text(json.dumps(before))
    assert pinned.main() == 0
    assert json.loads(path.read_text())["revision"] == 1


def test_rounding_is_no_change(two):
    path = two / "pe" / "rope.json"
    before = json.loads(path.read_text())
    path.write_text(json.dumps({**before, "outputs": [number + 1e-7 for number in before["outputs"]]}))
    assert pinned.main() == 0
