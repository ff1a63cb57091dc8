"""The code of docs/python.md runs, from top to bottom."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.mark.long
@pytest.mark.whole_run
def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = ModuleType("code_of_the_page")
    monkeypatch.setitem(sys.modules, page.__name__, page)
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), vars(page))
    names = vars(page)
    assert [run.curve.lengths for run in (names["run"], names["again"], names["mine"])] == [(2, 4, 6)] * 3
    assert names["again"].path == names["run"].path
    assert len(names["study"].runs) == 4
    assert set(names["found"].table["task"]) == {"copy (alphabet=5)", "copy (alphabet=20)"}
    assert len(set(names["found"].table["cell"])) == 3  # the first run, and both cells of the study
