"""Encodings that take over the parameters of a trained one."""

from __future__ import annotations

from lengen.pe import PositionalEncoding


class Adopted(PositionalEncoding):
    """Base class, beside that of the trained encoding, of encodings that hold its parameters and change a method.

    Args:
        trained: an encoding of the other base class.
    """

    def __init__(self, trained: PositionalEncoding) -> None:
        self.__dict__.update(vars(trained))
