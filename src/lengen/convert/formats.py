"""All formats, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterator

from lengen.config.errors import UsageError, nearest, require
from lengen.convert import Format, TrainedDecoder, either
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
    require_name(name)
    if trained.refusal is not None:
        raise UsageError(trained.refusal)
    for each in FORMATS:
        if name in (None, each.name) and each.fits(trained):
            return each
    pe, activation = trained.pe_label, trained.decoder.architecture.activation
    own = f"pe={pe} with decoder.activation={activation}"
    if name is not None:
        (asked,) = [each for each in FORMATS if each.name == name]
        raise UsageError(f"format={name}: is not exactly equal to {own}; must be {asked.needs}")
    for each in FORMATS:
        if pe in each.encodings and activation == each.feeds:
            raise UsageError(
                f"{own}: the equal architecture, {each.name}, needs {each.besides or each.needs}"
            )
    raise UsageError(f"{own}: no architecture is exactly equal (allowed: {'; '.join(_encodings())})")


def require_name(name: str | None) -> None:
    """Refuse a name that no format has; None asks for none.

    Raises:
        UsageError: there is none of the name.
    """
    names = [each.name for each in FORMATS]
    require(
        name is None or name in names,
        f"format={name}: there is no such format{nearest(name or '', names)} (allowed: {', '.join(names)})",
    )


def _encodings() -> Iterator[str]:
    """Yield for every activation the encodings that some format is equal to."""
    for feeds in dict.fromkeys(each.feeds for each in FORMATS):
        names = [name for each in FORMATS if each.feeds == feeds for name in each.encodings]
        yield f"{feeds} with pe={either([*dict.fromkeys(names)])}"
