#!/usr/bin/env bash
# Set everything up and run the tests.  Usage: scripts/test.sh [pytest arguments]
# Without arguments: linter, type checker and the whole suite, by two workers of one thread each.
cd "$(dirname "$0")/.." && . scripts/setup.sh dev
export TF_CPP_MIN_LOG_LEVEL=3
if [ $# -eq 0 ]; then
  rm -rf build/lib build/typed  # setuptools would pack what earlier builds left there
  mkdir -p build
  .venv/bin/ruff check .
  .venv/bin/ruff format --check .
  # On the installed package: the source tree does not show applications/ as actzoo.applications.
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
    --no-build-isolation --upgrade --target build/typed . 2> build/typed.log
  MYPYPATH=build/typed .venv/bin/mypy --cache-dir build/typed/.cache --config-file setup.cfg -p actzoo
  export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
  # Whole files, so that fixtures of a module are made once; tests/conftest.py orders them.
  set -- -n 2 --dist loadfile --no-loadscope-reorder
fi
exec .venv/bin/python -m pytest "$@"
