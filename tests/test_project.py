"""What stands beside the code says what is so: changelog, citation, templates, make targets."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from lengen import __version__
from lengen.config.aliases import MODULES

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
MAKEFILE = (ROOT / "Makefile").read_text()


def written(path: str) -> str:
    """A file of the repository; some are left out of an sdist."""
    if not (ROOT / path).is_file():
        pytest.skip(f"{path} is not here")
    return (ROOT / path).read_text()


def moved() -> dict[str, tuple[str, str]]:
    """The changelog's modules: before, now, and whether the former name works."""
    rows = re.findall(r"^\| `(\S+)` \| `(\S+)` \| (works)? ?\|$", written("CHANGELOG.md"), re.MULTILINE)
    return {before: (now, works) for before, now, works in rows}


def test_modules_of_the_changelog_are_there():
    for now, _ in moved().values():
        importlib.import_module(now)


def test_the_changelog_names_the_modules_whose_former_names_work():
    assert {before: now for before, (now, works) in moved().items() if works} == dict(MODULES)


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load(written("CITATION.cff"))
    assert (citation["version"], citation["license"]) == (__version__, PROJECT["license"])
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert PROJECT["version"] == __version__


def test_continuous_integration_runs_every_python_that_is_allowed():
    job = yaml.safe_load(written(".github/workflows/ci.yml"))["jobs"]["check"]
    said = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if "Python :: 3." in line]
    assert job["strategy"]["matrix"]["python"] == said
    assert any(step.get("run") == "sh .ci/run" for step in job["steps"])


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_an_issue_form_has_fields(name):
    form = yaml.safe_load(written(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert {"name", "description", "body"} <= set(form)
    assert all({"type", "id", "attributes"} <= set(field) for field in form["body"])


def test_every_make_target_has_a_line_of_help():
    targets = set(re.findall(r"^\.PHONY: (\S+)$", MAKEFILE, re.MULTILINE))
    assert targets == set(re.findall(r"^([a-z-]+):.*## \S", MAKEFILE, re.MULTILINE))


def test_readme_counts_the_options_that_there_are():
    counted = re.search(r"There are (\d+) tasks, (\d+) encodings and (\d+) attention", written("README.md"))
    there = [len(list((ROOT / "configs" / group).glob("*.yaml"))) for group in ("task", "pe", "attention")]
    assert counted is not None
    assert [int(number) for number in counted.groups()] == there
    mixers = re.search(r"and (\d+) \[mixers\]", written("README.md"))
    assert mixers is not None
    besides = {"attention", "pattern"}
    assert int(mixers[1]) == len(
        {path.stem for path in (ROOT / "configs" / "mixer").glob("*.yaml")} - besides
    )


def test_links_of_the_documentation_lead_somewhere():
    for page in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("results/**/README.md"),
    ]:
        links = re.findall(r"\]\(<?([^)>#]+)>?[^)]*\)", page.read_text())
        local = [link for link in links if "://" not in link and not link.startswith("results/")]
        assert all((page.parent / link).exists() for link in local), page


def test_modules_that_the_documentation_names_are_there():
    for page in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("results/**/README.md"),
    ]:
        for path in re.findall(r"`((?:src|configs|tests|scripts|docs)/[\w/.-]+\.\w+)`", page.read_text()):
            assert (ROOT / path).is_file(), (page.name, path)
    for module in re.findall(r"`((?!tests/|src/)[a-z]+/[\w/]+\.py)`", written("docs/architecture.md")):
        assert (ROOT / "src/lengen" / module).is_file(), module


def test_commands_of_the_documentation_stand_in_code_blocks():
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("results/**/README.md")]:
        prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        assert not re.findall(
            r"^lengen (?:train|compare|eval|data|list|check)\b.*=.*", prose, re.MULTILINE
        ), page


def test_the_index_of_the_documentation_lists_every_page():
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", written("docs/README.md")))
    assert listed == {page.name for page in ROOT.glob("docs/*.md")} - {"README.md", "index.md"}


def test_the_readme_is_short():
    assert len(written("README.md").splitlines()) <= 150


def test_the_packages_of_the_architecture_are_the_layers_of_the_imports():
    (contract,) = PYPROJECT["tool"]["importlinter"]["contracts"]
    table = written("docs/architecture.md").partition("| package |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines()[2:]]
    assert [set(row) for row in rows] == [set(layer.split(" | ")) for layer in contract["layers"]]


def test_the_container_runs_the_two_commands_of_the_readme():
    dockerfile = written("Dockerfile")
    commands = re.findall(r"^ {4}make (\S+)", written("README.md"), re.MULTILINE)[:2]
    assert commands == ["demo", "test"]
    assert all(f"make {name}" in dockerfile.partition("FROM")[0] for name in commands)
    run = re.findall(r'"?make"?,? "?(\w+)', dockerfile.partition("FROM")[2])
    assert {*run} == {"setup", "demo"}
    image = re.search(r"^FROM python:(\S+)-slim$", dockerfile, re.MULTILINE)
    assert image is not None
    assert f"Programming Language :: Python :: {image[1]}" in PROJECT["classifiers"]
    index = re.search(r"PIP_EXTRA_INDEX_URL=(\S+)", dockerfile)
    assert index is not None
    assert f"--extra-index-url {index[1]}" in written("docs/install.md")
