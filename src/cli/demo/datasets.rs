//! What the demonstration invents extracts of. A further dataset is a further entry of [`DATASETS`].

use std::io;

use evensum_core::catalogue::{Catalogue, Indicator};
use evensum_core::model::Period;

use crate::synth::{
    AttendanceExtract, Figures, Geography, OutpatientExtract, PartnerProfile, RttExtract,
};

/// Writes a partner's extract for a period, and tells what was planted.
pub(in crate::cli) type Writer =
    fn(&mut dyn io::Write, &PartnerProfile, &Geography, Period, u64) -> io::Result<Figures>;

/// A dataset of the demonstration.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Dataset {
    /// As the catalogue names it.
    pub(in crate::cli) id: &'static str,
    /// The mapping file that reads a partner's extract.
    pub(in crate::cli) mapping: fn(&PartnerProfile) -> String,
    pub(in crate::cli) write: Writer,
}

/// All of them; the first is that of the question which is asked unless another is wanted.
pub(in crate::cli) const DATASETS: [Dataset; 3] = [
    Dataset {
        id: RttExtract::DATASET,
        mapping: RttExtract::mapping,
        write: |writer, profile, geography, period, seed| {
            let truth = RttExtract::write_csv(writer, profile, geography, period, seed, |_| {});
            Ok(truth?.figures())
        },
    },
    Dataset {
        id: OutpatientExtract::DATASET,
        mapping: OutpatientExtract::mapping,
        write: |writer, profile, geography, period, seed| {
            let truth =
                OutpatientExtract::write_csv(writer, profile, geography, period, seed, |_| {});
            Ok(truth?.figures())
        },
    },
    Dataset {
        id: AttendanceExtract::DATASET,
        mapping: AttendanceExtract::mapping,
        write: |writer, profile, geography, period, seed| {
            let truth =
                AttendanceExtract::write_csv(writer, profile, geography, period, seed, |_| {});
            Ok(truth?.figures())
        },
    },
];

impl Dataset {
    /// Whether an indicator is made from it.
    pub(super) fn makes(&self, indicator: &Indicator) -> bool {
        indicator.dataset.as_str() == self.id
    }

    /// The first has plain names of files.
    pub(super) fn is_first(&self) -> bool {
        self.id == DATASETS[0].id
    }
}

/// The datasets that these indicators are made from.
pub(super) fn of(indicators: &[&Indicator]) -> Vec<Dataset> {
    let used = |dataset: &Dataset| indicators.iter().any(|indicator| dataset.makes(indicator));
    DATASETS.into_iter().filter(used).collect()
}

/// Every indicator of the catalogue that the demonstration can invent records for and that is a share of them,
/// dataset by dataset.
pub(super) fn indicators(catalogue: &Catalogue) -> impl Iterator<Item = &Indicator> {
    DATASETS.into_iter().flat_map(move |dataset| {
        let shares = catalogue.indicators().iter().filter(|i| i.kind.is_share());
        shares.filter(move |indicator| dataset.makes(indicator))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dataset_of_the_demonstration_has_indicators() {
        let catalogue = Catalogue::builtin().expect("the catalogue");
        for dataset in DATASETS {
            assert!(indicators(&catalogue).any(|i| dataset.makes(i)), "{}", dataset.id);
        }
        for indicator in indicators(&catalogue) {
            let needed: Vec<&str> = of(&[indicator]).iter().map(|dataset| dataset.id).collect();
            assert_eq!(needed, [indicator.dataset.as_str()]);
        }
    }
}
