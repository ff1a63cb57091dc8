"""Benchmark lengen.

    python scripts/bench.py NAME            measure, print every number, write results/bench/NAME.json and NAME.md
    python scripts/bench.py page            write the tables of docs/speed.md from these files
    python scripts/bench.py NAME --quick    everything of toy size, into --out: tries the code, and measures nothing

The speed of a machine drifts: the two sides of a comparison run in turn, step by step, each timed by the CPU seconds of its thread
(on a GPU by wall time), and the medians of their ratios are reported with quartiles. Libraries that are not installed are skipped by
name.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from benchmarks import Entry, Failed, Figure, Setting, described


def parser(measures: dict[str, str]) -> argparse.ArgumentParser:
    """The words of the command line."""
    width = max(map(len, measures)) + 3
    listed = "\n".join(f"    {name:<{width}}{line}" for name, line in measures.items())
    made = argparse.ArgumentParser(
        description=f"{__doc__}\nmeasures:\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("measure", choices=[*measures, "page"], metavar="NAME", help="a measure, or page")
    made.add_argument("--rounds", type=int, help="rounds of each comparison (a measure knows how many)")
    made.add_argument("--device", choices=("cpu", "cuda"), help="default: cpu; of gpu: cuda")
    made.add_argument("--out", type=Path, help="folder of the files (default: results/bench)")
    made.add_argument("--quick", action="store_true", help=argparse.SUPPRESS)
    made.add_argument("--part", help=argparse.SUPPRESS)
    made.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    return made


def main(words: list[str] | None = None) -> int:
    """Measure, or write the page; return the exit code: 1 if something failed, or is below a mark that is strict."""
    measures = {name: title for name, (title, _) in described().items()}
    arguments = parser(measures).parse_args(words)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch

    from benchmarks.page import PAGE, page, row
    from benchmarks.record import RESULTS, loaded, save, start, write_table

    if arguments.measure == "page":
        folder = arguments.out or RESULTS
        for path in sorted(folder.glob("*.json")):
            write_table(folder, loaded(path))
        PAGE.write_text(page(PAGE.read_text(), folder))
        return 0
    if arguments.quick and arguments.out is None:
        raise SystemExit("bench.py: --quick needs --out: its numbers mean nothing")
    torch.set_num_threads(1)
    name = arguments.measure
    module = import_module(f"benchmarks.measures.{name}")
    device = arguments.device or getattr(module, "DEVICE", "cpu")
    setting = Setting(device, arguments.quick, arguments.rounds)
    if arguments.part:
        module.part(arguments.part, setting, arguments.seconds, arguments.out)
        return 0
    if reason := getattr(module, "absent", lambda _: None)(setting):
        print(reason)
        return 0
    head, found = start(name, measures[name], setting, words or sys.argv[1:]), list[Entry]()

    def shown(entries: Iterator[Entry]) -> Iterator[Entry]:
        for entry in entries:
            found.append(entry)
            print(row(entry) if isinstance(entry, Figure) else f"{entry.what}: {entry.reason}", flush=True)
            yield entry

    save(arguments.out or RESULTS, head, shown(module.measure(setting)))
    strict = getattr(module, "STRICT", False) and not arguments.quick
    missed = any(entry.met is False for entry in found if isinstance(entry, Figure))
    return int(any(isinstance(entry, Failed) for entry in found) or (strict and missed))


if __name__ == "__main__":
    sys.exit(main())
