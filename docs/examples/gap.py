"""The gap between the most and the least deprived fifth in each period, from answers as Parquet.

    evensum query rtt_over_18_weeks --by imd.quintile --period 2026-05..2026-10 --purpose service_planning \
        --format parquet --out answers.parquet
    python gap.py answers.parquet

Needs pandas and pyarrow. Prints CSV: what is known of the gap lies between `low` and `high`, in the unit of the figure.
"""

import sys

import pandas as pd


def gaps(file):
    answers = pd.read_parquet(file)
    # A hidden figure has another state and no number: it is left out here, and is never nought.
    known = answers[(answers["state"] == "value") & answers["imd"].isin(["q1", "q5"])]
    ends = known.pivot(index=["indicator", "period"], columns="imd", values=["value_low", "value_high"])
    gap = pd.DataFrame({
        "low": ends["value_low"]["q1"] - ends["value_high"]["q5"],
        "high": ends["value_high"]["q1"] - ends["value_low"]["q5"],
    })
    return gap.dropna().round(6)


if __name__ == "__main__":
    gaps(sys.argv[1]).to_csv(sys.stdout)
