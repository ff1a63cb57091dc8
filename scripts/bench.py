"""Benchmark lengen.

    python scripts/bench.py overhead   training through lengen against a plain PyTorch loop, in alternating blocks of ten steps
    python scripts/bench.py sweep      a teacher-forced sweep against cached greedy decoding, with equal verdicts
    python scripts/bench.py decode     greedy decoding with verdicts and loss against `generate` of transformers' Llama and GPT-2
    python scripts/bench.py muon       a step of lengen's Muon against torch's, on the matrices of two decoders
    python scripts/bench.py compare    lengen compare on 1,000 synthetic runs: ten encodings, a hundred seeds
    python scripts/bench.py schemes    time and memory of a training step with every encoding and every attention
    python scripts/bench.py lengths    peak memory of scoring long examples, with every encoding and attention in a process of its own
    python scripts/bench.py study      eight runs one after another, and with all cores: the ratio, and equal curves
    python scripts/bench.py stacked    eight seeds as one model against one after another on a GPU; four of them on a CPU
    python scripts/bench.py status     lengen status on a study of 5,000 runs, some of them unfinished
    python scripts/bench.py tasks      examples per second of every task; exit code 1 if a task is below its limit

The speed of a machine drifts: the two sides of a comparison alternate, and their ratio is reported. Tasks and Muon are
timed in CPU seconds of one thread, which other processes do not affect.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from omegaconf import OmegaConf

from bench_stacked import stacked_speed
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.config.search import config_dir
from lengen.decoder import Decoder
from lengen.evaluation.decoding import greedy
from lengen.evaluation.options import EvalOptions
from lengen.evaluation.scoring import score
from lengen.evaluation.sweep import resident_peak, sweep
from lengen.experiment.config import RunConfig
from lengen.experiment.run import Experiment
from lengen.launcher.local import cores
from lengen.logger import Logger
from lengen.optimizer import split
from lengen.optimizer.muon import Orthogonalised
from lengen.pe import PositionalEncoding
from lengen.pe.layered import LayeredBias
from lengen.records.curve import Curve, Row
from lengen.records.run_dir import RunFolder, SweepRecord
from lengen.records.verdicts import StringVerdicts
from lengen.statistics.intervals import clopper_pearson
from lengen.studies.plan import Grid, PlannedRun, StudyPlan
from lengen.studies.plan_file import update_plan
from lengen.task import Batch, Task
from lengen.training.batch_stream import Example
from lengen.training.callback import TrainingCallback
from lengen.training.fit import DecoderModule, example_loss, fit
from lengen.training.overlap import OverlapTracker

LIMITS = {"addition": 200_000, "copy": 200_000, "parity": 200_000, "passkey": 200_000, "sort": 50_000}
"""Minimum examples per second by task, at length 20 on one thread; LIMIT for all other tasks."""
LIMIT, LENGTH, EXAMPLES, DRAWS = 5_000, 20, 4096, 9


def experiment(*overrides: str) -> RunConfig:
    """Build the configuration that `lengen train` would build from the same overrides."""
    config = Request(TRAIN, overrides).compose()
    return Builder().build(RunConfig, {**config, "record": config})


@dataclass
class Spent:
    """Seconds that a loop spent on each block of steps, and on drawing its batches."""

    blocks: list[float] = field(default_factory=list)
    batches: float = 0.0


def plain_loop(run: RunConfig, spent: Spent, block: int) -> Iterator[None]:
    """A plain training loop with the same decoder, batches, optimizer, clipping and schedule; pauses after every block of steps."""
    decoder, batches = run.make_decoder(), iter(run.stream())
    optimizer = run.optimizer.make(decoder)
    factor = run.optimizer.schedule.factor
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(step, run.steps))
    while True:
        started = time.perf_counter()
        for _ in range(block):
            requested = time.perf_counter()
            example: Example = next(batches)
            spent.batches += time.perf_counter() - requested
            optimizer.zero_grad()
            example_loss(decoder, example).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(decoder.parameters(), run.trainer.clip)
            optimizer.step()
            schedule.step()
        spent.blocks.append(time.perf_counter() - started)
        yield


class Alternating(TrainingCallback):
    """The callback of a run; lets the plain loop run a block of steps after each of its own."""

    def alternate(self, other: Iterator[None], block: int) -> None:
        """Set the other loop and the number of steps per block."""
        self.other, self.block, self.blocks, self.since = other, block, list[float](), 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start timing the first block."""
        super().on_train_start(trainer, pl_module)
        self.since = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        """Log, probe and save as usual; at the end of a block, let the other loop run."""
        super().on_train_batch_end(trainer, *arguments)
        if trainer.global_step % self.block == 0:
            self.blocks.append(time.perf_counter() - self.since)
            next(self.other)
            self.since = time.perf_counter()


