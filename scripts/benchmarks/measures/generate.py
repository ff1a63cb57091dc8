"""A sweep of 10 lengths x 1,000 examples against Hugging Face `generate` of a decoder of equal size.

lengen's side gives verdicts and the loss; `generate` writes as many tokens as the answers have, with its cache, in batches of
prompts of one length, which must not be too large on a CPU. That both give the same verdicts is checked on the same decoder: one trained with lengen and converted to
transformers without loss, where such a format is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor

from benchmarks import Entry, Failed, Setting, Skipped
from benchmarks.models import PEERS, experiment, lacking, longest, scored, sweep_sets, trained
from benchmarks.profiling import profiled
from benchmarks.timing import in_turn, ratio
from lengen.decoder import Decoder
from lengen.experiment.config import RunConfig
from lengen.task import Batch

MARK = "gpt2", "passkey"
LEAST = 3.5
"""Least ratio that is wanted on a CPU, and where."""
TASKS = ("passkey", "copy", "addition")
STEPS, EXAMPLES = 300, 1000
ROWS = (64, 200, 1000)
"""Prompts that `generate` gets at a time; on a CPU it is faster with fewer."""


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield how many times faster a sweep is, teacher-forced and greedy, by library, task and batch of `generate`."""
    if missing := lacking("transformers"):
        yield Skipped("against generate", missing)
        return
    for (task, name), share in setting.sharing([*product(TASKS, ("gpt2",)), ("passkey", "llama")]):
        run = experiment(setting, f"task={task}", *PEERS[name].words)
        decoder, batches = trained(run, setting.count(STEPS)), sweep_sets(run, setting.count(EXAMPLES, 4))
        what = f"{task}, {' '.join(PEERS[name].words)}, against {PEERS[name].name}"
        right = torch.cat(scored(run, decoder, batches))
        differing = int((right != converted_verdicts(decoder, name, batches)).sum())
        if differing > 1e-3 * len(right):  # a tie of two logits may go either way
            yield Failed(what, f"{differing} of {len(right)} verdicts differ")
            continue
        note = f"{float(right.double().mean()):.0%} right; {differing} of {len(right)} verdicts differ"
        other = PEERS[name].build(run, longest(run)).to(run.trainer.device).eval()
        sides = {decode: partial(scored, run, decoder, batches, decode) for decode in ("teacher", "greedy")}
        for rows, each in share.sharing(ROWS if (name, task) == MARK else ROWS[1:2]):
            theirs = partial(written, other, batches, run, rows)
            *own, seconds = in_turn(each, [*sides.values(), theirs], setting.rounds_of(5), 1)
            for (decode, side), ours in zip(sides.items(), own, strict=True):
                wanted = (name, task) == MARK and decode == "teacher" and setting.device == "cpu"
                rest: dict[str, Any] = {"mark": LEAST if wanted else None, "note": note}
                title = f"{decode}, {what} in batches of {rows}"
                found = ratio(title, "times faster", seconds, ours, **rest)
                if found.met is False:
                    both = profiled("lengen", side, 1), profiled("generate", theirs, 1)
                    found = ratio(title, "times faster", seconds, ours, **rest, profiles=both)
                yield found


def converted_verdicts(decoder: Decoder, name: str, batches: list[Batch]) -> Tensor:
    """Return which answers the equal model of transformers writes exactly."""
    from lengen.convert import TrainedDecoder
    from lengen.convert.formats import chosen_format
    from lengen.convert.loaded import load_model

    source, device = TrainedDecoder(decoder), next(decoder.parameters()).device
    model: Any = load_model(chosen_format(name, source).convert(source))
    model.to(device).eval()
    exact = []
    for batch in batches:
        read = batch.begin()
        start = int(read.answer.any(0).long().argmax())
        for first in range(0, len(read), ROWS[1]):
            part = read.rows(slice(first, first + ROWS[1]))
            tokens = generated(model, part, device)[:, start:].cpu()
            true, scored_tokens = part.tokens[:, start:], part.answer[:, start:]
            exact.append(((tokens == true) | ~scored_tokens).all(1))
    return torch.cat(exact)


def written(model: Any, batches: list[Batch], run: RunConfig, rows: int) -> None:
    """Let a model of transformers write the answers of some batches, for a number of prompts at a time."""
    for batch in batches:
        read = batch.begin()
        for first in range(0, len(read), rows):
            generated(model, read.rows(slice(first, first + rows)), run.trainer.device)


@torch.no_grad()
def generated(model: Any, read: Batch, device: torch.device) -> Tensor:
    """Return prompts of one length with as many tokens behind them as the answers have."""
    start, count = int(read.answer.any(0).long().argmax()), int(read.answer.any(0).sum())
    tokens = read.tokens[:, :start].to(device)
    mask = torch.ones_like(tokens)
    result: Tensor = model.generate(
        tokens, attention_mask=mask, max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0, eos_token_id=None
    )  # fmt: skip
    return result
