"""Tasks in words: the strings that tasks.md shows, and every other one against strings written one by one."""

import re
from collections import Counter
from itertools import product
from pathlib import Path
from string import ascii_lowercase

import pytest
import torch
import yaml
from omegaconf import OmegaConf
from scipy.stats import chisquare
from tests.options import CONFIGS, built
from tests.options import read as options_of

from lengen.config.builder import Builder
from lengen.lengths.size_pairs import SizePairs
from lengen.task import SEP, Task
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.lego import Lego
from lengen.task.modular_sum import ModularSum
from lengen.task.parity import Parity
from lengen.task.poly import Poly
from lengen.task.reverse import Reverse
from lengen.task.scan import Scan
from lengen.task.sort import Sort
from lengen.task.text import addition, copy, lego, modular_sum, parity, poly, reverse, scan, sort

from . import writing
from .writing import PARTS, spaced, subsets

LENGTHS = (1, 2, 7)
NO_VARIABLES = [part for part in PARTS if part != "variables"]
COUNT = 8
chosen = pytest.mark.parametrize("parts", [None, *subsets()], ids=lambda parts: "-".join(parts or ["none"]))
fewer = pytest.mark.parametrize(
    "parts", [None, *subsets(NO_VARIABLES)], ids=lambda parts: "-".join(parts or ["none"])
)


def read(batch):
    """Prompt and target of every example, as strings; what is scored must be the sentence and the end."""
    pairs = []
    for tokens, answer, result in zip(
        *(rows.tolist() for rows in (batch.tokens, batch.answer, batch.result)), strict=True
    ):
        size = len(tokens) - tokens.count(0)
        symbols = batch.vocabulary.decode(tokens[:size])
        prompt, target, scored = (
            "".join(symbols[start:]) for start in (0, answer.index(True), result.index(True))
        )
        prompt = prompt.removesuffix(target)
        assert target.endswith("<eos>")
        assert target.split(" . Thus,  ")[-1] == scored
        pairs.append((prompt, target.removesuffix("<eos>")))
    assert batch.places is None
    return pairs


def written(text, vocabulary, count=1):
    """Prompt and target of a text of which the length does not matter."""
    return read(text.batch(1, count, vocabulary))


def draw(task, length, count=COUNT):
    """Examples of a task."""
    return read(task.sample(length, count, torch.Generator().manual_seed(length)))


def thoughts(parts):
    """Options of a task for these parts, or for no scratchpad."""
    return {"style": "text"} | ({"scratchpad": "steps", "parts": parts} if parts is not None else {})


def numbers(low, high, *shape, seed=0):
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed))


def names(text):
    """Names, and the indices that spell a text of single characters."""
    found = sorted(set(text))
    return found, torch.tensor([[found.index(symbol) for symbol in text]])


# -- the lines of tasks.md --


def add(first, second, parts):
    """A sum of two numbers with equally many digits."""
    digits = torch.tensor([[[int(figure) for figure in reversed(number)]] for number in (first, second)])
    answer = str(int(first) + int(second))
    length = len(first)
    sum_ = [int(figure) for figure in reversed(answer.zfill(length + 1))]
    carries = [int(first[-size:]) + int(second[-size:]) >= 10**size for size in range(1, length + 1)]
    columns = torch.arange(length + 1)
    kept = torch.stack([columns < size for size in (length, length, len(answer))]).unsqueeze(1)
    text = addition.write(digits, torch.tensor([sum_]), torch.tensor([carries]), kept, "plain", parts)
    return written(text, addition.VOCABULARY)[0]


def test_addition_of_the_specification():
    assert add("57", "86", None) == ("Compute 5 7 + 8 6 ? ", "The answer is 1 4 3.")
    assert add("57", "86", list(PARTS))[1] == (
        "Thinking step by step:  in 7, 6 comp 7 + 6 + carry = 13 + 0 = 13 out 3 [ carry: 1 ] re 5 + 8  # "
        "in 5, 8 comp 5 + 8 + carry = 13 + 1 = 14 out 4 [ carry: 1 ] re  +   # "
        "in 0, 0 comp 0 + 0 + carry = 0 + 1 = 1 out 1 [ carry: 0 ] re  +   . Thus,  The answer is 1 4 3."
    )


