"""W&B without a network: what is logged can be read back, nothing prompts, nothing kills a run, nothing is left behind."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from conftest import TINY
from lengen.logger import RunFacts, wandb_session
from lengen.logger import wandb as module
from lengen.logger.local import Local
from lengen.logger.wandb import Wandb
from lengen.logger.wandb_upload import mark, unsent
from lengen.records.curve import COLUMNS, Curve
from lengen.report.figure import draw
from logger.wandb_file import load
from report.curves import curve

pytestmark = pytest.mark.whole_run

CURVE = curve({5: 1.0, 10: 0.999, 20: 0.953, 40: 0.0})
CONFIG = {
    "task": {"_target_": "lengen.task.copy.Copy", "reverse": None},
    "seed": 3,
    "eval": {"lengths": ["1x", 2]},
    "lr": 1e-3,
}


def made(folder: Path, **facts) -> RunFacts:
    folder.mkdir()
    draw(CURVE, folder / "figure.png", title="copy, nope", footnote="")
    return RunFacts(
        "copy-nope-seed3", "0123abcdef", folder, CONFIG, tags=("copy", "nope", "", "nope", "x" * 80), **facts
    )


def whole(logger, facts, status="finished"):
    logger.begin(facts)
    for step in (10, 20, 30):
        logger.scalars(step, {"train/loss": 1 / step, "train/lr": 1e-3})
    logger.scalars(30, {"probe/id_exact_match": 0.5})
    logger.curve(CURVE, facts.folder / "figure.png")
    logger.finish(status)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/*/*.wandb"))


def only(folder: Path) -> dict:
    (path,) = files(folder)
    return load(path)


@pytest.fixture
def offline(facts, capsys):
    """A finished offline run: its folder, what was read back and what was printed."""
    (facts.folder / "run.json").write_text(
        json.dumps({"id_exact_match": 0.998, "trained": True, "parameters": 7, "git": {"dirty": True}})
    )
    whole(Wandb(), facts)
    return facts.folder, only(facts.folder), capsys.readouterr()


def test_the_run_says_what_it_is(offline):
    run = offline[1]["run"]
    assert (run.project, run.entity, run.display_name) == ("lengen", "", "copy-nope-seed3")
    assert (run.run_group, run.job_type) == ("0123abcdef", "train")
    assert sorted(run.tags) == ["copy", "nope", "x" * 64]
    config = {name: value for name, value in offline[1]["config"].items() if name != "_wandb"}
    assert config == CONFIG


def test_every_number_is_there_against_its_axis(offline):
    history = offline[1]["history"]
    assert {name: offline[1]["metrics"].get(name) for name in ("train/*", "probe/*", "curve/*")} == {
        "train/*": "step",
        "probe/*": "step",
        "curve/*": "length",
    }
    losses = {row["step"]: row["train/loss"] for row in history if "train/loss" in row}
    assert losses == {10: 1 / 10, 20: 1 / 20, 30: 1 / 30}
    assert [
        (row["step"], row["probe/id_exact_match"]) for row in history if "probe/id_exact_match" in row
    ] == [(30, 0.5)]
    points = [row for row in history if "curve/exact_match" in row]
    assert [point["length"] for point in points] == list(CURVE.lengths)
    for point in points:
        assert "step" not in point
        for name in ("exact_match", "ci_low", "ci_high", "token_accuracy", "loss"):
            assert point[f"curve/{name}"] == getattr(CURVE[point["length"]], name)


def test_table_and_figure_are_there(offline):
    folder, found, _ = offline
    paths = {
        name: row[f"{name}.path"]
        for row in found["history"]
        for name in ("curve_table", "figure")
        if f"{name}.path" in row
    }
    inside = files(folder)[0].parent / "files"
    table = json.loads((inside / paths["curve_table"]).read_text())
    assert table["columns"] == list(COLUMNS)
    assert table["data"] == [[getattr(row, name) for name in COLUMNS] for row in CURVE.rows]
    assert (inside / paths["figure"]).read_bytes() == (folder / "figure.png").read_bytes()
    assert set(paths.values()) <= set(found["files"])


def test_summary_has_the_verdict(offline):
    summary = offline[1]["summary"]
    assert {name: summary[name] for name in summary if name.startswith("reach")} == {
        "reach/0.90": 20,
        "reach/0.95": 10,
        "reach/0.99": 10,
    }
    assert (summary["id_exact_match"], summary["trained"], summary["parameters"]) == (0.998, True, 7)
    assert summary["status"] == "finished"
    assert not any(name.startswith("curve/") for name in summary), "the longest length alone says nothing"
    assert offline[1]["exit_code"] == 0
    assert "git" not in summary


def test_the_only_word_is_the_command_that_uploads(offline):
    folder, _, printed = offline
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    command = shlex.split(line.partition("this run: ")[2])
    assert command[:2] == ["wandb", "sync"]
    assert Path(command[2]) == files(folder)[0].parent


def test_all_parts_of_a_resumed_run_are_unsent(tmp_path):
    parts = [tmp_path / "wandb" / f"offline-run-2026{number}-x" for number in (1, 2)]
    for part in parts:
        part.mkdir(parents=True)
        mark(tmp_path, part)
    assert unsent(tmp_path) == parts
    (parts[0] / "run-x.wandb.synced").touch()
    assert unsent(tmp_path) == parts[1:]


@pytest.mark.parametrize(("status", "code"), [("diverged", 1), ("interrupted", 1), ("failed", 1)])
def test_a_run_that_ended_badly_says_so(facts, status, code):
    logger = Wandb(project="other", mode="offline")
    logger.begin(facts)
    logger.finish(status)
    found = only(facts.folder)
    assert found["run"].project == "other"
    assert (found["summary"]["status"], found["exit_code"]) == (status, code)


def test_two_runs_in_one_process_are_two_runs(tmp_path):
    import wandb

    logger = Wandb()
    for name, status in (("a", "finished"), ("b", "failed")):
        whole(logger, made(tmp_path / name), status)
        assert wandb.run is None
    first, second = only(tmp_path / "a"), only(tmp_path / "b")
    assert first["run"].run_id != second["run"].run_id
    assert [each["summary"]["status"] for each in (first, second)] == ["finished", "failed"]
    assert len(first["history"]) == len(second["history"]) == 3 + 1 + len(CURVE) + 2


def test_a_resumed_run_keeps_its_identity_and_a_new_folder_has_another(facts, tmp_path):
    for step in (1, 2):
        logger = Wandb()
        logger.begin(facts)
        logger.scalars(step, {"train/loss": 0.5})
        logger.finish("interrupted")
        if step == 1:
            time.sleep(1.01)  # W&B names folders by the second
    first, second = map(load, files(facts.folder))
    assert first["run"].run_id == second["run"].run_id
    assert [[row["step"] for row in each["history"]] for each in (first, second)] == [[1], [2]]
    facts.folder.rename(tmp_path / "aside")
    other = made(facts.folder)
    whole(Wandb(), other)
    assert only(other.folder)["run"].run_id != first["run"].run_id


def test_a_sweeps_agent_gives_the_identity(facts, monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "given123")
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    assert module._identity(facts.folder) == "given123"
    monkeypatch.delenv("WANDB_SWEEP_ID")
    assert module._identity(facts.folder) != "given123"


@pytest.mark.parametrize("how", ["option", "variable"])
def test_disabled_writes_and_says_nothing(facts, how, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_DIR", str(facts.folder / "elsewhere"))
    if how == "variable":
        monkeypatch.setenv("WANDB_MODE", "disabled")
    before = sorted(facts.folder.rglob("*"))
    whole(Wandb(mode="disabled" if how == "option" else "auto"), facts)
    assert sorted(facts.folder.rglob("*")) == before
    assert capsys.readouterr() == ("", "")


def test_the_variable_decides_for_auto_only(facts, monkeypatch):
    monkeypatch.setattr(wandb_session, "logged_in", lambda: True)
    assert wandb_session.Session("lengen").resolve() == "online"
    for value, mode in {
        "offline": "offline",
        "dryrun": "offline",
        "run": "online",
        "DISABLED": "disabled",
        "": "online",
    }.items():
        monkeypatch.setenv("WANDB_MODE", value)
        assert wandb_session.Session("lengen").resolve() == mode
        assert wandb_session.Session("lengen", mode="online").resolve() == "online"
    monkeypatch.setenv("WANDB_MODE", "sometimes")
    with pytest.raises(ValueError, match="WANDB_MODE=sometimes: must be online, offline or disabled"):
        Wandb().begin(facts)


def test_online_without_a_login_is_offline_and_says_so(facts, capsys):
    whole(Wandb(mode="online"), facts)
    assert "not logged in to W&B" in capsys.readouterr().err
    assert only(facts.folder)["summary"]["status"] == "finished"


def test_a_server_that_does_not_answer_is_offline_and_says_so(facts, monkeypatch, capsys):
    import wandb

    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(wandb_session, "PATIENCE", 1)
    monkeypatch.setattr(wandb_session, "logged_in", lambda: True)
    wandb.teardown()
    whole(Wandb(), facts)
    wandb.teardown()
    assert "W&B cannot be reached" in capsys.readouterr().err
    (path,) = facts.folder.glob("wandb/offline-run-*/*.wandb")
    assert load(path)["summary"]["status"] == "finished"
    assert (facts.folder / "wandb" / "identity").read_text().strip() == load(path)["run"].run_id


@pytest.mark.parametrize("mode", ["auto", "online"])
def test_a_login_that_the_server_refuses_is_offline_and_says_so(monkeypatch, capsys, mode):
    import wandb

    def refuse(**_):
        raise wandb.errors.AuthenticationError("no such key\nat all")

    monkeypatch.setattr(wandb, "login", refuse)
    assert wandb_session.Session("lengen", mode=mode).resolve() == "offline"
    assert capsys.readouterr().err.splitlines() == [
        "lengen: W&B cannot be reached, or refuses the login (no such key); logging offline"
    ]


def test_the_end_does_not_wait_for_a_server_forever(facts, capsys):
    logger = Wandb(mode="offline")
    logger.begin(facts)
    real = logger._session.run
    assert real.settings.finish_timeout == wandb_session.UPLOAD

    folder = str(real.settings.sync_dir).replace("offline-run-", "run-")  # as of a run that is online

    class Late:
        settings, summary = SimpleNamespace(mode="online", sync_dir=folder), {}

        def finish(self, exit_code):
            raise TimeoutError("Timed out finishing run.")

    logger._session.run = Late()
    logger.finish("finished")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "lengen: W&B has not received everything within 60 s; to upload this run: wandb sync --include-online "
    )
    real.finish()


class Broken:
    """A run whose machine is gone."""

    def __getattr__(self, name):
        raise BrokenPipeError("the service\nis gone")


def test_a_failure_after_the_beginning_is_one_line_and_no_more(facts, capsys):
    logger = Wandb(mode="offline")
    logger.begin(facts)
    real, logger._session.run = logger._session.run, Broken()
    logger.scalars(1, {"train/loss": 1.0})
    logger.scalars(2, {"train/loss": 1.0})
    logger.curve(CURVE, facts.folder / "figure.png")
    assert capsys.readouterr().err.splitlines() == [
        "lengen: W&B failed (the service); the run continues, and its files are complete"
    ]
    logger._session.run = Broken()
    logger.finish("finished")
    assert logger._session.run is None
    real.finish()


def test_a_garbled_run_file_and_a_missing_figure_do_no_harm(facts, capsys):
    (facts.folder / "run.json").write_text("{")
    (facts.folder / "figure.png").unlink()
    whole(Wandb(mode="offline"), facts)
    found = only(facts.folder)
    assert found["exit_code"] == 0
    assert found["summary"]["status"] == "finished"
    assert len([row for row in found["history"] if "curve_table.path" in row]) == 1


def test_a_curve_without_rows_is_logged(facts):
    logger = Wandb(mode="offline")
    logger.begin(facts)
    logger.curve(Curve(), facts.folder / "none.png")
    logger.finish("finished")
    assert only(facts.folder)["summary"]["reach/0.90"] is None


@pytest.mark.parametrize("options", [{"project": ""}, {"project": "a/b"}])
def test_options_out_of_range_are_refused_by_name(options):
    with pytest.raises(ValueError, match=f"logger.{next(iter(options))}="):
        Wandb(**options)


def test_what_wandb_refuses_offline_is_the_users_to_mend(facts):
    with pytest.raises(ValueError, match=r"wandb: .*roject"):
        Wandb(project="p" * 200, mode="offline").begin(facts)


def test_a_run_that_went_online_tells_its_address(facts, monkeypatch, capsys):
    class Online:
        settings = type("Settings", (), {"mode": "online"})
        url = "https://wandb.example/runs/1"
        summary: ClassVar[dict] = {}

        def define_metric(self, *_, **__): ...

        def finish(self, exit_code): ...

    monkeypatch.setattr(wandb_session, "logged_in", lambda: True)
    monkeypatch.setattr(wandb_session.Session, "_start", lambda *_: Online())
    logger = Wandb()
    logger.begin(facts)
    logger.finish("finished")
    assert capsys.readouterr().err == "lengen: W&B: https://wandb.example/runs/1\n"


@pytest.mark.parametrize("mode", ["auto", "online"])
def test_nothing_prompts_in_a_process_of_its_own(tmp_path, mode):
    """Standard input is closed, there is no credential, and warnings are errors."""
    program = f"""
