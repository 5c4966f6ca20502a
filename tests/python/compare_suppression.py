"""Compares the cells that `core::disclosure::complementary` hides with the fewest that would do, which HiGHS proves.

    python3 -m venv /tmp/suppression && /tmp/suppression/bin/pip install highspy numpy
    cargo build --release -p evensum-core --example suppress
    /tmp/suppression/bin/python tests/python/compare_suppression.py target/release/examples/suppress [SEEDS] [FIRST]

Nothing here is taken from the Rust code: tables are drawn, put to the example as JSON, and its patterns attacked by
programs of our own. An outsider either sees the marker alone ("unlabelled": a hidden count is at least 1) or also
knows which hidden counts are above the limit ("labelled"). A pattern is broken where a count of 1 to 7 can be only one
whole number for him. The optimum is found from below: a master problem over the cells that might be hidden, and for
each of its answers the attacks on every small count, whose duals are the capacity cuts of Fischetti and Salazar (2001).
Ends with 1 if any pattern is broken, or needs more than the optimum plus a tenth, under the same promise.
"""

import itertools
import json
import resource
import subprocess
import sys
import time

import highspy
import numpy as np

LIMIT = 7
SHAPES = [(3, 3, 3), (4, 3, 2), (4, 4, 3), (5, 4, 3), (5, 5, 4)]
PEOPLE = [0.5, 2, 5, 10, 20, 30]  # in a base cell, on average
SECONDS = 300  # for one optimum
FAR = 200.0  # how far a cell moves at most where nothing bounds it; small counts move by less than 7


def drawn(shape, people, seed):
    """Skewed counts: of four or more categories one has 2 to 4 % of all people."""
    rng = np.random.default_rng(seed)
    share = np.ones(())
    for size in shape:
        weights = rng.gamma(1.2, 1, size) + 0.02
        if size >= 4:
            weights[rng.integers(size)] = weights.sum() * rng.uniform(0.02, 0.04)
        share = np.multiply.outer(share, weights / weights.sum())
    share = share * rng.gamma(4, 0.25, shape)
    return rng.poisson(people * np.prod(shape) * share / share.sum())


def with_totals(counts):
    """(group of each dimension with 0 for all, count, base cells) of every cell and total."""
    number = np.arange(counts.size).reshape(counts.shape)
    for at in itertools.product(*(range(size + 1) for size in counts.shape)):
        inside = tuple(slice(None) if a == 0 else slice(a - 1, a) for a in at)
        yield at, int(counts[inside].sum()), number[inside].ravel()


def patterns(program, tables, protect):
    def line(counts):
        return json.dumps({
            "limit": LIMIT,
            "protect": protect,
            "attributes": [{"parts": n, "groups": [[i] for i in range(n)]} for n in counts.shape],
            "cells": [{"at": at, "count": count} for at, count, _ in with_totals(counts)],
        })

    done = subprocess.run([program], input="\n".join(map(line, tables)), stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(answer) for answer in done.stdout.splitlines()]


class Outsider:
    """How far each cell can move from its true count, given how much of each other cell is hidden (0 to 1)."""

    def __init__(self, cells, base, labelled):
        self.cells = cells
        bounds = [self.bounds(count, labelled) for _, count, _ in cells]
        self.low = [low for low, _, _ in bounds]
        self.high = [high for _, high, _ in bounds]
        self.open = [open_ for _, _, open_ in bounds]
        self.lp = highspy.Highs()
        self.lp.setOptionValue("output_flag", False)
        self.lp.setOptionValue("threads", 1)
        for _ in range(base):
            self.lp.addVar(0, 0)
        self.column, self.row = {}, {}
        for index, (_, _, parts) in enumerate(cells):
            if len(parts) == 1:
                self.column[index] = int(parts[0])
            else:
                self.row[index] = len(self.row)
                self.lp.addRow(0, 0, len(parts), parts.astype(np.int32), np.ones(len(parts)))
        self.hidden = [0.0] * len(cells)

    @staticmethod
    def bounds(count, labelled):
        if count == 0:
            return 0.0, 0.0, False
        if not labelled:
            return 1.0 - count, FAR, True
        if count <= LIMIT:
            return 1.0 - count, float(LIMIT - count), False
        return LIMIT + 1.0 - count, FAR, True

    def furthest(self, target, sign, hidden):
        """How far a cell moves up (sign 1) or down (-1), and the worth of each other cell's movement."""
        for index, (old, new) in enumerate(zip(self.hidden, hidden)):
            if old != new:
                low, high = self.low[index] * new, self.high[index] * new
                if index in self.column:
                    self.lp.changeColBounds(self.column[index], low, high)
                else:
                    self.lp.changeRowBounds(self.row[index], low, high)
        self.hidden = list(hidden)
        parts = [int(part) for part in self.cells[target][2]]
        for part in parts:
            self.lp.changeColCost(part, -float(sign))
        self.lp.run()
        assert self.lp.getModelStatus() == highspy.HighsModelStatus.kOptimal
        value, solution = -self.lp.getInfo().objective_function_value, self.lp.getSolution()
        for part in parts:
            self.lp.changeColCost(part, 0.0)
        columns, rows = solution.col_dual, solution.row_dual
        worth = [-(columns[self.column[i]] if i in self.column else rows[self.row[i]]) for i in range(len(self.cells))]
        return value, [w if abs(w) > 1e-9 else 0.0 for w in worth]

    def width(self, target, hidden):
        """How many whole numbers apart the least and the greatest possible count are."""
        return sum(int(np.floor(self.furthest(target, sign, hidden)[0] + 1e-6)) for sign in (1, -1))

    def cut(self, target, hidden):
        """Which cells have to be hidden, and how much of each, for a cell to move by 1 either way; None if it does."""
        needed = {}
        for sign in (1, -1):
            value, worth = self.furthest(target, sign, hidden)
            if value >= 1 - 1e-6:
                return None
            given, wanted = 0.0, {}
            for index, (_, count, _) in enumerate(self.cells):
                if worth[index] == 0 or count == 0:
                    continue
                capacity = worth[index] * (self.high[index] if worth[index] > 0 else self.low[index])
                if count <= LIMIT:
                    given += capacity  # hidden anyway
                else:
                    unbounded = self.open[index] and worth[index] > 0
                    wanted[index] = 1.0 if unbounded else capacity
            if given >= 1 - 1e-9:
                return {}  # says nothing, which happens only where cells are hidden in part
            for index, capacity in wanted.items():
                needed[index] = max(needed.get(index, 0.0), min(1.0, capacity / (1 - given)))
        return needed


