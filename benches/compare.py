"""Measures evensum beside Polars and DuckDB: the same rows, the same figures, the programs in turn.

Each round runs every program once with several measurements, and one ratio is taken a round, so that a machine
that becomes slower in between does not favour anybody. The others get the rows in the form that suits them
best (codes as single bytes, groups already mapped, no text), and only their counting is timed. What evensum
shows after disclosure control must be what the rules make of the others' exact figures, cell for cell.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc

LIMIT, BASE = 7, 5  # of the profile nhs75m
SUMS = ["rows", "over18", "over52"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="all", choices=["tabulate", "load", "all"])
    parser.add_argument("--program", default="target/release/evensum", help="the program to measure")
    parser.add_argument("--dir", default="target/compare/work", help="folder for the rows; it is kept")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", help="file for everything that was measured")
    return parser.parse_args()


def bench(args, which, runs=1):
    """One run of `evensum bench`: its benchmarks by name, each figure by name."""
    command = [args.program, "bench", which, "--rows", str(args.rows), "--seed", str(args.seed)]
    command += ["--dir", args.dir, "--runs", str(runs), "--format", "json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    if not report["optimised"]:
        sys.exit("the program was built without optimisation: cargo build --release")
    return {b["name"]: {f["name"]: f for f in b["figures"]} for b in report["benchmarks"]}


def timed(run, times=3):
    """The median of a few runs in milliseconds, and what the last gave."""
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        result = run()
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent), result


class Rows:
    """The extract's file as columns of bytes, with the categories of the question's axes already mapped."""

    def __init__(self, counted):
        with pa.memory_map(counted["file"]) as source:
            table = pa.ipc.open_file(source).read_all()
        self.counted = counted

        def codes(name):
            chunks = table.column(name).chunks
            dictionary = chunks[0].dictionary.to_pylist()
            return np.concatenate([c.indices.to_numpy(zero_copy_only=False) for c in chunks]), dictionary

        def mapped(name, value):
            values, dictionary = codes(name)
            return np.array([value(leaf) for leaf in dictionary], dtype=np.uint8)[values]

        by0, by1, outcome = counted["axes"]
        columns = {"person": table.column("person").to_numpy()}
        for short, axis in (("q", by0), ("g", by1)):
            proper = axis["categories"][:-1]
            place = {leaf: i for i, (_, leaves) in enumerate(proper) for leaf in leaves}
            columns[short] = mapped(axis["column"], lambda leaf, place=place: place.get(leaf, 255))
        for name in SUMS[1:]:
            leaves = dict(outcome["categories"])[name]
            columns[name] = mapped(outcome["column"], lambda leaf, leaves=leaves: int(leaf in leaves))
        # What a table's filters keep, by column.
        self.keep = {}
        for table_of in counted["tables"]:
            for column, kept in table_of["filters"]:
                values, dictionary = codes(column)
                columns[column] = values.astype(np.uint8)
                self.keep[column] = [dictionary.index(k) for k in kept if k in dictionary]
        self.frame = pl.DataFrame(columns)
        self.base = duckdb.connect()
        frame = self.frame.to_arrow()  # noqa: F841 -- read by name in the next line
        self.base.execute("CREATE TABLE t AS SELECT * FROM frame")

    def filters(self, table):
        return [(column, self.keep[column]) for column, _ in table["filters"]]

    def polars_filter(self, table):
        return [
            pl.col(c) == k[0] if len(k) == 1 else pl.col(c).is_in(k) for c, k in self.filters(table)
        ]

    def sql_filter(self, table):
        each = (f"{c} IN ({', '.join(map(str, k))})" for c, k in self.filters(table))
        return " AND ".join(each) or "true"


ADD = [pl.col(name).sum() for name in SUMS]
FIRST = [pl.len().alias("rows"), pl.col("over18").sum(), pl.col("over52").sum()]
MARGINS = [["q", "g"], ["q"], ["g"], []]


def grouped(frame, keys, what):
    return frame.group_by(keys).agg(what) if keys else frame.select(what)


def polars_leaves(rows, table, engine):
    frame = rows.frame.lazy().filter(*rows.polars_filter(table))
    return frame.group_by("q", "g").agg(FIRST).collect(engine=engine)


def polars_sums(rows, table, engine):
    """The finest cells from the rows, and every margin from the cells."""
    leaves = polars_leaves(rows, table, engine)
    return [leaves] + [grouped(leaves, keys, ADD) for keys in MARGINS[1:]]


def polars_people(rows, table, engine):
    """Each margin: people with rows, and the most rows of one, for each of the three sums."""
    frame = rows.frame.lazy().filter(*rows.polars_filter(table))
    people = frame.group_by("q", "g", "person").agg(FIRST).collect(engine=engine).lazy()
    found = []
    for keys in MARGINS:
        each = people if len(keys) == 2 else people.group_by(*keys, "person").agg(ADD)
        what = ADD + [(pl.col(n) > 0).sum().alias(f"{n}_people") for n in SUMS]
        what += [pl.col(n).max().alias(f"{n}_top") for n in SUMS]
        found.append(grouped(each, keys, what).collect(engine=engine))
    return found


def duckdb_leaves(rows, table):
    return rows.base.execute(
        f"SELECT q, g, count(*), sum(over18), sum(over52) FROM t WHERE {rows.sql_filter(table)} GROUP BY q, g"
    ).fetchall()


def duckdb_sums(rows, table):
    return rows.base.execute(
        "SELECT q, g, grouping(q, g), count(*), sum(over18), sum(over52) FROM t "
        f"WHERE {rows.sql_filter(table)} GROUP BY GROUPING SETS ((q, g), (q), (g), ())"
    ).fetchall()


def duckdb_people(rows, table):
    return rows.base.execute(
        f"""WITH each AS (
          SELECT q, g, person, count(*) AS a, sum(over18) AS b, sum(over52) AS c
          FROM t WHERE {rows.sql_filter(table)} GROUP BY q, g, person
        ), every AS (
          SELECT q, g, grouping(q, g) AS level, person, sum(a) AS a, sum(b) AS b, sum(c) AS c
          FROM each GROUP BY GROUPING SETS ((q, g, person), (q, person), (g, person), (person))
        )
        SELECT q, g, level, sum(a), sum(b), sum(c), count(*), count(*) FILTER (b > 0),
               count(*) FILTER (c > 0), max(a), max(b), max(c)
        FROM every GROUP BY q, g, level"""
    ).fetchall()


def cells_of_polars(tables):
    """(category, category, sum) -> rows, people, most rows of one; None stands for a margin."""
    cells = {}
    for keys, table in zip(MARGINS, tables):
        for row in table.iter_rows(named=True):
            at = (row.get("q"), row.get("g"))
            for name in SUMS:
                cells[(*at, name)] = (row[name], row[f"{name}_people"], row[f"{name}_top"])
    return cells


def cells_of_duckdb(found):
    cells = {}
    for q, g, level, *figures in found:
        at = (None if level & 2 else q, None if level & 1 else g)
        for i, name in enumerate(SUMS):
            cells[(*at, name)] = tuple(int(figures[i + 3 * k]) for k in range(3))
    return cells


def shown(cell):
    """What the profile makes of an exact cell."""
    events, people, top = cell
    if events <= LIMIT or people <= LIMIT or 2 * top > events:
        return "suppressed"
    return (events + BASE // 2) // BASE * BASE


def compare_cells(rows, table, cells, who):
    """Every cell of the releases, from another program's exact figures."""
    by0, by1, _ = rows.counted["axes"]
    checked = 0
    for release in filter(None, table["releases"]):
        outcomes = release["axes"][2]["categories"]
        released = iter(release["cells"])
        for i in range(len(by0["categories"])):
            for j in range(len(by1["categories"])):
                for outcome in outcomes:
                    at = (
                        None if i == len(by0["categories"]) - 1 else i,
                        None if j == len(by1["categories"]) - 1 else j,
                        "rows" if outcome == "all" else outcome,
                    )
                    ours, theirs = next(released), shown(cells.get(at, (0, 0, 0)))
                    if ours != theirs:
                        sys.exit(f"cell {at} is {ours} in evensum and {theirs} by {who}: they do not agree")
                    checked += 1
    return checked


