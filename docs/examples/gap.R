# The gap between the most and the least deprived fifth in each period, from answers as CSV.
#
#   evensum query rtt_over_18_weeks --by imd.quintile --period 2026-05..2026-10 --purpose service_planning \
#       --format csv --out answers.csv
#   Rscript gap.R answers.csv
#
# Needs nothing but R. Prints CSV: what is known of the gap lies between low and high, as fractions.

answers <- read.csv(commandArgs(trailingOnly = TRUE)[1], na.strings = "")
# A hidden figure has another state: it is left out here, and is never nought.
known <- answers[answers$state == "value", ]
most <- known[known$imd == "q1", c("indicator", "period", "proportion_low", "proportion_high")]
least <- known[known$imd == "q5", c("indicator", "period", "proportion_low", "proportion_high")]
both <- merge(most, least, by = c("indicator", "period"), suffixes = c("_most", "_least"))
gap <- data.frame(
  indicator = both$indicator,
  period = both$period,
  low = round(both$proportion_low_most - both$proportion_high_least, 6),
  high = round(both$proportion_high_most - both$proportion_low_least, 6)
)
write.csv(gap, row.names = FALSE, quote = FALSE)
