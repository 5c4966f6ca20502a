"""Compares `evensum statistics` with independent computations by SciPy, statsmodels and NumPy.

    python3 -m venv /tmp/statistics && /tmp/statistics/bin/pip install numpy scipy statsmodels
    cargo build -p evensum
    /tmp/statistics/bin/python tests/python/compare_statistics.py target/debug/evensum [--write docs/methods.md]

Nothing here is taken from the Rust code: tables are drawn, written as CSV, put to the command line, and every number
that it prints is computed again, where a library has it by that library (named in the last column), otherwise from
its published definition. Prints the table of docs/methods.md and puts it there with `--write`. Ends with 1 where a
relative difference is above what the measure is held to.
"""

import csv
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import statsmodels.api as sm
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.proportion import proportion_confint

LEVELS = {"95": 0.05, "998": 0.002}
CASES = 12
BEGIN, END = "<!-- compared: begin -->", "<!-- compared: end -->"
ESP2013 = [5000, 5500, 5500, 5500, 6000, 6000, 6500, 7000, 7000, 7000, 7000, 6500, 6000, 5500, 5000, 4000, 2500,
           1500, 1000]
AGES = [f"{a}-{a + 4}" for a in range(0, 90, 5)] + ["90+"]


class Compared:
    """The largest relative difference of each number of each measure."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.rows = {}
        self.failed = []

    def ask(self, measure, columns, rows, *options):
        path = self.folder / f"{measure}.csv"
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(rows)
        ran = subprocess.run([self.program, "statistics", measure, str(path), "--format", "json", *options],
                             capture_output=True, text=True)
        if ran.returncode != 0:
            raise SystemExit(f"{measure}: {ran.stderr}{ran.stdout}")
        lines = json.loads(ran.stdout)["lines"]
        return {(line["name"], line["group"]): line for line in lines}

    def same(self, what, found, expected, source, library, most=1e-9):
        if found is None or expected is None:
            if found is not expected:
                self.failed.append(f"{what}: {found} beside {expected}")
            return
        apart = abs(found - expected) / max(abs(expected), 1e-6) if found != expected else 0.0
        if not math.isfinite(apart) or apart > most:
            self.failed.append(f"{what}: {found!r} beside {expected!r}, {apart:.2e} apart, at most {most:.0e}")
        row = self.rows.setdefault(what, [source, found, expected, 0.0, library, most])
        if apart >= row[3]:
            row[1:4] = [found, expected, apart]

    def limits(self, what, line, expected, source, library, most=1e-9):
        """`expected`: a function of the level's alpha, to lower and upper limit."""
        for level, alpha in LEVELS.items():
            lower, upper = expected(alpha)
            self.same(f"{what}, {level[:2]}{'.' + level[2:] if level[2:] else ''} % limits", line[f"lower{level}"], lower,
                      source, library, most)
            self.same(f"{what}, {level[:2]}{'.' + level[2:] if level[2:] else ''} % limits", line[f"upper{level}"], upper,
                      source, library, most)


def poisson(o, alpha):
    """Exact below 10, Byar's approximation from 10 on."""
    if o < 10:
        lower = 0.0 if o == 0 else stats.chi2.ppf(alpha / 2, 2 * o) / 2
        return lower, stats.chi2.ppf(1 - alpha / 2, 2 * o + 2) / 2
    return byar(o, alpha)


def byar(o, alpha):
    z = stats.norm.ppf(1 - alpha / 2)
    up = o + 1
    return (o * (1 - 1 / (9 * o) - z / (3 * o ** 0.5)) ** 3,
            up * (1 - 1 / (9 * up) + z / (3 * up ** 0.5)) ** 3)


