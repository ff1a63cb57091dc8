"""Checks before training: refuse incompatible options, lengths and positions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch

from lengen.block.hooks import HookedModule
from lengen.config.errors import UsageError, require
from lengen.config.notices import say_once
from lengen.config.option_names import option_of
from lengen.decoder import Decoder
from lengen.evaluation.scoring import with_room
from lengen.evaluation.stress_sets import chosen
from lengen.experiment.budget import Budget
from lengen.experiment.config import RunConfig
from lengen.head import Output
from lengen.mixer.attention import Attention
from lengen.mixer.pattern import layer_names, period
from lengen.pe import PositionalEncoding
from lengen.pe.nope import NoPE
from lengen.sampling import generator
from lengen.task import SPECIAL, Task
from lengen.task.unavailable import length_needed
from lengen.testing.task_examples import draw_fault, layout_fault


def check(config: RunConfig, *, here: bool = True) -> None:
    """Refuse incompatible options before anything is trained.

    Args:
        config: the run.
        here: whether this machine trains it; if not, the memory that this takes is not looked at.

    Raises:
        UsageError: names the options, their values and what they must be.
    """
    budget(config).check(here=here)
    require(
        config.eval.checkpoint != "average",
        "eval.checkpoint=average: must be last or best in training; lengen eval checkpoint=average averages what trainer.keep=all has kept",
    )
    longest, train_length = config.lengths.support[-1], config.train_length
    require(
        longest == train_length,
        f"train_length={train_length}: the longest length of lengths={config.labels.lengths} is {longest}; the two must be equal",
    )
    _check_parts(config)
    _check_loops(config)
    outline = decoder_outline(config, min(period(config.mixer), config.decoder.layers))
    _check_pair(config, outline)
    _check_mask(config, outline)
    for part in config.formatted_task.training_tasks():
        _check_length(config, outline, part, train_length, f"train_length={train_length}", training=True)
        _check_draws(config, part)
        shortest, *others = config.trained_lengths.support
        _check_length(config, outline, part, shortest, f"training length {shortest}", training=True)
        _check_each(part, others, f"lengths={config.labels.lengths}")
    require(
        any(map(config.formatted_task.evaluation_task().has, config.trained_lengths.support)),
        f"train_length={train_length}: the task has no evaluation examples up to it, "
        "which are needed to tell whether a run is trained",
    )
    check_sweep(config, {"": config.formatted_task, **chosen(config.formatted_task, config.eval.stress)})
    _check_training_set(config)
    _say_what_is_idle(config)


def _check_parts(config: RunConfig) -> None:
    """Refuse devices that are missing, and a batch that cannot be divided, or would train otherwise if it was."""
    config.trainer.check_devices()
    count, options = config.trainer.parts().count, config.trainer.division
    require(
        config.batch_size >= count,
        f"batch_size={config.batch_size}: must be at least {count} with {options}, which divides it into {count} parts",
    )
    require(
        not (config.trainer.strategy == "fsdp" and config.optimizer.whole),
        f"optimizer={config.labels.optimizer} with trainer.strategy=fsdp: it needs whole matrices, which fsdp divides over "
        "devices; use optimizer=adamw, or trainer=ddp",
    )
    require(
        not (config.trainer.strategy == "fsdp" and _shares(decoder_outline(config, 2))),
        f"attention={config.labels.attention} with trainer.strategy=fsdp: its layers share parameters, which fsdp divides "
        "block by block; use trainer=ddp",
    )
    dropout = config.decoder.dropout
    require(
        count == 1 or not dropout,
        f"decoder.dropout={dropout} with {options}: the parts of a batch would have other dropout masks than the "
        "batch; use decoder.dropout=0",
    )


def _say_what_is_idle(config: RunConfig) -> None:
    """Say which mixers of a pattern no layer gets."""
    every, layers = layer_names(config.mixer, period(config.mixer)), config.decoder.layers
    idle = [name for name in dict.fromkeys(every) if name not in layer_names(config.mixer, layers)]
    if idle:
        say_once(
            f"decoder.layers={layers}: {', '.join(idle)} {'are' if len(idle) > 1 else 'is'} in no layer; mixer.pattern, which gives its "
            f"mixers to the layers in turn, has {len(every)} entries"
        )


def _check_loops(config: RunConfig) -> None:
    """Refuse a truncation that would leave the embeddings untrained, and laws that a tuning cannot go on with."""
    graded, law = config.loops.grad_loops, config.labels.loops
    config.loops.check(config.decoder.loops)
    require(
        graded is None or config.decoder.inject,
        f"loops.grad_loops={graded} with loops={law}: the embeddings enter before the first loop and would have no gradient; "
        "use decoder.inject=true, by which they enter before every loop",
    )
    require(
        not (config.tune is not None and config.tune.own_labels and config.loops.by_length),
        f"tune={config.labels.tune} with loops={law}: the decoder writes its own answers at decoder.loops, whatever their length; "
        "must be a run with another law",
    )
    require(
        config.tune is None or config.tune.any_loops or config.loops.steady,
        f"tune={config.labels.tune} with loops={law}: needs the same loops in every step, all with a gradient; must be a run with "
        "loops=fixed and loops.grad_loops=null",
    )


def _shares(outline: Decoder) -> bool:
    """Whether the blocks of a decoder share parameters."""
    first, second = ({id(weight) for weight in block.parameters()} for block in outline.blocks)
    return not first.isdisjoint(second)


def _check_training_set(config: RunConfig) -> None:
    """Refuse a fixed training set larger than the task, and lengths whose examples are all in the test set."""
    examples, deduplicate = config.trainer.examples, config.trainer.deduplicate
    require(
        examples is None or not config.lengths.ordered,
        f"trainer.examples={examples} with lengths={config.labels.lengths}: a fixed training set is "
        "visited in random order; use trainer.examples=null, or lengths=uniform, fixed or list",
    )
    if examples is not None or deduplicate:
        stream = config.stream()  # refuses a fixed set with more examples than the task has
        for length in config.trained_lengths.support if deduplicate else ():
            with length_needed(f"lengths={config.labels.lengths}"):
                stream.task.sample(length, 1, generator("check", length))


def check_sweep(config: RunConfig, tasks: Mapping[str, Task]) -> None:
    """Refuse lengths of a sweep that a task lacks, or that the positions or the encoding cannot represent.

    Args:
        config: the run; `eval.lengths` gives the lengths.
        tasks: the tasks that are evaluated, by name of the stress set; the run's own task has an empty name.

    Raises:
        UsageError: names the options, their values and what they must be.
    """
    budget(config).check_sweep()
    for word in config.eval.loop_words:
        config.evaluated_loops(word).check()
    lengths = config.eval_lengths
    outline = decoder_outline(config, min(period(config.mixer), config.decoder.layers))
    for name, task in tasks.items():
        option = f"{f'eval.stress={name}, ' if name else ''}eval.lengths"
        longest = f"{option} has {lengths[-1]}"
        _check_length(config, outline, task.evaluation_task(), lengths[-1], longest, training=False)
        _check_each(task.evaluation_task(), lengths, option)


def budget(config: RunConfig) -> Budget:
    """Return what a run needs at least."""
    return Budget(config, partial(decoder_outline, config))


def decoder_outline(config: RunConfig, layers: int = 1) -> Decoder:
    """Return a decoder of some blocks without memory for its parameters, or with it where a constructor reads tensor values.

    It is as a tuning changes it.

    Args:
        config: the run.
        layers: number of blocks.

    Raises:
        UsageError: a part refuses its options, or is too large to be made.
    """
    shape, vocabulary = replace(config.decoder, layers=layers), len(config.formatted_task.vocabulary)

    def build() -> Decoder:
        return config.changed(
            Decoder(
                shape,
                vocabulary,
                config.pe,
                config.attention,
                mixer=config.mixer,
                head=config.head,
                halting=config.loops.halting,
            )
        )

    try:
        with torch.device("meta"):
            return build()
    except UsageError:
        raise
    except Exception:  # noqa: BLE001  # for example from `.tolist()`; any other error is raised again below
        with torch.random.fork_rng(devices=[]):
            return _made(config, build)


def _made(config: RunConfig, build: Callable[[], Decoder]) -> Decoder:
    """Make a decoder in memory.

    Raises:
        UsageError: it does not fit.
    """
    try:
        return build()
    except (MemoryError, OverflowError, RuntimeError) as error:
        line = next(iter(str(error).splitlines()), "")
        if isinstance(error, RuntimeError) and "memory" not in line and "overflow" not in line:
            raise
        raise UsageError(
            f"pe={config.labels.pe}, attention={config.labels.attention}: too large to be made ({line})"
        ) from None


def _check_table(config: RunConfig, largest: int, option: str) -> None:
    """Refuse a user's encoding that declares no `budget` and whose table is too short for the largest position."""
    shape = replace(config.decoder, layers=1, loops=1, mask="causal", encoder=0)
    streams = config.positions.streams
    near, far = (
        pair if streams is None else torch.stack([pair] * streams, -1)
        for pair in (torch.tensor([[0, 1]]), torch.tensor([[0, largest]]))
    )
    tokens, near_works = torch.zeros(1, 2, dtype=torch.long), False
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            decoder = Decoder(shape, len(SPECIAL), config.pe, config.attention, mixer=config.mixer).eval()
            decoder(tokens, near)
            near_works = True
            decoder(tokens, far)
    except Exception as error:  # noqa: BLE001  # any other bug is raised by training, which records it with the run
        if near_works and isinstance(error, IndexError):
            raise UsageError(
                f"{option}: positions up to {largest} are needed, but pe={config.labels.pe} fails there ({error}); "
                "an encoding with a table of N rows must set `budget` = N"
            ) from None


