"""Packages that are independent of lengen, to compare with."""

import warnings
from importlib import import_module

import pytest


@pytest.fixture
def foreign():
    """Import a module of another package, whose warnings are not ours."""

    def load(name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module(name)

    return load