def overhead(steps: int, block: int = 10) -> None:
    """Print the ratio of speeds for the decoders tiny and small, in alternating blocks of ten steps."""
    for decoder in ("tiny", "small"):
        run = experiment("task=addition", "pe=nope", f"decoder={decoder}", f"steps={steps}")
        spent, model = Spent(), run.make_decoder()
        with tempfile.TemporaryDirectory() as place:
            folder = RunFolder(Path(place) / "run")
            folder.create("", {})
            intervals, probe = run.trainer.intervals(run.steps), partial(run.probe, model)
            callback = Alternating(intervals, folder, Logger(), probe, run.trainer.progress)
            callback.alternate(plain_loop(run, spent, block), block)
            fit(DecoderModule(model, run.optimizer, run.steps, 0), run.stream(), callback, run.trainer, None)
        ratios = [plain / own for plain, own in zip(spent.blocks, callback.blocks, strict=True)]
        low, _, high = statistics.quantiles(ratios, n=4)
        print(
            f"{decoder}: lengen, with log, probes, checkpoints and progress bar, runs at "
            f"{sum(spent.blocks) / sum(callback.blocks):.3f} of the speed of a plain loop over {steps} steps of each "
            f"(alternating blocks of {block} steps: median {statistics.median(ratios):.3f}, quartiles {low:.3f} to {high:.3f}); "
            f"making batches takes {spent.batches / sum(spent.blocks):.3f} of the plain loop's time; "
            f"{steps / sum(callback.blocks):.1f} steps per second"
        )


def step_speed(steps: int) -> None:
    """Compare whole steps with `trainer.plain` and without, and sweeps, step by step in turn, for three tasks and two sizes."""
    for size, task in product(("tiny", "small"), ("passkey", "addition", "copy")):
        words = (f"task={task}", "pe=nope", f"decoder={size}", f"steps={steps}")
        runs = [experiment(*words, f"trainer.plain={plain}") for plain in ("true", "false")]
        loops = [plain_loop(run, Spent(), 1) for run in runs]
        ratios = list[float]()
        for _ in range(steps):
            plain, fast = (_thread_seconds(partial(next, loop)) for loop in loops)
            ratios.append(plain / fast)
        low, ratio, high = statistics.quantiles(ratios[3:], n=4)
        print(
            f"{size} {task}: a step {ratio:.2f} times faster than the plain one (quartiles {low:.2f} to {high:.2f})",
            flush=True,
        )
        drawn, draws = runs[0].formatted_task, torch.Generator()
        batches = [drawn.sample(length, 200, draws) for length in runs[0].eval_lengths]
        decoders = [run.make_decoder().eval() for run in runs]
        pairs = list[float]()
        for _ in range(3):
            plain, fast = (
                _thread_seconds(partial(_sweep, run, decoder, batches))
                for run, decoder in zip(runs, decoders, strict=True)
            )
            pairs.append(plain / fast)
        print(f"{size} {task}: a sweep {median_and_range(pairs)} times faster", flush=True)


def _sweep(run: RunConfig, decoder: Decoder, batches: list[Batch], decode: str = "teacher") -> None:
    """Score some batches."""
    for batch in batches:
        score(decoder, batch, run.positions, ("bench",), decode)


