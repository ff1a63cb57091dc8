"""What an error advises is accepted."""

import re
import shlex

import pytest

from lengen.config.errors import UsageError, nearest
from lengen.config.words import advised, parsed


@pytest.mark.parametrize("value", ['my run "x"', "it's", "a\\b", "two words", "a,b [c] {d}", '"', "100%"])
def test_a_quoted_text_comes_back(value):
    (word,) = shlex.split(advised("logger.name", value))
    assert parsed(word).value() == value


def test_the_advice_is_a_word_of_a_shell():
    with pytest.raises(UsageError) as refused:
        parsed('logger.name=my run "x"')
    advice = str(refused.value).rpartition(" as in ")[2]
    (word,) = shlex.split(advice)
    assert parsed(word).value() == 'my run "x"'


def test_a_list_is_advised_where_the_option_is_one():
    with pytest.raises(UsageError, match=re.escape("""as in 'launcher.extra=["--exclude=node7"]'""")):
        parsed("launcher.extra=--exclude=node7")
    with pytest.raises(UsageError, match=re.escape("""as in 'logger.name="--a=b"'""")):
        parsed("logger.name=--a=b")


def test_another_case_is_the_nearest():
    assert nearest("ALIBI", ["alibi", "rope_alibi", "nope"]) == "; did you mean 'alibi'?"
