"""Seeds that are trained as one model are the runs that they are alone, however they end; what cannot be stacked is refused."""

from __future__ import annotations

import csv
import json
import signal

import pytest
import torch
from tests.options import files

from conftest import TINY, read_rows, run_folders
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.config.errors import UsageError
from lengen.evaluation.metrics import prompts
from lengen.experiment.config import RunConfig
from lengen.experiment.stack import Fault, check_stackable
from lengen.sampling import generator
from lengen.training.fit import example_loss
from lengen.training.interruption import SIGNALS
from lengen.training.stacked import Stack, StackedExamples, of_run, stacked, together

GROUPS = ("pe", "attention", "mixer", "head", "positions", "format", "optimizer", "lengths", "decoder")
NEEDS = {
    "positions=abacus": ("task=addition", "pe=learned"),
    "positions=multilevel": ("task=many_addition", "pe=multilevel"),
    "mixer=pattern": ("mixer.pattern=[mingru,attention]",),
    "pe=multilevel": ("task=many_addition", "positions=multilevel"),
    "lengths=list": ("lengths.values=[2,5]",),
    "lengths=size_pairs": ("task=addition",),
    "decoder=paper": ("decoder.dropout=0",),
}
"""By option: what else it needs."""
REFUSED = ("attention=entmax", "attention=asentmax", "mixer=rnn", "mixer=gru", "mixer=lstm")
"""Options with operations that `vmap` does not know: a backward pass of their own, and torch's recurrent cells."""
SHORT = (
    "pe=alibi",
    "pe=cope",
    "pe=fire",
    "attention=window",
    "attention=entmax",
    "mixer=gru",
    "positions=randomized",
    "optimizer=adamw",
)
"""Options that are not tried by the long tests alone."""
SMALL = (*TINY, "decoder.layers=2", "batch_size=6", "train_length=5", "trainer.clip=0.5")


def configuration(*words, seed=0):
    """The configuration of a run."""
    record = Request(TRAIN, [*words, f"seed={seed}"]).compose()
    return Builder().build(RunConfig, {**record, "record": record})


def options():
    """Every option of the groups that a stack could not know; most take long."""
    every = [f"{group}={path.stem}" for group in GROUPS for path in files(group)]
    return [
        pytest.param(option, marks=[] if option in SHORT else [pytest.mark.long], id=option)
        for option in every
    ]


@pytest.mark.parametrize("option", options())
def test_every_option_is_trained_as_alone_or_refused_by_name(option):
    group = option.partition("=")[0]
    reads = ("pe=rope",) if group in ("positions", "format") else ()
    words = ("task=copy", *SMALL, *reads, option, *NEEDS.get(option, ()))
    runs = [configuration(*words, seed=seed) for seed in (0, 1, 2)]
    if option in REFUSED:
        with pytest.raises(
            UsageError, match=f"^{option} cannot be trained as a stack: (torch runs its|its backward pass)"
        ):
            check_stackable(runs[0])
        return
    check_stackable(runs[0])
    alone, beside = ([run.module(run.make_decoder()) for run in runs] for _ in range(2))
    stack, clip = Stack(beside, runs[0].trainer.clip), runs[0].trainer.clip
    optimizers = [module.configure_optimizers() for module in alone]
    streams = [iter(run.stream()) for run in runs]
    for step in range(3):
        examples = [next(stream) for stream in streams]
        losses = []
        for module, made, example in zip(alone, optimizers, examples, strict=True):
            made.zero_grad()
            loss = example_loss(module.decoder, example)
            auxiliary = module.decoder.pe.auxiliary(generator("auxiliary", module.seed, step))
            loss = loss if auxiliary is None else loss + auxiliary
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.decoder.parameters(), clip)
            made.step()
            module.set_rates(made, step + 1)
            losses.append(loss.detach())
        found = stack.step(StackedExamples(examples, whole=False), step)
        torch.testing.assert_close(found, torch.stack(losses), atol=2e-4, rtol=0)
    for one, other in zip(alone, beside, strict=True):
        example = next(streams[0])._replace(groups=())
        prompt = prompts(example.answer)
        with torch.no_grad():
            torch.testing.assert_close(
                other.decoder(example.tokens, example.positions, prompt=prompt),
                one.decoder(example.tokens, example.positions, prompt=prompt),
                atol=2e-3, rtol=0,
            )  # fmt: skip
    assert found.unique().numel() == 3  # each with its own parameters and its own data


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("attention=asentmax", "pe=rope", "head=nmst"), "attention=asentmax"),
        (("mixer=gru", "positions=randomized", "optimizer=adamw"), "mixer=gru"),
        (("mixer.pattern=[lstm,mingru,gru]", "decoder.layers=3"), "mixer.lstm, mixer.gru"),
        (("mixer.pattern=[near,far]", "mixer.near=attention", "mixer.far=attention", "mixer.far.attention=entmax"), "mixer.far"),
    ],
)  # fmt: skip
def test_the_part_that_cannot_be_stacked_is_named_and_no_other(words, named):
    with pytest.raises(UsageError, match=f"^{named} cannot be trained as a stack: ") as refused:
        check_stackable(configuration("task=copy", *SMALL, *words))
    assert "aten" not in str(refused.value)
    assert "vmap" not in str(refused.value)


