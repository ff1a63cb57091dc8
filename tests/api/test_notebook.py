"""A notebook: runs show themselves, the progress bar needs no widgets, and classes of its cells are distinguished."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.whole_run

SETUP = """
import lengen
from lengen.task import SEP, SPECIAL, Span, Vocabulary, assemble
import torch
TINY = dict(
    decoder={"layers": 1, "dim": 16, "heads": 2}, train_length=3, batch_size=16, steps=20,
    eval={"examples": 50, "lengths": [2, 3, 5]}, trainer={"probe_every": 10, "probe_examples": 24},
)
"""

OWN = """
class Own(lengen.Task):
    @property
    def vocabulary(self):
        return Vocabulary(("x", "y"))

    def sample(self, length, count, generator):
        items = torch.randint(2, (count, length), generator=generator) + len(SPECIAL)
        prompt = [Span(items), Span(torch.full((1, 1), SEP))]
        return assemble(length, count, self.vocabulary, prompt, [Span(items[:, {first}])], coupled=False)

own = lengen.train(task=Own(), **TINY)
print(own.path)
"""


SLOPE = """
class Slope(lengen.PositionalEncoding):
    def logit_bias(self, query, key):
        distance = (query.unsqueeze(-1) - key.unsqueeze(-2)).float().abs().unsqueeze(1)
        return -{rate} * distance
"""
ALONE = 'print(lengen.train(task="copy", pe=Slope, **TINY).path)'
SIDE_BY_SIDE = """
study = lengen.study(task="copy", pe=[Slope], seed=[0, 1], jobs=2, **TINY)
print(study.runs[0].path)
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The cells of a notebook after it was run."""
    place = tmp_path_factory.mktemp("notebook")
    texts = [
        SETUP,
        'run = lengen.train(task="copy", pe="rope", **TINY)\nrun',
        'run.attention("ab#")',
        "run.evaluate(lengths=[4])",
        OWN.format(first=":1"),
        OWN.format(first="-1:"),
        OWN.format(first=":1"),
        'print(lengen.load(own.path, task=Own).predict("xy#") == own.predict("xy#"))',
        SLOPE.format(rate=0.1) + ALONE,
        SIDE_BY_SIDE,
        SLOPE.format(rate=9.0) + SIDE_BY_SIDE,
        ALONE,
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in texts])
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "PYTHONWARNINGS": "error::UserWarning:rich",
    }
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("IPYTHONDIR", str(place / "ipython"))
        client = NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(place)}}
        )
        client.execute(env={**environment, "IPYTHONDIR": str(place / "ipython")})
    return notebook.cells


def written(cell, kind: str) -> str:
    """What a cell wrote on a stream."""
    return "".join(out["text"] for out in cell.outputs if out.output_type == "stream" and out.name == kind)


def test_a_run_shows_itself(cells):
    shown = [out for out in cells[1].outputs if out.output_type == "execute_result"]
    assert len(shown) == 1
    assert {"text/plain", "text/html", "image/png"} <= set(shown[0].data)
    assert "<table>" in shown[0].data["text/html"]
    (weights,) = [out for out in cells[2].outputs if out.output_type == "execute_result"]
    assert "image/png" in weights.data


def test_the_bar_is_a_display_that_ends_full(cells):
    bars = [out.data["text/plain"] for out in cells[1].outputs if out.output_type == "display_data"]
    assert len(bars) == 1
    assert "20/20" in bars[0]
    assert "ID exact match" in bars[0]
    assert all(written(cell, "stderr") == "" for cell in cells)
    gone = [out.data["text/plain"] for out in cells[3].outputs if out.output_type == "display_data"]
    assert gone == [""]


def test_a_class_that_was_edited_is_another_cell(cells):
    first, edited, again = (written(cell, "stdout").splitlines()[-1] for cell in cells[4:7])
    assert first != edited
    assert first == again
    assert written(cells[7], "stdout") == "True\n"


def test_a_class_is_the_same_in_another_process_and_another_one_once_it_is_edited(cells):
    alone, beside, edited, again = (
        written(cell, "stdout").strip().splitlines()[-1].rpartition("/seed")[0] for cell in cells[8:12]
    )
    assert alone == beside
    assert edited == again
    assert alone != edited
    assert all("slope" in each for each in (alone, edited))
