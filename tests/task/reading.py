"""What the slow solvers share: every combination of a task's options, and examples as symbols."""

from itertools import product

import torch
from tests.options import choices

from lengen.task import PAD


def together(options, option, value):
    """Options with one changed, and with what that value needs beside it: a scratchpad of steps is for text alone."""
    beside = {
        "style=text": {"scratchpad": "none"},
        "style=words": {"scratchpad": "none"},
        "scratchpad=steps": {"style": "text"},
        "separator=True": {"style": "text", "scratchpad": "none"},
    }
    needed = beside.get(f"{option}={value}", {})
    return options | {option: value} | {key: needed[key] for key in needed if key in options}


def combinations(kind, **numbers):
    """Every combination of named values and of the given numbers, as keyword arguments; text has its own tests."""
    values = choices(kind) | numbers
    if "style" in values:
        values["style"] = ("symbols",)
    if "separator" in values:
        values["separator"] = (False,)  # of text
    if "scratchpad" in values:
        values["scratchpad"] = tuple(value for value in values["scratchpad"] if value != "steps")
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def name(options):
    """A combination as the identity of a test."""
    return "-".join(f"{key}={value}" for key, value in options.items())


def draw(task, length, count, seed=0):
    """A batch, and its examples as (prompt, answer): lists of symbols, without the end token."""
    batch = task.sample(length, count, torch.Generator().manual_seed(seed))
    pairs = []
    for tokens, answer in zip(batch.tokens, batch.answer, strict=True):
        read = batch.vocabulary.decode(tokens[~answer & (tokens != PAD)].tolist())
        written = batch.vocabulary.decode(tokens[answer].tolist())
        assert written.pop() == "<eos>"
        pairs.append((read, written))
    return batch, pairs


def operands(read, sign):
    """Both operands of a binary prompt, as strings of bits, the least significant first."""
    text = "".join(read)
    assert text.endswith("=")
    first, second = text[:-1].split(sign)
    assert set(first + second) <= {"0", "1"}
    return first, second