def _thread_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of this thread that some work takes."""
    started = time.thread_time()
    work()
    return time.thread_time() - started


def muon(steps: int, block: int = 5) -> None:
    """Compare the time of a step of torch's Muon and of lengen's, for tiny and small, in alternating blocks of five steps."""
    for decoder in ("tiny", "small"):
        run = experiment("task=addition", "pe=nope", f"decoder={decoder}")
        matrices, _ = split(run.make_decoder())
        for weight in matrices:
            weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
        sides = torch.optim.Muon(matrices, lr=1e-3), Orthogonalised(matrices, 1e-3, 0.1, 0.95)
        spent: tuple[list[float], ...] = ([], [])
        for _ in range(max(2, steps // block)):
            for side, seconds in zip(sides, spent, strict=True):
                started = time.process_time()
                for _ in range(block):
                    side.step()
                seconds.append((time.process_time() - started) / block * 1000)
        low, ratio, high = statistics.quantiles([a / b for a, b in zip(*spent, strict=True)], n=4)
        theirs, ours = (statistics.median(seconds) for seconds in spent)
        print(
            f"{decoder}: torch's Muon {theirs:.1f} ms per step, lengen's {ours:.1f} ms; "
            f"{ratio:.2f} times faster (quartiles {low:.2f} to {high:.2f})"
        )


def sweep_speed(steps: int, pairs: int = 3) -> None:
    """Print the speed-up of a teacher-forced sweep over cached greedy decoding; fails if their verdicts differ."""
    with tempfile.TemporaryDirectory() as place:
        run = experiment("task=copy", "pe=nope", f"steps={steps}", f"results_dir={place}")
        lengths, decoder = run.eval_lengths, run.make_decoder()
        overlap = OverlapTracker(run.test_prompts, run.eval.examples, run.steps, run.stream())
        run.folder.create("", {})
        Experiment(run).train(decoder, overlap)
    facts: dict[str, Any] = dict.fromkeys(
        ("task", "pe", "positions", "attention", "extend", "decoder", "cell", "checkpoint"), ""
    )
    facts |= {"seed": 0, "step": steps, "train_length": run.train_length}
    ratios = []
    for _ in range(pairs):
        seconds, verdicts = [], []
        for decode in ("teacher", "greedy"):
            started = time.perf_counter()
            rule = replace(run.eval, decode=decode)
            curve = sweep(
                decoder,
                run.formatted_task,
                run.positions,
                rule,
                lengths,
                facts,
                SweepRecord(Curve(), {}),
                lambda _: None,
            ).curve
            seconds.append(time.perf_counter() - started)
            verdicts.append([row.correct for row in curve.rows])
        assert verdicts[0] == verdicts[1], "teacher-forced and greedy verdicts differ"
        ratios.append(seconds[1] / seconds[0])
    print(
        f"sweep of {len(lengths)} lengths x {run.eval.examples} examples: one forward pass is {median_and_range(ratios)} times faster "
        f"than cached greedy decoding ({pairs} pairs); correct answers per length, equal in both: {verdicts[0]}"
    )


PEERS = {
    "llama": ("pe=rope", "decoder.activation=swiglu"),
    "gpt2": ("pe=learned", "decoder.activation=gelu"),
}
"""Options of a decoder that is like one of transformers in size and structure."""


def peer(name: str, run: RunConfig, longest: int) -> Any:
    """Build an untrained decoder of transformers with the size of a run's."""
    transformers: Any = import_module("transformers")  # optional

    size, words = run.decoder, len(run.formatted_task.vocabulary)
    if name == "llama":
        config = transformers.LlamaConfig(
            vocab_size=words, hidden_size=size.dim, intermediate_size=round(size.dim * size.hidden), num_hidden_layers=size.layers,
            num_attention_heads=size.heads, max_position_embeddings=longest, eos_token_id=None, bos_token_id=None, pad_token_id=0,
        )  # fmt: skip
        return transformers.LlamaForCausalLM(config).eval()
    config = transformers.GPT2Config(
        vocab_size=words, n_embd=size.dim, n_layer=size.layers, n_head=size.heads, n_positions=longest, eos_token_id=None,
        bos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config).eval()


