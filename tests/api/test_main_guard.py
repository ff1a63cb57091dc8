"""A script whose study uses processes needs a guard, since each process imports the script."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import types

import pytest

import lengen
from lengen.api.main_guard import is_guarded

SCRIPT = """import lengen


def call():
    lengen.study(task="copy", seed=[0, 1], jobs=2)


call()
"""


@pytest.mark.parametrize(
    ("text", "line", "guarded"),
    [
        ("x = 1\ncall()\n", 2, False),
        ('if __name__ == "__main__":\n    call()\n', 2, True),
        ('if __name__ == "__main__":\n    pass\ncall()\n', 3, False),
        ('if __name__ == "__main__": call()\n', 1, True),
        ("with here:\n    for each in them:\n        call(\n            1,\n        )\n", 3, False),
        ("if parent() is None:\n    try:\n        call()\n    finally:\n        pass\n", 3, True),
        ("this is no Python\n", 1, True),
    ],
)
def test_a_line_below_a_condition_is_guarded(tmp_path, text, line, guarded):
    script = tmp_path / "script.py"
    script.write_text(text)
    assert is_guarded(script, line) is guarded
    assert is_guarded(tmp_path / "nowhere.py", line)


@pytest.mark.long
@pytest.mark.whole_run
def test_a_script_without_guard_is_refused_before_any_process_starts(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1] == (
        'lengen.config.errors.UsageError: lengen.study(jobs=2): needs if __name__ == "__main__": above line 8 of script.py, '
        "since each of its processes imports the script"
    )
    assert done.stderr.count("Traceback") == 1
    assert not (tmp_path / "results").exists()


def test_a_process_that_only_imports_the_script_ends_at_once(monkeypatch, capsys):
    """Of a script whose condition holds in each of its processes."""
    main = types.ModuleType("__mp_main__")
    main.__file__ = "/somewhere/script.py"
    monkeypatch.setitem(sys.modules, "__mp_main__", main)
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(SystemExit):
        lengen.study(task="copy", seed=[0, 1])
    assert capsys.readouterr().err == (
        'lengen: lengen.study is called while script.py is imported: it needs if __name__ == "__main__":\n'
    )