def fewest(cells, base, labelled):
    """The least number of cells above the limit that have to be hidden; None if time ran out, -1 if none will do."""
    outsider = Outsider(cells, base, labelled)
    small = [i for i, (_, count, _) in enumerate(cells) if 1 <= count <= LIMIT]
    candidates = [i for i, (_, count, _) in enumerate(cells) if count > LIMIT]
    place = {index: position for position, index in enumerate(candidates)}
    master = highspy.Highs()
    master.setOptionValue("output_flag", False)
    master.setOptionValue("threads", 1)
    master.setOptionValue("mip_rel_gap", 0.0)
    master.setOptionValue("mip_abs_gap", 0.99)  # numbers of cells are whole
    for position in range(len(candidates)):
        master.addVar(0, 1)
        master.changeColCost(position, 1.0)
    begun, whole = time.time(), False
    while time.time() - begun < SECONDS:
        master.run()
        chosen = master.getSolution().col_value
        hidden = [0.0] * len(cells)
        for index in small:
            hidden[index] = 1.0
        for index in candidates:
            value = chosen[place[index]]
            hidden[index] = float(round(value)) if whole else min(1.0, max(0.0, value))
        cuts = 0
        for target in small:
            cut = outsider.cut(target, hidden)
            if cut is None or (not whole and sum(c * hidden[i] for i, c in cut.items()) >= 1 - 1e-4):
                continue
            if not whole and not cut:
                continue
            cut = {index: c for index, c in cut.items() if c > 1e-9}
            if not cut:
                return -1
            columns = np.array([place[i] for i in cut], dtype=np.int32)
            master.addRow(1, highspy.kHighsInf, len(cut), columns, np.array(list(cut.values())))
            cuts += 1
        if cuts == 0 and whole:
            return round(master.getInfo().objective_function_value)
        if cuts == 0:
            whole = True
            for position in range(len(candidates)):
                master.changeColIntegrality(position, highspy.HighsVarType.kInteger)
    return None


def broken(cells, base, hidden, labelled, protect):
    """How many small counts are known better than promised."""
    outsider = Outsider(cells, base, labelled)
    marked = [float(h) for h in hidden]
    small = [i for i, (_, count, _) in enumerate(cells) if 1 <= count <= LIMIT]
    if not all(hidden[i] for i in small) or any(hidden[i] for i, (_, count, _) in enumerate(cells) if count == 0):
        raise SystemExit("a small count is shown, or a zero hidden")
    return sum(outsider.width(i, marked) < protect for i in small)


def main():
    program = sys.argv[1]
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    faults = 0
    print("shape | tables | proved | primary | secondary | fewest | ratio | worst | not fewest | fewest unlabelled |"
          " broken labelled | unlabelled | no pattern | CPU s a table |"
          " width 2: secondary | broken | no pattern")
    for shape in SHAPES:
        tables = [drawn(shape, PEOPLE[seed % len(PEOPLE)], seed) for seed in range(first, first + seeds)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        ours = patterns(program, tables, 1)
        seconds = (resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before) / len(tables)
        wide = patterns(program, tables, 2)
        proved = primary = secondary = least = least_unlabelled = over = none = wide_secondary = wide_none = 0
        worst, failed = 1.0, [0, 0, 0]
        for counts, pattern, wider in zip(tables, ours, wide):
            cells = list(with_totals(counts))
            best = fewest(cells, counts.size, True)
            if "error" in pattern:
                none += 1
                faults += best != -1
                continue
            failed[0] += broken(cells, counts.size, pattern["hidden"], True, 1)
            failed[1] += broken(cells, counts.size, pattern["hidden"], False, 1)
            wide_none += "error" in wider
            if "error" not in wider:
                failed[2] += broken(cells, counts.size, wider["hidden"], True, 2)
                wide_secondary += wider["secondary"]
            if best is None:
                continue
            proved += 1
            primary += pattern["primary"]
            secondary += pattern["secondary"]
            least += best
            least_unlabelled += fewest(cells, counts.size, False) or 0
            over += pattern["secondary"] > best
            worst = max(worst, pattern["secondary"] / max(best, 1))
            faults += pattern["secondary"] > 1.1 * best
        faults += sum(failed)
        size = "x".join(map(str, shape))
        print(f"{size} | {len(tables)} | {proved} | {primary} | {secondary} | {least} | {secondary / max(least, 1):.3f} |"
              f" {worst:.2f} | {over} | {least_unlabelled} | {failed[0]} | {failed[1]} | {none} | {seconds:.2f} |"
              f" {wide_secondary} | {failed[2]} | {wide_none}", flush=True)
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
