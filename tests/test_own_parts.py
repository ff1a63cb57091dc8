"""The pages on parts of one's own are true: their files are written, their commands and their Python run."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from tests.conftest import TINY, run_folders

DOCS = Path(__file__).parents[1] / "docs"
PAGES = pytest.mark.parametrize(
    "page",
    [
        "own-task",
        "own-encoding",
        *(pytest.param(page, marks=pytest.mark.long) for page in ("own-positions", "own-attention")),
    ],
)

pytestmark = pytest.mark.whole_run  # seconds each


def blocks(page):
    """Languages and texts of the code blocks of a page."""
    if not (DOCS / f"{page}.md").is_file():
        pytest.skip("the pages are not here")
    return re.findall(r"^```(\w+)\n(.*?)^```$", (DOCS / f"{page}.md").read_text(), re.MULTILINE | re.DOTALL)


def write_files(page, folder):
    """The blocks that name a file in their first line."""
    written = []
    for _, text in blocks(page):
        if found := re.match(r"# (conf/\S+)\n", text):
            path = folder / found[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            written.append(path.suffix)
    assert written == [".py", ".yaml"]


def forget(page):
    """Let a module of another test's folder be imported anew."""
    sys.modules.pop(page.replace("own-", "my_"), None)


@PAGES
def test_commands_of_the_page(page, lengen, tmp_path):
    write_files(page, tmp_path)
    forget(page)
    (commands,) = [text.splitlines() for language, text in blocks(page) if language == "console"]
    assert [line.split()[1] for line in commands if "data" not in line][:2] == ["check", "train"]
    for line in commands:
        words = shlex.split(line)[1:]
        ran = lengen(*words, *(TINY if words[0] == "train" else ()))
        assert ran.code == 0, ran.out + ran.err
        assert "FAIL" not in ran.out
    assert run_folders(tmp_path)


@PAGES
def test_python_of_the_page(page, tmp_path, monkeypatch):
    write_files(page, tmp_path)
    forget(page)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "conf")
    (text,) = [text for language, text in blocks(page) if language == "python" and not text.startswith("# ")]
    checked, trained = text.strip().rsplit("\n", 1)
    scope = {}
    exec(compile(checked, f"{page}.md", "exec"), scope)
    assert trained.startswith("run = lengen.train(")
    options = {name: value for name, _, value in (word.partition("=") for word in TINY)}
    quick = trained.replace("steps=300", f"steps={options['steps']}").replace(
        "train_length=8", "train_length=3"
    )
    exec(compile(quick, f"{page}.md", "exec"), scope)
    assert run_folders(tmp_path)