def proportions(c, rng):
    rows = [("a", 0, 20), ("b", 7, 7)]
    rows += [(f"g{i}", int(rng.integers(1, n)), int(n)) for i, n in enumerate(rng.integers(2, 10 ** 6, CASES))]
    found = c.ask("proportion", ["group", "numerator", "denominator"], rows)
    for group, x, n in rows:
        line = found["proportion", group]
        c.same("Proportion", line["value"], x / n, "DOMAIN", "division")
        c.limits("Proportion", line, lambda alpha: proportion_confint(x, n, alpha, "wilson"), "Wilson 1927",
                 "statsmodels proportion_confint")


def rates(c, rng):
    rows = [(f"s{o}", o, 1000 + 77 * o) for o in range(12)]
    rows += [(f"g{i}", int(o), int(n)) for i, (o, n) in
             enumerate(zip(rng.integers(10, 10 ** 6, CASES), rng.integers(10 ** 3, 10 ** 7, CASES)))]
    found = c.ask("rate", ["group", "count", "population"], rows, "--per", "100000")
    for group, o, n in rows:
        line = found["rate", group]
        c.same("Crude rate", line["value"], o / n * 1e5, "", "division")
        c.limits("Crude rate", line, lambda alpha: [v / n * 1e5 for v in poisson(o, alpha)],
                 "Garwood 1936; Breslow and Day 1987 (Byar)", "SciPy chi2.ppf; formula")


def means(c, rng):
    rows, samples = [], {}
    for i in range(CASES):
        sample = rng.gamma(2, 10, int(rng.integers(2, 400)))
        samples[f"g{i}"] = sample
        rows.append((f"g{i}", len(sample), repr(float(sample.sum())), repr(float((sample ** 2).sum()))))
    found = c.ask("mean", ["group", "n", "sum", "sum_of_squares"], rows)
    for group, sample in samples.items():
        line, k = found["mean", group], len(sample)
        c.same("Mean", line["value"], sample.mean(), "", "NumPy mean")
        c.limits("Mean", line, lambda alpha: stats.t.interval(1 - alpha, k - 1, sample.mean(), stats.sem(sample)),
                 "Student's t", "SciPy t.interval", 1e-8)


def dsr(c, rng):
    for _ in range(CASES):
        people = rng.integers(200, 9000, 19)
        events = rng.poisson(people * rng.uniform(1e-3, 4e-2, 19))
        found = c.ask("dsr", ["age", "events", "population"], list(zip(AGES, map(int, events), map(int, people))))
        w, x, n = np.array(ESP2013), events, people
        line, o, m = found["dsr", None], int(events.sum()), 1e5
        rate = (w * x / n).sum() / w.sum()
        var = (w ** 2 * x / n ** 2).sum() / w.sum() ** 2
        c.same("Directly standardised rate", line["value"], rate * m, "", "NumPy, from the definition")
        c.limits("Directly standardised rate", line,
                 lambda alpha: [(rate + (var / o) ** 0.5 * (v - o)) * m for v in byar(o, alpha)],
                 "Dobson et al. 1991; ESP2013", "NumPy, from the definition")


def isr(c, rng):
    for _ in range(CASES):
        people, all_people = rng.integers(200, 9000, 19), rng.integers(10 ** 5, 10 ** 6, 19)
        own, reference = rng.poisson(people * 5e-3), rng.poisson(all_people * 4e-3)
        rows = list(zip(AGES, *(map(int, v) for v in (own, people, reference, all_people))))
        found = c.ask("isr", ["age", "observed", "population", "reference_events", "reference_population"], rows)
        expected = (reference / all_people * people).sum()
        o, whole = int(own.sum()), reference.sum() / all_people.sum()
        c.same("Indirectly standardised ratio", found["smr", None]["value"], o / expected * 100, "", "NumPy")
        c.limits("Indirectly standardised ratio", found["smr", None],
                 lambda alpha: [v / expected * 100 for v in poisson(o, alpha)], "Breslow and Day 1987", "SciPy; formula")
        c.same("Indirectly standardised rate", found["isr", None]["value"], o / expected * whole * 1e5, "", "NumPy")


