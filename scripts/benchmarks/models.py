"""Runs of lengen, bare loops of their steps, and models of other libraries of the same size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor, nn

from benchmarks import Setting
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.decoder import Decoder
from lengen.evaluation.metrics import answer_loss
from lengen.evaluation.scoring import score
from lengen.experiment.config import RunConfig
from lengen.task import Batch
from lengen.training.batch_stream import Example
from lengen.training.fit import example_loss

TOY = ("decoder.layers=1", "decoder.dim=16", "decoder.heads=2", "train_length=4", "batch_size=4", "eval.lengths=[2,4]", "eval.examples=4")  # fmt: skip


def experiment(setting: Setting, *words: str) -> RunConfig:
    """Build the configuration that `lengen train` would build from the same words; a toy's size overrides them."""
    toy = (*TOY, "trainer.progress=false") if setting.quick else ()
    config = Request(TRAIN, [*words, f"trainer.accelerator={setting.device}", *toy]).compose()
    return Builder().build(RunConfig, {**config, "record": config})


def made(run: RunConfig) -> Decoder:
    """Return the decoder of a run with its initial parameters, on the device."""
    return run.make_decoder().to(run.trainer.device)


def autocast(run: RunConfig) -> AbstractContextManager[Any]:
    """Return the precision of a run's forward passes in training."""
    return torch.autocast(run.trainer.device.type, torch.bfloat16, enabled=run.trainer.bf16)


def examples(run: RunConfig, *, grouped: bool = True) -> Iterator[Example]:
    """Yield the batches of a run on its device; those that are not grouped are read whole, with their padding."""
    stream, device = run.stream(), run.trainer.device
    for example in stream if grouped else replace(stream, merge=None):
        yield example if device.type == "cpu" else move_data_to_device(example, device)


def bare_loop(
    run: RunConfig,
    model: nn.Module,
    loss: Callable[[Example], Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    grouped: bool,
) -> Callable[[], None]:
    """Return a step of a plain loop: draw, read, clip, step, schedule, on the batches of a run.

    Args:
        run: gives batches, clipping, precision and schedule.
        model: what is trained.
        loss: its loss of a batch.
        optimizer: of its parameters.
        grouped: whether its batches come in groups of about equal length.
    """
    batches, factor = examples(run, grouped=grouped), run.optimizer.schedule.factor
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(step, run.steps))
    model.train()

    def step() -> None:
        example = next(batches)
        optimizer.zero_grad()
        with autocast(run):
            found = loss(example)
        found.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), run.trainer.clip)
        optimizer.step()
        schedule.step()

    return step


def own_loop(run: RunConfig) -> Callable[[], None]:
    """Return a step of a plain loop around the decoder of a run."""
    decoder = made(run)
    loss = partial(example_loss, decoder)
    return bare_loop(run, decoder, loss, run.optimizer.make(decoder), grouped=True)


@dataclass(frozen=True)
class Peer:
    """A decoder of another library.

    Args:
        name: as it is shown.
        package: which it needs.
        words: options of a decoder of lengen that is like it.
        build: makes it, given a run of these words and the longest example in tokens.
        read: its logits for some tokens.
    """

    name: str
    package: str
    words: tuple[str, ...]
    build: Callable[[RunConfig, int], Any]
    read: Callable[[Any, Tensor], Tensor]

    @property
    def lacking(self) -> str | None:
        """Why it cannot be built; None if it can."""
        return lacking(self.package)

    def loop(self, run: RunConfig) -> Callable[[], None]:
        """Return a step of a plain loop around it, with the AdamW of a run, on batches with their padding.

        Padding is on the right and attention is causal, so that no mask is needed: the fast path of each of these libraries.
        """
        torch.manual_seed(0)
        model = self.build(run, longest(run)).to(run.trainer.device)
        rule: Any = run.optimizer
        optimizer = torch.optim.AdamW(
            model.parameters(), rule.lr, tuple(rule.betas), weight_decay=rule.weight_decay, fused=True
        )

        def loss(example: Example) -> Tensor:
            return answer_loss(self.read(model, example.tokens), example.tokens, example.answer)

        return bare_loop(run, model, loss, optimizer, grouped=False)


def lacking(*packages: str) -> str | None:
    """Return which package is not installed, in words; None if all are."""
    for package in packages:
        try:
            version(package)
        except PackageNotFoundError:
            return f"{package} is not installed"
    return None