def decode_speed(_: int, examples: int = 200, pairs: int = 5) -> None:
    """Print how much faster greedy decoding is than `generate` of transformers, both untrained and writing all tokens.

    Once with the examples' answers, of which nothing is right, and once with the decoder's own: where all is right, the loss needs no
    pass of its own.
    """
    for name, task in product(PEERS, ("passkey", "copy", "addition")):
        run = experiment(f"task={task}", *PEERS[name])
        draws, decoder = torch.Generator().manual_seed(0), run.make_decoder().eval()
        wrong = [run.formatted_task.sample(length, examples, draws) for length in run.eval_lengths]
        right = [own_answers(decoder, batch) for batch in wrong]
        other = peer(name, run, max(batch.time for batch in wrong) + 2)
        sides: list[list[float]] = [[], [], []]
        for _ in range(pairs + 1):
            for seconds, work in zip(
                sides,
                (
                    partial(_sweep, run, decoder, wrong, "greedy"),
                    partial(_sweep, run, decoder, right, "greedy"),
                    partial(generated, other, wrong),
                ),
                strict=True,
            ):
                seconds.append(_thread_seconds(work))
        found = [
            median_and_range([their / own for own, their in list(zip(side, sides[2], strict=True))[1:]])
            for side in sides[:2]
        ]
        spent = [f"{statistics.median(side[1:]):.2f}" for side in sides]
        print(
            f"{name} {task}, {len(wrong)} lengths x {examples}: all wrong {spent[0]} s, all right {spent[1]} s, generate {spent[2]} s; "
            f"times faster: {found[0]}, {found[1]}",
            flush=True,
        )


def own_answers(decoder: Decoder, batch: Batch) -> Batch:
    """Return the examples with what a decoder writes in place of the answers."""
    read = batch.begin()
    place = torch.arange(read.time).unsqueeze(0)
    return replace(
        batch, tokens=greedy(decoder, read.tokens, read.answer, lambda _: place, fixed=True)[:, 1:]
    )


@torch.no_grad()
def generated(other: Any, batches: list[Batch]) -> None:
    """Let a decoder of transformers write as many tokens as the answers have; prompts have one size."""
    for batch in batches:
        read = batch.begin()
        start, count = int(read.answer.any(0).long().argmax()), int(read.answer.any(0).sum())
        tokens = read.tokens[:, :start]
        other.generate(tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=count, do_sample=False)


