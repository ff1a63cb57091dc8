"""Chance against draws: the likeliest answer, and the likeliest token at every place, counted anew with other seeds."""

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, product
from math import comb, inf, sqrt

import pytest
import torch
from omegaconf import OmegaConf
from tests.options import CONFIGS, built, choices, files, made, read

from lengen.config.errors import LengthUnavailable
from lengen.format.interleaved import Interleaved
from lengen.task import SEP, Span, Task, Vocabulary, assemble
from lengen.task.addition import Addition
from lengen.task.automaton import Automaton
from lengen.task.binary_addition import BinaryAddition
from lengen.task.chance import DRAWS as DRAWN
from lengen.task.chance import Chance, of_listed, one_place
from lengen.task.copy import Copy
from lengen.task.count import Count
from lengen.task.dataset import Dataset
from lengen.task.dyck import Dyck
from lengen.task.inverse_permutation import InversePermutation
from lengen.task.lego import Lego
from lengen.task.lookup import Lookup
from lengen.task.majority import Majority
from lengen.task.mixture import Aid, Mixture
from lengen.task.mode import Mode
from lengen.task.modular_arithmetic import ModularArithmetic
from lengen.task.modular_sum import ModularSum
from lengen.task.multiplication import Multiplication
from lengen.task.parity import Parity
from lengen.task.passkey import Passkey
from lengen.task.poly import Poly
from lengen.task.sort import Sort
from lengen.task.square_root import SquareRoot
from lengen.task.unique_set import UniqueSet

from .reading import together

FEW, DRAWS, DEVIATIONS = 2_000, 20_000, 4.5
"""Draws of a measurement, in short and in long, and how many standard errors it may be off."""


def written(task, length, count, part):
    """Answers, or results, as tuples of ids."""
    batch = task.sample(length, count, torch.Generator().manual_seed(1000 + length))
    masks = getattr(batch, part).numpy()
    return [tuple(row[mask].tolist()) for row, mask in zip(batch.tokens.numpy(), masks, strict=True)]


def measured(answers):
    """Exact match and token accuracy of what is likeliest in one half, in the other half; and its number of answers."""
    half = len(answers) // 2
    first, second = answers[:half], answers[half:]
    likeliest = Counter(first).most_common(1)[0][0]
    longest = max(map(len, answers))
    tokens = [
        Counter(answer[place] for answer in first if place < len(answer)).most_common(1)
        for place in range(longest)
    ]
    right = sum(
        bool(best) and token == best[0][0]
        for answer in second
        for token, best in zip(answer, tokens, strict=False)
    )
    return Chance(second.count(likeliest) / len(second), right / sum(map(len, second))), len(second)


@pytest.fixture
def agrees(monkeypatch):
    """Whether chance and a measurement differ by no more than their errors, of whole answers as of tokens."""
    estimates = []
    drawn = Task._drawn_chance
    monkeypatch.setattr(
        Task, "_drawn_chance", lambda *options: estimates.append(drawn(*options)) or estimates[-1]
    )

    def check(task, length, count=DRAWS, part="answer"):
        estimates.clear()
        chance = (task.chance if part == "answer" else task.result_chance)(length)
        found, other = measured(written(task, length, count, part))
        own = DRAWN if estimates else inf  # a closed form has no error
        for claimed, share in zip(chance, found, strict=True):
            pooled = claimed if own == inf else (claimed * own + share * other) / (own + other)
            error = sqrt(pooled * (1 - pooled) * (1 / own + 1 / other)) + 1 / other
            assert abs(claimed - share) <= DEVIATIONS * error, (length, claimed, share)
        return chance

    return check


def variants():
    """The task of every YAML, its stress sets, and the task with one option changed to each value that it names."""
    for path in files("task"):
        kind, options = read(path)
        length = OmegaConf.load(path).get("train_length", 10)
        task = built(kind, options)
        for name, hard in task.stress_sets().items():
            yield pytest.param(hard, length, id=f"{path.stem}-stress-{name}")
        for option, values in choices(kind).items():
            for value in values:
                if value != options[option]:
                    changed = built(kind, together(options, option, value))
                    yield pytest.param(changed, length, id=f"{path.stem}-{option}={value}")


