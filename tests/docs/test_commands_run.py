"""The commands of README and docs/ are carried out, page by page, in an empty folder, with short trainings."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tests.conftest import TINY, train
from tests.docs.commands import PAGES, commands, write_files

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings(
        r"ignore:The ``declarative_base\(\)`` function:DeprecationWarning"
    ),  # of Optuna 2
]

COMPOSED_ALONE = re.compile(
    r"launcher=|trainer=|logger=|wandb|--help|--cfg|task=dataset|pe=mine|pull|push=|against=kaz|compare '?best="
)
"""Needs a cluster, several devices, a network, the reader's data or part, or runs that the page does not make, or trains nothing;
`test_commands.py` composes it."""
OWN_TESTS = ("docs/own-", "CONTRIBUTING.md")
"""Pages whose commands other tests carry out."""
SMALL = {
    r"'?seed=range\((\d+)\)'?": lambda found: "seed=0,1" if int(found[1]) < 10 else "seed=0,1,2",
    r"examples=\d+": lambda _: "examples=50",
    r"optimizer\.lr>=0\.001,optimizer\.lr<0\.01": lambda _: "optimizer.lr>=0.01,optimizer.lr<0.1",
    r"checkpoint_every=\d+": lambda _: "checkpoint_every=5",
    r"n_trials=\d+": lambda _: "n_trials=2",
    r"from=\S+": lambda _: "from=" + str(next(iter(sorted(Path("results/runs/copy/nope").glob("*/seed=0"))))),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Runs that a reader of the later pages has."""
    folder = tmp_path_factory.mktemp("reader")
    train(folder, ["-m", "task=passkey,copy,addition", "pe=nope,rope", "seed=0,1", *TINY])
    return folder / "results"


def short(words: tuple[str, ...]) -> list[str]:
    """The command with few examples and, where it trains, a decoder of a second or two."""
    words = list(words)
    for pattern, replacement in SMALL.items():
        words = [re.sub(pattern, replacement, word) for word in words]
    if words[0] == "eval":
        return [*words, *(["examples=50"] if "examples=50" not in words else [])]
    if (
        words[0] == "data"
        and any(word.startswith("export=") for word in words)
        and "examples=50" not in words
    ):
        return [*words, "examples=50", "eval.examples=20"]
    if words[0] != "train" or (len(words) == 2 and words[1].startswith("study=")):
        return words
    given = {word.partition("=")[0] for word in words} - {
        "steps",
        "batch_size",
        "eval.lengths",
        "eval.examples",
    }
    if "experiment=lr_bracket" in words:
        words += ["seed=0", "optimizer.lr=0.001,0.01"]
    if any(word.startswith("from=") for word in words):
        return [*words, *(word for word in TINY if not word.startswith("steps=")), "steps=40"]
    tiny = [word for word in TINY if word.partition("=")[0] not in given]
    return [*words, *tiny]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page) and not page.startswith(OWN_TESTS)]
)
def test_the_commands_of_a_page_run(page, trained, lengen, tmp_path):
    shutil.copytree(trained, tmp_path / "results")
    write_files(page, tmp_path)
    for command in commands(page):
        if COMPOSED_ALONE.search(str(command)):
            continue
        ran = lengen(*short(command.words))
        assert ran.code == (2 if "pe=nopee" in command.words else 0), (
            f"{command}\n{ran.out[-2000:]}\n{ran.err[-3000:]}"
        )
