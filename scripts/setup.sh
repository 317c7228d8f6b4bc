#!/usr/bin/env bash
# Make .venv/ in the clone and install actzoo into it, from pinned versions; does nothing if it is there.
# Source it:  . scripts/setup.sh EXTRA     (EXTRA: test, dev or nothing)
# With ACTZOO_BACKENDS=1, JAX and PyTorch too; PyTorch's usual package is several GB.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
extra="${1:-}"
[ -z "${ACTZOO_BACKENDS:-}" ] || extra="${extra:+$extra,}backends"
target=".${extra:+[$extra]}"
stamp=".venv/.actzoo-${extra:-core}"
wanted="$(cat setup.cfg scripts/constraints.txt | cksum)"
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  python="${PYTHON:-python3}"
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "actzoo needs Python 3.11 or newer; $python is $("$python" --version 2>&1)." >&2
    echo "Name another with PYTHON=/path/to/python3." >&2
    exit 2
  fi
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  echo "Installing actzoo $target into .venv (about a minute) ..." >&2
  .venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint scripts/constraints.txt --editable "$target" 2> .venv/install.log || {
    cat .venv/install.log >&2
    exit 1
  }
  echo "$wanted" > "$stamp"
fi
