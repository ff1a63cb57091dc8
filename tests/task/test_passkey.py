"""Passkey by searching the text, written from the specification."""

import re
from string import ascii_letters, ascii_uppercase, digits

import pytest
from scipy.stats import chisquare

from lengen.task.passkey import Passkey

from .reading import combinations, draw, name

LENGTHS = (1, 2, 30, 200)
COMBINATIONS = [
    options
    for options in combinations(
        Passkey, digits=(1, 3, 5), depth=(None, 0.0, 0.3, 1.0), keys=(1, 2, 5), alphabet=(2, 40)
    )
    if options["noise"] == "random" or options["alphabet"] == 2  # the text has no alphabet
]
COUNT = 12
UNLIKELY = 1e-3
BEGINNING = (
    "There is an important info hidden inside a lot of irrelevant text. Find it and memorize them. "
    "I will quiz you about the important information there."
)
FILLER = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
DEFAULTS = {"digits": 3, "noise": "random", "keys": 1}


def patterns(options):
    """What a hidden key and the question look like, and what stands before everything."""
    key = rf"(?P<key>\d{{{options['digits']}}})"
    several = options["keys"] > 1
    if options["noise"] == "random":
        label = "(?P<label>[A-Z])" if several else "(?P<label>)"
        return f"!{label}{key}", rf"\?{label}$", ""
    label, again = (" (?P<label>[A-Z])", " (?P=label)") if several else ("(?P<label>)", "")
    needle = rf" The pass key{label} is {key}\. Remember it\. (?P=key) is the pass key{again}\."
    return needle, rf" What is the pass key{label}\? The pass key{again} is $", BEGINNING


def parse(text, options):
    """Each key by its label, the label that is asked, the noise, and how much of it stands before each key."""
    needle, question, beginning = patterns(options)
    asked = re.search(question, text)
    assert text.startswith(beginning)
    body = text[len(beginning) : asked.start()]
    keys, noise, depths, end = {}, "", {}, 0
    for found in re.finditer(needle, body):
        noise += body[end : found.start()]
        end = found.end()
        keys[found["label"]], depths[found["label"]] = found["key"], len(noise)
    return keys, asked["label"], noise + body[end:], depths


def between(length):
    """Noise characters before which no sentence of the filler is open."""
    noise = f" {FILLER}" * length
    return [place for place in range(length + 1) if not place or noise[place - 1] == "."]


def near(place, length):
    """The nearest of these, the earlier one of two."""
    return min(between(length), key=lambda other: (abs(other - place), other))


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    labels = set(ascii_uppercase[: options["keys"]]) if options["keys"] > 1 else {""}
    for length in LENGTHS:
        _, pairs = draw(Passkey(**options), length, COUNT, seed=length)
        for read, written in pairs:
            keys, asked, noise, depths = parse("".join(read), options)
            assert "".join(written) == keys[asked]
            assert set(keys) == labels
            assert len(noise) == length
            if options["noise"] == "text":
                assert noise == (f" {FILLER}" * length)[:length]
            else:
                assert set(noise) <= set(ascii_letters[: options["alphabet"]])
            if options["noise"] == "text":
                assert set(depths.values()) <= set(between(length))
            if options["depth"] is not None:
                wanted = round(options["depth"] * length)
                nearest = wanted if options["noise"] == "random" else near(wanted, length)
                assert set(depths.values()) == {nearest}


def test_text_is_the_standard_one():
    # with whole filler sentences before and behind the key, to the letter
    _, ((read, written),) = draw(Passkey(noise="text", depth=0.4, digits=5), 5 * (len(FILLER) + 1), 1)
    key = "".join(written)
    assert "".join(read) == " ".join(
        [
            BEGINNING,
            *[FILLER] * 2,
            f"The pass key is {key}. Remember it. {key} is the pass key.",
            *[FILLER] * 3,
            "What is the pass key? The pass key is ",
        ]
    )


