"""How well one position, or one simple statistic, of the prompt tells the answer: the table in docs/tasks.md.

For tasks whose answer is one decision. What is told beyond the definition would be learned first, and would fade with
length for reasons that have nothing to do with extrapolation.
"""

from functools import cache
from pathlib import Path

import pytest
import torch
from tests.options import built, files, made, read

from lengen.task import PAD, SPECIAL

DRAWS, LENGTHS = 20_000, (10, 20)
CLOSE = 0.03
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "tasks.md"


def accuracy(feature, answer):
    """Share of answers that are the likeliest one for the value of a feature; counted on one half of the draws."""
    half = len(feature) // 2
    _, feature = feature.unique(return_inverse=True)
    counts = torch.zeros(int(feature.max()) + 1, int(answer.max()) + 1)
    counts.index_put_((feature[:half], answer[:half]), torch.ones(half), accumulate=True)
    return float((counts.argmax(1)[feature[half:]] == answer[half:]).float().mean())


def shortcuts(task, length):
    """Accuracy of the best constant, of the best single position, and of the best statistic."""
    batch = task.sample(length, DRAWS, torch.Generator().manual_seed(length))
    start = batch.result.long().argmax(1, keepdim=True)
    answer = batch.tokens.gather(1, start)[:, 0]
    read = batch.tokens.masked_fill(batch.answer, PAD)
    size = (read != PAD).sum(1, keepdim=True)
    column = torch.arange(int(size.max()))
    left = read[:, : len(column)]
    right = read.gather(1, (size - 1 - column).clamp(min=0)) * (column < size)
    positions = [accuracy(feature, answer) for part in (left, right) for feature in part.unbind(1)]
    counts = torch.zeros((DRAWS, len(batch.vocabulary)), dtype=torch.long)
    counts = counts.scatter_add_(1, left, torch.ones_like(left))[:, len(SPECIAL) :]
    counts = counts[:, counts.float().var(0) > 0]
    statistics = [
        size[:, 0],
        (counts > 0).sum(1),
        counts.argmax(1),
        counts.masked_fill(counts == 0, length).argmin(1),
        *counts.unbind(1),
        *(counts % 2).unbind(1),
    ]
    constant = accuracy(torch.zeros_like(answer), answer)
    return constant, max(positions), max(accuracy(feature, answer) for feature in statistics)


@cache
def decisions():
    """Tasks, without a scratchpad, whose answers are one symbol, or two of which the first alone varies (LEGO)."""
    found = {}
    for path in files("task"):
        kind, options = read(path)
        if path.stem == "dataset" or ("asked" in options and isinstance(options["asked"], dict)):
            continue
        task = built(kind, options | ({"scratchpad": "none"} if "scratchpad" in options else {}))
        if task.longest_answer(10) == 2 or path.stem == "lego":
            found[path.stem] = task
    return found


def documented():
    """The rows of the table: task, and the numbers of both lengths."""
    rows = DOCUMENTATION.read_text().split("| answer of |")[1].split("\n\n")[0].splitlines()[2:]
    for row in rows:
        name, *cells = (cell.strip() for cell in row.strip("|").split("|"))
        yield name, [tuple(float(number) for number in cell.split(" / ")) for cell in cells[:3]]


def test_every_decision_is_documented():
    assert [name.split(" ")[0] for name, _ in documented() if " " not in name] == list(decisions())


@pytest.mark.parametrize(("name", "numbers"), [pytest.param(*row, id=row[0]) for row in documented()])
def test_the_documentation_has_the_numbers(name, numbers):
    task, *changes = name.split(" ")
    options = dict(word.removeprefix("task.").split("=") for word in changes)
    drawn = made("task", task, **options) if options else decisions()[task]
    for index, length in enumerate(LENGTHS):
        for number, measured in zip(numbers, shortcuts(drawn, length), strict=True):
            assert abs(number[index] - measured) < CLOSE
