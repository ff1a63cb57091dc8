"""PCFG SET by reading the prompt recursively, written from the definitions of the paper."""

from collections import Counter
from string import ascii_uppercase

import pytest
from scipy.stats import chisquare

from lengen.task.pcfg import Pcfg

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COMBINATIONS = combinations(Pcfg, alphabet=(1, 60), symbols=(1, 4), limit=(4, 9))
COUNT = 60
UNLIKELY = 1e-3
UNARY = {
    "copy": lambda x: x,
    "reverse": lambda x: x[::-1],
    "shift": lambda x: x[1:] + x[:1],
    "swap": lambda x: x[-1:] + x[1:-1] + x[:1] if len(x) > 1 else x,
    "repeat": lambda x: x + x,
    "echo": lambda x: x + x[-1:],
}
BINARY = {
    "append": lambda x, y: x + y,
    "prepend": lambda x, y: y + x,
    "remove_first": lambda x, y: y,
    "remove_second": lambda x, y: x,
}


class Reader:
    """Carries out a prompt and keeps what it came by.

    Attributes:
        functions: names in the order of the prompt.
        strings: those that are given.
        made: results of functions.
        skeleton: the prompt with `u`, `b` and `x` for functions of one and of two arguments and for strings.
    """

    def __init__(self, symbols):
        assert symbols[-1] == "#"
        self.rest = symbols[:-1]
        self.functions, self.strings, self.made, self.skeleton = [], [], [], ""
        self.answer = self.read()
        assert not self.rest

    def read(self):
        head = self.rest[0]
        if head in UNARY or head in BINARY:
            self.functions.append(self.rest.pop(0))
            self.skeleton += "u" if head in UNARY else "b"
            arguments = [self.read()]
            if head in BINARY:
                assert self.rest.pop(0) == ","
                arguments.append(self.read())
            self.made.append((UNARY | BINARY)[head](*arguments))
            return self.made[-1]
        self.skeleton += "x"
        string = []
        while self.rest and self.rest[0] != ",":
            string.append(self.rest.pop(0))
        self.strings.append(string)
        return string


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("repeat A B C", "A B C A B C"),
        ("echo remove_first D K , E F", "E F F"),
        ("append swap F G H , repeat I J", "H G F I J I J"),
    ],
)
def test_the_solver_gives_the_examples_of_the_paper(prompt, answer):
    assert Reader([*prompt.split(), "#"]).answer == answer.split()


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(Pcfg(**options), length, COUNT, seed=length)
        assert batch.places is None
        for symbols, written in pairs:
            found = Reader(symbols)
            assert written == found.answer
            assert len(found.functions) == length
            assert all(1 <= len(string) <= options["symbols"] for string in found.strings)
            assert all(1 <= len(string) <= options["limit"] for string in found.made)
            assert not {function for string in found.strings for function in string} & {*UNARY, *BINARY}
            if options["functions"] != "all":
                assert set(found.functions) <= set(UNARY if options["functions"] == "unary" else BINARY)


def test_all_kinds_of_functions_are_drawn_alike():
    _, pairs = draw(Pcfg(limit=6), 1, 2000)  # nothing can be too long
    seen = Counter(Reader(read).functions[0] for read, _ in pairs)
    assert chisquare([seen[function] for function in (*UNARY, *BINARY)]).pvalue > UNLIKELY


@pytest.mark.parametrize(
    ("functions", "fitting"),
    [("unary", ["copy", "reverse", "shift", "swap"]), ("binary", ["remove_first", "remove_second"])],
)
def test_kinds_that_fit_are_drawn_alike(functions, fitting):
    _, pairs = draw(Pcfg(functions=functions, symbols=1, limit=1), 2, 800)
    seen = Counter(function for read, _ in pairs for function in Reader(read).functions)
    assert chisquare([seen[function] for function in fitting]).pvalue > UNLIKELY
    assert seen.keys() == set(fitting)


def test_trees_are_uniform():
    _, pairs = draw(Pcfg(functions="binary"), 3, 1500)
    seen = Counter(Reader(read).skeleton for read, _ in pairs)
    assert len(seen) == 5  # the third Catalan number
    assert chisquare(list(seen.values())).pvalue > UNLIKELY


def test_trees_with_functions_of_one_and_of_two_arguments():
    _, pairs = draw(Pcfg(), 2, 2000)
    seen = Counter(Reader(read).skeleton for read, _ in pairs)
    shares = {"uux": 0.36, "ubxx": 0.16, "buxx": 0.16, "bxux": 0.16, "bbxxx": 0.08, "bxbxx": 0.08}
    assert seen.keys() == shares.keys()
    expected = [2000 * share for share in shares.values()]
    assert chisquare([seen[skeleton] for skeleton in shares], expected).pvalue > UNLIKELY


def test_strings_are_uniform():
    _, pairs = draw(Pcfg(alphabet=4, symbols=2), 2, 800)
    strings = [string for read, _ in pairs for string in Reader(read).strings]
    ones = Counter(string[0] for string in strings if len(string) == 1)
    twos = Counter("".join(string) for string in strings if len(string) == 2)
    letters = ascii_uppercase[:4]
    assert chisquare([ones.total(), twos.total()]).pvalue > UNLIKELY
    assert chisquare([ones[symbol] for symbol in letters]).pvalue > UNLIKELY
    assert chisquare([twos[x + y] for x in letters for y in letters]).pvalue > UNLIKELY


def test_stress_sets_are_deep_and_wide():
    stress_sets = Pcfg(limit=8).stress_sets()
    for read, _ in draw(stress_sets["deep"], 12, 20)[1]:
        assert Reader(read).skeleton == "u" * 12 + "x"
    for read, _ in draw(stress_sets["wide"], 12, 20)[1]:
        assert Counter(Reader(read).skeleton) == {"b": 12, "x": 13}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alphabet": 0}, ["task.alphabet=0", "at least 1"]),
        ({"symbols": 0}, ["task.symbols=0", "at least 1"]),
        ({"symbols": 5, "limit": 4}, ["task.limit=4", "at least task.symbols=5"]),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError) as refusal:
        Pcfg(**options)
    assert all(word in str(refusal.value) for word in words)
