"""The command line: what answers at once, what is refused and how, what a multirun does, and a user's own parts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import TINY, run_folders
from lengen.config.search import config_dir
from lengen.training.interruption import SIGNALS

MINE = '''
"""My task."""

from dataclasses import dataclass

import torch

from lengen.task import SEP, SPECIAL, Span, Task, Vocabulary, assemble


@dataclass(frozen=True)
class Mine(Task):
    """Repeat the first symbol."""

    symbols: int = 3

    @property
    def vocabulary(self):
        return Vocabulary(tuple("xyz"[: self.symbols]))

    def sample(self, length, count, generator):
        items = torch.randint(self.symbols, (count, length), generator=generator) + len(SPECIAL)
        prompt = [Span(items), Span(torch.full((1, 1), SEP))]
        return assemble(length, count, self.vocabulary, prompt, [Span(items[:, :1])], coupled=False)
'''

MY_PE = '''
"""My encoding."""

import torch

from lengen.pe import PositionalEncoding


class Window(PositionalEncoding):
    """Nothing beyond some distance is seen."""

    distances = True

    def __init__(self, shape, width: int = 4):
        super().__init__(shape)
        self.width = width

    def logit_bias(self, query, key):
        distance = query.unsqueeze(-1) - key.unsqueeze(-2)
        return torch.where(distance < self.width, 0.0, -1e4).unsqueeze(1).expand(-1, self.shape.heads, -1, -1)
'''


def refused(ran, *words: str) -> None:
    """Exit code 2, one line on stderr that has these words, no traceback."""
    assert ran.code == 2, ran.out + ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    for word in words:
        assert word in ran.err, ran.err


def test_without_a_command_it_lists_them_and_imports_no_torch(lengen):
    ran = lengen()
    assert ran.code == 0
    for command in ("train", "data", "list"):
        assert f"lengen {command}" in ran.out
    script = "import sys; sys.argv = ['lengen']; from lengen.cli.main import main; main(); print('torch' in sys.modules, 'hydra' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False False\n")


@pytest.mark.whole_run
def test_help_config_and_refusals_import_no_torch(tmp_path):
    for arguments in (["--help"], ["--cfg", "job"], ["taks=x"]):
        script = f"import sys; sys.argv = ['lengen', 'train', *{arguments!r}]; from lengen.cli.main import main\ntry: main()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_command_without_any_option_takes_the_defaults(lengen, tmp_path):
    assert lengen("data").code == 0
    assert list(tmp_path.iterdir()) == []


def test_cfg_shows_the_composed_configuration(lengen):
    ran = lengen("train", "--cfg", "job", "task=addition")
    assert ran.code == 0
    assert "_target_: lengen.task.addition.Addition" in ran.out


@pytest.mark.parametrize("group", sorted(folder.name for folder in config_dir().iterdir() if folder.is_dir()))
def test_list_describes_every_option(lengen, group):
    ran = lengen("list", group)
    assert ran.code == 0
    lines = [line for line in ran.out.replace("\n    ", " ").splitlines()[1:] if line[2] != " "]
    assert len(lines) == len(list((config_dir() / group).glob("*.yaml")))
    for line in lines:
        assert len(line.split(maxsplit=1)) == 2, f"no description: {line}"


def test_list_describes_options_of_ones_own(lengen, tmp_path):
    (tmp_path / "conf/pe").mkdir(parents=True)
    (tmp_path / "conf/pe/mine.yaml").write_text(
        "# Positions as I like them\n# paper: none yet\n# cost: fused\n"
    )
    for flag in (["--config-dir", "conf"], ["--config-dir=conf"], ["-cd", "conf"]):
        ran = lengen("list", *flag, "pe")
        assert ran.code == 0
        (line,) = [line for line in ran.out.splitlines() if line.startswith("  mine ")]
        assert line.split(maxsplit=1)[1] == "Positions as I like them  [none yet]"
        assert "  nope " in ran.out
    assert "mine" not in lengen("list", "pe").out
    refused(lengen("list", "--config-dir", "nowhere", "pe"), "--config-dir=nowhere", "no such folder")
    refused(lengen("list", "pe", "--config-dir"), "--config-dir=", "no such folder")


def test_completion_offers_commands_options_and_groups(lengen, monkeypatch):
    monkeypatch.setenv("COMP_LINE", "lengen tr")
    assert "train" in lengen("-sc", "query=bash").out.split()
    monkeypatch.setenv("COMP_LINE", "lengen train pe=")
    assert "pe=nope" in lengen("-sc", "query=bash").out.split()
    assert "COMP_LINE" in lengen("-sc", "install=bash").out


def test_data_marks_the_answer_and_its_places(lengen):
    ran = lengen("data", "task=addition", "length=5", "count=3")
    assert ran.code == 0
    blocks = ran.out.strip().split("\n\n")
    assert len(blocks) == 3
    tokens, answer, places = blocks[0].splitlines()
    first, second = tokens.split()[1].split("=")[0].split("+")
    start = tokens.index("=") + 1
    assert int(tokens[start : start + 6][::-1]) == int(first) + int(second)
    assert answer[start:] == "^" * 7
    assert places[start : start + 6] == "234567"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["taks=addition"], ["'taks'", "'task'"]),
        (["pe=nopee"], ["pe=nopee", "'nope'", "allowed: alibi"]),
        (["decoder.dmi=3"], ["'decoder.dmi'", "'decoder.dim'"]),
        (["+decoder.dmi=3"], ["'decoder.dmi'", "'dim'"]),
        (["+typo=1"], ["'typo'"]),
        (["+train_lenght=7"], ["'train_lenght'", "'train_length'"]),
        (["decoder.dim=abc"], ["decoder.dim=abc", "a whole number"]),
        (["decoder.dim=3.5"], ["decoder.dim=3.5", "a whole number"]),
        (["decoder.dim=true"], ["decoder.dim=true", "a whole number"]),
        (["steps=null"], ["steps=None", "a whole number"]),
        (["optimizer.lr=fast"], ["optimizer.lr=fast", "a number"]),
        (["task=addition", "task.hints=flase"], ["task.hints=flase", "true or false"]),
        (["task=addition", "task.order=revesed"], ["task.order=revesed", "reversed, plain", "'reversed'"]),
        (["task=copy", "task.times=3"], ["task.times=3", "1, 2"]),
        (["decoder.dim=63"], ["decoder.dim=63", "decoder.heads=4"]),
        (["decoder.layers=0"], ["decoder.layers=0", "must be at least 1"]),
        (["optimizer.lr=-1"], ["optimizer.lr=-1", "above 0"]),
        (["optimizer.schedule.final=2"], ["optimizer.schedule.final=2", "must be in [0, 1]"]),
        (["batch_size=0"], ["batch_size=0", "must be at least 1"]),
        (["train_length=0"], ["0"]),
        (["seed=-1"], ["seed=-1"]),
        (["trainer.threads=0"], ["trainer.threads=0"]),
        (["trainer.accelerator=tpu"], ["trainer.accelerator=tpu", "cpu"]),
        (["eval.lengths=[0,5]"], ["eval.lengths has 0", "must be at least 1"]),
        (["lengths=[5,10]"], ["lengths=[5,10]", "the lengths of the evaluation are eval.lengths"]),
        (["eval.lengths=[]"], ["eval.lengths", "at least one"]),
        (["eval.lengths=[0x]"], ["eval.lengths has 0"]),
        (["eval.lengths=[five]"], ["eval.lengths", "'five'", "1.5x", "range(1,41)"]),
        (["eval.lengths=range(-3,3)"], ["eval.lengths has -3"]),
        (["eval.examples=0"], ["eval.examples=0"]),
        (["eval.checkpoint=ood"], ["eval.checkpoint=ood", "last, best"]),
        (["pe=learned", "pe.maximum=8"], ["train_length=30", "holds 8"]),
        (["pe=learned", "eval.lengths=[30,2000]"], ["eval.lengths has 2000", "holds 1024"]),
        (["positions=randomized", "pe=rope", "positions.maximum=20"], ["train_length=30", "positions.maximum=20"]),
        (["positions=offset", "pe=learned", "positions.maximum=2000"], ["1999", "1024"]),
        (["task=addition", "positions=coupled", "eval.lengths=[5,100]"], ["eval.lengths has 100", "positions.maximum=64"]),
        (["task=sort", "positions=coupled"], ["positions=coupled", "no places"]),
        (["task=copy", "positions=abacus"], ["positions=abacus", "no digits"]),
        (["positions=random_steps", "pe=learned"], ["pe=learned with positions=random_steps", "between integers"]),
        (["--bogus", "pe=nope"], ["--bogus", "unknown flag"]),
        (["positions=e2", "attention=urpe"], ["attention=urpe with positions=e2", "between integers"]),
        (["pe=xpos", "attention=lssa"], ["pe=xpos with attention=lssa", "normalises them"]),
        (["positions=multilevel", "pe=learned", "task=many_addition"], ["pe=learned with positions=multilevel", "2 positions"]),
        (["positions=multilevel", "task=many_addition", "attention=urpe"], ["attention=urpe with positions=multilevel"]),
        (["pe=multilevel"], ["pe=multilevel with positions=contiguous"]),
        (["positions=multilevel", "task=addition"], ["positions=multilevel", "no groups"]),
        (["positions=grouped", "pe=t5"], ["pe=t5 with positions=grouped"]),
        (["positions=e2", "positions.factor=0.5"], ["positions.factor=0.5", "must be at least 1"]),
        (["task=addition", "positions=abacus", "pe=t5"], ["pe=t5 with positions=abacus"]),
        (["task=addition", "positions=coupled", "pe=t5"], ["pe=t5 with positions=coupled"]),
        (["positions=randomized", "pe=nope"], ["pe=nope with positions=randomized", "positions=contiguous"]),
        (["task=sort", "eval.lengths=[10,200]"], ["eval.lengths has 200", "100 items"]),
        (["task=copy", "task.repeats=unique", "train_length=30"], ["train_length=30", "task.alphabet=20"]),
        (["lengths=list", "lengths.values=[2,4]"], ["train_length=30", "is 4"]),
        (["lengths.minimum=31"], ["lengths.minimum=31", "1 to"]),
        (["task=parity", "trainer.examples=100000"], ["trainer.examples=100000", "distinct"]),
        (["pe=rope", "pe.fraction=0.2"], ["pe.fraction=0.2", "even number"]),
        (["pe=alibi", "pe.slopes=[1.0,0.5]"], ["pe.slopes", "must have one slope per head (4)"]),
        (["pe._target_=os.system"], ["pe._target_=os.system", "lengen"]),
        (["pe._target_=lengen.task.copy.Copy"], ["pe._target_", "PositionalEncoding"]),
        (["pe._target_=lengen.pe.nope.Nope"], ["pe._target_", "Nope"]),
        (["pe=nope,rope"], ["-m"]),
        (["seed=range(3)"], ["-m"]),
        (["task"], ["task", "option=value"]),
        (["results_dir=/proc/none"], ["/proc/none"]),
    ],
)  # fmt: skip
@pytest.mark.sampled(2)
def test_a_mistake_is_one_line_and_exit_code_2(lengen, tmp_path, arguments, words):
    refused(lengen("train", *arguments), *words)
    assert list(tmp_path.iterdir()) == []


def test_a_results_folder_that_is_a_file_is_refused(lengen, tmp_path):
    (tmp_path / "taken").write_text("mine")
    refused(lengen("train", "results_dir=taken/runs", *TINY), "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_full_disk_is_one_line_and_loses_nothing(lengen, tmp_path, monkeypatch):
    import errno

    replace = Path.replace

    def full(source, target):
        if Path(target).name == "curve.csv":
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", full)
    refused(lengen("train", *TINY), "No space left on device", "curve.csv")
    (folder,) = run_folders(tmp_path)
    assert json.loads((folder / "run.json").read_text())["status"] == "failed"
    assert (folder / "checkpoints" / "last.ckpt").exists()
    monkeypatch.setattr(Path, "replace", replace)
    assert lengen("train", *TINY).code == 0
    assert len(run_folders(tmp_path)) == 1


def test_data_and_list_refuse_mistakes_too(lengen):
    refused(lengen("data", "length=0"), "length=0")
    refused(lengen("data", "count=many"), "count=many", "a whole number")
    refused(lengen("data", "task=coppy"), "'copy'")
    refused(lengen("list", "pes"), "'pes'", "'pe'")
    refused(lengen("trian"), "'trian'", "lengen train")


@pytest.mark.parametrize(("jobs", "kept", "composed"), [(3, 64, 4), (3, 2, 5)])
def test_a_job_is_composed_once(lengen, monkeypatch, jobs, kept, composed):
    """And once more to know the options of all, and for each that does not wait in memory."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl

    load, seen = ConfigLoaderImpl.load_configuration, []

    def counted(loader, config_name, overrides, *arguments, **named):
        seen.append(overrides)
        return load(loader, config_name, overrides, *arguments, **named)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", counted)
    monkeypatch.setattr("lengen.cli.composed_once.MOST_KEPT", kept)
    ran = lengen("train", "-m", "task=copy", f"seed=range(4,{4 + jobs})", *TINY, "dry=true")
    assert ran.code == 0, ran.err
    assert len(seen) == composed
    assert [f"seed={seed} (" in ran.out or f"seed={seed}\n" in ran.out for seed in range(4, 4 + jobs)] == [
        True
    ] * jobs


