"""The page on data sets, followed to the letter in an empty folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.commands import ROOT, commands
from tests.docs.test_commands_run import short

PAGE = "docs/data.md"
(SCRIPT,) = re.findall(r"```python\n(.*?)```", (ROOT / PAGE).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.whole_run
def test_its_rows_are_written_and_its_commands_run(lengen, tmp_path):
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, check=True)
    followed = [each.words for each in commands(PAGE) if each.words[0] in ("data", "train")]
    for words in followed:
        given = " ".join(words)
        small = [word for word in short(words) if word != "decoder=small"]
        ran = lengen(
            *small, *(["train_length=4"] if "train_length" not in given and words[0] == "train" else [])
        )
        assert ran.code == 0, f"{given}\n{ran.err}"
    assert sum("task.path=rows.csv" in words for words in followed) == 1
    assert len(list(Path("results/runs/dataset").glob("*/*/seed=0/curve.csv"))) == 3
