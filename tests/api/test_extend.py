"""Extensions in Python: by name as on the command line, and objects of one's own."""

import pytest
from tests.conftest import command

import lengen
from api.conftest import TINY
from lengen.extend import Extension
from lengen.extend.rules import Scaled

pytestmark = pytest.mark.whole_run


class Growing(Extension):
    """A factor on all logits."""

    slot = "scale"

    def __init__(self, rate: float = 0.1):
        self.rate = rate

    def changed(self, parts, sizes):
        return parts.with_rules(lambda rule: Scaled(rule, lambda inputs: 1 + self.rate))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lengen.train(task="copy", pe="rope", **TINY)


def labels(found):
    return [part.facts["protocol"].get("extend") for part in found if part.curve.rows]


def test_names_and_options_are_those_of_the_command_line(run, monkeypatch, capsys):
    found = run.evaluate(lengths=[4], extend={"yarn": {"factor": 2}, "sharpen": None})
    assert labels(found) == [None, "yarn(factor=2)+sharpen(factor=1.2)"]
    words = ("lengths=[4]", "extend=[sharpen,yarn]", "extend.yarn.factor=2")
    assert command(monkeypatch, "eval", f"run={run.path}", *words) == 0
    assert len([*(run.path / "eval").iterdir()]) == 3
    varied = run.evaluate(lengths=[4], extend="yarn", **{"grid.yarn.factor": [1.5, 3], "extend.n": "prompt"})
    assert labels(varied) == [None, "yarn(factor=1.5)", "yarn(factor=3)"]
    assert varied[1].facts["protocol"]["extend_n"] == "prompt"
    assert (varied[-1].path / "extend.csv").exists()


def test_objects_of_ones_own(run):
    found = run.evaluate(lengths=[4], extend=[Growing(0.5), "yarn"])
    assert labels(found) == [None, "yarn+growing(rate=0.5)"]
    (identity,) = [
        each for each in found[1].facts["asked"]["extend"]["extensions"] if each["class"] == "Growing"
    ]
    assert identity["options"] == {"rate": 0.5}
    assert [*identity["source"]]  # an edit of the class is another evaluation
    varied = run.evaluate(lengths=[4], extend=Growing, grid={"growing": {"rate": [0.0, 2.0]}})
    assert labels(varied) == [None, "growing(rate=0.0)", "growing(rate=2.0)"]
    base, same, other = (part.verdicts for part in varied[:3])
    assert (base["exact"] == same["exact"]).all()
    assert list(base.columns) == list(other.columns)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"extend": "yrn"}, "did you mean 'yarn'"),
        ({"extend": 3}, "extend=3: must be a name, an object"),
        ({"extend": [Growing(), Growing()]}, "growing is given twice"),
        ({"extend": "yarn", "extend.yarn.facotr": 2}, "did you mean 'extend.yarn.factor'"),
        ({"extend": "yarn", "grid": {"ntk": {"factor": [2]}}}, "must be one of the extensions"),
        ({"extend": "yarn", "grid": [2]}, "grid=\\[2\\]: must be a dictionary"),
        ({"extend": "t5_reach"}, "does not apply to pe=rope"),
    ],
)
def test_mistakes(run, options, said):
    with pytest.raises(lengen.UsageError, match=said):
        run.evaluate(lengths=[4], **options)
    assert not (run.path / "eval").exists()