def _check_draws(config: RunConfig, task: Task) -> None:
    """Refuse a task that draws random numbers from anything but its generator."""
    fault = draw_fault(task, config.train_length)
    require(fault is None, f"task={config.labels.task}: {fault}")


def _check_pair(config: RunConfig, outline: Decoder) -> None:
    """Refuse positions that the encodings or the attention of some layer cannot use."""
    positions, labels = config.positions, config.labels
    if not outline.rules:
        _check_without_attention(config, outline)
    layers = _attending(config, outline)
    for layer in layers:
        _check_layer(layer)
    encodings = {f"pe={labels.pe}": outline.pe, **{layer.encoding: layer.pe for layer in layers}}
    rules = {layer.rule: layer.mixer.rule for layer in layers}
    readers: dict[str, Any] = {**encodings, **rules}
    require(
        positions.counts or any(part.reads for part in readers.values()),
        f"pe={labels.pe} with positions={labels.positions}: this encoding reads no positions; "
        "use positions=contiguous",
    )
    for name, part in readers.items():
        require(
            positions.increasing or not part.distances,
            f"{name} with positions={labels.positions}: it depends on distances to earlier tokens, which these "
            "positions do not give; use increasing positions, or an encoding of single positions (pe=rope or learned)",
        )
        require(
            positions.whole or not part.whole,
            f"{name} with positions={labels.positions}: it is defined at integers only, and these positions lie "
            "between integers; use an encoding of real-valued positions, such as pe=rope, sinusoidal or alibi",
        )
    for name, pe in encodings.items():
        require(
            positions.streams == pe.streams or (not pe.reads and name != f"pe={labels.pe}"),
            f"{name} with positions={labels.positions}: a token has {positions.streams or 1} positions, but this "
            f"encoding reads {pe.streams or 1}; use pe=multilevel with positions=multilevel",
        )
    for name, rule in rules.items():
        require(
            positions.streams is None or not rule.reads,
            f"{name} with positions={labels.positions}: this attention reads one position per "
            "token; use one that reads none, such as attention=softmax",
        )