def test_a_multirun_gives_a_folder_a_job(lengen, tmp_path):
    ran = lengen("train", "task=copy", "-m", "pe=nope,rope", "seed=range(2)", *TINY)  # -m stands anywhere
    assert ran.code == 0
    assert "4 of 4 jobs finished" in ran.out
    found = {(path.parts[-3], path.name) for path in run_folders(tmp_path)}
    assert len(found) == 4  # two cells, two seeds
    assert {path.relative_to(tmp_path).parts[3] for path in run_folders(tmp_path)} == {"nope", "rope"}


def test_one_failing_job_does_not_stop_the_others_and_is_named(lengen, tmp_path):
    ran = lengen(
        "train", "-m", "task=copy", "decoder.heads=3,2", *[word for word in TINY if "heads" not in word]
    )
    assert ran.code == 1
    assert "1 of 2 jobs finished" in ran.out
    assert "  refused: task=copy decoder.heads=3" in ran.err
    assert "Traceback" not in ran.err
    assert len(run_folders(tmp_path)) == 1


WITHOUT_HEADS = [word for word in TINY if "heads" not in word]


def test_what_is_impossible_is_refused_before_the_first_job_starts(lengen, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lengen.cli.commands.train.train_job", stopped)
    ran = lengen("train", "-m", "task=copy", "decoder.heads=2,3", "seed=0,-1", "study=three", *WITHOUT_HEADS)
    assert ran.code == 130
    why = {
        "decoder.heads=2 seed=-1": "seed=-1: must be at least 0",
        "decoder.heads=3 seed=0": "decoder.dim=16: must be a multiple of decoder.heads=3",
        "decoder.heads=3 seed=-1": "decoder.dim=16: must be a multiple of decoder.heads=3",
    }
    assert ran.err.splitlines()[:-1] == [f"lengen: refused: {label}: {line}" for label, line in why.items()]
    assert not run_folders(tmp_path)
    seen = lengen("status", "three")
    assert "3 refused" in seen.out
    assert all(f"{line}" in seen.out for line in why.values())


def test_a_study_of_which_every_job_is_refused_is_a_mistake(lengen, tmp_path):
    ran = lengen("train", "-m", "task=copy", "decoder.heads=3,5", *WITHOUT_HEADS)
    assert ran.code == 2
    assert ran.err.count("must be a multiple of decoder.heads=") == 2
    assert not run_folders(tmp_path)


def test_a_signal_of_which_a_library_makes_another_error_is_an_interruption(lengen, monkeypatch):
    def updated(*_, **__):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        except KeyboardInterrupt:
            raise AttributeError("half updated") from None

    monkeypatch.setattr("lengen.cli.hydra_app.plain_values", updated)
    with SIGNALS.heeded():
        ran = lengen("train", "task=copy", *TINY)
    assert (ran.code, ran.out) == (143, "")
    assert ran.err.startswith("lengen: interrupted; ")
    assert len(ran.err.splitlines()) == 1


def test_a_job_that_is_refused_at_its_turn_says_why_once(lengen):
    ran = lengen("data", "-m", "task=copy", "length=0,2")
    assert ran.code == 1
    assert "1 of 2 jobs finished" in ran.out
    assert ran.err.splitlines() == [
        "lengen: length=0: must be at least 1",
        "  refused: task=copy length=0: see above",
    ]


def test_a_job_that_goes_on_from_one_before_it_is_left_to_its_turn(lengen, tmp_path):
    told = lengen("train", "task=copy", *TINY, "dry=true").out
    folder = next(word for word in told.split() if word.startswith("results/"))
    experiments = tmp_path / "mine" / "experiment"
    experiments.mkdir(parents=True)
    (experiments / "first.yaml").write_text("# @package _global_\nsteps: 20\n")
    (experiments / "second.yaml").write_text(f"# @package _global_\nsteps: 30\nfrom: {folder}\n")
    words = [word for word in TINY if not word.startswith("steps=")]
    ran = lengen(
        "train", "-m", "--config-dir", "mine", "task=copy", "experiment=first,second", "jobs=1", *words
    )
    assert ran.code == 0, ran.err
    assert "2 of 2 jobs finished" in ran.out


def test_lengths_may_be_written_as_a_range(lengen, tmp_path):
    lengths = [word for word in TINY if "lengths" not in word]
    for text in ("eval.lengths=range(1,6,2)", "eval.lengths=[range(1,6,2)]"):
        assert lengen("train", text, f"results_dir={len(text)}", *lengths).code == 0
        (table,) = tmp_path.glob(f"{len(text)}/*/*/*/*/curve.csv")
        assert [line.split(",")[12] for line in table.read_text().splitlines()[1:]] == ["1", "3", "5"]


def test_a_users_own_task_and_encoding_need_no_fork(lengen, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "windowed.py").write_text(MY_PE)
    for group, name, text in (
        ("task", "mine", "_target_: mine.Mine"),
        ("pe", "window", "_target_: windowed.Window\nwidth: 4"),
    ):
        (tmp_path / "conf" / group).mkdir(parents=True)
        (tmp_path / "conf" / group / f"{name}.yaml").write_text(text)
    ran = lengen("train", "--config-dir", "conf", "task=mine", "pe=window", "pe.width=3", *TINY)
    assert ran.code == 0, ran.err
    (folder,) = run_folders(tmp_path)
    assert folder.relative_to(tmp_path).parts[2:4] == ("mine", "window")
    refused(
        lengen("train", "--config-dir", "conf", "task=mine", "pe=window", "pe.widht=3"),
        "pe.widht",
        "pe.width",
    )
    refused(
        lengen("train", "task._target_=mine.Mine"), "mine.Mine", "--config-dir"
    )  # not named: not imported


def test_a_signal_while_python_ends_prints_no_error(tmp_path):
    program = """
import atexit, os, signal, sys
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
from lengen.cli import main
main.run = lambda _: 130
sys.exit(main.main())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (-signal.SIGINT, "")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("eval.lengths=[5", "[ without ]"),
        ("eval.lengths=[5]]", "] without ["),
        ("seed=range(3", "( without )"),
        ("seed=range(3))", ") without ("),
        ("optimizer.lr=tag(log,interval(0.1,1)", "( without )"),
        ("pe=glob(*", "( without )"),
    ],
)
def test_a_bracket_that_is_not_closed_is_named(lengen, word, said):
    ran = lengen("train", "-m", word)
    assert (ran.code, ran.err) == (2, f"lengen: cannot parse {word}: {said}\n")


@pytest.mark.parametrize(("command", "option"), [("eval", "run"), ("tune", "run"), ("compare", "runs")])
@pytest.mark.parametrize("path", ["runs/copy/nope/cell/seed=0", "runs/copy", "there"])
def test_a_path_without_its_option_is_told_the_option(lengen, tmp_path, command, option, path):
    (tmp_path / "there").mkdir()
    ran = lengen(*command.split(), path)
    assert (ran.code, ran.err) == (2, f"lengen: {path}: a path needs its option; write {option}={path}\n")


@pytest.mark.parametrize("flag", ["--cfg=job", "--info=config"])
def test_a_configuration_is_shown_of_one_run(lengen, flag):
    ran = lengen("train", "-m", flag, "task=copy")
    name = flag.partition("=")[0]
    assert (ran.code, ran.err) == (2, f"lengen: {name}: shows the configuration of one run; leave out -m\n")


def test_a_package_without_cfg_is_refused_before_anything_is_trained(lengen, tmp_path):
    refused(lengen("train", "task=copy", "--package", "pe", *TINY), "--package: needs --cfg")
    assert not list(tmp_path.iterdir())
    shown = lengen("train", "task=copy", "pe=rope", "--cfg", "job", "--package", "pe")
    assert (shown.code, "base:" in shown.out, "steps:" in shown.out) == (0, True, False)


@pytest.mark.parametrize("lengths", ["uniform", "growing", "bucketed", "size_pairs"])
def test_a_train_length_below_1_is_named(lengen, lengths):
    ran = lengen("train", "task=addition", f"lengths={lengths}", "train_length=0", "dry=true")
    assert (ran.code, ran.err) == (2, "lengen: train_length=0: must be at least 1\n")


def test_a_target_says_from_which_file_its_module_is(lengen, tmp_path):
    import copy

    (tmp_path / "conf/pe").mkdir(parents=True)
    (tmp_path / "copy.py").write_text("class Near: ...\n")
    (tmp_path / "conf/pe/near.yaml").write_text("_target_: copy.Near\n")
    ran = lengen("train", "task=copy", "pe=near", "--config-dir", "conf", "dry=true")
    refused(ran, f"pe._target_=copy.Near: module 'copy' ({copy.__file__}) has no attribute 'Near'")
