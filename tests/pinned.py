"""What every option draws or computes, at its revision: one file an option, `tests/pins/GROUP/OPTION.json`.

`make pins` writes the files of new options, and of those whose class has a higher revision; it refuses a value that
changed at an unchanged revision. Draws are pinned by their hash, outputs as numbers (they differ by processor and release
of torch in the last digits).
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from lengen.block.inputs import Shape
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.decoder import Architecture, Decoder
from lengen.experiment.config import RunConfig
from lengen.sampling import generator
from lengen.task import Batch

HERE = Path(__file__).with_name("pins")
CONFIGS = Path(__file__).parents[1] / "configs"
TOLERANCE = 1e-5
LENGTHS = (1, 2, 5, 9, 14, 20)
NEEDS = {
    ("positions", "coupled"): ["task=addition"],
    ("positions", "grouped"): ["pe=rope"],
    ("positions", "abacus"): ["task=addition"],
    ("positions", "multilevel"): ["task=many_addition", "pe=multilevel"],
    ("pe", "multilevel"): ["task=many_addition", "positions=multilevel"],
    ("loops", "uniform"): ["decoder.loops=6"],
    ("loops", "poisson_lognormal"): ["decoder.loops=4"],
    ("loops", "act"): ["decoder.loops=4"],
}
"""What an option needs beside itself."""


def options() -> Iterator[tuple[str, str]]:
    """Every option of every group that can change a number."""
    for group in MADE:
        for path in sorted((CONFIGS / group).glob("*.yaml")):
            yield group, path.stem


def built(group: str, option: str) -> RunConfig:
    """The configuration of an option, all else as it is by default."""
    words = [f"{group}={option}", *NEEDS.get((group, option), [])]
    if group == "positions" and option not in ("coupled", "abacus", "multilevel"):
        words.append("pe=rope")
    record = Request(TRAIN, words).compose()
    return Builder().build(RunConfig, {**record, "record": record})


def value(group: str, option: str) -> dict[str, Any]:
    """Revision of an option's class, and what it draws or computes."""
    config = built(group, option)
    return {"revision": revision(config, group), **MADE[group](config)}


def revision(config: RunConfig, group: str) -> int:
    """Revision of the class of a group's option."""
    part = getattr(config, group)
    if group in ("pe", "attention"):
        part = part(Shape(32, 4, 2))
    return int(type(part).revision)


def hashed(*parts: Any) -> str:
    """Hash of tensors and plain values."""
    found = hashlib.sha256()
    for part in parts:
        plain = part.long().numpy().tobytes() if isinstance(part, torch.Tensor) else repr(part).encode()
        found.update(plain)
    return found.hexdigest()[:16]


def examples(config: RunConfig) -> Iterator[Batch]:
    """Some examples of several lengths."""
    task = config.formatted_task
    for length in filter(task.has, LENGTHS):
        yield task.sample(length, 40, torch.Generator().manual_seed(length))


def drawn(config: RunConfig) -> dict[str, Any]:
    """Hash of examples."""
    return {
        "draws": hashed(
            *(part for batch in examples(config) for part in (batch.tokens, batch.answer, batch.places))
        )
    }


def placed(config: RunConfig) -> dict[str, Any]:
    """Hash of positions, in training and in a sweep; those between integers are rounded to thousandths."""
    batches = [batch.begin() for batch in examples(config)][:4]
    return {
        "draws": hashed(
            *(
                (1000 * config.positions(batch, generator("pin"), training=training).double()).round()
                for batch in batches
                for training in (True, False)
            )
        )
    }


def lengths(config: RunConfig) -> dict[str, Any]:
    """Hash of the lengths of some steps of training."""
    trained = config.trained_lengths
    return {"draws": hashed([trained.draw(8, step, generator("pin", step)) for step in (0, 1, 50, 500, 999)])}


def spread(decoder: Decoder) -> Decoder:
    """A decoder whose parameters are all alike on every machine, and none of them at its start."""
    with torch.no_grad():
        for number, (_, weight) in enumerate(sorted(decoder.named_parameters())):
            phase = torch.arange(weight.numel(), dtype=torch.float64) + 0.7 * number
            weight.copy_((0.3 * (1.7 * phase).sin()).reshape(weight.shape) + 0.05)
    return decoder


