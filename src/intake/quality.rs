//! What a load found in each dimension. For the partner's own people: the counts are exact.

use evensum_core::catalogue::Dimension;
use evensum_core::view::DimensionQuality;

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
    NotApplicable,
    NotCollected,
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
            Seen::NotApplicable => &mut self.not_applicable,
            Seen::NotCollected => &mut self.not_collected,
        };
        *count += 1;
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
        }
    }
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
            } = counts;
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
}
