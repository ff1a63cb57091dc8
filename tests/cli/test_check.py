"""`lengen check`, and traps of parts of one's own: one clear line each."""

import pytest
from tests.cli.test_main import MY_PE, refused
from tests.conftest import TINY, run_folders

TASK = '''
import torch
from dataclasses import dataclass
from lengen.task import Span, Task, Vocabulary, assemble

@dataclass(frozen=True)
class Last(Task):
    """The last of some symbols."""

    @property
    def vocabulary(self):
        return Vocabulary(("a", "b", "c", "d", "e"))

    def sample(self, length, count, generator):
        tokens = torch.randint(5, (count, length), generator=generator) + 4
        return assemble(length, count, self.vocabulary, [Span(tokens)], [Span(tokens[:, -1:])], coupled=False)
'''

ENCODING = '''
import torch
from torch import nn
from lengen.pe import PositionalEncoding

class Mine(PositionalEncoding):
    """Rows of a table."""

    relative = False
    whole = True

    def __init__(self, shape, rows: int = 9):
        super().__init__(shape)
        self.rows = nn.Embedding(rows, shape.dim)

    def embed(self, x, positions):
        return x + self.rows(positions)
'''


@pytest.fixture
def mine(tmp_path):
    """Write a class of one's own and its YAML."""

    def write(group, text, kind, options=""):
        (tmp_path / "conf" / group).mkdir(parents=True, exist_ok=True)
        module = f"my_{group}_{abs(hash(text)) % 10**8}"
        (tmp_path / "conf" / f"{module}.py").write_text(text)
        (tmp_path / "conf" / group / "mine.yaml").write_text(f"_target_: {module}.{kind}\n{options}")

    return write


def test_a_part_of_ones_own_is_checked(lengen, mine):
    mine("task", TASK, "Last")
    mine("pe", MY_PE.replace("distances = True", "distances = whole = True"), "Window", "width: 4\n")
    ran = lengen("check", "task=mine", "pe=mine", "--config-dir", "conf")
    assert ran.code == 0, ran.out + ran.err
    assert "task=mine: 13 of 13 checks hold" in ran.out
    assert "pe=mine: 21 of 21 checks hold" in ran.out


@pytest.mark.parametrize("word", ["pe=rope", "attention=ssmax", "positions=abacus", "task=copy"])
def test_an_option_of_lengen_is_checked(lengen, word):
    ran = lengen("check", word)
    assert ran.code == 0, ran.out + ran.err
    assert ran.out.startswith(f"{word}: ")
    assert "FAIL" not in ran.out


def test_what_fails_is_named(lengen, mine):
    mine("pe", ENCODING, "Mine", "rows: 400\n")
    ran = lengen("check", "pe=mine", "--config-dir", "conf")
    assert ran.code == 1
    line, *_ = [line for line in ran.out.splitlines() if line.startswith("FAIL")]
    assert "`budget` = N" in line
    assert "my_pe_" in line  # the file and the line that raised it


@pytest.mark.parametrize("words", [(), ("pe=nopp",), ("pe=alibi", "pe.slope=1"), ("steps=3",)])
def test_mistakes_are_refused(lengen, words):
    refused(lengen("check", *words))


def test_an_attribute_with_the_name_of_a_hook_is_refused(lengen, mine):
    mine("pe", ENCODING.replace("self.rows", "self.logit_bias"), "Mine", "rows: 99\n")
    words = ("Mine.logit_bias", "hides the hook 'logit_bias' of PositionalEncoding")
    refused(lengen("train", "--config-dir", "conf", "pe=mine", *TINY), *words)
    ran = lengen("check", "--config-dir", "conf", "pe=mine")
    assert ran.code == 1
    assert all(word in ran.out for word in words)


def test_a_constructor_may_read_values(lengen, mine, tmp_path):
    text = ENCODING.replace(
        "super().__init__(shape)", "super().__init__(shape); self.rate = torch.ones(2).tolist()"
    )
    budget = "\n    @property\n    def budget(self):\n        return self.rows.num_embeddings\n"
    mine("pe", text + budget, "Mine", "rows: 99\n")
    assert lengen("train", "--config-dir", "conf", "pe=mine", "task=copy", *TINY).code == 0
    assert len(run_folders(tmp_path)) == 1


@pytest.mark.parametrize(("rows", "option"), [(5, "train_length=3"), (9, "eval.lengths has 5")])
def test_a_table_without_a_budget_is_refused_where_it_ends(lengen, mine, tmp_path, rows, option):
    mine("pe", ENCODING, "Mine", f"rows: {rows}\n")
    ran = lengen("train", "--config-dir", "conf", "pe=mine", "task=copy", *TINY)
    refused(ran, option, "pe=mine", "`budget` = N")
    assert run_folders(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (", generator=generator", "", ("task=mine", "torch's global generator")),
        (
            "length), generator=generator) + 4",
            "length), generator=generator)",
            ("task=mine", "begin at id 4"),
        ),
    ],
)
def test_faulty_tasks_are_refused(lengen, mine, tmp_path, old, new, words):
    assert old in TASK
    mine("task", TASK.replace(old, new), "Last")
    refused(lengen("train", "--config-dir", "conf", "task=mine", *TINY), *words)
    assert run_folders(tmp_path) == []
    ran = lengen("check", "--config-dir", "conf", "task=mine")
    assert ran.code == 1
    assert words[1] in ran.out


EXTENSION = '''
from lengen.extend import Extension
from lengen.extend.rules import Scaled

class Mine(Extension):
    """A factor of the tokens that are read."""

    slot = "scale"

    def __init__(self, rate: float = 0.1):
        self.rate = rate

    def changed(self, parts, sizes):
        return parts.with_rules(lambda rule: Scaled(rule, lambda inputs: 1 + self.rate * inputs.key.shape[1]))
'''


def test_an_extension_of_ones_own_is_checked(lengen, mine):
    mine("extend", EXTENSION, "Mine", "rate: 0.1\n")
    ran = lengen("check", "extend=mine", "--config-dir", "conf")
    assert ran.code == 1
    assert "FAIL  cached decoding equals the full pass" in ran.out
    assert "ok    the trained decoder stays as it is" in ran.out
    ran = lengen("check", "extend=mine", "extend.mine.rate=0", "--config-dir", "conf")
    assert ran.code == 0, ran.out
    assert "changed nothing on the decoders that were tried" in ran.out
    refused = lengen("check", "extend=mine", "extend.mine.rate=x", "--config-dir", "conf")
    assert (refused.code, len(refused.err.strip().splitlines())) == (2, 1)