@pytest.mark.parametrize("count", [FEW, pytest.param(DRAWS, marks=pytest.mark.long)])
@pytest.mark.parametrize("path", files("task"), ids=lambda path: path.stem)
def test_chance_is_what_draws_show(path, count, agrees):
    task = built(*read(path)).evaluation_task()
    length = OmegaConf.load(path).get("train_length", 10)
    for each in filter(task.has, {2, length, length + 3}):
        agrees(task, each, count)


@pytest.mark.long
@pytest.mark.parametrize(("task", "trained"), list(variants()))
def test_chance_of_every_option(task, trained, agrees):
    task = task.evaluation_task()
    for length in filter(task.has, {1, 2, 3, 5, trained, 2 * trained}):
        agrees(task, length)
        if task.has_scratchpad(length):
            agrees(task, length, part="result")


# -- closed forms against every example of small problems --


def enumerated(weighted):
    """Chance of answers with their weights, by counting fractions; every answer ends in an end token."""
    answers = [(*answer, "end") for answer, _ in weighted]
    total = sum(weight for _, weight in weighted)
    whole, places = Counter(), [Counter() for _ in range(max(map(len, answers)))]
    for answer, (_, weight) in zip(answers, weighted, strict=True):
        whole[answer] += Fraction(weight, total)
        for place, token in enumerate(answer):
            places[place][token] += Fraction(weight, total)
    tokens = sum(votes.total() for votes in places)
    return Chance(float(max(whole.values())), float(sum(max(votes.values()) for votes in places) / tokens))


def every(symbols, length):
    return list(product(range(symbols), repeat=length))


def flat(length, modulus):
    """Values of all expressions without brackets, by Python's own arithmetic."""
    terms = (length + 1) // 2
    for digits in every(modulus, terms):
        for signs in product("+-*", repeat=terms - 1):
            text = "".join(f"{digit}{sign}" for digit, sign in zip(digits, (*signs, ""), strict=True))
            yield [(eval(f"{'-' if length % 2 == 0 else ''}{text}") % modulus,)]


def polynomials(length, shown):
    """Answers of all polynomials of the default ranges, with x from -2 to 2."""
    terms = [(coefficient, power) for coefficient in range(-3, 4) for power in range(4)]
    for point in range(-2, 3):
        for chosen in product(terms, repeat=length):
            values = [coefficient * point**power % 10 for coefficient, power in chosen]
            sums = [sum(values[: end + 1]) % 10 for end in range(length)]
            yield (
                tuple(token for pair in zip(values, sums, strict=True) for token in pair)
                if shown
                else (sums[-1],)
            )


def running(symbols, successors, length):
    """States of all strings, the last as it is written."""
    for string in every(symbols, length):
        state, states = 0, []
        for symbol in string:
            state = successors[state][symbol]
            states.append(state)
        yield string, states


def equally(answers):
    return enumerated([(tuple(answer), 1) for answer in answers])


WALK = [[0, 1], [0, 2], [1, 2]]
SHOWN = ("in", "in", "2")
WALKS = {
    "symbols": ["l", "r"],
    "table": {str(state): [str(after) for after in row] for state, row in enumerate(WALK)},
    "start": "0",
    "output": {"0": "in", "1": "in"},
}


def prefix_sums(strings, modulus):
    return [[sum(string[: end + 1]) % modulus for end in range(len(string))] for string in strings]


