"""What is not needed everywhere is imported where it is used."""

import subprocess
import sys

import pytest

from conftest import TINY

SCRIPT = """
import sys
from lengen.cli.main import main
code = main()
print(sorted({"wandb", "datasets"}.intersection(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "imported"), [(("logger=local",), "[]"), (("logger=wandb", "logger.mode=offline"), "['wandb']")]
)
def test_training_imports_wandb_and_datasets_where_they_are_used(tmp_path, words, imported):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "train", "task=copy", *words, *TINY],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == imported
