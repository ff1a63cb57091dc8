"""Write a trained run as the equal model of Hugging Face's transformers, after both were compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from lengen.config.errors import UsageError, require
from lengen.convert import Format, Model, TrainedDecoder
from lengen.convert.formats import chosen_format, require_name
from lengen.convert.loaded import library, load_model, make_tokenizer
from lengen.experiment.load_run import TrainedRun
from lengen.head.linear import Linear
from lengen.records.atomic import whole_folder
from lengen.records.eval_options import CONVERGENCE
from lengen.sampling import generator
from lengen.task import PAD

if TYPE_CHECKING:
    from transformers import PreTrainedModel

EXAMPLES, TIMES = 64, (1, 2)
"""Examples that both read, at the longest trained length and at twice that."""
DIFFERENCE = 1e-5
"""Largest difference of logits, as a share of the largest logit (of 1, if that is smaller)."""


class Equality(NamedTuple):
    """What the comparison of a decoder with its converted model found.

    Args:
        lengths: the lengths of the task at which both were compared.
        difference: largest difference of logits, in nats.
        equal: whether it is rounding, and the likeliest token is the same everywhere but for ties within it.
    """

    lengths: tuple[int, ...]
    difference: float
    equal: bool


@dataclass(frozen=True)
class ConvertedRun:
    """A run to be written as a model of transformers.

    Args:
        trained: the run.
        folder: the folder to create; it must not exist.
        name: of the format; None for the first that is exactly equal.
    """

    trained: TrainedRun
    folder: Path
    name: str | None = None

    def __post_init__(self) -> None:
        require(
            not self.folder.exists(),
            f"to={self.folder}: already exists; nothing was changed (allowed: a new folder)",
        )
        library()
        config = self.trained.config
        require(
            not config.changes,
            f"run={self.trained.folder.path}: was tuned with {config.labels.tune}, which changed its decoder; no architecture has that",
        )
        loops = config.evaluated_loops()
        require(
            not loops.by_length and loops.word != CONVERGENCE,
            f"run={self.trained.folder.path}: loops={config.labels.loops}, eval.loops={config.eval.loops}: no architecture of transformers "
            "varies the number of its layers (allowed: a number)",
        )
        require(
            self.trained.decoder.attends,
            f"run={self.trained.folder.path}: mixer={config.labels.mixer} has no architecture of transformers (allowed: attention)",
        )
        require(
            type(self.trained.decoder.head) is Linear,
            f"run={self.trained.folder.path}: head={config.labels.head} has no architecture of transformers (allowed: linear)",
        )
        require(
            not self.trained.decoder.whole_prompts,
            f"run={self.trained.folder.path}: {self.trained.decoder.architecture.both_ways} has no architecture of transformers "
            f"(allowed: {self.trained.decoder.architecture.one_way})",
        )
        require_name(self.name)
        try:
            reads = self.trained.decoder.pe.reads
            require(
                not reads or config.positions.counts,
                f"positions={config.labels.positions}: must be contiguous, which are those that transformers gives",
            )
            self.format  # noqa: B018  # it raises
        except UsageError as error:
            raise UsageError(f"run={self.trained.folder.path}: {error}") from None

    @cached_property
    def source(self) -> TrainedDecoder:
        """The decoder as formats read it."""
        return TrainedDecoder(self.trained.decoder, vars(self.trained.config.labels))

    @cached_property
    def format(self) -> Format:
        """The format."""
        return chosen_format(self.name, self.source)

    def write(self) -> Equality:
        """Convert, compare, and write the folder, completely or not at all.

        Raises:
            RuntimeError: the model is not equal; nothing is written.
        """
        model = self.format.convert(self.source)
        made = load_model(model)
        equality = self.compare(made, model.tokens)
        if not equality.equal:
            raise RuntimeError(f"{model.architecture}: is not equal to the decoder: {equality}")
        config = self.trained.config
        vocabulary = config.formatted_task.vocabulary
        tokenizer = make_tokenizer(vocabulary, bos=config.decoder.bos)
        with whole_folder(self.folder) as work:
            made.save_pretrained(work)
            if tokenizer is not None:
                tokenizer.save_pretrained(work)
            (work / "README.md").write_text(self.card(model, equality), encoding="utf-8")
        return equality

    def compare(self, made: PreTrainedModel, most: int | None) -> Equality:
        """Compare logits at every token of some examples.

        Args:
            made: the converted model.
            most: tokens that it reads at most.
        """
        config, decoder = self.trained.config, self.trained.decoder.cpu()
        task = config.formatted_task.evaluation_task()
        lengths, difference, equal = list[int](), 0.0, True
        for length in (times * max(self.trained.trained_lengths) for times in TIMES):
            if not task.has(length):
                continue
            batch = task.sample(length, EXAMPLES, generator("convert", length))
            batch = batch.begin() if config.decoder.bos else batch
            if batch.time > min(most or batch.time, decoder.budget or batch.time):
                continue
            with torch.no_grad():
                own = decoder(batch.tokens, torch.arange(batch.time).unsqueeze(0))
                other = made(batch.tokens).logits
            read = batch.tokens != PAD
            most_different, allowed = (
                (own - other).abs()[read].max(),
                DIFFERENCE * own[read].abs().max().clamp(min=1),
            )
            chosen = own.gather(-1, other.argmax(-1, keepdim=True)).squeeze(-1)
            behind = (own.max(-1).values - chosen)[read].max()
            lengths.append(length)
            difference = max(difference, float(most_different))
            equal = equal and bool(most_different <= allowed) and bool(behind <= allowed)
        return Equality(tuple(lengths), difference, equal)

    def card(self, model: Model, equality: Equality) -> str:
        """Return the text of README.md."""
        config = self.trained.config
        text = config.formatted_task.show(max(self.trained.trained_lengths), 1).partition(" -> ")[0]
        lengths = " and ".join(map(str, equality.lengths))
        return "\n".join(
            [
                f"# {config.title}, trained up to length {config.train_length}, as {model.architecture}",
                "",
                f"A decoder trained by lengen (cell {self.trained.folder.facts()['cell']}, seed {config.seed}, step {self.trained.step}),",
                "with the same weights in another order. Logits were compared at every token of",
                f"{EXAMPLES} examples of length {lengths}: the largest difference is {equality.difference:.1e}.",
                "",
                "```python",
                "from transformers import AutoModelForCausalLM, AutoTokenizer",
                "",
                'model, tokenizer = (kind.from_pretrained(".") for kind in (AutoModelForCausalLM, AutoTokenizer))',
                f"prompt = tokenizer({text!r}, return_tensors='pt').input_ids",
                "print(tokenizer.decode(model.generate(prompt, max_new_tokens=100)[0]))",
                "```",
                "",
                "The token `#` separates a prompt from its answer where the task has it; `<eos>` ends an answer.",
                *([] if model.tokens is None else [f"It reads {model.tokens} tokens at most."]),
                "",
            ]
        )
