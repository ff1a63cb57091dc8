# make help lists what there is. Everything runs in .venv, which the first target that needs it makes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || (echo "lengen needs Python 3.11 to 3.13: make PYTHON=python3.12"; exit 1)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

.PHONY: setup
setup: $(READY)  ## install lengen and what its tests need into .venv

.PHONY: demo
demo: $(READY)  ## train passkey with three encodings, show the curves (minutes)
	$(BIN)/python scripts/study.py demo

.PHONY: test
test: $(READY)  ## run the tests (minutes)
	env OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2

.PHONY: test-fast
test-fast: $(READY)  ## run units and one case of each contract (under a minute)
	env OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --fast

.PHONY: test-long
test-long: $(READY)  ## run the tests that take long
	env OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m long

.PHONY: gpu
gpu: $(READY)  ## on a CUDA GPU: its tests, and all its figures into results/bench/gpu.json (eight minutes)
	$(BIN)/python scripts/bench.py gpu

.PHONY: faults
faults: $(READY)  ## kill, cut, fill and tear everything that writes; the results stay equal (minutes)
	env OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 -m faults tests/faults

.PHONY: clusters
clusters: $(READY)  ## run the tests that need Slurm (scripts/slurm.sh up) or Ray (minutes)
	env OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -rs -m cluster tests/launcher

.PHONY: bad-input
bad-input: $(READY)  ## run hundreds of command lines that must be refused (a minute or two)
	env OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m long tests/cli/test_bad_input.py

.PHONY: pins
pins: $(READY)  ## write what new options, and those with a higher revision, draw and compute
	$(BIN)/python tests/pinned.py

.PHONY: lint
lint: $(READY)  ## check style and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

.PHONY: types
types: $(READY)  ## check types
	$(BIN)/mypy

.PHONY: wheel
wheel: $(READY)  ## build sdist and wheel, install the wheel, run it from an empty folder
	sh scripts/wheel.sh $(BIN)/python

$(VENV)/.docs-ready: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,docs]'
	touch $@

.PHONY: docs
docs: $(VENV)/.docs-ready  ## build the documentation as a site, into build/docs (minutes: its notebooks are run)
	env OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -d build/docs-cache docs build/docs
	@echo "build/docs/index.html"

.PHONY: bench
bench: $(READY)  ## measure all that a CPU can, and write the tables of docs/speed.md (an hour)
	for measure in overhead step peers trainer sweep generate muon study lengths schemes mixers tasks compare status again page; do \
		$(BIN)/python scripts/bench.py $$measure || exit 1; \
	done

.PHONY: check
check: test lint types wheel docs  ## everything that is checked before a change lands

.PHONY: clean
clean:  ## remove .venv and what builds leave
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
