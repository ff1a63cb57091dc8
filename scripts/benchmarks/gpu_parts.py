"""The parts of the GPU's measure that no other measure has; each yields entries as a measure does."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import Entry, Failed, Setting, Skipped
from benchmarks.measures.lengths import by_length
from benchmarks.models import TOY, autocast, examples, experiment, made, own_loop
from benchmarks.record import ROOT
from benchmarks.timing import figure, in_turn
from lengen.config.compose import TRAIN, Request
from lengen.config.errors import UsageError
from lengen.config.search import config_dir
from lengen.pe import PositionalEncoding
from lengen.pe.layered import LayeredBias
from lengen.training.fit import example_loss

DENSE = {"H200": 989.5e12, "H100": 989.5e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}
"""Rate of dense bf16 products, in operations a second, by a word of the device's name (NVIDIA's data sheets)."""
READS = ("_local_scalar_dense", "nonzero", "equal", "is_nonzero")
"""Operations whose result the host waits for."""
LONG = 65536
SIX = "pe=nope,rope,alibi,t5,sinusoidal,learned"


def tests(_: Setting) -> Iterator[Entry]:
    """Yield how many tests of `tests/gpu` pass, and each that is skipped or fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-rsfE", "-m", "gpu", "tests/gpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if found := re.match(r"SKIPPED \[(\d+)\] (\S+): (.*)", line):
            yield Skipped(f"{found[1]} of {found[2]}", found[3])
        elif found := re.match(r"(?:FAILED|ERROR) (\S+)(?: - (.*))?", line):
            yield Failed(found[1], found[2] or "see make gpu")
    if passed := re.search(r"(\d+) passed", done.stdout):
        yield figure("tests/gpu", "tests passed", [float(passed[1])])
    elif done.returncode not in (0, 5):
        yield Failed("tests/gpu", ((done.stdout + done.stderr).strip().splitlines() or ["ended"])[-1])


def runs(setting: Setting) -> Iterator[Entry]:
    """Yield the wall time of 30 passkey runs, six encodings with five seeds each, several at a time on the GPU."""
    grid = (
        ("pe=nope", "seed=0,1", *TOY, "steps=2", "jobs=1")
        if setting.quick
        else (SIX, "seed=range(5)", "jobs=8")
    )
    yield command_time(setting, f"{setting.count(30)} passkey runs", "-m", "task=passkey", *grid)


def seeds(setting: Setting) -> Iterator[Entry]:
    """Yield the wall time of eight seeds that are trained as one, where lengen can."""
    size = (*TOY, "steps=2") if setting.quick else ()
    try:
        Request(TRAIN, ["task=passkey", "pe=nope", "seeds=8"]).compose()
    except UsageError:
        yield Skipped("eight seeds as one", "lengen train has no seeds=8")
        return
    yield command_time(setting, "eight seeds of passkey as one", "task=passkey", "pe=nope", "seeds=8", *size)


def command_time(setting: Setting, what: str, *words: str) -> Entry:
    """Return the wall time of a training command, in an empty folder; the last line of its error if it fails."""
    device = f"trainer.accelerator={setting.device}"
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "lengen", "train", *words, "trainer.progress=false", device]
        started = time.perf_counter()
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        spent = time.perf_counter() - started
    if done.returncode:
        return Failed(what, (done.stderr.strip().splitlines() or ["ended"])[-1])
    return figure(what, "s of wall time", [spent], note="lengen train " + " ".join(words))


def paper(setting: Setting) -> Iterator[Entry]:
    """Yield examples a second of `decoder=paper` at batch 64 and the paper's lengths, and its share of the chip's bf16 rate."""
    for task, share in setting.sharing(("copy", "addition")):
        words = (f"experiment=kazemnejad2023_{task}", "trainer.examples=null", "pe=nope")
        run = experiment(setting, *words)
        step = own_loop(run)
        step()
        with FlopCounterMode(display=False) as counter:
            step()
        (spent,) = in_turn(share, [step], setting.rounds_of(60))
        name = torch.cuda.get_device_name() if setting.device == "cuda" else "cpu"
        peak = next((rate for word, rate in DENSE.items() if word in name), None)
        speeds = [run.batch_size / seconds for seconds in spent]
        rate = counter.get_total_flops() / sorted(spent)[len(spent) // 2]
        values = {"TFLOP/s": rate / 1e12, **({"share of bf16 rate": rate / peak} if peak else {})}
        note = "" if peak else f"the rate of {name} is not known here"
        yield figure(f"decoder=paper, {task}, batch {run.batch_size}", "examples a second", speeds, values=values, note=note)  # fmt: skip


def memory(setting: Setting) -> Iterator[Entry]:
    """Yield time and memory of scoring 65,536 tokens with each bias that no content enters, with FlexAttention and without."""
    found = [
        f"pe={path.stem}" for path in sorted((config_dir() / "pe").glob("*.yaml")) if data_free(path.stem)
    ]
    cells = [(word, flex) for word in found for flex in ("true", "false")]
    for (word, flex), share in setting.sharing(cells, [(word, "true") for word in found]):
        if time.monotonic() > setting.until:
            yield Failed(f"{word}, trainer.flex={flex}", "no time was left")
            continue
        try:
            for entry in by_length(word, share, (setting.count(LONG, 64),), f"trainer.flex={flex}"):
                yield figure(
                    f"{entry.what}, trainer.flex={flex}", entry.unit, [entry.median], values=entry.values
                )
        except RuntimeError as error:  # of one encoding; the others go on
            yield Failed(f"{word}, trainer.flex={flex}", str(error).partition("\n")[0])


def data_free(name: str) -> bool:
    """Whether an encoding adds a bias to the logits that depends on positions alone."""
    if name == "multilevel":  # it needs a task with places
        return False
    pe = experiment(Setting(), "task=passkey", f"pe={name}").make_decoder().pe
    if isinstance(pe, LayeredBias):
        return True
    one = torch.zeros(1, 1, dtype=torch.long)
    return type(pe).context is PositionalEncoding.context and pe.logit_bias(one, one) is not None


def waits(setting: Setting) -> Iterator[Entry]:
    """Yield how often the host waits for the device in a training step, by encoding."""
    names = [path.stem for path in sorted((config_dir() / "pe").glob("*.yaml")) if path.stem != "multilevel"]
    for name, _ in setting.sharing(names, ("nope", "alibi")):
        run = experiment(setting, "task=passkey", f"pe={name}")
        decoder, example = made(run), next(examples(run))
        optimizer, whole = run.optimizer.make(decoder), own_loop(run)

        def step(
            run: Any = run, decoder: Any = decoder, example: Any = example, optimizer: Any = optimizer
        ) -> None:
            optimizer.zero_grad()
            with autocast(run):
                loss = example_loss(decoder, example)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
            optimizer.step()

        step()
        whole()
        with_batch = float(count_waits(setting, whole))
        note = "" if setting.device == "cuda" else "operations that would wait on a GPU"
        values = {"with drawing and copying its batch": with_batch}
        yield figure(
            f"pe={name}, a step", "waits", [float(count_waits(setting, step))], values=values, note=note
        )


def count_waits(setting: Setting, step: Callable[[], None]) -> int:
    """Return how often the host waits in a step: as CUDA says, or on a CPU by the operations that would wait."""
    if setting.device != "cuda":
        with Reads() as reads:
            step()
        return int(reads.count)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(each.message) for each in said)


class Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what the host reads from tensors."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count: int = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count a function that reads, and call it."""
        self.count += int(function.overloadpacket.__name__ in READS)
        return function(*args, **(kwargs or {}))
