"""Training whole path against Hugging Face's Trainer with an equal GPT-2 or Llama, in blocks of ten steps in turn.

lengen draws its batches, logs, and saves; the Trainer reads the same examples from memory, pads them, and logs. Both have fused AdamW,
warm-up and cosine decay, clipping, and a log every 50 steps; the Trainer neither evaluates nor saves, lengen probes at its end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from itertools import islice
from queue import Queue
from threading import Thread
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from benchmarks import Entry, Setting, Skipped
from benchmarks.measures.overhead import BLOCK, alternating
from benchmarks.models import PEERS, examples, experiment, lacking, longest, own_loop
from benchmarks.profiling import profiled
from benchmarks.timing import now, ratio
from lengen.experiment.config import RunConfig

MARKS = {("gpt2", 32): 1.8, ("gpt2", 128): 2.2}
"""Least ratios that are wanted on a CPU, by model and batch size."""
BLOCKS, WAIT = 16, 300
"""Blocks, and the seconds that one side waits for the other before it gives up."""


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield the ratio of examples per second, by model and batch size."""
    if missing := lacking("transformers", "accelerate"):
        yield Skipped("against Hugging Face's Trainer", missing)
        return
    for (name, batch), share in setting.sharing(
        [(name, batch) for name in ("gpt2", "llama") for batch in (32, 128)]
    ):
        blocks = setting.rounds_of(BLOCKS) + 1
        words = ("task=passkey", f"batch_size={batch}", "optimizer=adamw", *PEERS[name].words)
        run = experiment(share, *words, f"steps={blocks * BLOCK}")
        with tempfile.TemporaryDirectory() as place:
            other = Side(partial(hugging_face, run, name, place), setting.device)
            callback = alternating(run, other, setting.device)
            other.end()
        own, theirs = callback.own[1:], other.blocks[1 : len(callback.own)]
        values = {
            "own_examples_per_second": run.batch_size * BLOCK * len(own) / sum(own),
            "other_examples_per_second": run.batch_size * BLOCK * len(own) / sum(theirs),
        }
        rest: dict[str, Any] = {"mark": MARKS.get((name, batch)) if setting.device == "cpu" else None}
        what, unit = f"passkey, batch {batch}, against {PEERS[name].name}", "times the examples a second"
        found = ratio(what, unit, theirs, own, values=values, **rest)
        if found.met is False:
            steps = setting.count(10, 1)
            both = (
                profiled("lengen's bare step", own_loop(run), steps),
                profiled("a bare step of the other", PEERS[name].loop(run), steps),
            )
            found = ratio(what, unit, theirs, own, values=values, profiles=both, **rest)
        yield found


class Side:
    """A training loop of another library in a thread of its own, of which each call lets one step run.

    A block of steps is timed by the clock of that thread. The loop waits while this thread works, and the reverse.

    Args:
        work: the loop; gets a function to be called at the end of every step.
        device: whose clock is read.
    """

    def __init__(self, work: Callable[[Callable[[], None]], None], device: str) -> None:
        self.device, self.blocks, self.steps = device, list[float](), 0
        self.orders, self.done = Queue[bool](), Queue[BaseException | None]()
        self.since: float | None = None
        self.thread = Thread(target=self._run, args=(work,), daemon=True)

    def __call__(self) -> None:
        """Let one step run, and wait for its end."""
        if self.thread.ident is None:
            self.thread.start()
        self.orders.put(True)
        if error := self.done.get(timeout=WAIT):
            raise error

    def end(self) -> None:
        """Let the loop end, if it has not."""
        self.orders.put(False)
        self.thread.join(WAIT)

    def step_ends(self) -> None:
        """Say that a step has ended, and wait for the order for the next one."""
        self.steps += 1
        if self.steps % BLOCK == 0 and self.since is not None:
            self.blocks.append(now(self.device) - self.since)
        self.done.put(None)
        if not self.orders.get(timeout=WAIT):
            raise _Over
        if self.steps % BLOCK == 0:
            self.since = now(self.device)

    def _run(self, work: Callable[[Callable[[], None]], None]) -> None:
        torch.set_num_threads(1)
        self.orders.get()
        self.since = now(self.device)
        try:
            with suppress(_Over):
                work(self.step_ends)
        except BaseException as error:  # noqa: BLE001  # it is raised in the thread that waits
            self.done.put(error)


class _Over(Exception):  # noqa: N818  # no error
    """Ends the other loop."""


def hugging_face(run: RunConfig, name: str, place: str, step_ends: Callable[[], None]) -> None:
    """Train a model of transformers with its Trainer on the examples of a run."""
    transformers: Any = import_module("transformers")
    torch.manual_seed(0)
    model = PEERS[name].build(run, longest(run))
    rule: Any = run.optimizer
    options = transformers.TrainingArguments(
        output_dir=place, max_steps=run.steps + BLOCK, per_device_train_batch_size=run.batch_size, optim="adamw_torch_fused",
        learning_rate=rule.lr, weight_decay=rule.weight_decay, adam_beta1=rule.betas[0], adam_beta2=rule.betas[1],
        lr_scheduler_type="cosine", warmup_steps=rule.schedule.warmup, max_grad_norm=run.trainer.clip, logging_steps=50,
        save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=run.trainer.device.type == "cpu",
        bf16=run.trainer.bf16, dataloader_pin_memory=run.trainer.device.type == "cuda", remove_unused_columns=False,
    )  # fmt: skip

    class Turns(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            step_ends()

        def on_log(self, *_: Any, **__: Any) -> None:
            """Print nothing."""

    trainer = transformers.Trainer(
        model=model, args=options, train_dataset=held(run), data_collator=padded, callbacks=[Turns()]
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()


def held(run: RunConfig, batches: int = 32) -> list[dict[str, Tensor]]:
    """Return the first examples of a run, without padding, with labels on their answers alone."""
    found = []
    for example in islice(examples(run, grouped=False), batches):
        labels = example.tokens.masked_fill(~example.answer, -100).cpu()
        for row, size in enumerate(example.answer.shape[1] - example.answer.flip(1).long().argmax(1)):
            found.append({"input_ids": example.tokens[row, :size].cpu(), "labels": labels[row, :size]})
    return found


def padded(rows: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Pad some examples on the right; no mask is needed there."""
    return {
        name: pad_sequence([row[name] for row in rows], batch_first=True, padding_value=value)
        for name, value in (("input_ids", 0), ("labels", -100))
    }