def test_copy_and_reverse_of_the_specification():
    found, items = names("abc")
    text = copy.write(items, items, None, found, copy.ONCE)
    assert written(text, copy.vocabulary(found)) == [("Copy: a b c [SEP] ", "a b c")]
    text = copy.write(items[:, :1], items[:, :1], None, found, copy.NEXT)
    assert written(text, copy.vocabulary(found))[0][1] == "a [NEXT] a"
    text = copy.write(items[:, :1], items[:, :1], None, found, copy.TWICE)
    assert written(text, copy.vocabulary(found))[0][1] == "a a"
    text = reverse.write(items, found)
    assert written(text, reverse.vocabulary(found)) == [("Reverse: a b c [SEP] ", "c b a")]
    found, items = names("666")
    found, new = ["6", ">"], torch.ones_like(items)
    text = copy.write(items, new, (items[:, :1], new[:, :1]), found, copy.ONCE)
    assert written(text, copy.vocabulary(found)) == [("Replace 6 with > in 6 6 6 [SEP] ", "> > >")]


def test_parity_and_sort_of_the_specification():
    text = parity.write(torch.tensor([[0, 1, 1, 1]]), None)
    expected = "Is the number of 1's even in the sequence [ 0, 1, 1, 1 ] ? ", "The answer is No."
    assert written(text, parity.VOCABULARY) == [expected]
    found, items = names("MEF")
    expected = "Sort the following list [ M, E, F ]. ", "The sorted list is [ E, F, M ]."
    assert written(sort.write(items, found, None), sort.vocabulary(found)) == [expected]
    text = sort.write(torch.tensor([[9999, 10, 345]]) - sort.SMALLEST, (), None)
    expected = (
        "Sort the following list [ 9 9 9 9, 1 0, 3 4 5 ]. ",
        "The sorted list is [ 1 0, 3 4 5, 9 9 9 9 ].",
    )
    assert written(text, sort.vocabulary(())) == [expected]


def test_sum_and_poly_of_the_specification():
    text = modular_sum.write(torch.tensor([[3, 9, 1]]), 10, None)
    assert written(text, modular_sum.vocabulary()) == [("Compute: 3 + 9 + 1 .", "The answer is 3 .")]
    text = modular_sum.write(torch.tensor([[3, 9, 1]]), 10, None, separator=True)
    speech = modular_sum.vocabulary(separator=True)
    assert written(text, speech) == [("Compute: 3 + 9 + 1 .[SEP] ", "The answer is 3 .")]
    text = poly.write(torch.tensor([[-2, -1, 3]]), torch.tensor([[2, 0, 3]]), torch.tensor([2]), 10, None)
    expected = "Evaluate at x = 2 in - 2 * x ** 2 + - 1 * x ** 0 + 3 * x ** 3 ? ", "The answer is 5."
    assert written(text, poly.VOCABULARY) == [expected]


def test_lego_and_scan_of_the_specification():
    found, variables = names("qtcr")
    rows = torch.tensor([[1, 1, 0, 0]]), torch.tensor([[2, 3, 1, 0]]), torch.tensor([2])
    text = lego.write(variables, *rows, found, None)
    expected = "If c = + t, r = + c, t = - q, q = -1. Then, what is the value of c? ", "The answer is +1."
    assert written(text, lego.vocabulary(found)) == [expected]
    symbols = ("walk", "after", "turn", "right", "WALK", "RTURN")
    text = scan.write(torch.tensor([[0, 1, 2, 3]]), torch.tensor([[5, 4]]), symbols)
    assert written(text, scan.vocabulary(symbols)) == [("Solve: walk after turn right[SEP] ", "Right Walk")]


# -- the lines of the documentation --


