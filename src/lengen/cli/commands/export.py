"""Write a trained run as a model of Hugging Face's transformers, where an architecture is exactly equal."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from lengen.cli.plain_words import PlainCommand
from lengen.config.errors import nearest, require

HELP = """\
lengen export run=RUN to=FOLDER [format=NAME] [checkpoint=last]: write a trained run as a model of Hugging Face's transformers

  run          a run folder, or a folder or glob with one run
  to           the folder to create: config.json, safetensors, tokenizer
  format       llama, arcee, gpt2, gpt_neox or mpt; by default the first that is exactly equal
  checkpoint   last, best, or average (of the last five kept ones; trainer.keep=all); by default that of the run's own sweep

A decoder without an exactly equal architecture is refused. Before anything is written, logits of both are compared
on examples of the longest trained length and of twice that. Needs no network; pip install 'lengen[transformers]'.

lengen export run=results/runs/passkey/rope/CELL/seed=0 to=passkey-rope
python -c "from transformers import AutoModelForCausalLM; print(AutoModelForCausalLM.from_pretrained('passkey-rope'))"
"""


def main(arguments: list[str]) -> int:
    """Run the command."""
    return COMMAND.run(arguments)


def export(options: dict[str, str]) -> int:
    """Convert, compare and write."""
    from lengen.comparison.find_runs import find_one
    from lengen.records.eval_options import Checkpoint

    for name in ("run", "to"):
        require(bool(options[name]), f"{name}=: must be given; see lengen export --help")
    checkpoint = options["checkpoint"]
    kinds = get_args(Checkpoint)
    require(
        checkpoint in ("", *kinds),
        f"checkpoint={checkpoint}: must be one of {', '.join(kinds)}{nearest(checkpoint, kinds)}",
    )
    run = find_one(options["run"], "run")

    from lengen.analysis.converted_run import ConvertedRun
    from lengen.experiment.load_run import load

    changes = {"eval": {"checkpoint": checkpoint} if checkpoint else {}, "trainer": {"accelerator": "cpu"}}
    converted = ConvertedRun(load(run, changes, {"lengen"}), Path(options["to"]), options["format"] or None)
    found = converted.write()
    lengths = " and ".join(map(str, found.lengths)) or "none, since the model reads fewer tokens"
    print(
        f"{converted.folder}: {converted.format.name}; largest difference of logits {found.difference:.1e} at lengths {lengths}"
    )
    return 0


COMMAND = PlainCommand(
    export, HELP, {"run": "", "to": "", "format": "", "checkpoint": ""}, first="run", place="to"
)
