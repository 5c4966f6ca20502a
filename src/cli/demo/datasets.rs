//! What the demonstration invents extracts of. A further dataset is a further line of [`DATASETS`].

use std::fmt::Write as _;
use std::io;

use evensum_core::model::{IndicatorId, Period};

use super::partners::Partner;
use crate::synth::{Counts, DateStyle, Geography, PartnerProfile, RttExtract, Truth};

/// Writes a partner's extract for a period, and tells what was planted.
type Writer = fn(&mut dyn io::Write, &PartnerProfile, &Geography, Period, u64) -> io::Result<Truth>;

/// What was planted above the line of an indicator.
pub(super) type Numerator = fn(&Counts) -> u64;

/// A dataset of the demonstration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dataset {
    /// As the catalogue names it.
    pub(super) id: &'static str,
    /// Columns of the dataset and the fields of the extract that they are read from.
    columns: &'static [(&'static str, &'static str)],
    pub(super) write: Writer,
    /// Its indicators that the agreement allows, each with its planted numerator.
    pub(super) indicators: &'static [(&'static str, Numerator)],
}

/// All of them.
pub(super) const DATASETS: [Dataset; 1] = [Dataset {
    id: super::DATASET,
    columns: &[
        ("person", "PATIENT_ID"),
        ("clock_start", "REFERRAL_TO_TREATMENT_PERIOD_START_DATE"),
        ("birth_date", "DATE_OF_BIRTH"),
        ("lsoa", "LSOA"),
        ("ethnic_category", "ETHNIC_CATEGORY"),
        ("sex", "SEX"),
        ("treatment_function", "ACTIVITY_TREATMENT_FUNCTION_CODE"),
        ("provider", "PROVIDER"),
        ("icb_residence", "ICB_RESIDENCE"),
    ],
    write: |writer, profile, geography, period, seed| {
        RttExtract::write_csv(writer, profile, geography, period, seed, |_| {})
    },
    indicators: &[
        ("rtt_over_18_weeks", |counts| counts.over18),
        ("rtt_over_52_weeks", |counts| counts.over52),
        ("rtt_over_65_weeks", |counts| counts.over65),
        ("rtt_over_78_weeks", |counts| counts.over78),
        ("rtt_over_104_weeks", |counts| counts.over104),
    ],
}];

impl Dataset {
    /// The mapping file that reads a partner's extract.
    pub(super) fn mapping(&self, partner: &Partner) -> String {
        let date = match partner.dates {
            DateStyle::Iso => "%Y-%m-%d",
            DateStyle::DayFirst => "%d/%m/%Y",
        };
        let mut text = format!(
            "dataset = \"{}\"\n\n[source]\nencoding = \"utf-8\"\ndelimiter = \",\"\nheader = true\ndate = [\"{date}\"]\nimd_edition = \"2025\"\n\n[columns]\n",
            self.id
        );
        for (column, field) in self.columns {
            let _ = writeln!(text, "{column} = \"{field}\"");
        }
        text
    }
}

/// The dataset of an indicator, and what was planted above the line of it.
pub(super) fn planted(id: &IndicatorId) -> Option<(&'static str, Numerator)> {
    DATASETS.iter().find_map(|dataset| {
        let of = dataset.indicators.iter().find(|(indicator, _)| *indicator == id.as_str());
        of.map(|(_, numerator)| (dataset.id, *numerator))
    })
}
