"""Imports run downwards, as `[tool.importlinter]` in pyproject.toml lists the packages, and nothing lies outside them."""

from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "lengen"


@pytest.fixture(scope="module")
def graph():
    """Which module imports which, imports inside functions included."""
    made = grimp.build_graph("lengen", cache_dir=None)
    assert "lengen.task.copy" in made.modules
    return made


def test_imports_run_downwards(capsys):
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0, (
        capsys.readouterr().out
    )


def test_no_module_imports_itself_by_way_of_others(graph):
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules


def test_packages_stand_on_at_most_twelve_floors(graph):
    package = {name: ".".join(name.split(".")[:2]) for name in graph.modules}
    below: dict[str, set[str]] = {each: set() for each in package.values()}
    for name in graph.modules:
        imported = {package[other] for other in graph.find_modules_directly_imported_by(name)}
        below[package[name]] |= imported - {package[name]}
    floor: dict[str, int] = {}
    for each in TopologicalSorter(below).static_order():
        floor[each] = 1 + max((floor[other] for other in below[each]), default=0)
    assert max(floor.values()) <= 12, floor


def test_nothing_imports_the_command_line(graph):
    importers = {
        importer
        for module in graph.modules
        if module.startswith("lengen.cli")
        for importer in graph.find_modules_that_directly_import(module)
    }
    assert {name for name in importers if not name.startswith("lengen.cli")} <= {"lengen.__main__"}


def test_few_modules_lie_flat():
    flat = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert len(flat) <= 3, sorted(flat)


def test_every_package_has_modules():
    """So that no place is kept for what is not there."""
    packages = [path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert all(any(path.rglob("*.py")) for path in packages)
