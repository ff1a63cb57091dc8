"""All formats, and the choice among them."""

from __future__ import annotations

from lengen.config.errors import UsageError, nearest, require
from lengen.convert import Format, TrainedDecoder
from lengen.convert.gpt2 import GPT2
from lengen.convert.gpt_neox import GPTNeoX
from lengen.convert.llama import Arcee, Llama
from lengen.convert.mpt import MPT

FORMATS: tuple[Format, ...] = (Llama(), Arcee(), GPT2(), GPTNeoX(), MPT())
"""In the order in which they are tried: those with weights as they are first."""


def chosen_format(name: str | None, trained: TrainedDecoder) -> Format:
    """Return the format of a name, or the first that a decoder fits.

    Args:
        name: of a format; None for the first that fits.
        trained: the decoder.

    Raises:
        UsageError: there is none of the name, or the decoder does not fit; the message says what is needed.
    """
    names = [each.name for each in FORMATS]
    require(
        name is None or name in names,
        f"format={name}: there is no such format{nearest(name or '', names)} (allowed: {', '.join(names)})",
    )
    if trained.refusal is not None:
        raise UsageError(trained.refusal)
    for each in FORMATS:
        if name in (None, each.name) and each.fits(trained):
            return each
    architecture = trained.decoder.architecture
    own = f"pe={trained.pe_label} with decoder.activation={architecture.activation}"
    if name is None:
        allowed = "; ".join(f"{each.name}: {each.needs}" for each in FORMATS)
        raise UsageError(f"{own}: no architecture of transformers is exactly equal (allowed: {allowed})")
    (asked,) = [each for each in FORMATS if each.name == name]
    raise UsageError(f"format={name}: is not exactly equal to {own}; must be {asked.needs}")