@pytest.mark.parametrize(("noise", "length"), [("random", 9), ("text", 50)])
@pytest.mark.parametrize("keys", [1, 3])
def test_depth_is_uniform(noise, length, keys):
    options = DEFAULTS | {"noise": noise, "keys": keys}
    _, pairs = draw(Passkey(**options), length, 600)
    places = range(length + 1)
    drawn = [place if noise == "random" else near(place, length) for place in places]
    shares = [600 * drawn.count(place) / len(drawn) for place in sorted(set(drawn))]
    for label in "ABC"[:keys] if keys > 1 else [""]:
        depths = [parse("".join(read), options)[3][label] for read, _ in pairs]
        assert chisquare([depths.count(place) for place in sorted(set(drawn))], shares).pvalue > UNLIKELY


def test_no_key_stands_inside_a_sentence():
    _, pairs = draw(Passkey(noise="text"), 2 * (len(FILLER) + 1), 100)
    for read, _ in pairs:
        before, _, behind = "".join(read).partition(" The pass key is ")
        assert before.endswith(".")
        assert re.fullmatch(r"\d{3}\. Remember it\. \d{3} is the pass key\. (The|Here|There|What) .*", behind)


def test_every_key_is_asked_and_has_its_own_depth():
    options = DEFAULTS | {"keys": 4}
    _, pairs = draw(Passkey(**options), 20, 800)
    parsed = [parse("".join(read), options) for read, _ in pairs]
    asked = [label for _, label, _, _ in parsed]
    assert chisquare([asked.count(label) for label in "ABCD"]).pvalue > UNLIKELY
    first = [min(depths, key=depths.get) for *_, depths in parsed if len(set(depths.values())) == 4]
    assert chisquare([first.count(label) for label in "ABCD"]).pvalue > UNLIKELY


def test_keys_and_noise_are_uniform():
    _, pairs = draw(Passkey(alphabet=5), 10, 2000)
    keys = "".join(symbol for _, written in pairs for symbol in written)
    assert chisquare([keys.count(digit) for digit in digits]).pvalue > UNLIKELY
    noise = "".join(parse("".join(read), DEFAULTS)[2] for read, _ in pairs)
    assert chisquare([noise.count(symbol) for symbol in "abcde"]).pvalue > UNLIKELY


@pytest.mark.parametrize("noise", ["random", "text"])
@pytest.mark.parametrize("keys", [1, 3])
def test_digits_of_a_key_share_a_place_with_the_answer(noise, keys):
    options = DEFAULTS | {"noise": noise, "keys": keys}
    batch, pairs = draw(Passkey(**options), 12, 20)
    for (read, written), row in zip(pairs, batch.places.tolist(), strict=True):
        assert row[len(read) : len(read) + 4] == [1, 2, 3, 0]
        placed = [(symbol, place) for symbol, place in zip(read, row, strict=False) if place]
        # every key has places: which of them is asked stands behind them all, and would be given away
        times = keys * (2 if noise == "text" else 1)
        assert [place for _, place in placed] == [1, 2, 3] * times
        spelled = "".join(symbol for symbol, _ in placed)
        found = parse("".join(read), options)[0]
        assert {spelled[start : start + 3] for start in range(0, 3 * times, 3)} == set(found.values())
        assert "".join(written) in found.values()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"digits": 0}, ["task.digits=0", "at least 1"]),
        ({"depth": 1.5}, ["task.depth=1.5", "null", "in [0, 1]"]),
        ({"depth": -0.1}, ["task.depth=-0.1", "null", "in [0, 1]"]),
        ({"keys": 0}, ["task.keys=0", "1 to 26"]),
        ({"keys": 27}, ["task.keys=27", "1 to 26"]),
        ({"alphabet": 0}, ["task.alphabet=0", "at least 1"]),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError) as refusal:
        Passkey(**options)
    assert all(word in str(refusal.value) for word in words)


def test_stress_sets_put_the_key_at_eleven_depths():
    stress_sets = Passkey(alphabet=4).stress_sets()
    assert list(stress_sets) == [f"depth={tenth / 10:.2f}" for tenth in range(11)]
    for name_, task in stress_sets.items():
        _, pairs = draw(task, 20, 10)
        for read, _ in pairs:
            _, _, noise, depths = parse("".join(read), DEFAULTS)
            assert (depths[""], len(noise)) == (round(float(name_.partition("=")[2]) * 20), 20)
