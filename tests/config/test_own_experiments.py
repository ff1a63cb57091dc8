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
        (HEAD + "defaults:\n  - task: copy\n", (), "conf/experiment/mine.yaml: 'task: copy' in its defaults: write 'override /task: copy'"),
        (HEAD + "defaults:\n  - /pe: rope\n", (), "conf/experiment/mine.yaml: '/pe: rope' in its defaults: write 'override /pe: rope'"),
        (HEAD + "defaults:\n  - override pe: rope\n", (), "conf/experiment/mine.yaml: 'override pe: rope' in its defaults: write 'override /pe: rope'"),
        (HEAD + "defaults: [{override hydra/launcher: joblib}]\n", (), "conf/experiment/mine.yaml: 'override hydra/launcher: joblib' in its defaults: write 'override /hydra/launcher"),
        (HEAD + "pe: rope\n", (), "conf/experiment/mine.yaml: 'pe: rope' chooses an option of a group, which its defaults do: write '- override /pe: rope' below"),
        (HEAD + "pe: rope\nhydra: {mode: MULTIRUN, sweeper: {params: {seed: '0,1'}}}\n", (), "conf/experiment/mine.yaml: 'pe: rope' chooses an option"),
        (HEAD + "pe: rope\n", ("-m", "seed=0,1"), "conf/experiment/mine.yaml: 'pe: rope' chooses an option"),
        (HEAD + "defaults:\n  - override   /pe: rope\n  - _self_\nsteps: 8\n", (), None),
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


def test_a_sweep_without_a_multirun_is_not_dropped_silently(lengen, tmp_path):
    file = tmp_path / "conf" / "experiment" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(HEAD + "hydra:\n  sweeper:\n    params:\n      seed: 0,1\n")
    words = ("train", "--config-dir", "conf", "experiment=mine", "task=copy", *TINY)
    for more in ((), ("dry=true",)):
        ran = lengen(*words, *more)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == (
            "lengen: conf/experiment/mine.yaml: hydra.sweeper.params: seed=0,1 is for a multirun: add -m, or write hydra.mode: "
            "MULTIRUN there (hydra.mode=RUN trains one run without it)\n"
        )
    for more, jobs in (
        ("-m", "2 of 2 jobs"),
        ("hydra.mode=MULTIRUN", "2 of 2 jobs"),
        ("hydra.mode=RUN", "disk"),
    ):
        ran = lengen(*words, more, "dry=true")
        assert ran.code == 0, ran.err
        assert jobs in ran.out


def test_several_experiments_are_looked_at_and_those_of_a_python_call(lengen, tmp_path):
    from lengen.config.compose import TRAIN, Request
    from lengen.config.errors import UsageError

    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "good.yaml").write_text(HEAD + "defaults:\n  - override /task: copy\n")
    (folder / "plain.yaml").write_text(HEAD + "task: copy\n")
    ran = lengen("train", "--config-dir", "conf", "-m", "experiment=good,plain", *TINY, "dry=true")
    assert ran.code == 2
    assert ran.err.startswith("lengen: conf/experiment/plain.yaml: 'task: copy' chooses")
    assert (
        Request(TRAIN, ["experiment=good"], folders=[tmp_path / "conf"]).compose()["labels"]["task"] == "copy"
    )
    with pytest.raises(UsageError, match=r"plain\.yaml: 'task: copy' chooses"):
        Request(TRAIN, ["experiment=plain"], folders=[tmp_path / "conf"]).compose()
