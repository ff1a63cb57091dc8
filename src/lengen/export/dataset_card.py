"""The card of an exported data set: its README, with the front matter that `datasets.load_dataset` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from lengen.records.supervision import described

KINDS = {"prompt": "string", "answer": "string", "length": "int64", "result": "string"}
WRITTEN = {
    "characters": "Every character is a symbol.",
    "words": "Symbols are words with one space between them; a space inside a symbol is written as `␣`.",
}


def card(facts: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    """The text of README.md.

    Args:
        facts: what `lengen.json` says.
        example: a row of the ID split.
    """
    name, splits = facts["name"], facts["splits"]
    result = (
        ["- `result`: what of the answer stands behind its scratchpad; the answer ends with it."]
        if facts["result"]
        else []
    )
    lines = [
        f"# {name}: trained up to length {facts['train_length']}, asked beyond",
        "",
        "Made by lengen, a harness for length generalization.",
        "",
        "- `prompt`: what is read. `answer`: what is to be written. `length`: size of the problem in the task's unit.",
        *result,
        f"- {WRITTEN[facts['tokens']]} `#` ends a prompt where no sign of the task does. The end token is not written.",
        f"- `train` has no example twice{', and no prompt of `id` or `ood`' if facts['deduplicate'] else ''}.",
        "- `id` and `ood` (lengths up to and beyond the longest trained one) are the strings that a sweep of lengen asks,",
        "  so that one may occur twice.",
        f"- A run on it is of {described(facts['category'])}; its positions and its decoder may add to that.",
        "- `lengen.json` says the same to programs; it has the symbols in the order of their ids.",
        "",
        *_splits(splits),
        "## An example",
        "",
        *(f"    {column}: {value}" for column, value in example.items()),
        "",
        *_use(facts),
        "## How it was made",
        "",
        f"lengen {facts['lengen']}, generator {facts['generator']}; seed {facts['seeds']['train']} for training, {facts['seeds']['eval']} for evaluation.",
        "The same options, seeds and generator give the same rows on every machine:",
        "",
        *(f"- `{split}`: sha256 {found['sha256']}" for split, found in splits.items()),
        "",
        *_indented({name: facts[name] for name in ("task", "format", "lengths")}),
    ]
    return "\n".join(["---", _front(name, facts), "---", "", *lines]) + "\n"


def _front(name: str, facts: Mapping[str, Any]) -> str:
    """The YAML in front: which file is which split, and what the columns hold."""
    columns = [column for column in KINDS if column != "result" or facts["result"]]
    front = {
        "pretty_name": f"{name} (lengen)",
        "tags": ["length-generalization", "lengen"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": found["file"]} for split, found in facts["splits"].items()
                ],
            }
        ],
        "dataset_info": {"features": [{"name": column, "dtype": KINDS[column]} for column in columns]},
    }
    return yaml.safe_dump(front, sort_keys=False, allow_unicode=True).strip()


def _splits(splits: Mapping[str, Any]) -> list[str]:
    """Rows a length, and how many of them repeat."""
    table = [
        "## Splits",
        "",
        "| split | length | rows | distinct prompts | rows whose prompt is in `train` |",
        "|---|---|---|---|---|",
    ]
    for split, found in splits.items():
        for length, counts in found["lengths"].items():
            seen = counts.get("in_training", "")
            table.append(f"| {split} | {length} | {counts['rows']} | {counts['distinct']} | {seen} |")
    return [*table, ""]


def _use(facts: Mapping[str, Any]) -> list[str]:
    """How to read it."""
    splits, seeds = facts["splits"], facts["seeds"]
    lengths = sorted(
        {int(length) for split in ("id", "ood") if split in splits for length in splits[split]["lengths"]}
    )
    file = splits["train"]["file"]
    lines = file.endswith(".jsonl")
    options = ", lines=True, dtype={'prompt': str, 'answer': str}" if lines else ""
    given = {
        "task.path": "FOLDER",
        **facts["chosen"],
        "steps": facts["steps"],
        "train_length": facts["train_length"],
        **{f"lengths.{name}": value for name, value in facts["lengths"].items() if name != "_target_"},
        **({} if facts["ordered"] else {"trainer.examples": facts["examples"]["train"]}),
        **({"trainer.deduplicate": True} if facts["deduplicate"] else {}),
        "seed": seeds["train"],
        "eval.examples": facts["examples"]["eval"],
        "eval.lengths": lengths,
    }
    told = (
        "The last line draws rows again and again, at the lengths of its curriculum."
        if facts["ordered"]
        else "The last line gives the curve of the task itself with the same options and `trainer.examples`, digit for digit."
    )
    return [
        "## Use it",
        "",
        '    datasets.load_dataset("FOLDER")',
        f'    pandas.{"read_json" if lines else "read_parquet"}("FOLDER/{file}"{options})',
        f"    lengen train task=dataset {' '.join(f'{name}={_word(value)}' for name, value in given.items())}",
        "",
        told,
        "",
    ]


def _word(value: Any) -> str:
    """A value as it stands on a command line."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _indented(options: Mapping[str, Any]) -> list[str]:
    """Options as YAML, indented."""
    text = yaml.safe_dump(dict(options), sort_keys=False, allow_unicode=True)
    return [f"    {line}" for line in text.splitlines()]
