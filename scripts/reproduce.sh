#!/bin/sh
# The exact command behind every number under results/. Runs that are there are not run again.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
"$python" scripts/study.py demo --out results/demo
"$python" scripts/study.py presets --out results/presets
