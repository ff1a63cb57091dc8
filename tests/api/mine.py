"""A task and an encoding as somebody writes them for themselves."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lengen import PositionalEncoding, Task
from lengen.config.errors import require
from lengen.task import SEP, SPECIAL, Span, Vocabulary, assemble


@dataclass(frozen=True)
class MyTask(Task):
    """Write the first symbol as often as there are symbols; some names are longer than a character."""

    symbols: int = 3

    @property
    def vocabulary(self):
        return Vocabulary(("x", "y", "long", "z")[: self.symbols])

    def sample(self, length, count, generator):
        items = torch.randint(self.symbols, (count, length), generator=generator) + len(SPECIAL)
        prompt = [Span(items), Span(torch.full((1, 1), SEP))]
        answer = [Span(items[:, :1].expand(-1, length))]
        return assemble(length, count, self.vocabulary, prompt, answer, coupled=False)


class MyEncoding(PositionalEncoding):
    """Nothing beyond some distance is seen."""

    distances = True

    def __init__(self, shape, width: int = 4):
        super().__init__(shape)
        self.width = width

    def logit_bias(self, query, key):
        distance = query.unsqueeze(-1) - key.unsqueeze(-2)
        return torch.where(distance < self.width, 0.0, -1e4).unsqueeze(1).expand(-1, self.shape.heads, -1, -1)


class Wide(MyEncoding):
    """Has a default that it refuses, as it is known only when it is made."""

    def __init__(self, shape, width: int = 0):
        require(width > 0, f"pe.width={width}: must be at least 1")
        super().__init__(shape, width)


class Hidden(Task):
    """Keeps its option to itself, so that nobody can say what it is."""

    def __init__(self, count):
        self._count = count

    @property
    def vocabulary(self):
        return Vocabulary(("x",))

    def sample(self, length, count, generator):
        raise NotImplementedError