def gaps(c, rng):
    for _ in range(CASES):
        n = rng.integers(50, 10 ** 5, 2)
        x = [int(rng.integers(1, v)) for v in n]
        n = [int(v) for v in n]
        found = c.ask("gap", ["group", "numerator", "denominator"], [("first", x[0], n[0]), ("last", x[1], n[1])])
        p = [a / b for a, b in zip(x, n)]
        se = math.sqrt(sum(q * (1 - q) / m for q, m in zip(p, n)))
        z = lambda alpha: stats.norm.ppf(1 - alpha / 2)
        c.same("Difference of two proportions", found["difference", None]["value"], p[0] - p[1], "", "subtraction", 1e-8)
        c.limits("Difference of two proportions", found["difference", None],
                 lambda alpha: [p[0] - p[1] + s * z(alpha) * se for s in (-1, 1)], "healthequal: d", "NumPy", 1e-7)
        table = Table2x2([[x[0], n[0] - x[0]], [x[1], n[1] - x[1]]])
        c.same("Ratio of two proportions", found["ratio", None]["value"], table.riskratio, "", "statsmodels Table2x2")
        c.limits("Ratio of two proportions", found["ratio", None], lambda alpha: table.riskratio_confint(alpha),
                 "Katz et al. 1978 (relative likelihood)", "statsmodels Table2x2")


def slopes(c, rng):
    for k in (5, 5, 10, 10, 20, 28):
        people = rng.integers(10 ** 4, 10 ** 6, k)
        value = np.sort(rng.uniform(60, 85, k)) + rng.normal(0, 0.5, k)
        half = rng.uniform(0.1, 0.6, k)
        rows = [(i + 1, int(n), repr(float(y)), repr(float(y - h)), repr(float(y + h)))
                for i, (n, y, h) in enumerate(zip(people, value, half))]
        found = c.ask("sii", ["quantile", "population", "value", "lower", "upper"], rows)
        a = people / people.sum()
        b = np.cumsum(a) - a / 2
        fitted = sm.WLS(value, sm.add_constant(b), weights=a).fit()
        b0, b1 = fitted.params
        c.same("SII (OHID)", found["sii", None]["value"], b1, "Low and Low 2004", "statsmodels WLS", 1e-6)
        c.same("RII (OHID)", found["rii", None]["value"], (b0 + b1) / b0, "Low and Low 2004", "statsmodels WLS", 1e-6)
        design = sm.add_constant(b)
        hat = np.linalg.pinv(design * np.sqrt(a)[:, None]) * np.sqrt(a)
        se = 2 * half / 2 / 1.959963984540054
        spread = math.sqrt(((hat[1] * se) ** 2).sum())
        c.limits("SII (OHID)", found["sii", None],
                 lambda alpha: [b1 + s * stats.norm.ppf(1 - alpha / 2) * spread for s in (-1, 1)],
                 "closed form of OHID's simulation", "NumPy pinv", 1e-6)
        n = rng.integers(10 ** 3, 10 ** 5, k)
        p = np.clip(np.linspace(0.12, 0.05, k) + rng.normal(0, 0.004, k), 0.01, 0.9)
        x = np.round(p * n).astype(int)
        low, high = proportion_confint(x, n, 0.05, "wilson")
        rows = [(i + 1, int(m), repr(float(y)), repr(float(l)), repr(float(h)))
                for i, (m, y, l, h) in enumerate(zip(n, x / n, low, high))]
        found = c.ask("sii", ["quantile", "population", "value", "lower", "upper"], rows, "--transform",
                      "--value-type", "proportion", "--seed", "7")
        a, y = n / n.sum(), x / n
        b = np.cumsum(a) - a / 2
        logit = lambda v: np.log(v / (1 - v))
        expit = lambda v: 1 / (1 + np.exp(-v))
        wls = lambda t: sm.WLS(t, sm.add_constant(b), weights=a).fit().params
        g0, g1 = wls(logit(y))
        c.same("SII of proportions (OHID, logit)", found["sii", None]["value"], expit(g0 + g1) - expit(g0),
               "PHEindicatormethods phe_sii", "statsmodels WLS", 1e-6)
        c.same("RII of proportions (OHID, logit)", found["rii", None]["value"], expit(g0 + g1) / expit(g0),
               "PHEindicatormethods phe_sii", "statsmodels WLS", 1e-6)
        error = (logit(high) - logit(low)) / (2 * 1.959963984540054)
        design = np.column_stack([np.ones(k), b])
        drawn = logit(y) + error * rng.standard_normal((100_000, k))
        slope = np.sort(drawn @ (np.linalg.pinv(design * np.sqrt(a)[:, None]) * np.sqrt(a))[1])
        half_way = (g0 + g0 + g1) / 2
        back = lambda s: expit(half_way + s / 2) - expit(half_way - s / 2)
        c.limits("SII of proportions (OHID, logit)", found["sii", None],
                 lambda alpha: sorted(back(slope[int(round(100_000 * q)) - 1]) for q in (alpha / 2, 1 - alpha / 2)),
                 "simulation, 100,000 draws", "NumPy simulation", 2e-2)