@pytest.mark.parametrize(
    ("computes", "reason"),
    [
        (lambda x: x if x.sum() > 0 else -x, "the values of its tensors decide what it computes"),
        (lambda x: x * x.sum().item(), "the values of its tensors decide what it computes"),
        (lambda x: torch.dropout(x, 0.5, True), "its forward pass draws"),
        (lambda x: x.no_such_thing(), "AttributeError 'Tensor' object has no attribute 'no_such_thing'"),
    ],
)
def test_reasons_are_said_in_words(computes, reason):
    with pytest.raises(Exception) as refused:  # of whatever kind
        torch.func.vmap(computes)(torch.ones(3, 2))
    assert Fault.of(refused.value).reason.startswith(reason)


def test_each_run_is_clipped_by_its_own_norm():
    runs = [configuration("task=copy", *SMALL, seed=seed) for seed in (0, 1)]
    alone, beside = ([run.module(run.make_decoder()) for run in runs] for _ in range(2))
    with torch.no_grad():
        for module in (alone[1], beside[1]):
            module.decoder.head.weight.mul_(30)
    examples = [next(iter(run.stream())) for run in runs]
    stack, norms = Stack(beside, clip=5.0), []
    stack.backward(StackedExamples(examples, whole=True), 0)
    stack._clip()
    for module, example in zip(alone, examples, strict=True):
        example_loss(module.decoder, example).backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(module.decoder.parameters(), 5.0)))
    assert norms[0] < 5 < norms[1]
    for index, module in enumerate(alone):
        for name, weight in module.decoder.named_parameters():
            torch.testing.assert_close(stack.parameters[name].grad[index], weight.grad, atol=1e-5, rtol=1e-4)


def test_positions_are_shared_where_they_are_the_same_and_else_repeat_their_last():
    long, short = torch.arange(5)[None], torch.arange(3)[None]
    same, shared = together([short, long])
    assert shared
    assert torch.equal(same, long)
    drawn, shared = together([short + 4, long])
    assert not shared
    assert drawn.tolist() == [[[4, 5, 6, 6, 6]], [[0, 1, 2, 3, 4]]]


