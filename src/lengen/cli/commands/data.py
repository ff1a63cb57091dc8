"""Show examples of a task, with answer tokens and places marked; with export=, write a data set, and with push=, push it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from lengen.cli.hydra_app import HydraApp
from lengen.config.compose import DATA
from lengen.config.errors import UsageError

TOKEN, SHOWN = 8, 150
"""Bytes of a token that is drawn, and at least those of a token of an example while it is shown, as texts of its rows."""
SMALL = 256
"""Length of an example that is drawn to see how many tokens there are to one of length."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    return HydraApp(DATA, data, arguments).enter()


def data(config: dict[str, Any], allowed: set[str]) -> int:
    """Draw examples and print them, or export a data set."""
    if config["export"] is not None:
        return export(config, allowed)
    if config["push"] is not None:
        raise UsageError(f"push={config['push']}: export=FOLDER must say where the data set is prepared")
    from lengen.config.builder import Builder, leaf
    from lengen.config.errors import require
    from lengen.config.limits import Limits, short
    from lengen.format import Format
    from lengen.lengths import Lengths
    from lengen.records.eval_options import EvalOptions
    from lengen.sampling import generator
    from lengen.task import Task
    from lengen.task.unavailable import length_needed
    from lengen.training.options import TrainerOptions

    builder = Builder(allowed)
    for part, kind in (("lengths", Lengths), ("eval", EvalOptions), ("trainer", TrainerOptions)):
        builder.build(kind, config[part], part)  # not used here, and checked all the same
    formatting = builder.build(Format, config["format"], "format")  # type: ignore[type-abstract]
    task = formatting.applied(builder.build(Task, config["task"], "task"))  # type: ignore[type-abstract]
    length, count, seed = (leaf(int, config[name], name) for name in ("length", "count", "seed"))
    require(length >= 1, f"length={length}: must be at least 1")
    require(count >= 1, f"count={count}: must be at least 1")
    limits = builder.build(Limits, config["limits"], "limits")
    tokens = length * growth(task, length)
    limits.require_memory(
        int(count * tokens * TOKEN + tokens * SHOWN),
        f"length={length}, count={count}",
        f"{short(int(count * tokens))} tokens, shown one by one,",
    )
    with length_needed(f"length={length}"):
        batch = task.sample(length, count, generator("show", seed))
    for row in range(count):
        print(formatted_example(batch.rows(slice(row, row + 1))))
    return 0


def growth(task: Any, length: int) -> float:
    """Tokens by which an example grows with each one of length, as far as short ones show; 1 if there are none.

    Args:
        task: the task.
        length: of the examples that are asked for; a short one is its own measure.
    """
    from lengen.config.errors import LengthUnavailable
    from lengen.sampling import generator

    if length <= SMALL:
        return 1.0
    try:
        short, shorter = (
            task.sample(each, 1, generator("show", 0)).tokens.shape[1] for each in (SMALL, SMALL // 2)
        )
    except (LengthUnavailable, UsageError):
        return 1.0
    return max(1.0, float(short - shorter) / (SMALL - SMALL // 2))


def export(config: dict[str, Any], allowed: set[str]) -> int:
    """Write a data set with a training, an ID and an OOD split, and push it to the hub."""
    from lengen.config.builder import Builder, leaf
    from lengen.config.limits import MOST_LENGTHS, Limits, require_count, short
    from lengen.export.dataset import Export
    from lengen.export.hub import push, require_hub
    from lengen.format import Format
    from lengen.lengths import Lengths
    from lengen.records.eval_options import EvalOptions
    from lengen.task import Task

    builder, seed = Builder(allowed), "seed" if config["data_seed"] is None else "data_seed"
    path, name = Path(leaf(str, config["export"], "export")), leaf(str | None, config["push"], "push")
    train_length = leaf(int, config["train_length"], "train_length")
    require_count(train_length, MOST_LENGTHS, f"train_length={train_length}", "lengths")
    formatting = builder.build(Format, config["format"], "format")  # type: ignore[type-abstract]
    task = formatting.applied(builder.build(Task, config["task"], "task"))  # type: ignore[type-abstract]
    evaluation = builder.build(EvalOptions, config["eval"], "eval")
    examples = leaf(int | None, config["examples"], "examples")
    limits, most = builder.build(Limits, config["limits"], "limits"), max(evaluation.at(train_length))
    for count, length, options in (
        (examples or 1, train_length, f"examples={examples}, train_length={train_length}"),
        (evaluation.examples, most, f"eval.lengths has {most}, eval.examples={evaluation.examples}"),
    ):
        limits.require_memory(count * length * TOKEN, options, f"{short(count * length)} tokens")
    prepared = Export(
        folder=path,
        task=task,
        record={
            "name": config["labels"]["task"],
            **{name: config[name] for name in ("task", "format", "lengths", "steps")},
            "chosen": {name: config["labels"][name] for name in ("decoder", "lengths")},
        },
        lengths=builder.build(Lengths, config["lengths"], "lengths").of(task),  # type: ignore[type-abstract]
        train_length=train_length,
        evaluation=evaluation,
        seed=leaf(int, config[seed], seed),
        examples=examples,
        deduplicate=leaf(bool, config["trainer"]["deduplicate"], "trainer.deduplicate"),
        format=leaf(Literal["parquet", "jsonl"], config["files"], "files"),
        progress=leaf(bool, config["trainer"]["progress"], "trainer.progress"),
    )
    if name is not None:
        require_hub(f"push={name}", name, login=True)
    summary = prepared.write()
    rows = {
        name: sum(split_length["rows"] for split_length in split["lengths"].values())
        for name, split in summary["splits"].items()
    }
    print(
        f"{path}: {', '.join(f'{count} {name}' for name, count in rows.items())} rows; see README.md there for how they were drawn"
    )
    if name is not None:
        print(push(path, name, "dataset"))
    return 0


def formatted_example(batch: Any) -> str:
    """Format one example as aligned rows: tokens, a caret below each answer token, and places if the task has them."""
    from lengen.task import EOS, SPECIAL

    tokens = [
        "⏎" if symbol == SPECIAL[EOS] else symbol
        for symbol in batch.vocabulary.decode(batch.tokens[0].tolist())
    ]
    rows = {"tokens": tokens, "answer": ["^" if scored else "" for scored in batch.answer[0].tolist()]}
    if batch.places is not None:
        rows["places"] = [str(place) if place else "" for place in batch.places[0].tolist()]
    widths = [max(len(cells[i]) for cells in rows.values()) for i in range(len(tokens))]
    gap = " " if max(widths) > 1 else ""
    lines = [
        f"{name}  " + gap.join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for name, cells in rows.items()
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"