def who_slopes(c, rng):
    for k in (5, 5, 10, 10):
        n = rng.integers(2000, 10 ** 5, k)
        x = np.round(np.clip(np.linspace(0.2, 0.08, k) + rng.normal(0, 0.01, k), 0.01, 0.9) * n).astype(int)
        found = c.ask("who-sii", ["quantile", "numerator", "denominator"],
                      [(i + 1, int(u), int(v)) for i, (u, v) in enumerate(zip(x, n))])
        a = n / n.sum()
        rank = np.cumsum(a) - a / 2
        design = sm.add_constant(rank)
        fitted = sm.GLM(x / n, design, family=sm.families.Binomial(), var_weights=n).fit(cov_type="HC1")
        at = lambda r: 1 / (1 + math.exp(-(fitted.params[0] + fitted.params[1] * r)))
        p1, p0 = at(1), at(0)
        c.same("SII (WHO)", found["sii", None]["value"], p1 - p0, "WHO HEAT technical notes", "statsmodels GLM", 1e-6)
        c.same("RII (WHO)", found["rii", None]["value"], p1 / p0, "WHO HEAT technical notes", "statsmodels GLM", 1e-6)
        grad = np.array([p1 * (1 - p1) - p0 * (1 - p0), p1 * (1 - p1)])
        # statsmodels leaves the factor k / (k - 2) of HC1 out where the model is a GLM.
        se = math.sqrt(grad @ fitted.cov_params() @ grad * k / (k - 2))
        c.limits("SII (WHO)", found["sii", None],
                 lambda alpha: [p1 - p0 + s * stats.norm.ppf(1 - alpha / 2) * se for s in (-1, 1)],
                 "delta method, HC1", "statsmodels GLM cov_params", 1e-5)


def drawn_groups(rng, k):
    return rng.integers(500, 10 ** 6, k).astype(float), rng.uniform(0.05, 0.4, k)


def concentration(c, rng):
    for k in (5, 10, 18):
        n, y = drawn_groups(rng, k)
        found = c.ask("concentration", ["group", "population", "value"],
                      [(f"g{i}", int(a), repr(float(b))) for i, (a, b) in enumerate(zip(n, y))])
        f = n / n.sum()
        r, mu = np.cumsum(f) - f / 2, (f * y).sum()
        # The convenient regression: 2 var(r) y / mu on r, weighted by f, has the index as its slope.
        variance = (f * (r - 0.5) ** 2).sum()
        rci = sm.WLS(2 * variance * y / mu, sm.add_constant(r), weights=f).fit().params[1]
        source, library = "Wagstaff et al. 1991", "statsmodels WLS (convenient regression)"
        c.same("Relative concentration index", found["rci", None]["value"], rci, source, library, 1e-8)
        c.same("Absolute concentration index", found["aci", None]["value"], rci * mu, source, library, 1e-8)
        c.same("Wagstaff index", found["wagstaff", None]["value"], rci / (1 - mu), "Wagstaff 2005", library, 1e-8)
        c.same("Erreygers index", found["erreygers", None]["value"], 4 * mu * rci, "Erreygers 2009", library, 1e-8)