def test_the_state_of_a_run_is_taken_out_as_it_was_put_in():
    states = [
        {"parts": [{"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.tensor(float(run))}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.98), "params": [0]}]}]}
        for run in range(3)
    ]  # fmt: skip
    one = stacked(states)
    assert one["parts"][0]["state"][0]["exp_avg"].tolist() == [0, 1, 2]
    assert [of_run(one, run) for run in range(3)] == states


WORDS = ("task=addition", *TINY, "train_length=8", "lengths=uniform", "batch_size=13", "trainer.log_every=1")
"""Lengths that differ between seeds."""


def state(folder, name="last"):
    """What a checkpoint holds, by path."""
    return dict(leaves(torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)))


def leaves(value, path=""):
    """Values in nested containers, by path."""
    if isinstance(value, (dict, list, tuple)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, f"{path}/{key}")
    else:
        yield path, value


def curve(folder):
    """The curve, but for what it cost."""
    with (folder / "curve.csv").open(newline="") as file:
        return [
            {name: value for name, value in row.items() if name not in ("seconds", "peak_bytes", "memory_bytes")}
            for row in csv.DictReader(file)
        ]  # fmt: skip


def assert_same(folder, other):
    """Two folders have the same run, up to rounding and what it cost."""
    assert folder.relative_to(folder.parents[3]) == other.relative_to(other.parents[3])
    mine, theirs = (read_rows(each / "train.csv") for each in (folder, other))
    assert len(mine) == len(theirs) == 20
    for one, two in zip(mine, theirs, strict=True):
        for name in ("step", "loss", "lr", "id_loss", "ood_loss"):
            assert float(one[name] or 0) == pytest.approx(float(two[name] or 0), abs=2e-4), name
    for one, two in zip(curve(folder), curve(other), strict=True):
        assert {**one, "loss": ""} == {**two, "loss": ""}
        assert float(one["loss"]) == pytest.approx(float(two["loss"]), abs=1e-3)
    facts, others = (json.loads((each / "run.json").read_text()) for each in (folder, other))
    assert set(facts) - {"stacked", "resumed_from_step"} == set(others) - {"stacked", "resumed_from_step"}
    same = ("status", "cell", "identity", "record_key", "protocol", "category", "coverage", "id_exact_match", "parameters", "largest_position")  # fmt: skip
    assert {name: facts[name] for name in same} == {name: others[name] for name in same}
    for name in ("last", "best"):
        mine, theirs = state(folder, name), state(other, name)
        assert list(mine) == list(theirs)
        for path, value in mine.items():
            if isinstance(value, torch.Tensor):
                torch.testing.assert_close(value, theirs[path], atol=1e-3, rtol=0)
            elif not path.startswith(("/callbacks", "/loops/fit_loop/epoch_progress")):
                assert value == theirs[path], path


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The runs of three seeds, each trained alone, with Muon and with AdamW."""
    from conftest import train

    folder = tmp_path_factory.mktemp("alone")
    train(
        folder,
        *[(*WORDS, f"optimizer={each}", f"seed={seed}") for each in ("muon", "adamw") for seed in range(3)],
    )
    return folder


def pairs(tmp_path, alone):
    """Each run here and the same run, trained alone."""
    folders = run_folders(tmp_path)
    return [(folder, alone / folder.relative_to(tmp_path)) for folder in folders]


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_stack_leaves_the_runs_of_its_seeds(lengen, tmp_path, alone, optimizer):
    ran = lengen("train", *WORDS, f"optimizer={optimizer}", "seeds=3")
    assert ran.code == 0, ran.err
    assert [line.split(":")[1].strip() for line in ran.out.splitlines() if line.startswith("lengen: seed=")] == ["seed=0", "seed=1", "seed=2"]  # fmt: skip
    found = pairs(tmp_path, alone)
    assert len(found) == 3
    for folder, other in found:
        assert_same(folder, other)
        facts = json.loads((folder / "run.json").read_text())
        assert facts["stacked"] == 3
        assert facts["command"].endswith(folder.name)
        assert "seeds=" not in facts["command"]
        assert (folder / "config.yaml").read_text() == (other / "config.yaml").read_text()


def test_finished_seeds_are_not_repeated(lengen, tmp_path, alone):
    assert lengen("train", *WORDS, "seed=1").code == 0
    (first,) = run_folders(tmp_path)
    before = (first / "run.json").stat().st_mtime_ns
    ran = lengen("train", *WORDS, "seeds=[0,1,2]")
    assert "seed=1: finished already: " in ran.out
    assert (first / "run.json").stat().st_mtime_ns == before
    facts = [json.loads((folder / "run.json").read_text()) for folder in run_folders(tmp_path)]
    assert [each.get("stacked") for each in facts] == [2, None, 2]
    for folder, other in pairs(tmp_path, alone):
        assert_same(folder, other)


def stopped(monkeypatch, lengen, step, *words):
    """A command that Ctrl-C stops in a step."""
    from lengen.training.callback import TrainingCallback

    note = TrainingCallback.note

    def interrupt(callback, trainer, *arguments):
        if trainer.global_step == step - 1:
            SIGNALS.pending = signal.SIGINT
        note(callback, trainer, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(TrainingCallback, "note", interrupt)
        ran = lengen("train", *words)
    assert ran.code == 130, ran.err


@pytest.mark.parametrize("again", [("seeds=3",), ("seed=0", "seed=1", "seed=2")])
def test_an_interrupted_stack_goes_on_as_a_stack_and_as_runs_alone(
    lengen, tmp_path, alone, monkeypatch, again
):
    stopped(monkeypatch, lengen, 8, *WORDS, "seeds=3")
    for folder in run_folders(tmp_path):
        assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
        assert (
            state(folder)["/global_step"] == 8
        )  # all of them, although the signal came in the middle of step 7
    for word in again:
        assert lengen("train", *WORDS, word).code == 0
    found = pairs(tmp_path, alone)
    assert len(found) == 3
    for folder, other in found:
        assert_same(folder, other)
        assert json.loads((folder / "run.json").read_text())["resumed_from_step"] == 8


def test_seeds_at_different_steps_are_trained_apart_and_end_the_same(lengen, tmp_path, alone, monkeypatch):
    stopped(monkeypatch, lengen, 6, *WORDS, "seed=2")
    ran = lengen("train", *WORDS, "seeds=3")
    assert ran.code == 0, ran.err
    line = next(line for line in ran.out.splitlines() if "different steps" in line)
    assert "seed=0, seed=1 at step 0; seed=2 at step" in line
    for folder, other in pairs(tmp_path, alone):
        assert_same(folder, other)


def test_a_run_that_diverges_leaves_the_stack_and_the_others_go_on(lengen, tmp_path, alone, monkeypatch):
    step = Stack.step

    def broken(stack, examples, number):
        losses = step(stack, examples, number)
        if number == 6:
            losses[1] = torch.nan
        return losses

    monkeypatch.setattr(Stack, "step", broken)
    ran = lengen("train", *WORDS, "seeds=3")
    assert ran.code == 1
    assert "lengen: failed: seed=1: diverged: DivergedError: the loss is nan at step 7" in ran.out
    (first, one), (bad, _), (last, two) = pairs(tmp_path, alone)
    assert json.loads((bad / "run.json").read_text())["status"] == "diverged"
    assert_same(first, one)
    assert_same(last, two)
    again = lengen("train", *WORDS, "seeds=3")  # all are over
    assert again.code == 1
    assert "seed=0: finished already" in again.out


def test_an_error_of_one_run_is_recorded_with_all(lengen, tmp_path, monkeypatch):
    def broken(stack, examples, number):
        raise RuntimeError("no more")

    monkeypatch.setattr(Stack, "step", broken)
    with pytest.raises(RuntimeError, match="no more"):
        lengen("train", *WORDS, "seeds=2")
    facts = [json.loads((folder / "run.json").read_text()) for folder in run_folders(tmp_path)]
    assert [each["status"] for each in facts] == ["failed", "failed"]
    assert not list(tmp_path.rglob("*.claim"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("seeds=0",), "seeds=0: must be at least 1"),
        (("seeds=[]",), "seeds=[]: has no seed"),
        (("seeds=[1,1]",), "seeds=[1,1]: 1 is there more than once"),
        (("seeds=[-1,2]",), "seeds=[-1,2]: -1 is no seed"),
        (("seeds=[true]",), "True is no seed"),
        (("seeds=many",), "seeds=many: must be how many seeds from 0 on, such as 8, or which, such as [0,3,5]"),
        (("seeds=8", "seed=3"), "seeds=8 with seed=3: both say which seeds are trained"),
        (("-m", "seeds=8", "seed=0,1"), "seeds=8 with seed=0,1: both say which seeds are trained"),
        (("-m", "seeds=2,3"), "seeds=2,3: must be how many"),
        (("seeds=range(3)",), "seeds=range(3): must be how many"),
        (("seeds=2", "decoder.dropout=0.1"), "decoder.dropout=0.1 with seeds"),
        (("seeds=2", "trainer.accumulate=2"), "trainer.accumulate=2 with seeds"),
        (("seeds=2", "trainer=ddp"), "trainer.devices=2 with seeds"),
        (("seeds=2", "trainer=fsdp", "optimizer=adamw"), "trainer.devices=2 with seeds"),
        (("seeds=2", "trainer.flex=true"), "trainer.flex=true with seeds"),
        (("seeds=2", "logger=wandb"), "logger=wandb with seeds"),
        (("seeds=2", "attention=entmax"), "attention=entmax cannot be trained as a stack"),
        (("seeds=50", "decoder.dim=1024", "limits.memory=1GB"), "seeds: 50 runs as one model"),
    ],
)  # fmt: skip
def test_what_is_no_stack_is_refused_on_one_line_before_anything_is_written(lengen, tmp_path, words, message):
    ran = lengen("train", "task=copy", *TINY, *words)
    assert ran.code == 2
    assert message in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_a_study_of_stacks_is_the_study_of_their_seeds(lengen, tmp_path):
    ran = lengen("train", "-m", "study=first", "task=copy", *TINY, "pe=nope,rope", "seeds=2")
    assert ran.code == 0, ran.err
    assert "lengen: study first: 4 runs" in ran.out
    assert len(run_folders(tmp_path)) == 4
    assert all(json.loads((each / "run.json").read_text())["stacked"] == 2 for each in run_folders(tmp_path))
    assert "seed=0,1" in (tmp_path / "results" / "studies" / "first.yaml").read_text()
    ran = lengen("train", "-m", "study=first", "seeds=3")
    assert "lengen: study first: 6 runs, 2 of them new" in ran.out
    assert len(run_folders(tmp_path)) == 6
    assert lengen("train", "study=first").code == 0  # nothing is left of it


def test_a_dry_run_counts_every_seed(lengen, tmp_path):
    ran = lengen("train", "task=copy", *TINY, "seeds=3", "dry=true")
    assert ran.code == 0, ran.err
    assert "3 such runs as one model, of seeds 0, 1, 2" in ran.out
    assert "lengen: dry run: 3 runs, 3 of them to be trained" in ran.out
    assert not list(tmp_path.iterdir())


def test_python_is_told_what_it_has_instead(lengen):
    import lengen as package

    with pytest.raises(UsageError, match=r"seeds=3: only as a word of lengen train; in Python, lengen.study"):
        package.train(task="copy", seeds=3)
