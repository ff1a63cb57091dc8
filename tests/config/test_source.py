"""Hashes of code from outside: what counts, and what does not."""

import linecache
import sys
import textwrap
from importlib import import_module

import pytest

from lengen.config.source import digest, normalised, source_of, sources


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1\n", "# a remark\n\nx = 1   # one\n\n"),
        ("def f():\n    return 1\n", "def f():\n\n    # why\n    return 1\n"),
        ("x = '#1'\n", "x = '#1'  # '#2'\n"),
    ],
)
def test_comments_and_blank_lines_do_not_count(one, other):
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1\n", "x = 2\n"),
        ("x = '#1'\n", "x = '#2'\n"),
        ('x = """a\n\nb"""\n', 'x = """a\nb"""\n'),
        ('x = f"""a\n\n{1}b"""\n', 'x = f"""a\n{1}b"""\n'),
        ("if a:\n    b()\n    c()\n", "if a:\n    b()\nc()\n"),
    ],
)
def test_everything_else_does(one, other):
    assert digest(one) != digest(other)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Modules of a user: `mine_itself` imports `size` at its top, `late_of_mine` in a function, and libraries."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))

    write("parts_of_mine/__init__.py", "")
    write("parts_of_mine/size.py", "from . import deep\nSIZE = 3\n")
    write("parts_of_mine/deep.py", "DEEP = 1\n")
    write("late_of_mine.py", "LATE = 1\n")
    write("unused_of_mine.py", "UNUSED = 1\n")
    write(
        "mine_itself.py",
        """
        import json
        import yaml
        from lengen.task import Task
        from parts_of_mine.size import SIZE

        class Mine:
            def use(self):
                import late_of_mine
                return late_of_mine
        """,
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if "of_mine" in name or name == "mine_itself"]:
        del sys.modules[name]


def test_a_class_stands_on_what_its_module_imports(package):
    kind = import_module("mine_itself").Mine
    before = sources(kind)
    assert set(before) == {
        "late_of_mine.py",
        "mine_itself.py",
        "parts_of_mine/__init__.py",
        "parts_of_mine/deep.py",
        "parts_of_mine/size.py",
    }
    assert "late_of_mine" not in sys.modules  # nothing is run to find it
    (package / "parts_of_mine" / "deep.py").write_text("DEEP = 2\n")
    after = sources(kind)
    assert [name for name in before if before[name] != after[name]] == ["parts_of_mine/deep.py"]


def test_a_class_of_a_notebook_counts_by_its_own_source():
    kind = type("Own", (), {"__module__": "__main__"})
    ((name, (path, _)),) = sources(kind).items()
    assert name == "__main__:Own"
    assert path is None


CELL = '''
import functools

scale = 2


@functools.total_ordering
class Own:
    """Of a notebook."""

    weights = [1, 2]  # of no function

    def __lt__(self, other):
        return True


own = Own()
'''


def of_cell(text: str, name: str):
    """The class of a cell of a notebook, whose lines are known by the name of the cell alone."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), space)
    return space["Own"]


def test_a_class_of_a_notebook_has_the_source_that_it_would_have_in_a_script(tmp_path):
    kind = of_cell(CELL, "<cell 1>")
    script = CELL[CELL.index("@functools") : CELL.index("\n\n\nown")]
    assert normalised(source_of(kind)) == normalised(script)
    changed = of_cell(CELL.replace("[1, 2]", "[1, 3]"), "<cell 2>")
    elsewhere = of_cell(CELL.replace("scale = 2", "scale = 3  # not of the class"), "<cell 3>")
    assert sources(kind) == sources(elsewhere) != sources(changed)
