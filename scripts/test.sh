#!/usr/bin/env bash
# Set up the environment, then check style and types and run the tests.
#
# usage: bash scripts/test.sh [options of pytest, such as -k resume]
#
# PYTHON, VENV and TORCH_INDEX are those of install.sh.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
source "$here/install.sh" radiomics dask dicom parquet deploy service deidentify imagenet mlflow docs tutorials test

cd "$root"
"$python" -m ruff check .
"$python" -m ruff format --check .
"$python" -m mypy
# bytecode for the many processes that tests start, even where PYTHONDONTWRITEBYTECODE is set
"$python" -m compileall -q common scripts
# each worker on one thread, as threads of several workers would wait for each other; tests/conftest.py has their number
export OMP_NUM_THREADS=1
# with --cov, one place for what commands in other folders have run
export COVERAGE_FILE="$root/.coverage"
# a worker that is lost, as with a test that hangs, ends the run: another in its place would start the same test again,
# and pytest-xdist waits for ever where the other workers are done
exec "$python" -m pytest -n auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --durations=15 "$@"