def disproportion(c, rng):
    for k in (3, 5, 7, 18):
        n, y = drawn_groups(rng, k)
        rows = [(f"g{i}", int(a), repr(float(b))) for i, (a, b) in enumerate(zip(n, y))]
        found = c.ask("disproportion", ["group", "population", "value"], rows, "--reference", "g1", "--better", "lower")
        f = n / n.sum()
        mu = np.average(y, weights=f)
        bgv = np.average((y - mu) ** 2, weights=f)
        best = y.min()
        expected = {
            "bgv": ("Between-group variance", bgv), "bgsd": ("Between-group standard deviation", bgv ** 0.5),
            "cov": ("Coefficient of variation", 100 * bgv ** 0.5 / mu),
            "theil": ("Theil index", 1000 * (f * stats.entropy(f * y / (f * y).sum(), f)).sum()),
            "mld": ("Mean log deviation", 1000 * stats.entropy(f, f * y / (f * y).sum())),
            "idis_unweighted": ("Index of disparity, unweighted", 100 * np.mean(np.abs(y - mu)) / mu),
            "idis_weighted": ("Index of disparity, weighted", 100 * (f * np.abs(y - mu)).sum() / mu),
            "mdm_unweighted": ("Mean difference from mean, unweighted", np.mean(np.abs(y - mu))),
            "mdm_weighted": ("Mean difference from mean, weighted", (f * np.abs(y - mu)).sum()),
            "mdb_unweighted": ("Mean difference from best, unweighted", np.mean(np.abs(y - best))),
            "mdb_weighted": ("Mean difference from best, weighted", (f * np.abs(y - best)).sum()),
            "mdr_unweighted": ("Mean difference from a reference, unweighted", np.mean(np.abs(y - y[1]))),
            "mdr_weighted": ("Mean difference from a reference, weighted", (f * np.abs(y - y[1])).sum()),
        }
        for name, (what, value) in expected.items():
            library = "SciPy entropy" if name in ("theil", "mld") else "NumPy average"
            c.same(what, found[name, None]["value"], value, "WHO HEAT technical notes", library, 1e-8)


def impact(c, rng):
    for k in (5, 10):
        n, y = drawn_groups(rng, k)
        y = np.sort(y)[::-1]
        found = c.ask("impact", ["group", "population", "value"],
                      [(f"g{i}", int(a), repr(float(b))) for i, (a, b) in enumerate(zip(n, y))],
                      "--better", "lower", "--ordered")
        mu = np.average(y, weights=n)
        for name, what, value in [("par", "Population attributable risk", y[-1] - mu),
                                  ("paf", "Population attributable fraction", 100 * (y[-1] - mu) / mu),
                                  ("avoided", "Events avoided", (mu - y[-1]) * n.sum())]:
            c.same(what, found[name, None]["value"], value, "WHO HEAT technical notes", "NumPy average", 1e-8)


def quantiles(c, rng):
    value = rng.integers(0, 60, 97)
    rows = [(f"g{i}", int(v)) for i, v in enumerate(value)]
    found = c.ask("quantile", ["area", "value"], rows, "--quantiles", "10")
    rank = stats.rankdata(value, "min")
    expected = np.floor((10 + 1) - np.ceil(((97 + 1) - rank) / (97 / 10)))
    for (area, _), q in zip(rows, expected):
        c.same("Quantile of areas", found["quantile", area]["value"], float(q), "PHEindicatormethods phe_quantile",
               "SciPy rankdata")


