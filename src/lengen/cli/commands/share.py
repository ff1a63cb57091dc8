"""Prepare a trained run for others: a folder with safetensors and a model card, pushed to the Hugging Face hub on request."""

from __future__ import annotations

from pathlib import Path

from lengen.cli.plain_words import PlainCommand
from lengen.config.errors import require

HELP = """\
lengen share run=RUN export=FOLDER [push=OWNER/NAME]: prepare a trained run for others; this needs no network

  run      a run folder, or a folder or glob with one run
  export   the folder to create: the run's records, its parameters as safetensors, and a model card
  push     a repository of the Hugging Face hub that the folder is pushed to; a new one is private

lengen share run=results/runs/passkey/nope export=shared
lengen share run=results/runs/passkey/nope export=shared push=me/passkey-nope
lengen pull me/passkey-nope      fetches it, on any machine
"""


def main(arguments: list[str]) -> int:
    """Run the command."""
    return COMMAND.run(arguments)


def share(options: dict[str, str]) -> int:
    """Prepare the folder, and push it."""
    from lengen.comparison.find_runs import find_one
    from lengen.export.hub import push, require_hub
    from lengen.export.shared_run import SharedRun

    for name in ("run", "export"):
        require(bool(options[name]), f"{name}=: must be given; see lengen share --help")
    run = find_one(options["run"], "run")
    shared, name = SharedRun(run, Path(options["export"])), options["push"]
    if name:
        require_hub(f"push={name}", name, login=True)
    files = shared.write(name or None)
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"{shared.folder}: {len(files)} files, {size:.1f} MB; its card is README.md")
    if name:
        print(push(shared.folder, name, "model"))
    return 0


COMMAND = PlainCommand(share, HELP, {"run": "", "export": "", "push": ""}, first="run", place="export")
