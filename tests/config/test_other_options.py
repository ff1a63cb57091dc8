"""An argument that the chosen option of a group lacks leads to the options of this group that have it."""

import re
from inspect import signature
from pydoc import locate

import pytest
import yaml
from tests.options import files

from lengen.config.command_page import command_page
from lengen.config.compose import TRAIN, Request
from lengen.config.errors import UsageError
from lengen.config.explain import near
from lengen.config.other_options import similar
from lengen.config.pattern_words import INSIDE

NO_CLASSES = ("size", "experiment", "launcher", "trainer", "decoder")
"""Groups that set values of others, are none of a run, or have the same arguments in all options."""
GROUPS = [each.name for each in command_page("train").groups if each.name not in NO_CLASSES]


def arguments(group):
    """Every option of a group that builds a class, this class, and the arguments that its YAML has."""
    for path in files(group):
        held = yaml.safe_load(path.read_text())
        if (
            "_target_" in (own := held.get(group) or held)
            and path.stem != "pattern"
            and "defaults" not in held
        ):
            plain = {name for name, value in own.items() if not isinstance(value, dict)}
            yield path.stem, locate(own["_target_"]), plain - {"_target_", *INSIDE}


@pytest.mark.parametrize("group", GROUPS)
def test_an_argument_of_another_option_is_said_to_be_of_that_one(group):
    options = [*arguments(group)]
    kinds, found = {name: kind for name, kind, _ in options}, {name: names for name, _, names in options}
    lacking = min(found, key=lambda name: len(found[name]))
    argument = min(set().union(*found.values()) - found[lacking])
    having = [name for name, names in found.items() if argument in names]
    with pytest.raises(UsageError) as refused:
        Request(TRAIN, [f"{group}={lacking}", f"{group}.{argument}=1"]).compose()
    form = rf"unknown option '{group}\.{argument}'; {group}\.{argument} belongs to {group}=([^=]+)"
    named = re.fullmatch(form, str(refused.value))
    assert named, refused.value
    listed = re.split(r", | and ", named[1])
    others = [each for each in listed if "other" in each]
    assert {*having} <= {*listed} or (others and len(listed) == 5)
    for option in kinds.keys() & {*listed}:
        assert argument in signature(kinds[option]).parameters


def test_it_comes_before_words_of_other_libraries(lengen):
    ran = lengen("train", "head=linear", "head.epsilon=0.1")
    assert (ran.code, ran.err) == (
        2,
        "lengen: unknown option 'head.epsilon'; head.epsilon belongs to head=nmst, st\n",
    )
    assert "head.epsilon belongs to head=nmst, st" in lengen("train", "head=linear", "+head.epsilon=0.1").err
    assert (
        near("epsilon", "train", (), ()) == "; lengen has no such option, because optimizers have torch's own"
    )


def test_a_mixer_of_a_pattern_and_its_encoding_are_answered_alike():
    words = ("mixer.pattern=[gru,attention]", "mixer.attention.pe=nope")
    assert (
        near("mixer.parts.attention.pe.slopes", "train", words, ())
        == "; pe.slopes belongs to pe=alibi, nape, rope_alibi"
    )
    assert near("mixer.parts.gru.pattern_", "train", words, ()).startswith("; did you mean ")


def test_an_extension_stands_under_its_name():
    said = near("extend.yarn.window", "eval", ("extend=yarn",), ())
    assert re.match(r"; extend\.window belongs to extend=\w+", said), said


def test_a_misspelled_argument_of_another_option_is_found(tmp_path):
    assert similar("head.epsillon") == "; did you mean 'head.epsilon' of head=nmst, st?"
    (tmp_path / "head").mkdir()
    (tmp_path / "head" / "torn.yaml").write_text("_target_: {")
    assert similar("head.epsillon", [tmp_path]) == similar("head.epsillon"), (
        "a file that cannot be read hides no answer"
    )


@pytest.mark.parametrize(
    ("command", "word", "said"),
    [
        ("train", "mixer.window=3", "; did you mean 'attention.window', with attention=window?"),
        ("train", "head.eps=0.1", "; did you mean 'head.epsilon' of head=nmst, st?"),
        ("eval", "steps=100", "; steps belongs to training (lengen train)"),
        ("eval", "optimizer.lr=1", "; optimizer.lr belongs to training (lengen train)"),
        ("tune", "dry=true", "; dry belongs to training (lengen train)"),
    ],
)
def test_what_a_word_may_mean_is_of_its_own_group_first(lengen, command, word, said):
    ran = lengen(command, *(["run=none"] if command != "train" else []), word)
    assert (ran.code, ran.err) == (2, f"lengen: unknown option {word.partition('=')[0]!r}{said}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "seed=range(3)"], "lengen: seed=range(3): several values; to run them all, add -m"),
        (["eval", "run=none", "inspect=[entropy,shrpening]"], "no 'shrpening'; did you mean 'sharpening'?"),
        (["eval", "run=none", "grid.yarm.factor=[1,2]"], "no extension 'yarm'; did you mean 'yarn'?"),
        (["eval", "run=none", "grid.yarn.factor=[1,2]"], "grid.yarn.factor=[1,2]: needs extend=yarn\n"),
        (
            ["export", "a/seed=0", "a/seed=1", "to=x"],
            "a/seed=1: run=a/seed=0 was given before, and the command takes one run",
        ),
    ],
)
def test_small_mistakes_are_one_line(lengen, words, said):
    ran = lengen(*words)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert said in ran.err