def compare_cost(_: int, encodings: int = 10, seeds: int = 100) -> None:
    """Print wall time, CPU time and peak memory of `lengen compare` for many runs."""
    plain = Request(TRAIN, ["task=copy"]).compose()
    lengths = Builder().build(EvalOptions, plain["eval"], "eval").at(plain["train_length"])
    noise = random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        for encoding, seed in product(range(encodings), range(seeds)):
            pe, cell = f"pe{encoding}", f"c{encoding:09d}"
            folder = RunFolder(Path(place) / "runs" / "copy" / pe / cell / f"seed={seed}")
            config = {**plain, "seed": seed, "labels": {**plain["labels"], "task": "copy", "pe": pe}}
            protocol = {"examples": 1000, "train_length": plain["train_length"]}
            folder.create(
                OmegaConf.to_yaml(OmegaConf.create(config)),
                {
                    "status": "finished",
                    "id_exact_match": 1.0,
                    "protocol": protocol,
                    "wall_seconds": 60.0,
                    "cell": cell,
                    "identity": {"task": plain["task"]},
                },
            )
            rows, verdicts = [], dict[int, StringVerdicts]()
            for length in lengths:
                correct = round(
                    1000 * min(max(1.4 - length / (10 + 2 * encoding) / 2 + noise.gauss(0, 0.1), 0), 1)
                )
                low, high = clopper_pearson(correct, 1000)
                error = None if correct == 1000 else 0.0
                scores = (correct / 1000, low, high, correct / 1000, 0.1, error, 0.1, 2**29)
                exact = np.arange(1000) < correct
                wrong = (~exact).astype(np.int32)
                verdicts[length] = StringVerdicts(
                    exact,
                    -exact.astype(np.int32),
                    wrong,
                    (4 * wrong).astype(np.int8),
                    np.full(1000, length + 1, dtype=np.int32),
                )
                split: Any = "id" if length <= plain["train_length"] else "ood"
                names = (
                    "copy",
                    pe,
                    "contiguous",
                    "softmax",
                    "none",
                    plain["labels"]["decoder"],
                    cell,
                    seed,
                    1500,
                    "last",
                    "teacher",
                )
                rows.append(Row(*names, plain["train_length"], length, split, 1000, correct, *scores))
            folder.save(SweepRecord(Curve(tuple(rows)), verdicts))
        script = "import sys; from lengen.cli.main import main; sys.argv[0] = 'lengen'; sys.exit(main())"
        words = ["compare", f"runs={place}/runs", f"out={place}/out"]
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", script, *words], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"lengen compare on {encodings * seeds} runs: {seconds:.1f} s of wall time, {usage.ru_utime + usage.ru_stime:.1f} s of "
            f"CPU time, peak memory {usage.ru_maxrss / 2**20:.2f} GiB, "
            f"{sum(1 for path in Path(place, 'out').iterdir() if path.is_file())} files"
        )


def study_speed(steps: int, pairs: int = 3) -> None:
    """Print how long a study of eight runs takes with `jobs=1` and with one job a core; exit with 1 if their curves differ."""
    words = [
        "task=copy",
        "pe=nope,rope",
        "seed=0,1,2,3",
        "decoder=tiny",
        f"steps={steps}",
        "trainer.progress=false",
    ]
    alone, beside, equal = list[float](), list[float](), True
    for pair in range(pairs):
        curves = list[list[Any]]()
        for jobs, seconds in ((1, alone), (cores(), beside)):
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                command = [
                    sys.executable,
                    "-m",
                    "lengen",
                    "train",
                    "-m",
                    *words,
                    f"jobs={jobs}",
                    f"results_dir={folder}/runs",
                ]
                subprocess.run(command, check=True, capture_output=True)
                seconds.append(time.perf_counter() - started)
                curves.append([without_cost(path) for path in sorted(Path(folder).rglob("curve.csv"))])
        equal &= curves[0] == curves[1] and len(curves[0]) == 8
        print(
            f"pair {pair + 1}: jobs=1 {alone[-1]:.1f} s, jobs={cores()} {beside[-1]:.1f} s, ratio {alone[-1] / beside[-1]:.3f}",
            flush=True,
        )
    ratios = [one / many for one, many in zip(alone, beside, strict=True)]
    print(f"ratio {median_and_range(ratios)}; curves {'equal' if equal else 'DIFFER'}")
    if not equal:
        sys.exit(1)


def without_cost(path: Path) -> list[Row]:
    """Return the rows of a curve without the columns that differ from one run to the next: seconds and memory."""
    return [replace(row, seconds=0.0, peak_bytes=0, memory_bytes=0) for row in Curve.load(path).rows]


