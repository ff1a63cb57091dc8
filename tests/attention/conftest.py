"""Packages that are independent of lengen, as for the encodings."""

from tests.pe.conftest import foreign

__all__ = ["foreign"]
