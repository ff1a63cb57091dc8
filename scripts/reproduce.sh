#!/bin/sh
# The exact command behind every number under results/. Runs that are there are not run again.
# It also draws the figures and pages, of which git keeps one picture a study.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
for study in demo presets passkey-encodings copy-against-kazemnejad2023 parity-2000-bits tasks sort-with-successor encodings \
    extend-copy extend-reverse extend-sort extend-addition; do
    "$python" scripts/study.py "$study" --out "results/$study"
done
"$python" scripts/study.py extend-passkey --out results/extend
"$python" scripts/state_tracking.py --out results/state-tracking
"$python" scripts/time_to_quality.py --out results/muon-adamw
