"""An option that a command does not have is named before anything is done, whatever its value is."""

from __future__ import annotations

import pytest

NEW = "unknown option 'new.thing' (lengen {} --help shows all)"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "+new.thing=3"), NEW.format("train")),
        (("train", "-m", "+new.thing=3"), NEW.format("train")),
        (("train", "-m", "pe=nope,rope", "++nmae=3"), "unknown option 'nmae'; did you mean 'name'?"),
        (("data", "+new.thing=3"), NEW.format("data")),
        (("compare", "+new.thing=3"), NEW.format("compare")),
        (
            ("eval", "run=none", "+steps=3"),
            "unknown option 'steps'; steps belongs to training (lengen train)",
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_a_new_option_of_a_command_is_refused(lengen, tmp_path, words, said):
    ran = lengen(*words)
    assert (ran.code, ran.out, ran.err) == (2, "", f"lengen: {said}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_new_argument_is_for_its_class_to_refuse(lengen):
    assert "'pe.new' (allowed" in lengen("train", "+pe.new=3").err
    assert "unknown" not in lengen("train", "+task.aids.new=3", "task=addition_primed").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compare", "wher=pe=nope"), "unknown option 'wher'; did you mean 'where'?"),
        (("train", "nmae=a=b"), "unknown option 'nmae'; did you mean 'name'?"),
        (("train", "-m", "logger=wandb", "logger.nmae=a=b"), "unknown option 'logger.nmae'; did you mean 'logger.name'?"),
        (("eval", "run=none", "strss=depth=0.5"), "unknown option 'strss'; did you mean 'stress'?"),
        (("eval", "run=none", "extend=yarn", "extend.yarn.fctor=a=b"), "did you mean 'extend.yarn.factor'?"),
        (("train", "mixer.pattern=[gru,attention]", "mixer.gru.szie=a=b"), "did you mean 'mixer.gru.size'"),
        (("plan", "cels=a=b"), "unknown option 'cels'; did you mean 'cells'?"),
        (("train", "steps=a=b"), "cannot parse steps=a=b: a value with other characters"),
        (("train", "pe=a=b"), "cannot parse pe=a=b: a value with other characters"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)  # fmt: skip
def test_an_option_that_there_is_not_is_named_also_where_its_value_cannot_be_parsed(lengen, words, said):
    ran = lengen(*words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("eval", "run=none", "extend=yarn", "extend.factor=2"), "no extension 'factor'; did you mean 'extend.yarn.factor'?"),
        (("eval", "run=none", "extend=yarn", "grid.factor=[2,3]"), "no extension 'factor'; did you mean 'grid.yarn.factor'?"),
        (("tune", "run=none", "extend=[yarn,sharpen]", "extend.factor=2"), "'extend.yarn.factor' or 'extend.sharpen.factor'?"),
        (("eval", "run=none", "extend.factor=2"), "under the name of its extension: extend=yarn extend.yarn.factor=…"),
        (("eval", "run=none", "stress.depth=0.5"), "stress.depth=0.5: stress is a list, as in stress=[depth=0.5]"),
        (("train", "eval.stress.depth=0.5"), "eval.stress is a list, as in eval.stress=[depth=0.5]"),
        (("train", "formats.pdf=true"), "formats is a list, as in formats=[png]"),
        (("train", "stress=[depth=0.5]"), "unknown option 'stress'; did you mean 'eval.stress'?"),
        (("train", "mixer.pattern=[gru,attention]", "mixer.size=8"), "did you mean 'mixer.gru.size'?"),
        (("train", "mixer.pattern=[gru,attention]", "mixer.pe=rope"), "did you mean 'mixer.attention.pe'?"),
        (("train", "mixer.pattern=[gru,near]", "mixer.near=attention", "mixer.window=8"), "did you mean 'mixer.near.attention.window', with"),
        (("train", "mixer.pattern=[gru,near]", "mixer.near=attention", "mixer.nera.pe=rope"), "mixer.pattern=[gru,near]; did you mean 'near'?"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)  # fmt: skip
def test_an_option_below_a_name_or_in_a_list_leads_to_its_place(lengen, words, said):
    ran = lengen(*words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err


@pytest.mark.parametrize("flags", [(), ("-m",)])
def test_a_parameter_of_a_sweeper_that_has_none_leads_to_the_option(lengen, flags):
    ran = lengen("train", *flags, "task=copy", "hydra.sweeper.params.seed=0")
    assert ran.code == 2
    assert ran.err.startswith("lengen: hydra.sweeper.params.seed=0: is of a search")
    assert ran.err.rstrip().endswith("write -m seed=0")
    assert len(ran.err.splitlines()) == 1
