#!/bin/sh
# Build the sdist, the wheel from the sdist, install it into a fresh environment, and run it from an empty folder.
# The environment sees the packages of the one that PYTHON belongs to, so that nothing is downloaded twice.
set -eu
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m build --outdir "$work/dist" "$here" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$python" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$work"/dist/*.whl
site=$("$work/env/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
"$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' >"$site/zz_dependencies.pth"
mkdir "$work/empty"
cd "$work/empty"
"$work/env/bin/python" -c 'import lengen, sys; sys.exit(0 if lengen.__file__.startswith(sys.prefix) else f"not the wheel: {lengen.__file__}")'
lengen="$work/env/bin/lengen"
"$lengen"
"$lengen" list task
"$lengen" data task=addition length=5 count=1
"$lengen" train --cfg job >/dev/null
"$lengen" train task=addition pe=nope decoder=tiny train_length=2 steps=20 batch_size=16 eval.examples=50 trainer.progress=false
test -s results/runs/addition/nope/*/seed=0/curve.csv
"$lengen" eval run=results/runs 'lengths=[2,4]' trainer.progress=false
test -s results/runs/addition/nope/*/seed=0/eval/*/curve.csv
"$lengen" compare
test -s results/compare/page.html
"$work/env/bin/python" -c "from lengen.comparison.published import load; assert load('kazemnejad2023').curves"
if "$lengen" train pe=nopee 2>err.txt; then echo "a mistake was accepted"; exit 1; else test $? -eq 2; fi
grep -q "did you mean 'nope'" err.txt
echo "the wheel works"