class Ratios:
    """Times by line and program, one of each a round."""

    def __init__(self):
        self.lines = {}

    def add(self, line, program, ms):
        self.lines.setdefault(line, {}).setdefault(program, []).append(ms)

    def table(self, ours="evensum"):
        found = []
        for line, programs in self.lines.items():
            mine = programs[ours]
            print(f"\n{line}")
            print(f"  {ours:34} {statistics.median(mine):10.1f} ms")
            for program, theirs in programs.items():
                if program == ours:
                    continue
                ratios = [m / t for m, t in zip(mine, theirs)]
                ratio = statistics.median(ratios)
                spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
                print(f"  {program:34} {statistics.median(theirs):10.1f} ms   ratio {ratio:.3f} ({spread})")
                found.append(
                    {"line": line, "beside": program, "ratio": ratio, "ratios": ratios,
                     "ours_ms": mine, "theirs_ms": theirs}
                )
        return found


def tabulate(args):
    bench(args, "tabulate")  # makes the rows
    kinds = {"several": "tabulate", "one": "tabulate, a row a person"}
    held = {k: Rows(json.loads(Path(args.dir, f"counted-{k}.json").read_text())) for k in kinds}
    threads = os.cpu_count()
    ratios, checked = Ratios(), 0
    for number in range(args.rounds):
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
        ours = bench(args, "tabulate")
        for kind, rows in held.items():
            for table in rows.counted["tables"]:
                what = "residents, one specialty" if table["scoped"] else "residents"
                figure = ours[kinds[kind]][f"{what}, {threads} {'threads' if threads > 1 else 'thread'}"]
                label = f"{args.rows:,} rows, {'some people with several' if kind == 'several' else 'a row a person'}, {what}"
                sums, people = f"{label}: sums", f"{label}: sums, people and top"
                ratios.add(sums, "evensum", figure["median"])
                ratios.add(people, "evensum", figure["median"])
                for engine in ("in-memory", "streaming"):
                    ms, _ = timed(lambda: polars_sums(rows, table, engine))
                    ratios.add(sums, f"Polars {engine}", ms)
                    ms, _ = timed(lambda: polars_leaves(rows, table, engine))
                    ratios.add(sums, f"Polars {engine}, no margins", ms)
                    ms, found = timed(lambda: polars_people(rows, table, engine), 1)
                    ratios.add(people, f"Polars {engine}", ms)
                checked += compare_cells(rows, table, cells_of_polars(found), "Polars")
                ms, _ = timed(lambda: duckdb_sums(rows, table))
                ratios.add(sums, "DuckDB", ms)
                ms, _ = timed(lambda: duckdb_leaves(rows, table))
                ratios.add(sums, "DuckDB, no margins", ms)
                ms, found = timed(lambda: duckdb_people(rows, table), 1)
                ratios.add(people, "DuckDB", ms)
                checked += compare_cells(rows, table, cells_of_duckdb(found), "DuckDB")
    print(f"\n{checked} released cells are what the rules make of the others' exact figures")
    return ratios.table()


