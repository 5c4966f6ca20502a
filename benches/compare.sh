#!/bin/sh
# Measures evensum beside Polars and DuckDB on the same invented rows. Needs a release build and Python 3; the
# other programs come from PyPI into an environment below target/. Arguments go to compare.py: --help says which.
set -eu
cd "$(dirname "$0")/.."
place=target/compare
wanted=benches/requirements.txt
if ! cmp -s "$wanted" "$place/venv/made-of.txt"; then
    rm -rf "$place/venv"
    python3 -m venv "$place/venv"
    "$place/venv/bin/pip" install --quiet --requirement "$wanted"
    cp "$wanted" "$place/venv/made-of.txt"
fi
cargo build --release --locked
program=${CARGO_TARGET_DIR:-target}/release/evensum
exec "$place/venv/bin/python" benches/compare.py --program "$program" --dir "$place/work" "$@"