def status_cost(_: int, encodings: int = 50, seeds: int = 100) -> None:
    """Print wall and CPU time of `lengen status` on copies of a real run: of each encoding's, some interrupted, failed, missing."""
    words = [
        "task=copy",
        "steps=2",
        "decoder.layers=1",
        "decoder.dim=16",
        "trainer.progress=false",
        "trainer.log_every=1",
    ]
    script = "import sys; from lengen.cli.main import main; sys.argv[0] = 'lengen'; sys.exit(main())"
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-c", script]
        subprocess.run([*command, "train", *words], cwd=place, check=True, stdout=subprocess.DEVNULL)
        (run,) = Path(place).glob("results/runs/copy/*/*/seed=0")
        facts, runs = json.loads((run / "run.json").read_text()), list[PlannedRun]()
        for encoding, seed in product(range(encodings), range(seeds)):
            name, key = f"pe{encoding}", f"{encoding * seeds + seed:016x}"
            runs.append(PlannedRun(key, "copy", name, f"seed={seed}", (f"pe={name}", f"seed={seed}")))
            folder = Path(place, "results", "runs", "copy", name, "c0", f"seed={seed}")
            status = {1: "running", 2: "failed"}.get(seed % 20, "finished")
            if seed % 20:  # else it is missing
                folder.mkdir(parents=True)
                (folder / "run.json").write_text(json.dumps({**facts, "record_key": key, "status": status}))
                for file in ("config.yaml", "train.csv", "curve.csv"):
                    shutil.copy(run / file, folder)
        plan = StudyPlan("runs", (Grid(tuple(words), (), tuple(words), tuple(runs)),))
        update_plan(Path(place, "results", "studies", "first.yaml"), lambda _: plan)
        for arguments in (["first"], []):
            before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            done = subprocess.run(
                [*command, "status", *arguments], cwd=place, check=False, text=True, stdout=subprocess.PIPE
            )
            seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(
                f"lengen status {' '.join(arguments)} on {len(runs)} runs: {seconds:.1f} s of wall time, {spent:.1f} s of CPU time; "
                f"{done.stdout.splitlines()[-1 if not arguments else 0]}"
            )


def schemes(_: int, rows: int = 16, time_axis: int = 256) -> None:
    """Print time and memory of a training step of the small decoder with each option, relative to nope with softmax."""
    plain, tokens = scheme("pe=nope"), torch.randint(8, (rows, time_axis))
    print(
        f"forward and backward pass over {rows} x {time_axis} tokens, relative to nope with softmax: CPU time, memory"
    )
    for group, base in (("pe", ()), ("attention", ("pe=nope",))):
        for path in sorted((config_dir() / group).glob("*.yaml")):
            positions = ("positions=multilevel",) if path.stem == "multilevel" else ()
            decoder, ratios = scheme(f"{group}={path.stem}", *base, *positions), []
            for _ in range(DRAWS):
                (seconds, size), (base_seconds, base_size) = (
                    step_cost(decoder, tokens),
                    step_cost(plain, tokens),
                )
                ratios.append((seconds / base_seconds, size / base_size))
            time_ratio, memory_ratio = (statistics.median(each) for each in zip(*ratios[1:], strict=True))
            print(f"{group}={path.stem:<16} {time_ratio:6.2f} {memory_ratio:6.2f}", flush=True)


def scheme(*words: str) -> Decoder:
    """Build the small decoder with some options."""
    torch.manual_seed(0)
    return experiment("task=many_addition", *words).make_decoder()


LONG, CONTENT, MARKS = 16384, 2048, 10
"""Tokens of a long example, and where numbers depend on the content; tokens of a passkey beside its filler."""


def lengths(_: int, scheme_: str | None = None) -> None:
    """Print peak memory of a fresh process and CPU seconds of scoring: 16,384 tokens, or 4 x 2,048 where numbers depend on content.

    Args:
        scheme_: an option to measure in this process; None for every encoding and every attention, each in one of its own.
    """
    if scheme_ is None:
        for path in sorted(
            [*(config_dir() / "pe").glob("*.yaml"), *(config_dir() / "attention").glob("*.yaml")]
        ):
            word = f"{path.parent.name}={path.stem}"
            if word != "pe=multilevel":  # it needs a task with places
                subprocess.run([sys.executable, __file__, "lengths", "--scheme", word], check=True)
        return
    words = (
        ["task=passkey", "pe=nope", scheme_] if scheme_.startswith("attention") else ["task=passkey", scheme_]
    )
    table = (
        [f"pe.maximum={LONG}"]
        if "maximum:" in (config_dir() / f"{scheme_.replace('=', '/')}.yaml").read_text()
        else []
    )
    run = experiment(*words, *(table if scheme_ != "pe=cope" else []))
    decoder = run.make_decoder().eval()
    pe = decoder.pe
    of_content = type(pe).context is not PositionalEncoding.context and not isinstance(pe, LayeredBias)
    tokens, rows = (CONTENT, 4) if of_content or not decoder.rules[0].fused else (LONG, 1)
    batch = run.formatted_task.sample(tokens - MARKS, rows, torch.Generator().manual_seed(0))
    assert batch.time + decoder.architecture.bos == tokens
    seconds = _thread_seconds(partial(score, decoder, batch, run.positions, ("bench",), "teacher"))
    print(
        f"{scheme_:<26} {rows} x {tokens:,} tokens: {resident_peak() / 2**30:5.2f} GiB, {seconds:6.2f} s",
        flush=True,
    )