class AttendingLayer(NamedTuple):
    """A layer that attends.

    Args:
        name: where the options of its mixer stand, for messages, as are the next two.
        encoding: the option of its encoding.
        rule: the option of its rule.
        pe: its encoding.
        mixer: its attention.
    """

    name: str
    encoding: str
    rule: str
    pe: PositionalEncoding
    mixer: Attention


def _attending(config: RunConfig, outline: Decoder) -> list[AttendingLayer]:
    """Return every layer that attends."""
    found, labels = [], config.labels
    for mixer, name in zip(outline.mixers, layer_names(config.mixer, len(outline.mixers)), strict=True):
        if isinstance(mixer, Attention):
            pe = outline.pe if mixer.pe is None else mixer.pe
            encoding = f"pe={labels.pe}" if mixer.pe is None else f"{name}.pe={option_of(pe)}"
            own = f"{name}.attention={option_of(mixer.rule)}"
            rule = f"attention={labels.attention}" if mixer.shares_rule else own
            found.append(AttendingLayer(name, encoding, rule, pe, mixer))
    return found


def _check_layer(layer: AttendingLayer) -> None:
    """Refuse an encoding and a rule that one layer cannot use together."""
    pe, mixer = layer.pe, layer.mixer
    require(
        not (pe.stretches and mixer.rule.directions),
        f"{layer.encoding} with {layer.rule}: this encoding scales queries and keys by position, "
        "and this attention normalises them; use pe=rope, or attention=softmax",
    )
    require(
        mixer.content or any(map(pe.overrides, ("transform", "logit_bias", "context"))),
        f"{layer.name}.content=false with {layer.encoding}: weights depend on positions alone, which this encoding gives to embeddings alone or not "
        "at all; must be an encoding that reaches attention, such as rope or t5",
    )


