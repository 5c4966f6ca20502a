#!/bin/sh
# Measures evensum beside Polars and DuckDB on the same invented rows. Needs a release build and Python 3; the
# other programs come from PyPI into an environment below target/. Arguments go to compare.py: --help says which.
set -eu
cd "$(dirname "$0")/.."
place=target/compare
if [ ! -x "$place/venv/bin/python" ]; then
    python3 -m venv "$place/venv"
    "$place/venv/bin/pip" install --quiet --requirement benches/requirements.txt
fi
program=${CARGO_TARGET_DIR:-target}/release/evensum
if [ ! -x "$program" ]; then
    cargo build --release
fi
exec "$place/venv/bin/python" benches/compare.py --program "$program" --dir "$place/work" "$@"