def step_cost(decoder: Decoder, tokens: torch.Tensor) -> tuple[float, int]:
    """Return CPU seconds of a forward and backward pass, and the bytes stored between the two."""
    stored: dict[int, int] = {}

    def store(tensor: torch.Tensor) -> torch.Tensor:
        stored[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    positions = torch.arange(tokens.shape[1]).unsqueeze(0)
    if decoder.pe.streams:
        positions = torch.stack([positions] * decoder.pe.streams, -1)
    started = time.process_time()
    with torch.autograd.graph.saved_tensors_hooks(store, lambda tensor: tensor):
        loss = decoder(tokens, positions).square().mean()
    loss.backward()
    return time.process_time() - started, sum(stored.values())


def tasks(_: int) -> None:
    """Print examples per second of every task with its default options; exit with 1 if one is below its limit."""
    missed = []
    for path in sorted((config_dir() / "task").glob("*.yaml")):
        content: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
        try:
            task: Task = Builder().build(Task, content.get("task", content), "task")  # type: ignore[type-abstract]
            length = nearest(task)
        except (ValueError, OSError) as error:
            print(f"{path.stem:<24} not measured: {error}")
            continue
        speed, limit = draw_speed(task, length), LIMITS.get(path.stem, LIMIT)
        missed += [path.stem] * (speed < limit)
        verdict = f"limit {limit:,}{', missed' if speed < limit else ''}"
        print(
            f"{path.stem:<24} {speed:>12,.0f} examples per second at length {length} ({verdict})", flush=True
        )
    if missed:
        sys.exit(1)


def nearest(task: Task) -> int:
    """Return the length nearest to LENGTH that a task has."""
    for length in sorted(range(1, 2 * LENGTH), key=lambda length: abs(length - LENGTH)):
        if task.has(length):
            return length
    raise ValueError(f"the task has no length up to {2 * LENGTH - 1}")


def draw_speed(task: Task, length: int) -> float:
    """Return how many examples a task draws per CPU second: median over several draws."""
    generator, seconds = torch.Generator().manual_seed(0), []
    for _ in range(DRAWS + 1):
        started = time.process_time()
        task.sample(length, EXAMPLES, generator)
        seconds.append(time.process_time() - started)
    return EXAMPLES / statistics.median(seconds[1:])  # without the first draw, a warm-up


def median_and_range(values: list[float]) -> str:
    """Format median and range."""
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    measures: dict[str, Callable[[int], None]] = {
        "overhead": overhead,
        "sweep": sweep_speed,
        "step": step_speed,
        "decode": decode_speed,
        "muon": muon,
        "compare": compare_cost,
        "schemes": schemes,
        "lengths": lengths,
        "study": study_speed,
        "stacked": stacked_speed,
        "status": status_cost,
        "tasks": tasks,
    }
    parser.add_argument("measure", choices=measures)
    parser.add_argument("--steps", type=int, default=500, help="training steps (default 500)")
    parser.add_argument("--scheme", help="lengths: measure one option, such as pe=alibi, in this process")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.scheme:
        lengths(0, arguments.scheme)
    else:
        measures[arguments.measure](arguments.steps)
