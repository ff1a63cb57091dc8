"""What the options of a run imply, computed before anything is drawn or trained: parameters, tokens and memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from lengen.config.limits import MOST_LENGTHS, require_count, short
from lengen.mixer.attention import Attention
from lengen.mixer.pattern import period

TRAINED = 16
"""Bytes of a parameter in training: float32 of the weight, its gradient and two moments."""
WHOLE = 4
"""Bytes of a parameter that every device holds in evaluation."""
TOKEN = 8
"""Bytes of a token id."""
VERDICT = 16
"""Least bytes of the verdict on one string."""
CHECKED = 64
"""Examples that are drawn of a length before training."""
KEPT = 6
"""Tensors as wide as the residual stream that a block keeps for its backward pass, at least: two normalised inputs, queries,
keys, values and the result of attention."""
CROSSING = 4
"""Matrices of a cross-attention."""
CROSSED = 3
"""Tensors that it keeps, at least: a normalised input, queries and the result; keys and values are of prompts alone."""


@dataclass(frozen=True)
class Budget:
    """What a run needs at least. A problem has at least as many tokens as its length.

    Args:
        config: the run, a `RunConfig`.
        outline: makes a decoder of some blocks without memory for its parameters.
        copies: number of such runs that are trained as one model.
    """

    config: Any
    outline: Callable[[int], nn.Module]
    copies: int = 1

    def check(self, *, here: bool = True) -> None:
        """Refuse a run that cannot be trained within `limits.memory`.

        Args:
            here: whether it is trained on this machine; if not, what the training itself needs is not looked at, but what is
                drawn to check it is.

        Raises:
            UsageError: names the options, what they imply and the limit.
        """
        config = self.config
        length, probe = config.train_length, config.trainer.probe_examples
        require_count(length, MOST_LENGTHS, f"train_length={length}", "lengths")
        if here:
            self._check_trained()
        self._require_drawn(
            max(probe, CHECKED), length, f"trainer.probe_examples={probe}, train_length={length}"
        )
        if (stored := config.trainer.examples) is not None:
            self._require_drawn(stored, 1, f"trainer.examples={stored}")
        self.check_sweep()

    def _check_trained(self) -> None:
        """Refuse a decoder or a batch that does not fit into the memory of the device."""
        config, length, batch = self.config, self.config.train_length, self.read
        self._require(
            self.matrices * self.trained, self._size, f"{short(self.matrices)} parameters, in training,"
        )
        self._require(
            self.parameters * self.trained,
            f"pe={config.labels.pe}, attention={config.labels.attention}, task={config.labels.task}, {self._size}",
            f"{short(self.parameters)} parameters, in training,",
        )
        self._require(
            batch * length * (TOKEN + self.kept),
            f"batch_size={config.batch_size}, train_length={length}, {self._size}",
            f"the {short(batch * length)} tokens of a batch",
        )

    def check_sweep(self) -> None:
        """Refuse lengths or a number of examples of the sweep whose test set does not fit into memory.

        Raises:
            UsageError: names the options, what they imply and the limit.
        """
        config, lengths = self.config, self.config.eval_lengths
        examples, longest = config.eval.examples, lengths[-1]
        asked = f"eval.lengths has {longest}, eval.examples={examples}"
        self._require_drawn(max(examples, CHECKED), longest, asked)
        verdicts = examples * len(lengths)
        config.limits.require_memory(
            verdicts * VERDICT, f"eval.lengths has {len(lengths)} lengths, eval.examples={examples}",
            f"{short(verdicts)} verdicts",
        )  # fmt: skip

    @cached_property
    def matrices(self) -> int:
        """Parameters in the matrices of the blocks, at least: those of attention and of the feed-forward layers."""
        decoder, mixer = self.config.decoder, self.config.mixer
        attention = 4 if getattr(mixer, "func", mixer) is Attention else 0
        hidden, parts = round(decoder.dim * decoder.hidden), 3 if decoder.activation == "swiglu" else 2
        cross = CROSSING * decoder.dim * decoder.layers if decoder.encoder else 0
        return int(decoder.dim * (decoder.blocks * (attention * decoder.dim + parts * hidden) + cross))

    @cached_property
    def parameters(self) -> int:
        """All parameters of the decoder; mixers repeat after a period, and each further period has as many as the second."""
        layers, each = int(self.config.decoder.layers), period(self.config.mixer)
        if layers < each:
            return self._parameters(layers)
        further = self._parameters(2 * each) - self._parameters(each)
        return self._parameters(each + layers % each) + (layers // each - 1) * further

    def _parameters(self, layers: int) -> int:
        """Parameters of a decoder of some blocks."""
        return int(sum(weight.numel() for weight in self.outline(layers).parameters()))

    @property
    def trained(self) -> int:
        """Bytes of a parameter in training, in the memory of a GPU or in that of all processes of a CPU."""
        trainer = self.config.trainer
        each = max(TRAINED // trainer.devices, WHOLE) if trainer.sharded else TRAINED
        return self.copies * each * (1 if trainer.device.type == "cuda" else int(trainer.devices))

    @property
    def read(self) -> int:
        """Examples that are read at a time, on a GPU or by all processes of a CPU."""
        trainer = self.config.trainer
        count = trainer.parts().count if trainer.device.type == "cuda" else trainer.accumulate
        return self.copies * -(-int(self.config.batch_size) // int(count))

    @property
    def kept(self) -> int:
        """Bytes of what the blocks keep of one token for the backward pass, at least."""
        decoder, width = self.config.decoder, 2 if self.config.trainer.bf16 else 4
        channels = KEPT * decoder.dim + 2 * round(decoder.dim * decoder.hidden)
        length = self.config.train_length
        loops = self.config.loops.kept(decoder.loops, self.config.formatted_task.steps(length))
        crossing = CROSSED * decoder.dim if decoder.encoder else 0
        return int((decoder.layers * loops * (channels + crossing) + decoder.encoder * channels) * width)

    @property
    def _size(self) -> str:
        """The options that set the size of the decoder."""
        decoder = self.config.decoder
        names = ("layers", "dim", "hidden", "loops", *(["encoder"] if decoder.encoder else []))
        sizes = [f"decoder.{name}={getattr(decoder, name)}" for name in names]
        stack = f"seeds: {self.copies} runs as one model" if self.copies > 1 else ""
        return ", ".join(filter(None, [*sizes, self.config.trainer.division, stack]))

    def _require(self, needed: int, options: str, what: str) -> None:
        """Refuse what does not fit into the memory of the device that trains."""
        device = self.config.trainer.device
        held = torch.cuda.mem_get_info(device)[1] if device.type == "cuda" else None
        self.config.limits.require_memory(needed, options, what, held)

    def _require_drawn(self, examples: int, length: int, options: str) -> None:
        """Refuse examples whose tokens do not fit into memory."""
        tokens = examples * length
        self.config.limits.require_memory(tokens * TOKEN, options, f"{short(tokens)} tokens")
