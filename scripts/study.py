"""Run one of the studies under `results/`, and compare its runs or evaluate them changed.

    python scripts/study.py STUDY [--out results/runs/STUDY]

Calls `lengen train`, then `lengen compare` or `lengen eval`; each command is printed before it starts. An interrupted study resumes where
it stopped.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COPY = "-m task=copy train_length=20 'seed=range(5)' eval.lengths=[5,10,15,20,\"range(21,41)\"]"
ONE = f"{COPY} task.repeats=one decoder=tiny steps=1500"
RANDOM = f"{COPY} task.repeats=allowed decoder=small batch_size=64 steps=3500"
PARITY = "-m task=parity train_length=20 'seed=range(10)' decoder=tiny steps=1000"
LOCAL = "positions=coupled positions.maximum=4096 pe=rope_alibi pe.slopes=[4.0,2.0,2.0,1.0]"

EXTENDED = "'eval.lengths=[1x,1.25x,1.5x,2x,4x,8x]' eval.examples=200"
GRIDS = (
    "extend=each grid.sharpen.factor=[1.05,1.1,1.2,1.35] grid.interpolate.factor=[1.1,1.2,1.5] grid.ntk.factor=[1.2,1.5,2,4] "
    "grid.yarn.factor=[1.5,2,4] grid.alibi_slopes.factor=[0.75,1.25]"
)
FIVE = "pe=rope,nope,alibi,t5,learned 'seed=range(5)'"

FACTORS = "0.25x,0.5x,0.75x,1x,1.25x,1.5x,1.75x,2x,3x,4x,6x,8x,12x,16x"


@dataclass(frozen=True)
class Study:
    """A study: its description, its training commands, and how their runs are compared.

    Args:
        description: description and duration, for the help text.
        trainings: arguments of each `lengen train`.
        comparison: arguments of `lengen compare`, besides `runs` and `out`; it is left out where there are evaluations.
        evaluations: arguments of each `lengen eval` of all runs; with `extend`, its table over seeds is written.
    """

    description: str
    trainings: tuple[str, ...]
    comparison: str = ""
    evaluations: tuple[str, ...] = ()


def extended(task: str, cells: str, lengths: str, minutes: str) -> Study:
    """Decoders of a task that are changed after training, and the sharpening probe of the same runs."""
    return Study(
        f"{task} decoders changed after training, {minutes}",
        (f"-m {cells}",),
        evaluations=(
            f"{GRIDS} lengths={lengths} examples=200",
            f"inspect=sharpening lengths={lengths} examples=200",
        ),
    )


STUDIES = {
    "demo": Study("three passkey runs, minutes", ("-m task=passkey pe=nope,rope,alibi",)),
    "presets": Study(
        "the presets in README's table, an hour",
        (
            "-m task=passkey,copy,sort,parity pe=nope,rope,alibi",
            "-m task=addition pe=nope,rope",
            "task=addition positions=coupled",
        ),
    ),
    "passkey-encodings": Study(
        "six encodings, five seeds, 40 minutes",
        (
            f"-m task=passkey pe=nope,rope,alibi,t5,sinusoidal,learned 'seed=range(5)' eval.lengths=[{FACTORS}]",
        ),
        "'title=Passkey: six encodings, five seeds' at=4x",
    ),
    "tasks": Study(
        "every task at its preset with two encodings, one seed, six hours of one core",
        ("-m 'task=glob(*)' pe=nope,rope",),
        "'title=Every task at its preset'",
    ),
    "parity-2000-bits": Study(
        "interleaved parity, trained on 20 bits, decoded freely at up to 2,000 bits, ten seeds, two hours of one core",
        (f"{PARITY} {LOCAL} eval.lengths=[20,40,100,500,2000] eval.decode=free eval.examples=100",),
        "'title=Parity by local steps, written freely' at=100x",
    ),
    "sort-with-successor": Study(
        "sorting, alone and mixed with successor questions, five seeds, 50 minutes of one core",
        (
            "-m pe=nope 'seed=range(5)' steps=1500 task=sort,sort_with_successor",
            "-m pe=nope 'seed=range(5)' steps=750 task=sort",
        ),
        "'title=Sorting, alone and beside successor questions' by=steps",
    ),
    "encodings": Study(
        "every encoding, and every attention with two encodings, on passkey and copy, eight hours of one core",
        (
            "-m task=passkey 'pe=glob(*,exclude=multilevel)' seed=0,1,2",
            "-m task=passkey 'attention=glob(*)' pe=nope,rope seed=0,1,2",
            "-m task=copy 'pe=glob(*,exclude=multilevel)'",
            "-m task=copy 'attention=glob(*)' pe=nope,rope",
            "-m task=copy pe=sandwich,rcmha,nape,alibi,kerple,wavelet,nope seed=1,2",
            "task=many_addition pe=multilevel positions=multilevel",
            # follow-up on runs that were not trained
            "task=passkey attention=asentmax pe=nope steps=600",
            "-m task=passkey attention=asentmax pe=nope attention.delta=0.307 seed=0,1",
            "task=passkey attention=lssar pe=nope seed=1 steps=600",
            "-m task=passkey attention=window attention.window=32 pe=nope,rope",
            "-m task=copy attention=hard_alibi pe=nope seed=1,2",
            "task=copy attention=hard_alibi pe=nope steps=3000",
        ),
        "'title=Every encoding and every attention' by=pe,attention",
    ),
    "extend-passkey": Study(
        "passkey decoders changed after training, 40 minutes of one core",
        (f"-m task=passkey {FIVE} 'eval.lengths=[1x,1.25x,1.5x,2x,4x,8x]' eval.examples=200",),
        evaluations=(
            (
                "extend=each grid.sharpen.factor=[1.1,1.2,1.35,1.5] grid.interpolate.factor=[1.2,1.5,2] grid.ntk.factor=[1.2,1.5,2,4] "
                "grid.yarn.factor=[1.5,2,4] grid.rerope.window=[12,20,28] grid.alibi_slopes.factor=[0.5,0.75,1.25] "
                "lengths=[1x,1.25x,1.5x,2x,4x,8x] examples=200"
            ),
            "inspect=sharpening lengths=[1x,1.25x,1.5x,2x,4x,8x] examples=200",
        ),
    ),
    "extend-copy": extended(
        "copy", f"task=copy {FIVE} {EXTENDED}", "[1x,1.2x,1.5x,2x,4x,8x]", "two hours of one core"
    ),
    "extend-reverse": extended(
        "reverse", f"task=reverse {FIVE} {EXTENDED}", "[1x,1.2x,1.5x,2x,4x,8x]", "two hours of one core"
    ),
    "extend-sort": extended(
        "sort", f"task=sort {FIVE} {EXTENDED}", "[1x,1.2x,1.5x,2x,4x,8x]", "an hour of one core"
    ),
    "extend-addition": extended(
        "addition",
        "task=addition positions=coupled task.order=reversed task.pad=zero pe=learned,rope,alibi 'seed=range(5)' train_length=10 "
        "decoder=tiny steps=3000 'eval.lengths=[1x,1.2x,1.5x,2x,4x]' eval.examples=200",
        "[1x,1.2x,1.5x,2x,4x]",
        "two hours of one core",
    ),
    "copy-against-kazemnejad2023": Study(
        "one repeated symbol and random symbols, five encodings, five seeds, four hours of one core",
        (
            f"{ONE} pe=nope,t5,alibi,sinusoidal",
            f"{ONE} pe=rope pe.fraction=0.25",
            f"{RANDOM} pe=nope,t5,alibi,sinusoidal",
            f"{RANDOM} pe=rope pe.fraction=0.25",
        ),
        "'title=Copy against Kazemnejad et al. 2023' against=kazemnejad2023 at=1.5x",
    ),
}


def main() -> int:
    """Run the chosen study, then compare its runs."""
    listed = "\n".join(f"  {name}: {study.description}" for name, study in STUDIES.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--out", type=Path, help="folder of the results (default results/runs/STUDY)")
    options = parser.parse_args()
    out: Path = options.out or Path("results/runs") / options.study
    study = STUDIES[options.study]
    failed = 0
    for words in study.trainings:
        failed |= lengen("train", *shlex.split(words), f"results_dir={out / 'runs'}")
    for words in study.evaluations:
        failed |= lengen("eval", f"run={out / 'runs'}", *shlex.split(words), f"out={out}")
    if study.evaluations:
        return failed
    return failed | lengen("compare", f"runs={out / 'runs'}", f"out={out}", *shlex.split(study.comparison))


def lengen(*words: str) -> int:
    """Run a command of lengen in a separate process and return its exit code."""
    print(f"$ lengen {shlex.join(words)}", flush=True)
    script = "import sys; from lengen.cli.main import main; sys.argv[0] = 'lengen'; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", script, *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
