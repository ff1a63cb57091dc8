"""A short run imports what it needs of its libraries, and the rest of torchmetrics comes when it is asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

SLOW = (
    "torchmetrics.functional",
    "torchmetrics.text",
    "scipy.signal",
    "scipy.stats",
    "pandas",
    "wandb",
    "datasets",
)
RUN = "import sys; from lengen.cli.main import main; sys.argv = ['lengen', 'train', 'task=passkey', 'decoder=tiny', 'steps=1', "
RUN += "'eval.lengths=[5]', 'eval.examples=10']; code = main(); "


def python(script: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return done.stdout


def test_a_run_imports_no_slow_library_that_it_does_not_use(tmp_path):
    script = (
        f"{RUN} print([name for name in {SLOW!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert not done.returncode
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.long
def test_all_of_torchmetrics_is_there_when_it_is_asked_for(tmp_path):
    script = """
import lengen.training.fit, sys, torch, torchmetrics
assert "torchmetrics.functional" not in sys.modules
accuracy = torchmetrics.Accuracy(task="binary")
assert isinstance(accuracy, torchmetrics.Metric)
assert torchmetrics.functional.accuracy(torch.ones(2), torch.ones(2), task="binary") == 1
import torchmetrics.metric, torchmetrics.collections
assert torchmetrics.Metric is torchmetrics.metric.Metric
assert torchmetrics.MetricCollection is torchmetrics.collections.MetricCollection
assert not hasattr(torchmetrics, "no_such_name")
print(type(torchmetrics).__name__)
"""
    assert python(script, tmp_path) == "module\n"


@pytest.mark.long
def test_a_version_with_other_modules_is_imported_as_usual(tmp_path):
    package = tmp_path / "torchmetrics"
    package.mkdir()
    (package / "__init__.py").write_text("Metric = 'another'\n")
    script = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import lengen.training
import torchmetrics
print(torchmetrics.Metric)
"""
    assert python(script, tmp_path) == "another\n"


@pytest.mark.long
def test_what_is_imported_already_stays(tmp_path):
    script = """
import torchmetrics
before = torchmetrics
import lengen.training, sys
assert sys.modules["torchmetrics"] is before
"""
    assert python(script, tmp_path) == ""
