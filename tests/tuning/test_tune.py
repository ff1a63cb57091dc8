"""`lengen tune`: a new run from a trained one, what moves and what stays, and where it starts."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from tests.conftest import TINY, run_folders, train
from tests.options import files, read

import lengen as api
from lengen.config.builder import Builder
from lengen.experiment.config import RunConfig
from lengen.extend import Sizes
from lengen.extend.abf import ABF
from lengen.extend.chosen import Chosen
from lengen.extend.interpolate import Interpolate
from lengen.extend.log_n import LogN
from lengen.extend.ntk import NTK
from lengen.extend.p_rope import PRoPE
from lengen.extend.yarn import YaRN
from lengen.logger.local import Local
from lengen.records.run_dir import RunFolder
from lengen.training.checkpoint import parameters_digest, read_checkpoint
from lengen.training.fit import DecoderModule

pytestmark = pytest.mark.whole_run
SHORT = ("steps=6", "lengths=[2,3,5]", "examples=40")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    train(folder, ("-m", "task=copy", "pe=rope", "seed=0,1", "jobs=1", *TINY))
    return folder / "results"


@pytest.fixture
def runs(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "results")
    return [RunFolder(path) for path in run_folders(tmp_path)]


@pytest.fixture(scope="module")
def carrying(tmp_path_factory):
    folder = tmp_path_factory.mktemp("carrying")
    train(folder, ("task=copy", "mixer.pattern=[gla,mamba]", "seed=0", *TINY, "decoder.layers=2"))
    return folder / "results"


@pytest.fixture
def base_of(trained, carrying, tmp_path):
    """The runs that a tuning applies to."""

    def copied(name):
        source = carrying if name == "state_passing" else trained
        shutil.copytree(source, tmp_path / "results")
        return [RunFolder(path) for path in run_folders(tmp_path)]

    return copied


def tuned(tmp_path, *, base):
    """The tuned runs."""
    known = {run.path for run in base}
    return [RunFolder(path) for path in run_folders(tmp_path) if path not in known]


def config_of(run):
    record = run.config()
    return Builder().build(
        RunConfig, {**record, "logger": {"_target_": f"{Local.__module__}.Local"}, "record": record}
    )


def state(run):
    found = read_checkpoint(run.checkpoint("last"))["state_dict"]
    return {name.removeprefix("decoder."): weight for name, weight in found.items()}


@pytest.mark.parametrize("path", files("tune"), ids=lambda path: path.stem)
@pytest.mark.sampled(3)
def test_every_tuning_makes_a_run_in_which_what_is_frozen_is_the_base(path, base_of, lengen, tmp_path):
    runs = base_of(path.stem)
    ran = lengen("tune", f"run={runs[0].path}", f"tune={path.stem}", *SHORT)
    assert ran.code == 0, ran.err
    (run,) = tuned(tmp_path, base=runs)
    config, facts, kind = config_of(run), run.facts(), read(path)[0]
    first, last = config.first_decoder().state_dict(), state(run)
    moved = {name for name in first if kind().moves(name)}
    assert all(torch.equal(first[name], last[name]) for name in first.keys() - moved)
    assert any(not torch.equal(first[name], last[name]) for name in moved)
    assert facts["status"] == "finished"
    assert facts["tuned"]["tune"] == path.stem
    assert facts["tuned"]["cell"] == runs[0].facts()["cell"]
    assert facts["category"] == ("S" if kind.own_labels else "E" if kind.stretch > 1 else "G")
    assert config.train_length == kind().longest(3)
    assert facts["tuned"]["longest_length"] == config.train_length
    parameters = dict(config.make_decoder().named_parameters())
    assert facts["tuned"]["moved"] == sum(
        weight.numel() for weight in parameters.values() if weight.requires_grad
    )
    assert facts["tuned"]["moved"] + facts["tuned"]["frozen"] == facts["parameters"]
    if path.stem == "head_scale":
        raw = [last[f"blocks.{layer}.attention.rule.factors"].flatten() for layer in range(1)]
        assert facts["tuned"]["factors"] == [each.clamp(min=1).tolist() for each in raw]
    again = lengen("tune", f"run={runs[0].path}", f"tune={path.stem}", *SHORT)
    assert "is finished already" in again.out + again.err
    loaded = api.load(run.path)
    evaluated = loaded.evaluate(lengths=[2, 3, 5], examples=40)
    assert evaluated.curve.rows[0].exact_match == loaded.curve.rows[0].exact_match


STARTS = {
    "finetune": None, "head_scale": None, "uniform_scale": None,
    "abf": ABF(500000.0), "drope": PRoPE(0.0), "e2": Interpolate(4.0), "clex": NTK(3.0),
    "longlora": Interpolate(2.0), "head_search": None, "state_passing": None,
}  # fmt: skip


@pytest.mark.parametrize("name", STARTS)
@pytest.mark.sampled(3)
def test_before_the_first_step_it_is_the_base_or_an_extension_of_it(name, base_of, lengen, tmp_path):
    runs = base_of(name)
    assert lengen("tune", f"run={runs[0].path}", f"tune={name}", *SHORT).code == 0
    (run,) = tuned(tmp_path, base=runs)
    config, base = config_of(run), config_of(runs[0])
    decoder = base.make_decoder()
    decoder.load_state_dict(state(runs[0]))
    batch = base.formatted_task.sample(5, 8, torch.Generator().manual_seed(0)).begin()
    positions = base.positions(batch, torch.Generator(), training=False)
    if STARTS[name] is not None:
        decoder, scheme = Chosen({"it": STARTS[name]}).of(decoder, base.positions, Sizes(9, 9, 9))
        positions = scheme(batch, torch.Generator(), training=False)
    mine = config.positions(batch, torch.Generator(), training=False)
    with torch.no_grad():
        expected, found = decoder(batch.tokens, positions), config.first_decoder().eval()(batch.tokens, mine)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_a_tuning_with_an_extension_starts_from_it_and_keeps_it(runs, lengen, tmp_path):
    """Its view is that of the longest trained string, at every length; another option is another cell."""
    words = ("tune", f"run={runs[0].path}", "tune=finetune", "extend=[yarn,log_n]", *SHORT)
    assert lengen(*words, "extend.yarn.factor=3").code == 0
    (run,) = tuned(tmp_path, base=runs)
    config, base = config_of(run), config_of(runs[0])
    decoder = base.make_decoder()
    decoder.load_state_dict(state(runs[0]))
    batch = base.formatted_task.sample(5, 8, torch.Generator().manual_seed(0)).begin()
    positions = base.positions(batch, torch.Generator(), training=False)
    expected, _ = Chosen({"yarn": YaRN(3.0), "log_n": LogN()}).of(decoder, base.positions, Sizes(9, 9, 15))
    with torch.no_grad():
        found = config.first_decoder().eval()(batch.tokens, positions)
        torch.testing.assert_close(found, expected(batch.tokens, positions), rtol=0, atol=1e-5)
        assert not torch.allclose(found, decoder.eval()(batch.tokens, positions), atol=1e-3)
    assert run.facts()["tuned"]["tune"] == "finetune+yarn(factor=3)+log_n"
    assert "tuned: finetune+yarn(factor=3)+log_n" in config.title
    loaded = api.load(run.path)
    assert loaded.evaluate(lengths=[2, 3, 5], examples=40).curve.rows[2].loss == pytest.approx(
        loaded.curve.rows[2].loss
    )
    assert "is finished already" in lengen(*words, "extend.yarn.factor=3").out
    assert lengen(*words, "extend.yarn.factor=2").code == 0
    assert len({each.facts()["cell"] for each in tuned(tmp_path, base=runs)}) == 2


@pytest.mark.parametrize("second", ["finetune", "head_scale", "e2", "drope"])
@pytest.mark.sampled(4)
def test_a_run_whose_decoder_was_changed_is_tuned_again(second, runs, lengen, tmp_path):
    words = ("tune", "tune=head_scale", "tune.start=1.5", "jobs=1", *SHORT)
    assert lengen(*words, "run=results").code == 0
    first = tuned(tmp_path, base=runs)
    for run in first:
        assert lengen("tune", f"run={run.path}", f"tune={second}", "train_length=1x", *SHORT).code == 0
    made = tuned(tmp_path, base=[*runs, *first])
    assert len({run.facts()["cell"] for run in made}) == 1
    assert {run.facts()["tuned"]["parameters"] for run in made} == {
        run.facts()["parameters_digest"] for run in first
    }
    run = next(each for each in made if each.config()["seed"] == 0)
    (before,) = (each for each in first if each.config()["seed"] == 0)
    known, started, last = state(before), config_of(run).first_decoder(), state(run)
    if second in ("finetune", "head_scale"):
        decoder = config_of(before).make_decoder()
        decoder.load_state_dict(known)
        batch = config_of(run).formatted_task.sample(3, 8, torch.Generator().manual_seed(0)).begin()
        positions = torch.arange(batch.time).unsqueeze(0)
        with torch.no_grad():
            expected, found = (each.eval()(batch.tokens, positions) for each in (decoder, started))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    if second == "head_scale":
        assert started.state_dict().keys() == known.keys() | {
            name.replace("factors", "trained.factors") for name in known if name.endswith("factors")
        }
        kept = "blocks.0.attention.rule.trained.factors"
        assert torch.equal(last[kept], known["blocks.0.attention.rule.factors"])
    loaded = api.load(run.path)
    assert loaded.evaluate(lengths=[3], examples=40).curve.rows[0].loss == pytest.approx(
        loaded.curve.rows[1].loss
    )


def test_runs_of_a_cell_are_tuned_to_runs_of_a_cell_with_other_examples(runs, lengen, tmp_path):
    ran = lengen("tune", "run=results/runs/copy", "tune=finetune", "jobs=1", *SHORT)
    assert ran.code == 0, ran.err
    assert "2 of 2 runs tuned" in ran.out
    made = tuned(tmp_path, base=runs)
    assert len({run.facts()["cell"] for run in made}) == 1
    assert {run.facts()["tuned"]["parameters"] for run in made} == {
        run.facts()["parameters_digest"] for run in runs
    }
    for run, base in zip(made, runs, strict=True):
        mine, theirs = (next(iter(config_of(each).stream())).tokens for each in (run, base))
        assert mine.shape != theirs.shape or not torch.equal(mine, theirs)
    again = lengen("tune", "run=results/runs/copy", "tune=finetune", "jobs=1", *SHORT)
    assert "runs that are tuned are left out (2)" in again.out
    assert "2 of 2 runs tuned" in again.out
    assert len(tuned(tmp_path, base=runs)) == 2
    compared = lengen("compare", "mixed=true", "out=compared")
    assert compared.code == 0, compared.err
    assert "| rope, tuned: finetune |" in (tmp_path / "compared" / "table.md").read_text()


@pytest.mark.parametrize(
    "name", ["finetune", "clex", "attention_bias_calibration", "longlora", "head_search", "state_passing"]
)
@pytest.mark.sampled(3)
def test_an_interrupted_tuning_goes_on_to_the_same_parameters(name, base_of, lengen, tmp_path, monkeypatch):
    runs = base_of(name)
    words = ("tune", f"run={runs[0].path}", f"tune={name}", "steps=30", "lengths=[2]", "examples=20")
    assert lengen(*words).code == 0
    (whole,) = tuned(tmp_path, base=runs)
    expected = whole.facts()["parameters_digest"]
    shutil.rmtree(whole.path)
    step = DecoderModule.training_step
    calls, last = (
        [],
        60 if name == "head_search" else 12,
    )  # a search reads the strings of a step several times

    def stopped(self, *arguments, **options):
        calls.append(1)
        if len(calls) == last:
            raise KeyboardInterrupt
        return step(self, *arguments, **options)

    monkeypatch.setattr(DecoderModule, "training_step", stopped)
    assert lengen(*words).code == 130
    assert RunFolder(whole.path).facts()["status"] == "interrupted"
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert lengen(*words).code == 0
    assert RunFolder(whole.path).facts()["resumed_from_step"] > 0
    assert RunFolder(whole.path).facts()["parameters_digest"] == expected


def altered(run):
    """Change one parameter in the last checkpoint of a run."""
    contents = read_checkpoint(run.last)
    name = next(name for name in contents["state_dict"] if name.endswith("weight"))
    contents["state_dict"][name].view(-1)[0] += 1e-3
    torch.save(contents, run.last)


@pytest.mark.parametrize(
    "words",
    [
        ("tune", "tune=finetune", *SHORT),
        ("eval", "extend=sharpen"),
        ("eval", "lengths=[2]"),
        ("eval", "inspect=entropy"),
        ("share", "export=shared"),
        ("export", "to=exported"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_parameters_that_were_changed_after_training_are_refused(words, runs, lengen, tmp_path):
    altered(runs[0])
    before = sorted(tmp_path.rglob("*"))
    ran = lengen(words[0], f"run={runs[0].path}", *words[1:])
    assert ran.code == 2, ran.out + ran.err
    assert "has other parameters than those that the run was evaluated with" in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before
    assert lengen(words[0], f"run={runs[1].path}", *words[1:]).code == 0


def test_the_tuning_of_another_run_of_the_same_cell_and_seed_is_refused(runs, lengen, tmp_path):
    words = ("tune", f"run={runs[0].path}", "tune=finetune", *SHORT)
    assert lengen(*words).code == 0
    (run,) = tuned(tmp_path, base=runs)
    assert run.facts()["tuned"]["run"].endswith("seed=0")
    kept = run.facts()
    altered(runs[0])
    facts = json.loads((runs[0].path / "run.json").read_text())
    facts["parameters_digest"] = parameters_digest(state(runs[0]))  # as that of a run on another machine
    (runs[0].path / "run.json").write_text(json.dumps(facts))
    ran = lengen(*words)
    assert ran.code == 2, ran.out + ran.err
    assert "a run of the same cell and seed with other parameters" in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert run.facts() == kept
    assert lengen(*words, "results_dir=elsewhere").code == 0
    assert lengen(*words, "force=true").code == 0
    assert run.facts()["tuned"]["parameters"] == facts["parameters_digest"]


def test_a_cell_of_tuned_runs_is_tuned_again(runs, lengen, tmp_path):
    assert lengen("tune", "run=results/runs/copy", "tune=head_scale", "jobs=1", *SHORT).code == 0
    made = tuned(tmp_path, base=runs)
    ran = lengen("tune", f"run={made[0].path.parent}", "tune=finetune", "jobs=1", *SHORT)
    assert ran.code == 0, ran.err
    assert "2 of 2 runs tuned" in ran.out
    assert "left out" not in ran.out
    again = tuned(tmp_path, base=[*runs, *made])
    assert sorted(run.facts()["tuned"]["parameters"] for run in again) == sorted(
        run.facts()["parameters_digest"] for run in made
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run=nothing",), "run=nothing"),
        ((), "run is missing"),
        (("run=results", "tune=finetun"), "did you mean 'finetune'"),
        (("run=results", "steps=0"), "steps=0: must be null, or at least 1"),
        (("run=results", "lr=-1"), "lr=-1.0: must be null, or above 0"),
        (("run=results", "train_length=2"), "must be a number of at least 3"),
        (("run=results", "train_length=half"), "train_length=half: must be"),
        (
            ("run=results", "tune=head_scale", "tune.start=0.5"),
            "tune.start=0.5: must be above 0 and at least",
        ),
        (("run=results", "tune=head_scale", "tune.strat=2"), "did you mean 'tune.start'"),
        (
            ("run=results", "tune.rate=-1"),
            "unknown option 'tune.rate' (allowed: run, extend, steps, lr, warmup",
        ),
        (("run=results", "tune.step=1"), "unknown option 'tune.step'; did you mean 'steps'?"),
        (
            ("run=results", "tune=head_scale", "tune.foo=1"),
            "'tune.foo' (allowed: tune.start, tune.least, run, extend, steps, lr",
        ),
        (("run=results", "tune=head_search", "lr=1"), "lr: tune=head_search has no learning rate"),
        (("run=results", "tune=head_search", "tune.values=[0]"), "tune.values=[0.0]: must be a list"),
        (("run=results", "setps=3"), "did you mean 'steps'"),
        (("run=results", "extend=yarm"), "there is no extension 'yarm'"),
        (("run=results", "extend=each"), "extend=each: only lengen eval tries all"),
        (("run=results", "steps=5", "warmup=6"), "warmup=6: must be null, or at most the 5 steps"),
        (("run=results", "extend=clamp"), "extend=clamp: changes positions"),
        (("run=results", "extend=[yarn,ntk]"), "both change the frequencies"),
        (("run=results", "tune=abf", "extend=yarn"), "tune=abf: does not apply to pe="),
        (
            ("run=results", "tune=state_passing"),
            "does not apply to mixer=attention (it needs a layer with a state of constant size to pass on; layer",
        ),
        (
            ("run=results", "tune=state_passing", "tune.share=0"),
            "tune.share=0.0: must be above 0 and at most 1",
        ),
        (
            ("run=results", "tune=state_passing", "tune.chunk=4"),
            "tune.chunk=4: must be null with tune.start=another",
        ),
    ],
)
def test_mistakes_are_one_line(words, said, runs, lengen, tmp_path):
    ran = lengen("tune", *words)
    assert ran.code == 2, ran.out + ran.err
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not tuned(tmp_path, base=runs)


def test_what_cannot_be_tuned_says_why(lengen, tmp_path):
    train(tmp_path, ("task=copy", "pe=nope", *TINY))
    for name in ("abf", "clex", "drope", "e2", "entropy_abf", "longlora"):
        ran = lengen("tune", "run=results", f"tune={name}")
        assert ran.code == 2
        assert f"tune={name}: does not apply to pe=nope (it needs pe=rope)" in ran.err
    (base,) = run_folders(tmp_path)
    ran = lengen("tune", "run=results", "extend=yarn")
    assert ran.code == 2
    assert "extend=yarn: does not apply to pe=nope (it needs pe=rope)" in ran.err
    shutil.rmtree(base / "checkpoints")
    assert "there is no" in lengen("tune", f"run={base}").err


def test_several_tunings_at_once(lengen, runs, tmp_path):
    ran = lengen("tune", "-m", f"run={runs[0].path}", "tune=finetune,uniform_scale", *SHORT)
    assert ran.code == 0, ran.err
    assert {run.facts()["tuned"]["tune"] for run in tuned(tmp_path, base=runs)} == {
        "finetune",
        "uniform_scale",
    }


def test_a_run_with_factors_is_not_exported(lengen, runs, tmp_path):
    assert lengen("tune", f"run={runs[0].path}", "tune=head_scale", *SHORT).code == 0
    (run,) = tuned(tmp_path, base=runs)
    ran = lengen("export", f"run={run.path}", "to=out")
    assert ran.code == 2
    assert "was tuned with head_scale, which changed its decoder" in ran.err


def test_a_shared_run_and_one_of_an_earlier_version_are_tuned(lengen, runs, tmp_path):
    assert lengen("share", f"run={runs[0].path}", "export=shared").code == 0
    (old,) = Path(__file__).parents[1].glob("old_runs/runs/copy/rope/*/seed=1")
    shutil.copytree(old, tmp_path / "old")
    for name in ("shared", "old"):
        ran = lengen("tune", f"run={name}", f"results_dir={name}-tuned", *SHORT)
        assert ran.code == 0, ran.err
        (run,) = (RunFolder(path) for path in (tmp_path / f"{name}-tuned").glob("*/*/*/seed=*"))
        assert run.facts()["status"] == "finished"
