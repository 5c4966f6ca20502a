"""Compares the exact bounds of the disclosure test with those of HiGHS, an independent solver.

Not part of the test suite. Run from the top of the repository:

    python3 -m venv /tmp/compare && /tmp/compare/bin/pip install highspy numpy
    cargo build --release -p evensum-core --example ranges
    /tmp/compare/bin/python tests/python/compare_disclosure_test.py

It invents tables of three attributes with a fixed seed, writes what would be published of them to the example
program, and solves the same problems by itself: variables are the finest cells, every published cell is a row. Bounds
that came from a linear program must agree to 1e-6 before rounding, and all rounded bounds must be equal.
"""

import argparse
import itertools
import json
import math
import subprocess
import sys
import time

import highspy
import numpy as np

TOLERANCE = 1e-6
PROFILES = ("nhs75m", "nhs75", "ons105m", "exact")
SHAPES = ((2, 3, 4), (3, 3, 3), (4, 3, 2), (5, 4, 2), (3, 4, 5), (5, 6, 2), (4, 4, 4))


def shown(n, profile):
    """Between which numbers a count is said to lie."""
    rounded = (n + 2) // 5 * 5
    if profile == "nhs75m":
        return (0, 7) if n <= 7 else (max(8, rounded - 2), rounded + 2)
    if profile == "ons105m":
        return (0, 9) if n <= 9 else (max(10, rounded - 2), rounded + 2)
    if n == 0:
        return (0, 0)
    if n <= 7:
        return (1, 7)
    return (n, n) if profile == "exact" else (max(8, rounded - 2), rounded + 2)


def invent(rng, number):
    """A problem: as many kinds as there are, in turn."""
    sizes = SHAPES[number % len(SHAPES)]
    profile = PROFILES[number // 2 % len(PROFILES)]
    weights = np.ones(sizes)
    for axis, size in enumerate(sizes):
        own = rng.choice([0.05, 0.3, 1.0, 1.0, 2.0], size=size)
        weights = weights * own.reshape([-1 if a == axis else 1 for a in range(3)])
    mean = rng.choice([0.5, 3.0, 8.0, 30.0])
    counts = rng.poisson(weights * mean * weights.size / weights.sum())
    groups = [[[part] for part in range(size)] for size in sizes]
    kind = number // 3 % 4
    if kind == 1 and sizes[0] > 3:  # groups that nest
        groups[0] += [list(range(sizes[0] - 1)), [0, 1]]
    elif kind == 2 and sizes[0] > 2:  # groups that cross
        groups[0] += [[0, 1], [1, 2], list(range(1, sizes[0]))]
    finest = rng.random() < 0.6  # otherwise nothing that all three attributes tell apart
    cells = []
    for at in itertools.product(*[range(len(of) + 1) for of in groups]):
        if finest or 0 in at:
            low, high = shown(int(counts[members(sizes, groups, at)].sum()), profile)
            cells.append({"at": list(at), "low": low, "high": high})
    if number % 13 == 12:
        for cell in cells[::3]:
            cell["high"] = None
    return {"sizes": list(sizes), "groups": groups, "cells": cells}


def members(sizes, groups, at):
    parts = [list(range(s)) if g == 0 else of[g - 1] for s, of, g in zip(sizes, groups, at)]
    return np.ix_(*parts)


def solve(problem):
    """The least and the most of every cell, by HiGHS."""
    sizes, groups, cells = problem["sizes"], problem["groups"], problem["cells"]
    finest = np.arange(math.prod(sizes)).reshape(sizes)
    of_cells = [finest[members(sizes, groups, cell["at"])].ravel() for cell in cells]
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    # Bounds are compared to 1e-6, so that the solver is held to less.
    highs.setOptionValue("primal_feasibility_tolerance", 1e-9)
    highs.setOptionValue("dual_feasibility_tolerance", 1e-9)
    for _ in range(finest.size):
        highs.addVar(0.0, highspy.kHighsInf)
    for cell, of in zip(cells, of_cells):
        high = highspy.kHighsInf if cell["high"] is None else cell["high"]
        highs.addRow(cell["low"], high, len(of), of.astype(np.int32), np.ones(len(of)))
    bounds = []
    every = np.arange(finest.size, dtype=np.int32)
    for of in of_cells:
        costs = np.zeros(finest.size)
        costs[of] = 1.0
        highs.changeColsCost(finest.size, every, costs)
        pair = []
        for sense in (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize):
            highs.changeObjectiveSense(sense)
            highs.run()
            status = highs.getModelStatus()
            if status == highspy.HighsModelStatus.kOptimal:
                pair.append(highs.getInfo().objective_function_value)
            elif status in (
                highspy.HighsModelStatus.kUnbounded,
                highspy.HighsModelStatus.kUnboundedOrInfeasible,
            ):
                pair.append(None)  # every problem has the table that it was made of
            else:
                sys.exit(f"HiGHS: {status}")
        bounds.append(pair)
    return bounds


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--tables", type=int, default=300)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--program", default="target/release/examples/ranges")
    chosen = arguments.parse_args()
    rng = np.random.default_rng(chosen.seed)
    problems = [invent(rng, number) for number in range(chosen.tables)]
    text = "".join(json.dumps(problem) + "\n" for problem in problems)
    begun = time.monotonic()
    answers = subprocess.run([chosen.program], input=text, capture_output=True, text=True, check=True).stdout
    own = time.monotonic() - begun
    begun = time.monotonic()
    cells = solved = different = 0
    largest = 0.0
    for number, (problem, line) in enumerate(zip(problems, answers.splitlines(), strict=True)):
        answer = json.loads(line)
        if "error" in answer:
            sys.exit(f"table {number}: {answer['error']}")
        exact = solve(problem)
        cells += len(exact)
        solved += len(answer["solved"])
        for cell, is_high, bound in answer["solved"]:
            difference = abs(bound - exact[cell][is_high])
            largest = max(largest, difference)
            different += difference > TOLERANCE
        for (low, high), (least, most) in zip(answer["ranges"], exact, strict=True):
            inward = (math.ceil(least - TOLERANCE), None if most is None else math.floor(most + TOLERANCE))
            if (low, high) != inward:
                different += 1
                print(f"table {number}: {low} to {high}, and HiGHS says {least} to {most}")
    theirs = time.monotonic() - begun
    print(
        f"{len(problems)} tables, {cells} cells: {different} different bounds; {solved} bounds came from linear programs, "
        f"largest difference {largest:.1e}; {own:.1f} s here, {theirs:.1f} s with HiGHS"
    )
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
