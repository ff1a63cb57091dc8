"""`lengen eval extend=…`: pairs on the same strings, the trained run untouched, mistakes on one line."""

import csv

import pytest
from scipy.stats import binomtest
from tests.conftest import TINY, run_folders, train
from tests.options import files

from lengen.records.run_dir import EvalFolder, RunFolder

pytestmark = pytest.mark.whole_run

OPTIONS = ("task=reverse", "train_length=4", "decoder=tiny", "steps=60", *TINY)
LENGTHS = "lengths=[3,4,6]"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("extended")
    train(folder, ("pe=rope", *OPTIONS))
    (run,) = run_folders(folder)
    return run


def table(run):
    (path,) = run.glob("eval/*extend-*/extend.csv")
    with path.open() as file:
        return list(csv.DictReader(file))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def run(trained, tmp_path):
    import shutil

    return shutil.copytree(trained, tmp_path / "run")


def test_every_setting_is_paired_with_the_decoder_as_trained(lengen, run):
    before = contents(run)
    ran = lengen(
        "eval",
        "run=run",
        LENGTHS,
        "examples=40",
        "extend=[sharpen,yarn]",
        "grid.sharpen.factor=[1.0,2.0]",
        "grid.yarn.factor=[1,4]",
    )
    assert ran.code == 0, ran.err
    assert contents(run) == before
    rows = table(run)
    assert {row["setting"] for row in rows} == {
        f"yarn(factor={s})+sharpen(factor={f})" for s in (1, 4) for f in (1.0, 2.0)
    }
    folders = {
        EvalFolder(path).facts()["protocol"].get("extend", "none"): EvalFolder(path)
        for path in run.glob("eval/*")
        if (path / "curve.csv").exists()
    }
    base = folders["none"].load_verdicts()
    for row in rows:
        was, now = (
            base[int(row["length"])].exact,
            folders[row["setting"]].load_verdicts()[int(row["length"])].exact,
        )
        lost, won = int((was & ~now).sum()), int((now & ~was).sum())
        assert (int(row["lost"]), int(row["won"])) == (lost, won)
        assert float(row["difference"]) == pytest.approx(now.mean() - was.mean())
        expected = binomtest(lost, lost + won).pvalue if lost + won else 1
        assert float(row["p_value"]) == pytest.approx(expected)
        if row["setting"] == "yarn(factor=1)+sharpen(factor=1.0)":
            assert (lost, won) == (0, 0)
            assert row["id_exact_match"] == row["base_id_exact_match"]
        assert int(row["id_examples"]) == 42  # 14 of each of three trained lengths
        gain = 42 * (float(row["id_exact_match"]) - float(row["base_id_exact_match"]))
        id_lost, id_won = int(row["id_lost"]), int(row["id_won"])
        assert id_won - id_lost == pytest.approx(gain)
        expected = binomtest(id_lost, id_lost + id_won).pvalue if id_lost + id_won else 1
        assert float(row["id_p_value"]) == pytest.approx(expected)
        assert int(row["inactive"]) == (row["setting"] == "yarn(factor=1)+sharpen(factor=1.0)")
    again = lengen(
        "eval",
        "run=run",
        LENGTHS,
        "examples=40",
        "extend=[yarn,sharpen]",
        "grid.sharpen.factor=[1.0,2.0]",
        "grid.yarn.factor=[1,4]",
    )
    assert again.code == 0
    results = [
        [line for line in each.out.splitlines() if not line.startswith("lengen:")] for each in (ran, again)
    ]
    assert results[0] == results[1]
    assert len(list(run.glob("eval/*"))) == 6


def test_greedy_decoding_has_the_verdicts_of_teacher_forcing(lengen, run):
    for decode in ("teacher", "greedy"):
        ran = lengen(
            "eval",
            "run=run",
            LENGTHS,
            "extend=[dynamic_ntk,rerope,log_n]",
            f"decode={decode}",
            "name=" + decode,
        )
        assert ran.code == 0, ran.err
    found = {}
    for path in run.glob("eval/*"):
        folder = EvalFolder(path)
        if folder.facts()["protocol"].get("extend") and folder.curve.exists():
            found[folder.facts()["protocol"]["decode"]] = folder.load_verdicts()
    for length in (3, 4, 6):
        assert (found["teacher"][length].exact == found["greedy"][length].exact).all()


