"""The colour of an encoding: fixed, told apart from the others of this repository, and there for names yet to come."""

import re
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.colors import to_rgb

from lengen.report.colour import colour, marker

ENCODINGS = sorted(path.stem for path in Path(__file__).parents[2].glob("configs/pe/*.yaml"))
DICHROMATS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
"""How the colours look to them: Machado et al. 2009, severity 1, on linear light."""


def linear(name: str) -> list[float]:
    return [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour(name))
    ]


def luminance(name: str) -> float:
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(name), strict=True))


@pytest.mark.parametrize("name", [*ENCODINGS, "kerple", "fire", "xpos", "größer", ""])
def test_every_name_has_a_colour_and_a_marker_that_stay(name):
    assert re.fullmatch("#[0-9A-Fa-f]{6}", colour(name))
    assert (colour(name), marker(name)) == (colour(name), marker(name))
    assert (1.05) / (luminance(name) + 0.05) > 2, "too pale on white"


def test_colours_of_names_that_are_not_listed_are_the_same_in_every_process():
    assert [colour(name) for name in ("kerple", "fire")] == ["#AA4499", "#661100"]


@pytest.mark.parametrize("sight", DICHROMATS)
def test_common_encodings_are_told_apart_by_the_colour_blind_or_by_their_marker(sight):
    common = ("nope", "rope", "alibi", "t5", "learned", "sinusoidal")
    assert len({colour(name) for name in common}) == len({marker(name) for name in common}) == len(common)
    seen = {
        name: [sum(a * b for a, b in zip(row, linear(name), strict=True)) for row in DICHROMATS[sight]]
        for name in common
    }
    for one, other in combinations(common, 2):
        apart = max(abs(a - b) for a, b in zip(seen[one], seen[other], strict=True))
        assert apart > 0.04, f"{one} and {other}"