EXACT = [
    *(
        (Sort(4, duplicates=True), length, lambda n: equally(map(sorted, every(4, n))))
        for length in (1, 3, 5)
    ),
    *(
        (Sort(5), length, lambda n: equally(sorted(s) for s in every(5, n) if len(set(s)) == n))
        for length in (1, 3, 5)
    ),
    (Sort(5, duplicates=True, given="equal"), 3, lambda n: equally([s] * n for s in range(5))),
    *(
        (UniqueSet(4), length, lambda n: equally(dict.fromkeys(string) for string in every(4, n)))
        for length in (1, 2, 5, 6)
    ),
    (ModularSum(3), 4, lambda n: equally([sums[-1]] for sums in prefix_sums(every(3, n), 3))),
    (
        ModularSum(4, least=1, scratchpad="running"),
        3,
        lambda n: equally(prefix_sums(product((1, 2, 3), repeat=n), 4)),
    ),
    (
        ModularSum(6, terms="equal", scratchpad="running"),
        4,
        lambda n: equally(prefix_sums(([digit] * n for digit in range(6)), 6)),
    ),
    *(
        (ModularArithmetic(3), length, lambda n: enumerated([(answer, 1) for [answer] in flat(n, 3)]))
        for length in (1, 2, 5, 6)
    ),
    *((Poly(), length, lambda n: equally(polynomials(n, shown=False))) for length in (1, 3)),
    *((Poly(scratchpad="terms"), length, lambda n: equally(polynomials(n, shown=True))) for length in (1, 3)),
    *(
        (
            Automaton(**WALKS),
            length,
            lambda n: equally([SHOWN[states[-1]]] for _, states in running(2, WALK, n)),
        )
        for length in (1, 5)
    ),
    *(
        (
            Automaton(**WALKS, scratchpad="running"),
            length,
            lambda n: equally(
                [*map(str, states[:-1]), SHOWN[states[-1]]] for _, states in running(2, WALK, n)
            ),
        )
        for length in (1, 5)
    ),
    (
        Automaton(**WALKS, scratchpad="interleaved"),
        5,
        lambda n: equally(
            [*list(chain.from_iterable(zip(string, map(str, states), strict=True)))[:-1], SHOWN[states[-1]]]
            for string, states in running(2, WALK, n)
        ),
    ),
    (Majority(), 6, lambda n: equally([int(2 * sum(bits) > n)] for bits in every(2, n))),
    (Majority(), 7, lambda n: equally([int(2 * sum(bits) > n)] for bits in every(2, n))),
    (
        Majority(ties="none"),
        6,
        lambda n: equally([int(2 * sum(b) > n)] for b in every(2, n) if 2 * sum(b) != n),
    ),
    (
        Count(3, occurrences="chance"),
        11,
        lambda n: enumerated([(str(k)[::-1], comb(n, k) * 2 ** (n - k)) for k in range(n + 1)]),
    ),
    (Count(digits=3), 11, lambda n: equally(str(k).zfill(3)[::-1] for k in range(n + 1))),
    (Count(), 123, lambda n: equally(str(k)[::-1] for k in range(n + 1))),
    *(
        (
            Dyck(3),
            length,
            lambda n: enumerated([(s, 3 ** (n - k)) for k in range(1, n + 1) for s in every(3, k)]),
        )
        for length in (1, 4)
    ),
    *((Parity(scratchpad="running"), n, lambda n: equally(prefix_sums(every(2, n), 2))) for n in (1, 4)),
    (
        Parity(scratchpad="running", bits="sparse"),
        4,
        lambda n: enumerated(
            [([0] * n, n), *(([int(i >= place) for i in range(n)], 1) for place in range(n))]
        ),
    ),
    *((Copy(3, times=2), n, lambda n: equally(s * 2 for s in every(3, n))) for n in (1, 3)),
    *(
        (
            Copy(3, repeats="ngram"),
            n,
            lambda n: enumerated(
                [
                    ([gram[i % size] for i in range(n)], 3 ** (4 - size))
                    for longest in (2, 3, 4)
                    for size in [min(longest, max(n // 2, 1))]
                    for gram in every(3, size)
                ]
            ),
        )
        for n in (1, 2, 5, 8)
    ),
]


@pytest.mark.parametrize(
    ("task", "length", "solve"), [pytest.param(*case, id=f"{case[0]!r}-{case[1]}"[:90]) for case in EXACT]
)
def test_closed_forms(task, length, solve):
    assert task.chance(length) == pytest.approx(solve(length), abs=1e-12)


def test_additions():
    for length in (1, 2):
        sums = Counter(a + b for a in range(10**length) for b in range(10**length))
        digits = [[f"{total:0{length + 1}d}"[::-1], count] for total, count in sums.items()]
        assert Addition().chance(length) == pytest.approx(enumerated(digits), abs=1e-12)
        low = 10 ** (length - 1) if length > 1 else 0
        sums = Counter(a + b for a in range(low, 10**length) for b in range(low, 10**length))
        exact = max(sums.values()) / sums.total()
        assert Addition(pad="none").chance(length).exact_match == pytest.approx(exact)
    assert Addition(hints=True).chance(3).exact_match == pytest.approx(1e-3 / 26)
    assert Addition(scratchpad="columns").chance(3).exact_match == pytest.approx(1e-6)


def test_binary_arithmetic():
    for length in (1, 2, 5):
        numbers = range(1, 2**length)
        sums = Counter(a + b for a in numbers for b in numbers)
        assert BinaryAddition().chance(length).exact_match == pytest.approx(max(sums.values()) / sums.total())
        roots = Counter(int(sqrt(number)) for number in numbers)
        assert SquareRoot().chance(length).exact_match == pytest.approx(max(roots.values()) / roots.total())
    assert BinaryAddition().stress_sets()["carry"].chance(7) == Chance(1.0, 1.0)  # always 2^n
    for second in (1, 2):
        products = Counter(a * b for a in range(100) for b in range(10**second))
        exact = Multiplication(second=second).chance(2).exact_match
        assert exact == pytest.approx(max(products.values()) / products.total())


def test_plain_values():
    assert Passkey().chance(30) == pytest.approx(Chance(1e-3, (3 * 0.1 + 1) / 4))
    assert Mode().chance(20) == pytest.approx(Chance(0.1, 0.55))
    assert Mode(ties="first").chance(20) == pytest.approx(Chance(0.1, 0.55))
    assert Parity(scratchpad="interleaved").chance(10) == pytest.approx(Chance(2**-10, 11 / 21))
    assert Parity(scratchpad="interleaved").result_chance(10).exact_match == pytest.approx(0.5, abs=0.03)
    assert Lego(style="text").chance(5) == pytest.approx(Chance(0.5, 1 - 0.5 / 18))
    assert Lego(scratchpad="chain", asked="any", alphabet=4).chance(2).exact_match == pytest.approx(1 / 16)
    assert InversePermutation(5, 3, "pairs").chance(4).exact_match == pytest.approx(3**-4 / 2)
    assert made("task", "a5", generators="all", scratchpad="none").chance(3) == pytest.approx(
        Chance(1 / 60, 61 / 120)
    )


def test_paths_through_fixed_tables():
    task = Lookup(tables="fixed", functions=2, values=3, scratchpad="running")
    tables = task._tables(1, torch.Generator())[0].tolist()
    paths = []
    for start, functions in product(range(3), every(2, 4)):
        states, state = [], start
        for function in functions:
            state = tables[function][state]
            states.append(state)
        paths.append(states)
    assert task.chance(4) == pytest.approx(equally(paths), abs=1e-12)


# -- what wraps, and what knows nothing --


def test_text_and_traces_have_the_chance_of_what_they_spell():
    for length in (1, 2):
        assert Copy(5, style="text").chance(length).exact_match == pytest.approx(5.0**-length)
        assert Copy(5, scratchpad="tail").chance(length).exact_match == pytest.approx(5.0**-length)
        assert Sort(5, duplicates=True, style="text").chance(length).exact_match == pytest.approx(
            Sort(5, duplicates=True).chance(length).exact_match
        )
    assert Poly(style="text").chance(3) == one_place("The answer is 6.", Poly().chance(3).exact_match)


@pytest.mark.parametrize(
    "options",
    [{"spacing": 1}, {"blanks": "random"}, {"hints": True, "markers": 3}, {"blanks": "aligned"}],
    ids=str,
)
def test_formats(options, agrees):
    task = Interleaved(**options).applied(Copy(2))
    for length in (1, 3):
        chance = agrees(task, length)
        if "spacing" in options or options == {"blanks": "random"}:
            assert chance.exact_match == 2.0**-length
        else:
            assert chance.exact_match < 0.75 * 2.0**-length


def test_mixtures_have_the_chance_of_what_is_evaluated(agrees):
    mixture = Mixture(Addition(), {"copy": Aid(Copy(3), 0.5, lengths=[2])})
    assert mixture.evaluation_task().chance(4) == Addition().chance(4)
    agrees(mixture, 2)


@dataclass(frozen=True)
class Lazy(Copy):
    """A class that inherits a chance which is no longer true: it always writes the first symbol of the alphabet."""

    def sample(self, length, count, generator):
        batch = super().sample(length, count, generator)
        spans = [Span(batch.tokens[:, :length]), Span(torch.full((1, 1), SEP))]
        return assemble(length, count, self.vocabulary, spans, [Span(torch.full((1, 1), 4))])


@dataclass(frozen=True)
class Stored(Task):
    """Some rows that are listed, and drawn with replacement."""

    rows: int = 40
    vocabulary = Vocabulary(("a", "b"))

    def all_examples(self, length):
        answer = torch.where(torch.arange(self.rows) % 4 < 3, 4, 5).unsqueeze(1)
        return assemble(length, self.rows, self.vocabulary, [Span(torch.full((1, 1), SEP))], [Span(answer)])

    def sample(self, length, count, generator):
        return self.all_examples(length).rows(torch.randint(self.rows, (count,), generator=generator))


def test_a_task_that_says_nothing_is_estimated():
    assert Lazy().chance(6) == Chance(1.0, 1.0)
    assert Stored().chance(2) == pytest.approx(Chance(0.75, 0.875))  # 30 of 40 are `a`
    assert Stored(rows=1).chance(2) == Chance(1.0, 1.0)


def written_rows(path, answers):
    path.write_text(
        "prompt,answer,length\n" + "".join(f"{i},{answer},2\n" for i, answer in enumerate(answers))
    )


@pytest.mark.parametrize("order", [sorted, list], ids=["sorted", "alternating"])
def test_a_data_set_counts_its_own_rows(tmp_path, order):
    written_rows(tmp_path / "train.csv", order(["yes", "no"] * 30))
    written_rows(tmp_path / "test.csv", order(["yes", "no", "no"] * 20))
    task = Dataset(str(tmp_path))
    assert task.chance(2) == pytest.approx(Chance(0.5, 2 / 3.5))
    # of 20 times `yes` and 40 times `no`, both with an end token: 40 `n`, 40 `o`, 40 ends in the third place, 20 in the last
    assert task.evaluation_task().chance(2) == pytest.approx(Chance(2 / 3, 140 / 200))


def test_a_data_set_counts_the_results_of_its_rows(tmp_path):
    lines = ["question,worked,answer,length", "1,a b c,c,2", "2,b b c,c,2", "3,a a d,d,2"]
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").write_text("\n".join(lines) + "\n")
    task = Dataset(
        str(tmp_path), prompt="question", answer="worked", result="answer", tokens="words"
    ).evaluation_task()
    assert task.chance(2) == pytest.approx(Chance(1 / 3, (2 + 2 + 2 + 3) / 12))
    assert task.result_chance(2) == pytest.approx(Chance(2 / 3, 5 / 6))


def test_the_data_set_that_comes_with_lengen():
    task = Dataset().evaluation_task()
    for length in filter(task.has, (5, 10)):
        answers = Counter(written(task, length, 1000, "answer"))
        assert task.chance(length).exact_match == answers.most_common(1)[0][1] / answers.total()


def test_a_length_that_a_task_lacks_is_refused():
    for task, length in (
        (Sort(5), 6),
        (Copy(5, repeats="unique"), 6),
        (made("task", "scan"), 23),
        (Lego(), 27),
    ):
        with pytest.raises(LengthUnavailable, match=f"length {length}: "):
            task.chance(length)


def test_listed_answers_may_be_of_several_sizes():
    # a (1/2), ab (1/4), b (1/4): the likeliest tokens are a, then the end
    listed = torch.tensor([[4, 3, 0], [4, 5, 3], [5, 3, 0]])
    assert of_listed(listed, torch.tensor([0.5, 0.25, 0.25])) == pytest.approx(
        Chance(0.5, (0.75 + 0.75 + 0.25) / (2 + 0.25))
    )


def test_the_estimate_is_the_same_every_time():
    task = replace(Sort(30), scratchpad="selection")
    assert task.chance(3) == task.chance(3)


def test_the_table_of_the_docs():
    lines = (
        (CONFIGS.parent / "docs" / "tasks.md")
        .read_text()
        .split("## Chance\n")[1]
        .split("\n## ")[0]
        .splitlines()
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][
        2:
    ]
    assert len(rows) > 10
    for words, length, exact, tokens in rows:
        name, *changes = words.split()
        options = dict(change.removeprefix("task.").split("=") for change in changes)
        chance = made("task", name, **options).chance(int(length))
        assert (f"{chance.exact_match:.3g}", f"{chance.token_accuracy:.3f}") == (exact, tokens)
