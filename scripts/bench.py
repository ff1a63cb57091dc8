"""Measure what lengen costs beside the matrix products.

    python scripts/bench.py overhead   training through lengen against a bare PyTorch loop, pair by pair
    python scripts/bench.py sweep      a teacher-forced sweep against cached greedy decoding, with the same verdicts

Machines are noisy: the two sides of a pair run one after the other, in turns, and the ratio is that of each pair, with its
median and range.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lengen.config import Builder, config_dir
from lengen.curve import Curve
from lengen.experiment import Experiment
from lengen.folder import RunFolder
from lengen.journal import Journal
from lengen.logger import Logger
from lengen.metrics import answer_loss
from lengen.stream import Example
from lengen.sweep import sweep
from lengen.training import Learner, fit

LABELS = ("task", "pe", "positions", "attention", "decoder", "lengths", "optimizer")


def experiment(*overrides: str) -> Experiment:
    """What `lengen train` would build from the same words."""
    labels = [f"labels.{name}=bench" for name in LABELS]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = OmegaConf.to_container(compose("train", [*overrides, *labels]), resolve=True)
    return Builder().build(Experiment, {**config, "record": config})


@dataclass
class Spent:
    """Seconds of a bare loop, and of making its batches."""

    whole: float = 0.0
    batches: list[float] = field(default_factory=list)


def bare(run: Experiment) -> Spent:
    """The loop that anybody would write: same decoder, batches, optimizer, clipping and schedule."""
    decoder, batches, spent = run.make_decoder(), iter(run.stream()), Spent()
    optimizer = run.optimizer.make(decoder)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: run.optimizer.schedule.factor(step, run.steps)
    )
    started = time.perf_counter()
    for _ in range(run.steps):
        asked = time.perf_counter()
        example: Example = next(batches)
        spent.batches.append(time.perf_counter() - asked)
        optimizer.zero_grad()
        loss = answer_loss(decoder(example.tokens, example.positions), example.tokens, example.answer)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), run.trainer.clip)
        optimizer.step()
        schedule.step()
    spent.whole = time.perf_counter() - started
    return spent


def through_lengen(run: Experiment) -> float:
    """Seconds of the same training as `lengen train` does it: log, probes, checkpoints and progress bar included."""
    decoder = run.make_decoder()
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / "run")
        folder.make("", {})
        journal = Journal(
            run.trainer.rhythm(run.steps), folder, Logger(), lambda: run.probe(decoder), run.trainer.progress
        )
        fit(Learner(decoder, run.optimizer, run.steps, 0), run.stream(), journal, run.trainer, None)
    return journal.clock.seconds


def overhead(pairs: int, steps: int) -> None:
    """Print the ratio of speeds for the presets tiny and small."""
    for decoder in ("tiny", "small"):
        run = experiment("task=addition", "pe=nope", f"decoder={decoder}", f"steps={steps}")
        bare(replace(run, steps=20))
        ratios, shares, steps_per_second = [], [], []
        for pair in range(pairs):
            if pair % 2:  # whoever runs second may find the machine faster or slower: take turns
                ours, plain = through_lengen(run), bare(run)
            else:
                plain, ours = bare(run), through_lengen(run)
            ratios.append(plain.whole / ours)
            shares.append(sum(plain.batches) / plain.whole)
            steps_per_second.append(steps / ours)
        print(
            f"{decoder}: lengen runs at {middle(ratios)} of a bare loop; making batches takes {middle(shares)} of the loop; "
            f"{middle(steps_per_second)} steps a second ({pairs} pairs of {steps} steps)"
        )


def swept(pairs: int, steps: int) -> None:
    """Print how many times faster one forward pass a length is than cached decoding, and that the verdicts agree."""
    run = experiment("task=copy", "pe=nope", f"steps={steps}")
    lengths = run.eval.at(run.train_length)
    decoder = run.make_decoder()
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / "run")
        folder.make("", {})
        run.train(decoder, folder)
    facts = dict.fromkeys(
        ("task", "pe", "positions", "attention", "extend", "decoder", "cell", "checkpoint"), ""
    )
    facts |= {"seed": 0, "step": steps, "train_length": run.train_length}
    ratios = []
    for _ in range(pairs):
        seconds, verdicts = [], []
        for decode in ("teacher", "greedy"):
            started = time.perf_counter()
            rule = replace(run.eval, decode=decode)
            curve = sweep(decoder, run.task, run.positions, rule, lengths, facts, Curve(), lambda _: None)
            seconds.append(time.perf_counter() - started)
            verdicts.append([row.correct for row in curve.rows])
        assert verdicts[0] == verdicts[1], "teacher-forced and greedy verdicts differ"
        ratios.append(seconds[1] / seconds[0])
    print(
        f"sweep of {len(lengths)} lengths x {run.eval.examples} examples: one forward pass is {middle(ratios)} times faster "
        f"than cached greedy decoding ({pairs} pairs); correct answers a length, the same in both: {verdicts[0]}"
    )


def middle(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("overhead", "sweep"))
    parser.add_argument("--pairs", type=int, default=6, help="pairs of runs (default 6)")
    parser.add_argument("--steps", type=int, default=250, help="training steps of a run (default 250)")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    {"overhead": overhead, "sweep": swept}[asked.what](asked.pairs, asked.steps)