def lines():
    """Of every row of its table: the options of the task, and an example."""
    text = Path(__file__).parents[3].joinpath("docs", "tasks.md").read_text()
    rows = text.split("| the paper's | options |")[1].split("\n\n")[0].splitlines()[2:]
    for row in rows:
        name, options, example = row.strip("| ").split(" | ")
        yield pytest.param(options.strip("`").split(), tuple(re.findall("`(.*?)`", example)), id=name)


def skeleton(pair):
    """An example whatever its digits, its single letters and its made-up words."""
    words = rf"\b(?:{'|'.join(copy.WORDS)})\b"
    changes = (r"\d", "0"), (r"\b[a-z]\b", "a"), (r"\b[A-Z]\b", "A"), (words, "bab")
    for pattern, instead in changes:
        pair = tuple(re.sub(pattern, instead, part) for part in pair)
    return pair


@pytest.mark.parametrize(("options", "example"), list(lines()))
def test_lines_of_the_documentation(options, example):
    (_, name), *changes = (word.split("=") for word in options)
    kind, preset = options_of(CONFIGS / "task" / f"{name}.yaml")
    changed = {key.removeprefix("task."): yaml.safe_load(value) for key, value in changes}
    task = built(kind, preset | changed)
    drawn = {skeleton(pair) for length in (1, 2, 3, 4) for pair in draw(task, length, 1500)}
    assert skeleton(example) in drawn


def test_the_documentation_has_the_lines_of_the_specification():
    examples = {line.values[1] for line in lines()}
    assert examples >= {
        ("Copy: a b c [SEP] ", "a b c"),
        ("Reverse: a b c [SEP] ", "c b a"),
        ("Compute 5 7 + 8 6 ? ", "The answer is 1 4 3."),
        ("Is the number of 1's even in the sequence [ 0, 1, 1, 1 ] ? ", "The answer is No."),
        ("Sort the following list [ M, E, F ]. ", "The sorted list is [ E, F, M ]."),
        ("Compute: 3 + 9 + 1 .[SEP] ", "The answer is 3 ."),
        ("Evaluate at x = 2 in - 2 * x ** 2 + - 1 * x ** 0 + 3 * x ** 3 ? ", "The answer is 5."),
        ("If c = + t, r = + c, t = - q, q = -1. Then, what is the value of c? ", "The answer is +1."),
        ("Solve: walk after turn right[SEP] ", "Right Walk"),
    }


def test_addition_has_all_pairs_of_sizes_as_often():
    task = Addition(order="plain", pad="none", operands="pairs", style="text")
    sizes, numbers_ = Counter(), Counter()
    lengths = SizePairs(maximum=3).draw(180, 0, torch.Generator().manual_seed(0))
    for seed, length in enumerate(lengths):
        for prompt, _ in read(task.sample(length, 20, torch.Generator().manual_seed(seed))):
            first, second = re.fullmatch(r"Compute ([\d ]+) \+ ([\d ]+) \? ", prompt).groups()
            sizes[len(first.split()), len(second.split())] += 1
            if len(first) == 1:
                numbers_[first] += 1
    assert set(sizes) == set(product(range(1, 4), repeat=2))  # a x b, as in the released code
    assert set(numbers_) == set("0123456789")
    lengths = SizePairs(maximum=3).draw(9000, 0, torch.Generator().manual_seed(0))
    assert chisquare([lengths.count(length) for length in (1, 2, 3)], [1000, 3000, 5000]).pvalue > 1e-3


def test_sorts_repeat_their_items_at_any_length():
    for task, values in (
        (Sort(alphabet=50, duplicates=True, style="text"), 50),
        (Sort(digits=4, duplicates=True, style="text"), 9990),
    ):
        found = set()
        for length in (5, 26, 27, 50, 60):
            for prompt, target in draw(task, length, 200):
                items = prompt.removeprefix("Sort the following list [ ").removesuffix(" ]. ").split(", ")
                assert len(items) == length
                key = (
                    (lambda item: (item.islower(), item))
                    if values == 50
                    else lambda item: int(item.replace(" ", ""))
                )
                assert target == f"The sorted list is [ {', '.join(sorted(items, key=key))} ]."
                found.update(items)
                assert len(set(items)) < length or length < 60 or values > 50
        assert len(found) == 50 if values == 50 else {len(item.split()) for item in found} == {2, 3, 4}


