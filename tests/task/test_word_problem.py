"""Products in groups against other descriptions of these: matrices, pairs of numbers, seating orders."""

from itertools import permutations, product

import pytest
from scipy.stats import chisquare
from tests.options import CONFIGS, choices, made
from tests.options import read as read_options

from lengen.config.identity import cell, identity
from lengen.task.word_problem import WordProblem

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 60
UNLIKELY = 1e-3
CORNERS = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
SQUARE = [
    (a, b, c, d)
    for a, b, c, d in product((-1, 0, 1), repeat=4)
    if a * c + b * d == 0 and abs(a * d - b * c) == 1
]


def corners(matrix):
    """How a matrix moves the corners of a square."""
    a, b, c, d = matrix
    return "".join(str(CORNERS.index((a * x + b * y, c * x + d * y))) for x, y in CORNERS)


def times(left, right):
    a, b, c, d = left
    e, f, g, h = right
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def symmetries(symbols):
    matrices = {corners(matrix): matrix for matrix in SQUARE}
    total = (1, 0, 0, 1)
    for symbol in symbols:
        total = times(matrices[symbol], total)
    return corners(total)


def rotations(symbols):
    """C2 x C4: two sums."""
    flips = sum(symbol[0] == "1" for symbol in symbols) % 2
    turns = sum(int(symbol[2]) - 2 for symbol in symbols) % 4
    return ("10" if flips else "01") + "".join(str(2 + (point + turns) % 4) for point in range(4))


def seats(symbols):
    """Follow each person from seat to seat."""
    ends = []
    for person in range(len(symbols[0])):
        seat = person
        for symbol in symbols:
            seat = int(symbol[seat])
        ends.append(str(seat))
    return "".join(ends)


def even(permutation):
    return sum(a > b for i, a in enumerate(permutation) for b in permutation[i:]) % 2 == 0


GROUPS = {
    "d4": (symmetries, {corners(matrix) for matrix in SQUARE}),
    "c2xc4": (
        rotations,
        {a + b for a in ("01", "10") for b in ("2345", "3452", "4523", "5234")},
    ),
    "a5": (seats, {"".join(p) for p in permutations("01234") if even(p)}),
    "word_problem": (seats, {"".join(p) for p in permutations("012")}),
}


@pytest.mark.parametrize("group", GROUPS)
def test_elements(group):
    elements = made("task", group).elements
    assert len(elements) == len(set(elements)) == {"d4": 8, "c2xc4": 8, "a5": 60, "word_problem": 6}[group]
    assert set(elements) == GROUPS[group][1]
    assert elements[0] == "".join(sorted(elements[0]))
    every = made("task", group, generators="all")
    assert every.elements == elements
    assert every.vocabulary == made("task", group, symbols="elements").vocabulary


@pytest.mark.parametrize("group", GROUPS)
def test_all_elements_are_read(group):
    for symbols in choices(WordProblem)["symbols"]:
        task = made("task", group, symbols=symbols, scratchpad="none", generators="all")
        _, pairs = draw(task, 1, 2000)
        read = [prompt[0] for prompt, _ in pairs]
        assert set(read) == GROUPS[group][1]  # two generators: 2 of the 60 elements of A5 at length 1
        assert chisquare([read.count(element) for element in task.elements]).pvalue > UNLIKELY
        for length in (2, 5):
            assert all(
                written == [GROUPS[group][0](prompt[:-1])] for prompt, written in draw(task, length, COUNT)[1]
            )


@pytest.mark.parametrize(
    ("group", "sizes"),
    [
        ("a5", {1: 2, 2: 4, 5: 24, 6: 36}),
        ("d4", {1: 2, 2: 4, 5: 4, 6: 4, 20: 4}),
        ("c2xc4", {1: 2, 2: 3, 5: 4, 6: 4, 20: 4}),
    ],
)
def test_two_generators_reach_few_elements(group, sizes):
    task = made("task", group, symbols="generators", scratchpad="none")
    reached = [{task.elements[0]}]
    for _ in range(max(sizes)):
        reached.append({GROUPS[group][0]([one, two]) for one in reached[-1] for two in task.generators})
    assert {length: len(reached[length]) for length in sizes} == sizes
    assert (
        group == "a5" or not reached[5] & reached[6]
    )  # the parity of the length tells one half from the other
    for length in sizes:
        assert {written for _, (written,) in draw(task, length, 2000)[1]} == reached[length]


def test_the_group_of_all_elements_is_an_option_of_that_alone():
    kind, options = read_options(CONFIGS / "task" / "a5.yaml")
    target = {"_target_": f"{kind.__module__}.{kind.__name__}"}

    def cell_of(**changes):
        return cell(identity({"task": target | options | changes}, {}))

    assert cell_of() == cell_of(group=[])  # so that runs before the option are of the same cell
    assert cell_of(generators="all") != cell_of()
    assert cell_of(generators="all") != cell_of(generators="all", group=["120"])
    with pytest.raises(ValueError, match=r"task\.group=\[\]: must be one or more permutations"):
        WordProblem("all")


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("symbols", choices(WordProblem)["symbols"])
def test_answers(group, symbols):
    task = made("task", group, symbols=symbols, scratchpad="none")
    for length in LENGTHS:
        _, pairs = draw(task, length, COUNT, seed=length)
        for read, written in pairs:
            assert read[-1] == "#"
            assert len(read) == length + 1
            assert symbols == "elements" or set(read[:-1]) <= set(task.generators)
            assert written == [GROUPS[group][0](read[:-1])]


@pytest.mark.parametrize("options", combinations(WordProblem), ids=name)
def test_scratchpads(options):
    batch, pairs = draw(made("task", "word_problem", **options), 7, COUNT)
    for read, written in pairs:
        products = [seats(read[: end + 1]) for end in range(7)]
        expected = {
            "none": products[-1:],
            "running": products,
            "interleaved": [word for both in zip(read[:-1], products, strict=True) for word in both],
        }
        assert written == expected[options["scratchpad"]]
    assert batch.result.sum(1).tolist() == [2] * COUNT


def test_elements_and_products_are_uniform():
    task = made("task", "d4", scratchpad="none")
    _, pairs = draw(task, 3, 1600)
    for part in ([read[0] for read, _ in pairs], [read[2] for read, _ in pairs], [w[0] for _, w in pairs]):
        assert chisquare([part.count(element) for element in task.elements]).pvalue > UNLIKELY


@pytest.mark.parametrize(
    "generators", [[], [""], ["01", "012"], ["11"], ["12"], ["01234567899"], ["0a"], ["1023456798", "10"]]
)
def test_refusals(generators):
    with pytest.raises(ValueError, match=r"task\.generators=.*permutations of the same points"):
        WordProblem(generators)


def test_too_large_a_group():
    with pytest.raises(ValueError, match=r"task\.generators=.*must have at most 1000 elements"):
        WordProblem(["1234560", "1023456"])
    assert len(WordProblem(["123450", "102345"]).elements) == 720


def test_stresses():
    task = WordProblem(["120", "102"])
    assert task.stress_sets() == {"equal": WordProblem(["120", "102"], drawn="equal")}
    for read, written in draw(task.stress_sets()["equal"], 7, 100)[1]:
        (element,) = set(read[:-1])
        power = "012"
        for _ in range(7):
            power = "".join(element[int(point)] for point in power)
        assert written == [power]