def funnels(c, rng):
    rows = [(f"g{i}", int(n * 0.2 + rng.normal(0, 0.05 * n)), int(n)) for i, n in enumerate(rng.integers(100, 5000, 15))]
    found = c.ask("funnel", ["area", "numerator", "denominator"], rows)
    centre = sum(x for _, x, _ in rows) / sum(n for _, _, n in rows)
    for area, x, n in rows:
        for level, z in (("95", stats.norm.ppf(0.975)), ("998", stats.norm.ppf(0.999))):
            # Inverted by search: the proportions whose own Wilson limit is the centre.
            wilson = lambda p, s: ((2 * n * p + z * z + s * z * math.sqrt(z * z + 4 * n * p * (1 - p))) / (2 * (n + z * z)))
            for key, s in ((f"lower{level}", 1), (f"upper{level}", -1)):
                at = optimize.brentq(lambda p: wilson(p, s) - centre, 0, 1, xtol=1e-15)
                c.same("Funnel limits of proportions", found["funnel", area][key], at, "Wilson limits inverted",
                       "SciPy brentq", 1e-7)


def spc(c, rng):
    for _ in range(4):
        value = rng.normal(20, 2, 24)
        value[13] += 15
        found = c.ask("spc", ["period", "value"], [(f"p{i:02}", repr(float(v))) for i, v in enumerate(value)])
        moving = np.abs(np.diff(value))
        kept = moving[moving < 3.267 * moving.mean()]
        mean, spread = value.mean(), 2.66 * kept.mean()
        for name, what, expected in [("mean", "XmR mean", mean), ("lower_limit", "XmR lower limit", mean - spread),
                                     ("upper_limit", "XmR upper limit", mean + spread)]:
            c.same(what, found[name, None]["value"], expected, "NHS England, Making Data Count", "NumPy")


def percentiles(c, rng):
    for at in (50, 92):
        counts = rng.integers(0, 400, 105)
        rows = [(w, w + 1, int(n)) for w, n in enumerate(counts)]
        found = c.ask("percentile", ["from", "to", "count"], rows, "--at", str(at))
        total = np.concatenate([[0], np.cumsum(counts)])
        # The inverse of the cumulative share, linear inside a week.
        target, edges = total[-1] * at / 100, np.arange(106)
        step = np.searchsorted(total, target) - 1
        expected = edges[step] + (target - total[step]) / counts[step]
        c.same(f"Percentile of weekly bands ({at})", found["percentile", None]["value"], expected,
               "NHS England, RTT rules", "NumPy cumsum")


def table(c):
    lines = ["| measure | source of the formula | ours | independent | by | largest relative difference | held to |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for what, (source, ours, theirs, apart, library, most) in c.rows.items():
        source = source if source not in ("", "DOMAIN") else "definition"
        lines.append(f"| {what} | {source} | {ours:.12g} | {theirs:.12g} | {library} | {apart:.1e} | {most:.0e} |")
    return "\n".join(lines)


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    rng = np.random.default_rng(20261122)
    with tempfile.TemporaryDirectory() as folder:
        c = Compared(program, pathlib.Path(folder))
        for part in (proportions, rates, means, dsr, isr, gaps, slopes, who_slopes, concentration, disproportion, impact,
                     quantiles, funnels, spc, percentiles):
            part(c, rng)
    text = table(c)
    print(text)
    if "--write" in sys.argv:
        page = pathlib.Path(sys.argv[sys.argv.index("--write") + 1])
        old = page.read_text()
        head, rest = old.split(BEGIN)
        page.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
    for line in c.failed:
        print("!!", line, file=sys.stderr)
    return 1 if c.failed else 0


if __name__ == "__main__":
    sys.exit(main())
