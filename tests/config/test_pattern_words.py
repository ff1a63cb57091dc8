"""Words that give layers different mixers."""

import pytest

from lengen.config.errors import UsageError
from lengen.config.pattern_words import with_pattern


def test_words_without_a_pattern_are_left_alone():
    words = ["mixer=gru", "mixer.size=3", "task=copy"]
    assert with_pattern(words, ()) == words


def test_each_mixer_stands_under_its_own_name():
    words = ["task=copy", "mixer.pattern=[gru, gru, attention]", "mixer.gru.size=3"]
    assert with_pattern(words, ()) == [
        "mixer=pattern",
        "+mixer@mixer.parts.gru=gru",
        "+mixer@mixer.parts.attention=attention",
        "mixer.pattern=[gru,gru,attention]",
        "task=copy",
        "mixer.parts.gru.size=3",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mixer.pattern=[gro]"], "there is no mixer 'gro'; did you mean 'gru'"),
        (["mixer.pattern=[]"], "mixer.pattern=[]: names no mixer; a pattern is a list of mixers"),
        (["mixer.pattern="], "names no mixer; a pattern is a list of mixers"),
        (["mixer.pattern=null"], "names no mixer; a pattern is a list of mixers"),
        (["mixer.pattern=[gru,]"], "an entry is empty; a pattern is a list of mixers"),
        (["mixer.pattern=[gru],[lstm]"], "a command has one pattern"),
        (
            ["mixer.pattern=[near]", "mixer.near=gru,lstm"],
            "mixer.near=gru,lstm: a command has one mixer of a name",
        ),
        (
            ["mixer.pattern=[near]", "mixer.near=attention", "mixer.near.pe=ropee"],
            "unknown option mixer.near.pe=ropee; did you mean 'rope'",
        ),
        (
            ["mixer.pattern=[attention]", "mixer.attention.attention=softmax,windo"],
            "unknown option mixer.attention.attention=windo; did you mean 'window'",
        ),
        (["mixer.pattern=[pattern]"], "there is no mixer 'pattern'"),
        (["mixer.pattern=[gru]", "mixer=lstm"], "the pattern chooses the mixers of all layers"),
        (["mixer.pattern=[gru]", "mixer.lstm.size=3"], "lstm must be one of the mixers"),
        (["mixer=pattern"], "needs mixer.pattern="),
        (
            ["mixer.pattern=[near,far]", "mixer.near=attention", "mixer.far=atention"],
            "mixer.far=atention: there is no mixer 'atention'; did you mean 'attention'",
        ),
        (
            ["mixer.near=attention"],
            "mixer.near=attention: a mixer with a name of its own needs mixer.pattern=[…]",
        ),
    ],
)
def test_mistakes_are_named(words, said):
    with pytest.raises(UsageError, match="mixer") as error:
        with_pattern(words, ())
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("mixer.attention.pe=sinusoidal", "lengen: mixer.attention.pe=sinusoidal: it changes embeddings"),
        ("mixer.attention.content=false", "lengen: mixer.attention.content=false with pe=nope: "),
        ("mixer.gru.nonsense=1", "unknown option 'mixer.gru.nonsense'"),
        ("mixer.gru.siez=3", "unknown option 'mixer.gru.siez'; did you mean 'mixer.gru.size'?"),
        ("mixer.gru.size=abc", "mixer.gru.size=abc: must be a whole number or null"),
        ("mixer.attention.window=3", "did you mean 'mixer.attention.attention.window', with"),
        ("mixer.gru.window=3", "mixer.window belongs to mixer=lavo"),
        ("mixer.gru.size=0", "lengen: mixer.gru.size=0: must be"),
    ],
)
def test_messages_name_the_options_as_they_are_written(lengen, word, said):
    ran = lengen("train", "task=copy", "mixer.pattern=[gru,attention]", word, "dry=true")
    assert ran.code == 2
    assert said in ran.err
    assert "parts" not in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mixer.near.pe=rope", "mixer.near.pe.base=-3"], "lengen: mixer.near.pe.base=-3.0: must be above 1"),
        (
            ["mixer.near.attention=window", "mixer.near.attention.window=0"],
            "lengen: mixer.near.attention.window=0: ",
        ),
        (
            ["mixer.near.pe=xpos", "mixer.near.attention=lssa"],
            "lengen: mixer.near.pe=xpos with mixer.near.attention=lssa: this encoding scales",
        ),
    ],
)
def test_options_of_a_layers_own_parts_are_named_by_the_mixer(lengen, words, said):
    pattern = ("mixer.pattern=[near,far]", "mixer.near=attention", "mixer.far=attention")
    ran = lengen("train", "task=copy", *pattern, *words, "dry=true")
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