def longest(run: RunConfig) -> int:
    """Tokens of the longest example that a run trains on or is evaluated on, with some to spare."""
    task = run.formatted_task
    draws = torch.Generator().manual_seed(0)
    lengths = (max(run.trained_lengths.support), max(run.eval_lengths))
    return max(task.sample(length, 4, draws).time for length in lengths) + 8


def _gpt2(run: RunConfig, tokens: int) -> Any:
    transformers: Any = import_module("transformers")
    size, words = run.decoder, len(run.formatted_task.vocabulary)
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=words, n_embd=size.dim, n_layer=size.layers, n_head=size.heads, n_positions=tokens,
            n_inner=round(size.dim * size.hidden), resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            eos_token_id=None, bos_token_id=None, pad_token_id=0,
        )
    )  # fmt: skip


def _llama(run: RunConfig, tokens: int) -> Any:
    transformers: Any = import_module("transformers")
    size, words = run.decoder, len(run.formatted_task.vocabulary)
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=words, hidden_size=size.dim, intermediate_size=round(size.dim * size.hidden),
            num_hidden_layers=size.layers, num_attention_heads=size.heads, max_position_embeddings=tokens,
            eos_token_id=None, bos_token_id=None, pad_token_id=0,
        )
    )  # fmt: skip


def _x_transformers(run: RunConfig, tokens: int) -> Any:
    library: Any = import_module("x_transformers")
    size = run.decoder
    layers = library.Decoder(
        dim=size.dim, depth=size.layers, heads=size.heads, attn_dim_head=size.dim // size.heads, attn_flash=True,
        use_rmsnorm=True, ff_mult=size.hidden, ff_no_bias=True,
    )  # fmt: skip
    words = len(run.formatted_task.vocabulary)
    return library.TransformerWrapper(
        num_tokens=words, max_seq_len=tokens, attn_layers=layers, use_abs_pos_emb=False
    )


def _trainite(run: RunConfig, tokens: int) -> Any:
    library: Any = import_module("trainite.models.basic_transformer")
    size = run.decoder
    return library.BasicTransformerModel(
        vocab_size=len(run.formatted_task.vocabulary), hidden_size=size.dim, num_layers=size.layers,
        num_heads=size.heads, feedforward_dim=round(size.dim * size.hidden), dropout=0.0, max_seq_len=tokens,
    )  # fmt: skip


def _hugging_face_logits(model: Any, tokens: Tensor) -> Tensor:
    logits: Tensor = model(tokens, use_cache=False).logits
    return logits


def _trainite_logits(model: Any, tokens: Tensor) -> Tensor:
    logits: Tensor = model(tokens, attention_mask=torch.ones_like(tokens))
    return logits


PEERS: Mapping[str, Peer] = {
    "trainite": Peer("trainite's basic model", "trainite", ("pe=sinusoidal",), _trainite, _trainite_logits),
    "x-transformers": Peer(
        "x-transformers", "x-transformers", ("pe=nope",), _x_transformers, lambda model, tokens: model(tokens)
    ),
    "llama": Peer(
        "Hugging Face's Llama",
        "transformers",
        ("pe=rope", "decoder.activation=swiglu"),
        _llama,
        _hugging_face_logits,
    ),
    "gpt2": Peer("Hugging Face's GPT-2", "transformers", ("pe=learned",), _gpt2, _hugging_face_logits),
}
"""Each reads tokens without a mask, without dropout, and with the fused attention of torch."""


def sweep_sets(run: RunConfig, count: int) -> list[Batch]:
    """Return examples of every length of a run's sweep."""
    draws = torch.Generator().manual_seed(0)
    return [run.formatted_task.sample(length, count, draws) for length in run.eval_lengths]


def scored(run: RunConfig, decoder: Decoder, batches: list[Batch], decode: str = "teacher") -> list[Tensor]:
    """Score some batches: the verdict on every answer, by batch."""
    return [score(decoder, batch, run.positions, ("bench",), decode).exact for batch in batches]


def trained(run: RunConfig, steps: int) -> Decoder:
    """Return the decoder of a run after some steps of a bare loop, in evaluation mode."""
    decoder = made(run)
    step = bare_loop(run, decoder, partial(example_loss, decoder), run.optimizer.make(decoder), grouped=True)
    for _ in range(steps):
        step()
    return decoder.eval()
