"""Run one of the project's own studies and put its table, curves and figure into a folder.

    python scripts/study.py demo [--out results/runs/demo]      three passkey runs: minutes
    python scripts/study.py presets [--out results/runs/presets]  every preset that README's table has: an hour

Every run is a plain `lengen train` (printed before it starts), so a study that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from lengen.curve import COLUMNS, TRAINED, Curve, write_csv, write_text
from lengen.report import overlay

STUDIES = {
    "demo": ["-m task=passkey pe=nope,rope,alibi"],
    "presets": [
        "-m task=passkey,copy,sort,parity pe=nope,rope,alibi",
        "-m task=addition pe=nope,rope",
        "task=addition positions=coupled",
    ],
}


def main() -> int:
    """Run the study, collect what it left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--out", type=Path, help="folder of the results (default results/runs/STUDY)")
    asked = parser.parse_args()
    out: Path = asked.out or Path("results/runs") / asked.study
    failed = 0
    for words in STUDIES[asked.study]:
        command = [*shlex.split(words), f"results_dir={out / 'runs'}"]
        print(f"$ lengen train {shlex.join(command)}", flush=True)
        script = "import sys; from lengen.cli import main; sys.argv[0] = 'lengen'; sys.exit(main())"
        failed |= subprocess.run([sys.executable, "-c", script, "train", *command], check=False).returncode
    collect(out)
    return failed


def collect(out: Path) -> None:
    """Write table.md, curves.csv and a figure a task from the finished runs below a folder."""
    runs = {}
    for path in sorted(out.glob("runs/*/*/*/seed=*/run.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["status"] == "finished" and ".aside-" not in path.parent.name:
            runs[path.parent] = facts, Curve.load(path.parent / "curve.csv")
    lines = [
        "| task | pe | positions | trained on | ID exact match | reach 0.90 | 0.95 | 0.99 | at 2x | minutes |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for facts, curve in runs.values():
        first, train = curve.rows[0], curve.rows[0].train_length
        reaches = " | ".join("none" if length is None else str(length) for length in curve.reaches.values())
        twice = f"{curve[2 * train].exact_match:.3f}" if 2 * train in curve else ""
        verdict = "" if facts["id_exact_match"] >= TRAINED else " (not trained)"
        lines.append(
            f"| {first.task} | {first.pe} | {first.positions} | 1 to {train} | {facts['id_exact_match']:.3f}{verdict} "
            f"| {reaches} | {twice} | {facts['wall_seconds'] / 60:.1f} |"
        )
    table = "\n".join(lines) + "\n"
    write_text(out / "table.md", table)
    rows = []
    for folder in runs:
        with (folder / "curve.csv").open(newline="", encoding="utf-8") as file:
            rows += list(csv.DictReader(file))
    write_csv(out / "curves.csv", COLUMNS, rows)
    for task in dict.fromkeys(curve.rows[0].task for _, curve in runs.values()):
        curves = [curve for _, curve in runs.values() if curve.rows[0].task == task]
        note = f"one seed each; {curves[0].rows[0].examples} examples a length, end token scored; bands: 95% Clopper-Pearson"
        overlay.draw(curves, out / f"{task}.png", title=task, footnote=note)
    Console().print(Markdown(table))
    print(
        f"table, curves and figures are in {out}: {', '.join(sorted(path.name for path in out.glob('*.*')))}"
    )


if __name__ == "__main__":
    sys.exit(main())