import sys
from pathlib import Path
from lengen.logger import RunFacts
from lengen.logger.wandb import Wandb
assert "wandb" not in sys.modules
logger = Wandb(mode={mode!r})
assert "wandb" not in sys.modules
logger.begin(RunFacts("n", "c", Path("run"), {{"seed": 0}}))
logger.scalars(1, {{"train/loss": 0.5}})
logger.finish("finished")
"""
    (tmp_path / "run").mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ""
    assert re.search(r"wandb sync \S+offline-run-", ended.stderr)
    assert len(ended.stderr.splitlines()) == (1 if mode == "auto" else 2), ended.stderr
    assert only(tmp_path / "run")["history"][0]["train/loss"] == 0.5


def test_local_does_nothing(facts):
    before = sorted(facts.folder.rglob("*"))
    whole(Local(), facts)
    assert sorted(facts.folder.rglob("*")) == before


def test_a_trial_of_a_finished_run_has_its_numbers(lengen, monkeypatch):
    """An agent that asks for the same values again waits for a metric; a run that is none of its trials is not logged again."""
    words = ("task=copy", *TINY, "logger=wandb", "logger.mode=offline")
    ran = lengen("train", *words)
    assert ran.code == 0
    folder = next(Path("results").rglob("run.json")).parent
    assert files(folder), ran.out + ran.err
    before = {path: path.read_bytes() for path in folder.glob("*.*")}
    again = lengen("train", *words)
    assert "nothing is logged again; the run was finished before" in again.out
    first = only(folder)
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    monkeypatch.setenv("WANDB_RUN_ID", "trial2")
    trial = lengen("train", *words)
    assert trial.code == 0
    assert "its numbers are logged as those of this trial" in trial.out
    (record,) = [path for path in files(folder) if "trial2" in path.name]
    found = load(record)["summary"]
    for name in ("id_exact_match", "status", "reach/0.90"):
        assert found[name] == first["summary"][name]
    assert {path: path.read_bytes() for path in folder.glob("*.*")} == before