def _check_mask(config: RunConfig, outline: Decoder) -> None:
    """Refuse parts that are not defined for keys after the query, if tokens of a prompt see all of it."""
    mask, labels = config.decoder.both_ways, config.labels
    if mask is None:
        return
    if config.decoder.encoder:
        _check_encoder(config, outline, mask)
    require(
        bool(outline.rules),
        f"{mask} with mixer={labels.mixer}: no layer attends, and other mixers are causal; must be decoder.mask=causal",
    )
    layers = _attending(config, outline)
    require(
        not (outline.attends and all(type(layer.pe) is NoPE for layer in layers)),
        f"{mask} with pe={labels.pe}: a prompt that is read in both directions without positions is a bag of tokens; must be an encoding "
        "of positions, such as pe=rope, learned or alibi",
    )
    needed: list[tuple[str, HookedModule, str]] = [
        (f"pe={labels.pe}", outline.pe, "rope, learned, sinusoidal or alibi")
    ]
    for layer in layers:
        needed += [
            (layer.encoding, layer.pe, "rope, learned, sinusoidal or alibi"),
            (layer.rule, layer.mixer.rule, "softmax, temperature, entmax or sink"),
        ]
    for name, part, allowed in needed:
        require(
            bool(vars(type(part)).get("both_ways")),
            f"{mask} with {name}: it is not defined for keys after the query, which a prompt has (`both_ways`); must be one that is, such as "
            f"{allowed}",
        )


def _check_encoder(config: RunConfig, outline: Decoder, option: str) -> None:
    """Refuse parts that read prompts in the decoder, which an encoder reads in its place."""
    labels = config.labels
    blocks = (*outline.blocks, *outline.encoder)
    require(
        all(isinstance(block.mixing, Attention) for block in blocks),
        f"{option} with mixer={labels.mixer}: a state would have to begin anew at the answer of each row, and to read prompts in both "
        "directions; must be attention in all layers, or decoder.encoder=0",
    )
    require(
        not outline.head.pairs,
        f"{option} with head={labels.head}: it reads the residual stream of prompts, which the decoder does not read; must be linear, nmst or "
        "st, or decoder.encoder=0",
    )


def _check_without_attention(config: RunConfig, outline: Decoder) -> None:
    """Refuse an encoding or a rule that nothing reads."""
    labels = config.labels
    changed = {*filter(outline.pe.overrides, PositionalEncoding.hooks)}
    require(
        "embed" in changed or not changed - {"auxiliary"},
        f"pe={labels.pe} with mixer={labels.mixer}: no layer attends, and this encoding reaches attention alone; must be nope, or an encoding "
        "that is added to the embeddings, such as learned or sinusoidal",
    )
    require(
        labels.attention == "softmax",
        f"attention={labels.attention} with mixer={labels.mixer}: no layer attends; must be softmax, the default",
    )


def _check_each(task: Task, lengths: Iterable[int], option: str) -> None:
    """Refuse every length that the task lacks."""
    for length in lengths:
        with length_needed(f"{option} has {length}"):
            task.sample(length, 1, generator("check", length))


def _check_length(
    config: RunConfig, outline: Decoder, task: Task, length: int, option: str, *, training: bool
) -> None:
    """Refuse a length that the task lacks, or that the positions or the encoding cannot represent."""
    with length_needed(option):
        batch = task.sample(length, 64, generator("check", length))
        fault = layout_fault(batch, len(task.vocabulary))
        require(fault is None, f"task={config.labels.task} at {length}: {fault}")
        batch = batch.begin() if config.decoder.bos else batch
        batch = with_room(batch) if config.eval.decode == "free" and not training else batch
        longest = batch.answer.sum(1) if batch.longest_answer is None else batch.longest_answer
        config.positions(batch, generator("check", length), training=training)
        largest = config.positions.largest(batch, training=training)
    with torch.device("meta"):
        config.head(Output(1, len(SPECIAL))).check_answers(int(longest.max()), option)
    setting = " (pe.maximum)" if "maximum" in config.record["pe"] else ""
    budget, foreign = (
        outline.budget,
        [pe for pe in outline.encodings if not type(pe).__module__.startswith("lengen.")],
    )
    require(
        budget is None or largest < budget,
        f"{option}: positions up to {largest} are needed, but pe={config.labels.pe} holds {budget} of them{setting}",
    )
    if budget is None and foreign:
        _check_table(config, largest, option)
