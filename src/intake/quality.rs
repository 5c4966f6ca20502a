//! What a load found in each dimension. For the partner's own people: the counts are exact.

use evensum_core::catalogue::Dimension;
use evensum_core::model::ColumnId;
use evensum_core::view::{AreaMix, DimensionQuality, PseudoPostcodes};

use crate::reference::PseudoPostcode;

/// Rows by what was found of one dimension.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// A known category.
    pub(super) valid: u64,
    /// Asked, and declined.
    pub(super) not_stated: u64,
    /// Coded as not known.
    pub(super) not_known: u64,
    /// Nothing there.
    pub(super) blank: u64,
    /// Something there that is no code.
    pub(super) invalid: u64,
    /// A well-formed area that the reference table does not have.
    pub(super) unmatched: u64,
    /// Cannot be said of the person: lives outside England.
    pub(super) not_applicable: u64,
    /// Not collected.
    pub(super) not_collected: u64,
    /// Among those unmatched: areas of the census that another edition is published on.
    pub(super) other_census: u64,
    /// Among all that were read as a code: those written otherwise than the code list has them.
    pub(super) respelt: u64,
    /// Among those not known and not applicable: pseudo-postcodes, by kind.
    pub(super) pseudo: [u64; PseudoPostcode::ALL.len()],
}

/// What was found in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Valid,
    NotStated,
    NotKnown,
    Blank,
    Invalid,
    Unmatched,
    OtherCensus,
    NotApplicable,
    NotCollected,
    Pseudo(PseudoPostcode),
}

impl Counts {
    pub(super) const fn add(&mut self, seen: Seen) {
        let count = match seen {
            Seen::Valid => &mut self.valid,
            Seen::NotStated => &mut self.not_stated,
            Seen::NotKnown => &mut self.not_known,
            Seen::Blank => &mut self.blank,
            Seen::Invalid => &mut self.invalid,
            Seen::Unmatched => &mut self.unmatched,
            Seen::OtherCensus => {
                self.other_census += 1;
                &mut self.unmatched
            }
            Seen::NotApplicable => &mut self.not_applicable,
            Seen::NotCollected => &mut self.not_collected,
            Seen::Pseudo(kind) => {
                self.pseudo[kind as usize] += 1;
                if kind.is_outside_england() {
                    &mut self.not_applicable
                } else {
                    &mut self.not_known
                }
            }
        };
        *count += 1;
    }

    /// Which census the areas are of that a dimension was looked up by. `other` says whether the table of the
    /// other census was there to ask.
    pub(super) fn areas(&self, vintage: u16, other: bool) -> AreaMix {
        let kinds = PseudoPostcode::ALL.into_iter().zip(self.pseudo);
        let pseudo: u64 = kinds.filter(|(kind, _)| kind.is_outside_england()).map(|(_, n)| n).sum();
        AreaMix {
            vintage,
            of_edition: self.valid,
            of_other: other.then_some(self.other_census),
            of_neither: self.unmatched - self.other_census,
            outside_england: self.not_applicable - pseudo,
        }
    }

    /// The line of the quality report.
    pub(super) fn of(self, dimension: &Dimension, held: bool) -> DimensionQuality {
        DimensionQuality {
            dimension: dimension.id.clone(),
            name: dimension.name.clone(),
            held,
            valid: self.valid,
            not_stated: self.not_stated,
            not_known: self.not_known,
            blank: self.blank,
            invalid: self.invalid,
            unmatched: self.unmatched,
            not_collected: self.not_collected,
            not_applicable: self.not_applicable,
            respelt: self.respelt,
        }
    }
}

/// The pseudo-postcodes of a load by kind: all dimensions that are made from the postcode saw the same ones.
pub(super) fn pseudo_postcodes(found: &[(ColumnId, Counts)]) -> Vec<PseudoPostcodes> {
    let counts = found.iter().map(|(_, c)| c.pseudo).find(|p| p.iter().any(|n| *n > 0));
    let kinds = PseudoPostcode::ALL.into_iter().zip(counts.unwrap_or_default());
    kinds
        .filter(|(_, rows)| *rows > 0)
        .map(|(kind, rows)| PseudoPostcodes { kind: kind.as_str().to_owned(), rows })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_has_its_own_count() {
        let all = [
            Seen::Valid,
            Seen::NotStated,
            Seen::NotKnown,
            Seen::Blank,
            Seen::Invalid,
            Seen::Unmatched,
            Seen::NotApplicable,
            Seen::NotCollected,
        ];
        for (i, seen) in all.into_iter().enumerate() {
            let mut counts = Counts::default();
            counts.add(seen);
            let Counts {
                valid,
                not_stated,
                not_known,
                blank,
                invalid,
                unmatched,
                not_applicable,
                not_collected,
                pseudo,
                other_census,
                respelt,
            } = counts;
            assert_eq!(pseudo.iter().sum::<u64>(), 0, "{seen:?}");
            assert_eq!((other_census, respelt), (0, 0), "{seen:?}");
            let order = [
                valid,
                not_stated,
                not_known,
                blank,
                invalid,
                unmatched,
                not_applicable,
                not_collected,
            ];
            assert_eq!((order[i], order.iter().sum::<u64>()), (1, 1), "{seen:?}");
        }
    }

    #[test]
    fn areas_are_told_apart_by_their_census() {
        let mut counts = Counts::default();
        for (n, seen) in (1..).zip([
            Seen::Valid,
            Seen::OtherCensus,
            Seen::Unmatched,
            Seen::NotApplicable,
            Seen::Blank,
            Seen::Invalid,
        ]) {
            (0..n).for_each(|_| counts.add(seen));
        }
        for kind in PseudoPostcode::ALL {
            counts.add(Seen::Pseudo(kind));
        }
        assert_eq!(counts.unmatched, 5, "an area of the other census is unmatched too");
        let mix = AreaMix {
            vintage: 2011,
            of_edition: 1,
            of_other: Some(2),
            of_neither: 3,
            outside_england: 4,
        };
        assert_eq!(counts.areas(2011, true), mix);
        assert_eq!(counts.areas(2011, false).of_other, None);
    }

    #[test]
    fn pseudo_postcodes_are_counted_by_kind_and_as_what_they_mean() {
        let mut counts = Counts::default();
        for (n, kind) in (1..).zip(PseudoPostcode::ALL) {
            (0..n).for_each(|_| counts.add(Seen::Pseudo(kind)));
        }
        let inside = [1, 2, 3, 10];
        assert_eq!(counts.not_known, inside.iter().sum::<u64>());
        assert_eq!(counts.not_known + counts.not_applicable, (1..=10).sum::<u64>());
        let none = ColumnId::new("sex").expect("id");
        let icb = ColumnId::new("icb_residence").expect("id");
        let listed = pseudo_postcodes(&[(none, Counts::default()), (icb, counts)]);
        let rows: Vec<u64> = listed.iter().map(|p| p.rows).collect();
        assert_eq!(rows, (1..=10).collect::<Vec<u64>>());
        assert_eq!(listed[0].kind, "no fixed abode");
    }
}