def computed(config: RunConfig) -> dict[str, Any]:
    """Logits of a small decoder on one example of the task."""
    batch = config.formatted_task.sample(6, 2, generator("pin")).begin()
    small = Architecture(layers=2, dim=32, heads=4)
    decoder = Decoder(small, len(batch.vocabulary), config.pe, config.attention)
    positions = config.positions(batch, generator("pin"), training=False)
    return {"outputs": rounded(spread(decoder).eval()(batch.tokens, positions)[0, -3:, :8])}


def sized(config: RunConfig) -> dict[str, Any]:
    """Names and sizes of the parameters of a decoder, and logits at small ones."""
    with torch.device("meta"):
        decoder = Decoder(config.decoder, 12, config.pe, config.attention)
    shapes = [(name, tuple(weight.shape)) for name, weight in decoder.named_parameters()]
    return {"draws": hashed(shapes)}


def stepped(config: RunConfig) -> dict[str, Any]:
    """Parameters of a small decoder after three steps."""
    batch = config.formatted_task.sample(6, 4, generator("pin")).begin()
    small = Architecture(layers=1, dim=16, heads=2)
    decoder = spread(Decoder(small, len(batch.vocabulary), config.pe, config.attention))
    optimizer = config.optimizer.make(decoder)
    for _ in range(3):
        optimizer.zero_grad()
        positions = config.positions(batch, generator("pin"), training=True)
        decoder(batch.tokens, positions).logsumexp(-1).sum().backward()
        optimizer.step()
    parts = [weight.detach().flatten()[:3] for _, weight in sorted(decoder.named_parameters())]
    return {"outputs": rounded(torch.cat(parts))}


def looped(config: RunConfig) -> dict[str, Any]:
    """Logits of a small decoder on examples of two lengths, in some steps of training."""
    batch = Batch.join([config.formatted_task.sample(length, 1, generator("pin")) for length in (2, 5)])
    small, law = Architecture(layers=1, dim=16, heads=2, inject=True), config.loops
    decoder = spread(Decoder(small, len(batch.vocabulary), config.pe, config.attention, halting=law.halting))
    steps, positions = batch.length, config.positions(batch, generator("pin"), training=True)
    outputs = [
        decoder(
            batch.tokens, positions, passes=law.passes(config.decoder.loops, generator("pin", step), steps)
        )
        for step in range(4)
    ]
    return {"outputs": rounded(torch.stack(outputs).detach()[:, :, -1, :4])}


def rounded(found: torch.Tensor) -> list[float]:
    """Numbers as a file holds them."""
    return [round(number, 8) for number in found.flatten().tolist()]


MADE: dict[str, Callable[[RunConfig], dict[str, Any]]] = {
    "task": drawn,
    "format": drawn,
    "positions": placed,
    "lengths": lengths,
    "pe": computed,
    "attention": computed,
    "decoder": sized,
    "optimizer": stepped,
    "loops": looped,
}


def same(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether two values agree, whatever their revisions."""
    numbers = before.get("outputs"), now.get("outputs")
    if None in numbers or len(numbers[0]) != len(numbers[1]):
        return numbers == (None, None) and before["draws"] == now["draws"]
    return all(abs(old - new) <= TOLERANCE * max(1.0, abs(old)) for old, new in zip(*numbers, strict=True))


def file(group: str, option: str) -> Path:
    """Where an option's value is kept."""
    return HERE / group / f"{option}.json"


def main() -> int:
    """Write what is new; refuse what changed at an unchanged revision."""
    refused = []
    for group, option in options():
        path, now = file(group, option), value(group, option)
        before = json.loads(path.read_text()) if path.exists() else None
        if before is not None and before["revision"] == now["revision"]:
            if not same(before, now):
                refused.append(f"{group}={option}")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(now, indent=1) + "\n")
        print(f"{path.relative_to(HERE.parent)} written")  # noqa: T201
    for name in refused:
        print(f"{name} gives something else at an unchanged revision: raise `revision`")  # noqa: T201
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
