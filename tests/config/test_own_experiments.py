"""Mistakes in an experiment file of one's own name the file."""

import pytest
from tests.conftest import TINY

HEAD = "# @package _global_\n"


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("task: reverse\n", (), "conf/experiment/mine.yaml: its first line must be '# @package _global_'"),
        (HEAD + "defaults:\n  - override /task: revers\n", (), "conf/experiment/mine.yaml: unknown option task=revers"),
        (HEAD + "train_lenght: 8\n", (), "conf/experiment/mine.yaml: unknown option 'train_lenght'"),
        (HEAD + "steps: 8\n", ("stpes=3",), "unknown option 'stpes'"),
        ("# A note\n" + HEAD + "steps: 8\n", (), "conf/experiment/mine.yaml: its first line must be '# @package _global_'"),
        ("\n" + HEAD + "# A note\nsteps: 8\n", (), None),
    ],
)  # fmt: skip
def test_an_experiment_of_ones_own(lengen, tmp_path, text, words, said):
    file = tmp_path / "conf" / "experiment" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    ran = lengen("train", "--config-dir", "conf", "experiment=mine", *TINY, *words, "dry=true")
    if said is None:
        assert ran.code == 0, ran.err
    else:
        assert (ran.code, len(ran.err.splitlines())) == (2, 1)
        assert ran.err.startswith(f"lengen: {said}")
