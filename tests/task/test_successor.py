"""The item after a given one, against Python's sorting."""

import pytest
from scipy.stats import chisquare

from lengen.task.successor import Successor

from .reading import draw
from .test_sort import rank, split

UNLIKELY = 1e-3


@pytest.mark.parametrize("options", [{"alphabet": 60, "digits": 1}, {"digits": 2}, {"digits": 4}], ids=str)
@pytest.mark.parametrize("length", [1, 2, 3, 10, 41])
def test_answers(options, length):
    batch, pairs = draw(Successor(**options), length, 60, seed=length)
    assert batch.places is None  # the place of the answer would be the answer
    for read, written in pairs:
        assert read[-1] == "#"
        mark = read.index("?")
        items, (asked,) = split(read[:mark], options), split(read[mark + 1 : -1], options)
        assert len(set(items)) == length == len(items)
        ordered = sorted(items, key=lambda item: rank(item, options))
        following = dict(zip(ordered, [*ordered[1:], "?"], strict=True))
        assert split(written, options) == [following[asked]]


def test_every_item_is_asked_alike():
    options = {"alphabet": 26, "digits": 1}
    _, pairs = draw(Successor(**options), 6, 3000)
    ranks = [sorted(read[:6]).index(read[7]) for read, _ in pairs]
    assert chisquare([ranks.count(index) for index in range(6)]).pvalue > UNLIKELY


def test_refusals():
    with pytest.raises(ValueError, match=r"task\.alphabet=1: must be at least 2"):
        Successor(alphabet=1)
    with pytest.raises(ValueError, match="length 6"):
        draw(Successor(alphabet=5), 6, 1)
