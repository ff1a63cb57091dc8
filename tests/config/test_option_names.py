"""The name of a class is that of the option whose YAML names it."""

import importlib
import re

import pytest

from lengen.config.option_names import option_of
from lengen.config.search import choices, config_dir


@pytest.mark.parametrize("group", ["pe", "attention", "mixer", "positions", "extend"])
def test_every_class_has_the_name_of_its_option(group):
    names = {}
    for name in choices(group):
        text = (config_dir() / group / f"{name}.yaml").read_text()
        names.setdefault(re.search(r"^ *_target_: (\S+)", text, re.MULTILINE)[1], []).append(name)
    for target, known in names.items():
        module, _, kind = target.rpartition(".")
        found = option_of(getattr(importlib.import_module(module), kind))
        assert found in known or (len(known) > 1 and found == module.rpartition(".")[2])


def test_a_class_of_ones_own_has_its_own_name():
    class MyEncoding:
        pass

    assert option_of(MyEncoding) == option_of(MyEncoding()) == "my_encoding"