def test_each_extension_is_tried_alone_and_those_that_do_not_apply_say_why(lengen, run):
    ran = lengen("eval", "run=run", "lengths=[4]", "extend=each", "examples=20")
    assert ran.code == 0, ran.err
    rows = table(run)
    refused = {row["setting"]: row["refused"] for row in rows if row["refused"]}
    assert refused["t5_reach"] == "does not apply to pe=rope (it needs pe=t5)"
    assert len({row["setting"] for row in rows}) == len(files("extend"))
    letters = {EvalFolder(path).facts()["category"] for path in run.glob("eval/*")}
    assert letters == {"A", "G"}
    assert (RunFolder(run).facts()["category"]) == "A"


def test_extensions_that_leave_the_decoder_as_it_is_are_inactive(lengen, run):
    """Randomized positions are those of training beyond it, and log_n does nothing within it."""
    words = ("lengths=[2,3,6]", "extend=[randomized,log_n,sharpen]", "each=true", "examples=20")
    ran = lengen("eval", "run=run", *words)
    assert ran.code == 0, ran.err
    found = {(row["setting"], int(row["length"])): int(row["inactive"]) for row in table(run)}
    inactive = {"randomized(kind=draw)": {3, 6}, "log_n": {2, 3}, "sharpen(factor=1.2)": set()}
    assert found == {(name, n): int(n in at) for name, at in inactive.items() for n in (2, 3, 6)}
    (line,) = [line for line in ran.out.splitlines() if line.startswith("randomized")]
    assert line.endswith("inactive at 6")


def test_what_an_evaluation_of_an_earlier_version_lacks_is_measured(lengen, run):
    import json

    words = ("eval", "run=run", LENGTHS, "examples=40", "extend=sharpen", "extend.sharpen.factor=3")
    assert lengen(*words).code == 0
    before = table(run)
    for path in run.glob("eval/*/eval.json"):
        facts = json.loads(path.read_text())
        path.write_text(json.dumps({name: value for name, value in facts.items() if name not in ("id_lost", "id_won")}))  # fmt: skip
    (folder,) = run.glob("eval/extend-*")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert lengen(*words).code == 0
    assert table(run) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["extend=[yarm]"], "did you mean 'yarn'"),
        (["extend=[each,yarn]"], "each stands alone"),
        (["extend=[yarn,yarn]"], "yarn is named twice"),
        (["extend=yarn", "extend=ntk"], "extend= is given twice"),
        (["extend=[yarn,ntk]"], "both change the frequencies"),
        (["extend=[clamp,normalised]"], "both change the positions"),
        (["extend=t5_reach"], "does not apply to pe=rope (it needs pe=t5)"),
        (["extend=yarn", "extend.yarn.factor=0.9"], "extend.yarn.factor=0.9: must be null, or at least 1"),
        (["extend=streaming", "extend.streaming.window=0"], "must be null, or at least 1"),
        (["extend=sharpen", "extend.sharpen.factor=0"], "must be above 0"),
        (
            ["extend=sharpen", "extend.sharpen.layers=[7]"],
            "extend.sharpen.layers=[7]: the decoder has 1 layer;",
        ),
        (
            ["extend=yarn", "extend.ntk.factor=2"],
            "ntk must be one of the extensions that extend= names (yarn)",
        ),
        (["extend=yarn", "grid.yarn.factor=[1,0.5]"], "extend.yarn.factor=0.5"),
        (
            ["extend=yarn", "grid.yarn.fast=[]"],
            "grid.yarn.fast=[]: has no value; must be a list of at least one",
        ),
        (["extend=yarn", "extend.n=rows"], "extend.n=rows: must be one of swept, prompt, row"),
        (
            ["extend=clamp", "extend.n=row"],
            "extend=clamp: does not apply to extend.n=row (it changes the positions",
        ),
        (["extend=yarn", "extend.yarn.facotr=2"], "did you mean 'extend.yarn.factor' or 'extend.yarn.fast'?"),
        (
            ["extend=[yarn],[sharpen]"],
            "extend=[yarn],[sharpen]: a command has one list, whose extensions are applied together",
        ),
        (["extend=[]"], "extend=[]: names no extension"),
        (["extend="], "extend=: names no extension"),
        (["extend=yarn", "inspect=attention"], "reads the decoder as it was trained"),
        (["each=true"], "needs extensions"),
        (["extend=yarn", "extend.yarn=3"], "extend.yarn=3: must name an option"),
        (["extend=yarn", "grid.yarn=3"], "must name an option"),
        (["extend=yarn", "extend.yarn.factor=abc"], "must be a number or null"),
    ],
)
def test_mistakes_are_one_line(lengen, run, words, said):
    ran = lengen("eval", "run=run", LENGTHS, *words)
    assert ran.code == 2, ran.out + ran.err
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not (run / "eval").exists()
