"""The version of lengen; `lengen.__version__` is the same."""

VERSION = "0.1.0"