def load(args):
    csv = Path(args.dir, f"extract-{args.rows}-{args.seed}.csv")
    ratios = Ratios()
    for number in range(args.rounds):
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
        ours = bench(args, "load")["load"]["load"]["median"]
        ratios.add("load", "evensum", ours)
        for where, name in ((":memory:", "DuckDB, in memory"), ("disk", "DuckDB, on disk")):
            place = where if where != "disk" else str(Path(args.dir, "compare.duckdb"))
            for left in ("", ".wal"):
                Path(place + left).unlink(missing_ok=True)

            def read():
                base = duckdb.connect(place)
                base.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{csv}')")
                base.execute("CHECKPOINT")
                count = base.execute("SELECT count(*) FROM t").fetchone()[0]
                base.close()
                return count

            ms, count = timed(read, 1)
            if count != args.rows:
                sys.exit(f"DuckDB read {count} rows of {args.rows}")
            ratios.add("load", name, ms)
            if where == "disk":
                Path(place).unlink(missing_ok=True)
    return ratios.table()


def main():
    args = arguments()
    Path(args.dir).mkdir(parents=True, exist_ok=True)
    version = subprocess.run([args.program, "--version"], check=True, capture_output=True, text=True)
    versions = {
        "evensum": version.stdout.strip(),
        "Polars": pl.__version__,
        "DuckDB": duckdb.__version__,
        "pyarrow": pa.__version__,
        "Python": sys.version.split()[0],
    }
    print(", ".join(f"{k} {v}" for k, v in versions.items()), f"on {os.cpu_count()} processors")
    result = {"versions": versions, "processors": os.cpu_count(), "rows": args.rows, "found": []}
    if args.what in ("tabulate", "all"):
        result["found"] += tabulate(args)
    if args.what in ("load", "all"):
        result["found"] += load(args)
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