def test_sums_have_terms_from_one_to_nine():
    pairs = draw(ModularSum(least=1, style="text", separator=True), 5, 500)
    terms = [re.fullmatch(r"Compute: (.*) \.\[SEP\] ", prompt)[1].split(" + ") for prompt, _ in pairs]
    seen = [term for row in terms for term in row]
    assert chisquare([seen.count(str(digit)) for digit in range(1, 10)]).pvalue > 1e-3
    assert "0" not in seen
    assert [target for _, target in pairs] == [f"The answer is {sum(map(int, row)) % 10} ." for row in terms]


@pytest.mark.parametrize(
    ("row", "alphabet"),
    [
        # the released code: 100,000 training and 15,000 validation examples, as many at each of 20 lengths
        ("one symbol repeated (rsc)", 115_000 // 20),
        ("the same, n to 2n (rsc2x)", 115_000 // 20),
        ("substitution (rdc)", int((1 + (1 + 4 * 5750) ** 0.5) / 2)),
        ("random words (cmc)", 100),
        ("the same twice (cmc2x)", 100),
        ("copy", 100),
        ("reverse", 100),
    ],
)
def test_strings_have_as_many_symbols_as_in_the_released_code(row, alphabet):
    ((_, name), *changes) = next(
        [word.split("=") for word in line.values[0]] for line in lines() if line.id == row
    )
    kind, preset = options_of(CONFIGS / "task" / f"{name}.yaml")
    task = built(kind, preset | {key.removeprefix("task."): yaml.safe_load(value) for key, value in changes})
    assert task.alphabet == alphabet
    answers = [answer.replace(" [NEXT]", "").split() for _, answer in draw(task, 20, 1000)]
    if task.repeats == "one":
        assert all(len(set(answer)) == 1 for answer in answers)
    else:
        assert len({symbol for answer in answers for symbol in answer}) == alphabet


def test_substitutions_are_ordered_pairs_of_different_symbols():
    task = Copy(alphabet=5, repeats="one", substitute=True, style="text")
    pattern = re.compile(r"Replace (\w) with (\w) in \1 \1 \[SEP\] ")
    pairs = Counter(pattern.fullmatch(prompt).groups() for prompt, _ in draw(task, 2, 4000))
    assert set(pairs) == {pair for pair in product("abcde", repeat=2) if pair[0] != pair[1]}
    assert chisquare(list(pairs.values())).pvalue > 1e-3


@pytest.mark.parametrize("name", ["addition", "lego", "sort", "sum"])
def test_experiments_are_the_lines_of_the_documentation(name):
    held = OmegaConf.load(CONFIGS / "experiment" / f"kazemnejad2023_{name}.yaml")
    row = "sort, single items" if name == "sort" else {"lego": "LEGO"}.get(name, name)
    ((_, task), *changes) = next(
        [word.split("=") for word in line.values[0]] for line in lines() if line.id == row
    )
    assert {"override /task": task} in held.defaults
    kind, preset = options_of(CONFIGS / "task" / f"{task}.yaml")
    documented = {key.removeprefix("task."): yaml.safe_load(value) for key, value in changes}
    assert built(kind, preset | dict(held.task)) == built(kind, preset | documented)


# -- every format, with every choice of parts --


@chosen
@pytest.mark.parametrize("operands", ["equal", "uneven"])
def test_addition(parts, operands):
    task = Addition(order="plain", pad="none", operands=operands, **thoughts(parts))
    for length in LENGTHS:
        for prompt, target in draw(task, length):
            found = re.fullmatch(r"Compute ([\d ]+) \+ ([\d ]+) \? ", prompt)
            first, second = (int(number.replace(" ", "")) for number in found.groups())
            assert (prompt, target) == writing.addition(first, second, parts)
            assert len(str(max(first, second))) == length


@pytest.mark.parametrize("order", ["plain", "reversed", "little_endian"])
@pytest.mark.parametrize("pad", ["zero", "none"])
@pytest.mark.parametrize("carry", ["uniform", "full"])
def test_addition_turned_and_padded(order, pad, carry):
    task = Addition(order=order, pad=pad, operands="uneven", carry=carry, **thoughts(list(PARTS)))
    for length in LENGTHS:
        for prompt, target in draw(task, length):
            operands = [text.replace(" ", "") for text in prompt[len("Compute ") : -len(" ? ")].split(" + ")]
            first, second = (int(text[::-1] if order == "little_endian" else text) for text in operands)
            width = length if pad == "zero" else None
            assert (prompt, target) == writing.addition(first, second, list(PARTS), order, width)
            assert max(map(len, operands)) == length


@chosen
def test_parity(parts):
    for length in LENGTHS:
        for prompt, target in draw(Parity(**thoughts(parts)), length):
            bits = [int(bit) for bit in re.findall(r"[01](?=[, ])", prompt.split("[")[1])]
            assert (prompt, target) == writing.parity(bits, parts)
            assert len(bits) == length


@fewer
@pytest.mark.parametrize("options", [{"alphabet": 60}, {"digits": 4}, {"digits": 2}], ids=str)
def test_sort(parts, options):
    task = Sort(duplicates=True, **options, **thoughts(parts))
    symbols = [*ascii_lowercase.upper(), *ascii_lowercase, *(f"S{index}" for index in range(52, 60))]
    for length in LENGTHS:
        for prompt, target in draw(task, length):
            items = prompt.removeprefix("Sort the following list [ ").removesuffix(" ]. ").split(", ")
            if "digits" in options:
                values = [int(item.replace(" ", "")) for item in items]
                assert all(10 <= value < 10 ** options["digits"] for value in values)
                assert items == list(map(spaced, values))
            key = symbols.index if "alphabet" in options else lambda item: int(item.replace(" ", ""))
            assert (prompt, target) == writing.sort(items, parts, key)
            assert len(items) == length


def test_sort_reaches_the_ends_of_its_numbers():
    pairs = draw(Sort(duplicates=True, digits=2, style="text"), 40, 100)
    seen = {item for _, target in pairs for item in re.findall(r"\d \d", target)}
    assert seen == {spaced(number) for number in range(10, 100)}


def test_copy_of_words():
    for prompt, target in draw(Copy(style="words", alphabet=900), 5, 200):
        items = prompt.removeprefix("Copy: ").removesuffix(" [SEP] ").split(" ")
        assert target == " ".join(items)
        assert len(items) == 5
        assert set(items) <= set(copy.WORDS[:900])
    with pytest.raises(ValueError, match=r"task\.alphabet=2000 with task\.style=words: must be at most 980"):
        Copy(style="words", alphabet=2000)


@pytest.mark.parametrize("repeats", ["allowed", "one"])
@pytest.mark.parametrize("substitute", [False, True])
@pytest.mark.parametrize("times", [1, 2])
def test_copy(repeats, substitute, times):
    task = Copy(alphabet=60, repeats=repeats, substitute=substitute, times=times, style="text")
    for length in LENGTHS:
        for prompt, target in draw(task, length):
            pattern = r"Replace (\S+) with (\S+) in (.*) \[SEP\] " if substitute else r"Copy: (.*) \[SEP\] "
            *rule, text = re.fullmatch(pattern, prompt).groups()
            items = text.split(" ")
            answer = [rule[1] if rule and item == rule[0] else item for item in items]
            assert not rule or rule[0] in items
            assert not rule or rule[0] != rule[1]
            gap = " [NEXT] " if repeats == "allowed" else " "
            assert target == gap.join([" ".join(answer)] * times)
            assert len(items) == length


@chosen
@pytest.mark.parametrize("modulus", [10, 17])
def test_sum(parts, modulus):
    for length in LENGTHS:
        terms = numbers(0, modulus, COUNT, length)
        pairs = written(modular_sum.write(terms, modulus, parts), modular_sum.vocabulary(), COUNT)
        assert pairs == [writing.total(row, modulus, parts) for row in terms.tolist()]


@chosen
def test_poly(parts):
    for length in LENGTHS:
        coefficients, exponents = numbers(-3, 4, COUNT, length), numbers(0, 4, COUNT, length, seed=1)
        x = numbers(-2, 3, COUNT, seed=2)
        pairs = written(poly.write(coefficients, exponents, x, 10, parts), poly.VOCABULARY, COUNT)
        rows = zip(coefficients.tolist(), exponents.tolist(), x.tolist(), strict=True)
        assert pairs == [writing.poly(*row, 10, parts) for row in rows]


@fewer
@pytest.mark.parametrize("symbols", [list(ascii_lowercase), ["x", "s10", "s200", *"abcdefgh"]], ids=len)
def test_lego(parts, symbols):
    for length in LENGTHS:
        chance = torch.Generator().manual_seed(length)
        variables = torch.rand((COUNT, len(symbols)), generator=chance).argsort(1)[:, :length]
        order = torch.rand((COUNT, length), generator=chance).argsort(1)
        negative, query = numbers(0, 2, COUNT, length), numbers(0, length, COUNT, seed=1)
        text = lego.write(variables, negative, order, query, symbols, parts)
        expected = []
        for chain, minus, places, asked in zip(
            *(rows.tolist() for rows in (variables, negative, order, query)), strict=True
        ):
            called = [symbols[variable] for variable in chain]
            signs = ["-" if sign else "+" for sign in minus]
            clauses = [f"{called[0]} = {signs[0]}1"]
            clauses += [f"{called[link]} = {signs[link]} {called[link - 1]}" for link in range(1, length)]
            expected.append(writing.lego([clauses[place] for place in places], called[asked], parts))
        assert written(text, lego.vocabulary(symbols), COUNT) == expected


def test_reverse():
    for length in LENGTHS:
        for prompt, target in draw(Reverse(alphabet=60, style="text"), length):
            items = re.fullmatch(r"Reverse: (.*) \[SEP\] ", prompt).group(1).split(" ")
            assert target == " ".join(reversed(items))
            assert len(items) == length


def test_scan():
    for length in (1, 2, 7, 22, 48):
        symbols = Scan().sample(length, COUNT, torch.Generator().manual_seed(length))
        called = {
            "WALK": "Walk",
            "LOOK": "Look",
            "RUN": "Run",
            "JUMP": "Jump",
            "LTURN": "Left",
            "RTURN": "Right",
        }
        expected = []
        for row in symbols.tokens.tolist():
            words = symbols.vocabulary.decode(row)
            command, action = words[: words.index("#")], words[words.index("#") + 1 : words.index("<eos>")]
            expected.append((f"Solve: {' '.join(command)}[SEP] ", " ".join(called[word] for word in action)))
        assert draw(Scan(style="text"), length) == expected


@chosen
def test_sum_draws(parts):
    for length in LENGTHS:
        for prompt, target in draw(ModularSum(**thoughts(parts)), length):
            terms = [int(term) for term in prompt.removeprefix("Compute: ").removesuffix(" .").split(" + ")]
            assert (prompt, target) == writing.total(terms, 10, parts)
            assert len(terms) == length


@chosen
def test_poly_draws(parts):
    for length in LENGTHS:
        for prompt, target in draw(Poly(**thoughts(parts)), length):
            x, terms = re.fullmatch(r"Evaluate at x = (.*) in (.*) \? ", prompt).groups()
            found = [term.replace("- ", "-").split(" * x ** ") for term in terms.split(" + ")]
            coefficients, exponents = zip(*(map(int, term) for term in found), strict=True)
            value = int(x.replace("- ", "-"))
            assert (prompt, target) == writing.poly(coefficients, exponents, value, 10, parts)
            assert len(found) == length


@fewer
def test_lego_draws(parts):
    task = Lego(asked="any", **thoughts(parts))
    for length in LENGTHS:
        for prompt, target in draw(task, length):
            clauses, query = re.fullmatch(r"If (.*)\. Then, what is the value of (.)\? ", prompt).groups()
            assert (prompt, target) == writing.lego(clauses.split(", "), query, parts)
            assert len(clauses.split(", ")) == length


# -- characters and options --


@pytest.mark.parametrize(
    "task",
    [
        Addition(order="plain", pad="none", **thoughts(list(PARTS))),
        Parity(**thoughts(list(PARTS))),
        Sort(alphabet=30, **thoughts(NO_VARIABLES)),
        Sort(digits=4, **thoughts(NO_VARIABLES)),
    ],
    ids=["addition", "parity", "sort", "numbers"],
)
def test_a_vocabulary_is_the_characters_that_occur(task):
    batch = task.sample(9, 200, torch.Generator().manual_seed(0))
    seen = {"<pad>", *batch.vocabulary.decode(batch.tokens.unique().tolist())}
    assert seen == {*task.vocabulary.symbols, "<pad>", "<eos>", "#"}
    assert (batch.tokens == SEP).sum(1).min() == 8  # between nine steps
    assert all(len(symbol) == 1 for symbol in task.vocabulary.symbols)


def test_a_study_of_parts_has_one_vocabulary():
    assert len({Parity(**thoughts(parts)).vocabulary for parts in [None, *subsets()]}) == 1
    assert len({Sort(**thoughts(parts)).vocabulary for parts in [None, *subsets(NO_VARIABLES)]}) == 1


def test_the_order_of_the_parts_is_the_papers():
    first, second = (
        draw(Parity(**thoughts(parts)), 3) for parts in (["output", "input"], ["input", "output"])
    )
    assert first == second


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (Parity, {"scratchpad": "steps"}, ["task.scratchpad=steps", "task.style=text"]),
        (Addition, {"scratchpad": "steps"}, ["task.scratchpad=steps", "task.style=text"]),
        (Parity, {"scratchpad": "running", "style": "text"}, ["task.scratchpad=running", "none or steps"]),
        (Addition, {"scratchpad": "columns", "style": "text"}, ["task.scratchpad=columns", "none or steps"]),
        (Addition, {"hints": True, "style": "text"}, ["task.hints=true", "style=text"]),
        (Addition, {"blanks": True, "style": "text"}, ["task.blanks=true", "style=text"]),
        (Sort, {"hint": "successor", "style": "text"}, ["task.hint=successor", "style=text"]),
        (
            Sort,
            {"parts": ["variables"]},
            ["task.parts=['variables']", "input, computation, output, remaining"],
        ),
        (
            Parity,
            {"parts": ["input", "input"]},
            ["task.parts", "input, computation, output, variables"],
        ),
        (
            Parity,
            {"parts": ["inputs"]},
            ["task.parts=['inputs']", "input, computation, output, variables"],
        ),
        (Copy, {"scratchpad": "tail", "style": "text"}, ["task.scratchpad=tail", "must be none"]),
        (Reverse, {"then": "copy", "style": "text"}, ["task.then=copy", "style=text"]),
        (Lego, {"scratchpad": "chain", "style": "text"}, ["task.scratchpad=chain", "none or steps"]),
        (
            Lego,
            {"parts": ["variables"]},
            ["task.parts=['variables']", "input, computation, output, remaining"],
        ),
        (Poly, {"scratchpad": "terms", "style": "text"}, ["task.scratchpad=terms", "none or steps"]),
        (ModularSum, {"separator": True}, ["task.separator=true", "task.style=symbols"]),
        (
            ModularSum,
            {"scratchpad": "running", "style": "text"},
            ["task.scratchpad=running", "none or steps"],
        ),
    ],
    ids=str,
)
def test_refusals(kind, options, words):
    target = {"_target_": f"{kind.__module__}.{kind.__name__}"}
    with pytest.raises(ValueError) as refusal:
        Builder().build(Task, target | options, "task")
    assert all(word in str(refusal.value) for word in words)
