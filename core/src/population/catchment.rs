//! Which share of the care of an area's residents each provider gives.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{CategoryId, Ods};

/// How much of an area's residents' care a provider gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CatchmentSize {
    /// So many of its patients live in the area; the shares are then those of all patients who live there.
    Patients(u64),
    /// This share of the care of the area's residents, from 0 to 1.
    Share(f64),
}

/// A provider's part in the care of an area's residents.
#[derive(Debug, Clone, PartialEq)]
pub struct CatchmentRow {
    /// The area.
    pub area: CategoryId,
    /// The provider.
    pub provider: Ods,
    /// How much.
    pub size: CatchmentSize,
    /// Whether the provider is a specialist one, whose patients come from the whole country.
    pub specialist: bool,
}

/// Why rows say nothing of residents' care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CatchmentRule {
    /// The same pair twice.
    #[error("the provider stands for this area in an earlier row")]
    Twice,
    /// Not a share.
    #[error("the share is not a number from 0 to 1")]
    Share,
    /// More than all.
    #[error("the shares of the area's residents add up to more than 1")]
    MoreThanAll,
    /// Patients in some rows and shares in others.
    #[error("a file has patients or shares, not both")]
    Mixed,
    /// Specialist in one row and not in another.
    #[error("the provider is marked as specialist in one row and not in another")]
    Specialist,
}

/// By how much the shares of one area may exceed 1, for those that were rounded.
const ROUNDING: f64 = 0.001;

/// Shares of residents' care, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Catchment {
    rows: Vec<CatchmentRow>,
    shares: BTreeMap<CategoryId, BTreeMap<Ods, f64>>,
    specialist: BTreeSet<Ods>,
}

impl Catchment {
    /// Checks rows and takes them.
    ///
    /// # Errors
    /// The position of a row, from 0, and the rule that it breaks.
    pub fn new(rows: Vec<CatchmentRow>) -> Result<Self, (usize, CatchmentRule)> {
        let mut marked: BTreeMap<&Ods, bool> = BTreeMap::new();
        let mut sizes: BTreeMap<CategoryId, BTreeMap<Ods, f64>> = BTreeMap::new();
        let shares = matches!(rows.first().map(|r| r.size), Some(CatchmentSize::Share(_)));
        for (at, row) in rows.iter().enumerate() {
            let size = match row.size {
                CatchmentSize::Patients(_) if shares => return Err((at, CatchmentRule::Mixed)),
                CatchmentSize::Share(_) if !shares => return Err((at, CatchmentRule::Mixed)),
                CatchmentSize::Share(share) if !(0.0..=1.0).contains(&share) => {
                    return Err((at, CatchmentRule::Share));
                }
                CatchmentSize::Share(share) => share,
                CatchmentSize::Patients(patients) => real(patients),
            };
            if *marked.entry(&row.provider).or_insert(row.specialist) != row.specialist {
                return Err((at, CatchmentRule::Specialist));
            }
            let of_area = sizes.entry(row.area.clone()).or_default();
            if of_area.insert(row.provider.clone(), size).is_some() {
                return Err((at, CatchmentRule::Twice));
            }
            if shares && of_area.values().sum::<f64>() > 1.0 + ROUNDING {
                return Err((at, CatchmentRule::MoreThanAll));
            }
        }
        if !shares {
            for of_area in sizes.values_mut() {
                let all: f64 = of_area.values().sum();
                of_area.values_mut().for_each(|n| *n = if all > 0.0 { *n / all } else { 0.0 });
            }
        }
        let specialist = rows.iter().filter(|r| r.specialist).map(|r| r.provider.clone()).collect();
        Ok(Self { shares: sizes, specialist, rows })
    }

    /// Its rows.
    #[must_use]
    pub fn rows(&self) -> &[CatchmentRow] {
        &self.rows
    }

    /// Its areas.
    pub fn areas(&self) -> impl Iterator<Item = &CategoryId> {
        self.shares.keys()
    }

    /// Whether a provider is marked as specialist.
    #[must_use]
    pub fn is_specialist(&self, provider: &Ods) -> bool {
        self.specialist.contains(provider)
    }

    /// The share of the care of an area's residents that these providers give; `None` for an area that is not in it.
    #[must_use]
    pub fn held(&self, area: &CategoryId, providers: &BTreeSet<&Ods>) -> Option<f64> {
        let of_area = self.shares.get(area)?;
        let held: f64 =
            of_area.iter().filter(|(ods, _)| providers.contains(ods)).map(|p| p.1).sum();
        Some(held.min(1.0))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^53")]
fn real(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(area: &str, provider: &str, size: CatchmentSize) -> CatchmentRow {
        CatchmentRow {
            area: CategoryId::new(area).expect("an area"),
            provider: Ods::new(provider).expect("a provider"),
            size,
            specialist: provider == "RSP",
        }
    }

    fn held(catchment: &Catchment, area: &str, providers: &[&str]) -> Option<f64> {
        let providers: Vec<Ods> =
            providers.iter().map(|p| Ods::new(*p).expect("a provider")).collect();
        catchment.held(&CategoryId::new(area).expect("an area"), &providers.iter().collect())
    }

    #[test]
    fn shares_are_of_the_areas_residents_and_not_of_the_providers_patients() {
        use CatchmentSize::Patients;
        let rows = vec![
            row("Q1", "RA1", Patients(900)),
            row("Q1", "RA2", Patients(100)),
            row("Q2", "RA2", Patients(9_900)),
        ];
        let catchment = Catchment::new(rows).expect("a catchment");
        assert_eq!(held(&catchment, "Q1", &["RA1"]), Some(0.9));
        assert_eq!(held(&catchment, "Q1", &["RA2", "RXX"]), Some(0.1));
        assert_eq!(held(&catchment, "Q1", &[]), Some(0.0));
        assert_eq!(held(&catchment, "Q3", &["RA1"]), None);
    }

    #[test]
    fn rows_that_contradict_each_other_are_refused() {
        use CatchmentSize::{Patients, Share};
        let specialist = CatchmentRow { specialist: true, ..row("Q2", "RA1", Share(0.1)) };
        for (rows, at, rule) in [
            (
                vec![row("Q1", "RA1", Share(0.5)), row("Q1", "RA1", Share(0.1))],
                1,
                CatchmentRule::Twice,
            ),
            (vec![row("Q1", "RA1", Share(1.5))], 0, CatchmentRule::Share),
            (vec![row("Q1", "RA1", Share(f64::NAN))], 0, CatchmentRule::Share),
            (
                vec![row("Q1", "RA1", Share(0.7)), row("Q1", "RA2", Share(0.4))],
                1,
                CatchmentRule::MoreThanAll,
            ),
            (
                vec![row("Q1", "RA1", Share(0.7)), row("Q1", "RA2", Patients(4))],
                1,
                CatchmentRule::Mixed,
            ),
            (vec![row("Q1", "RA1", Share(0.7)), specialist], 1, CatchmentRule::Specialist),
        ] {
            assert_eq!(Catchment::new(rows).map(|_| ()), Err((at, rule)));
        }
    }
}
