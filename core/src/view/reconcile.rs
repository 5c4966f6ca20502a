//! A partner's own totals beside the return that it submitted: for the partner's own people.

use serde::{Deserialize, Serialize};

use crate::model::{CategoryId, DatasetId, Date, Period, SnapshotVersion};

/// Pathways of one treatment function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// All that wait.
    pub list: u64,
    /// Those over 18 weeks; none where the return does not say.
    pub over_18: Option<u64>,
    /// Those over 52 weeks; none where the return does not say.
    pub over_52: Option<u64>,
}

impl Figures {
    /// The sum; a figure that either lacks, it lacks.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        Self {
            list: self.list.saturating_add(other.list),
            over_18: sum(self.over_18, other.over_18),
            over_52: sum(self.over_52, other.over_52),
        }
    }
}

/// One treatment function, or all together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconciledLine {
    /// Its code in the return; `all` for the total.
    pub function: CategoryId,
    /// Its name.
    pub name: String,
    /// What the extract has.
    pub own: Figures,
    /// What the return has; none where it has no such line.
    pub returned: Option<Figures>,
}

/// What may explain a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The rows that are meant, in words, or a sentence where no number of rows is.
    pub what: String,
    /// How many they are.
    pub rows: Option<u64>,
    /// What to do about it.
    pub advice: Option<String>,
    /// Whether these are exactly as many as the lists differ by.
    pub exact: bool,
}

/// An extract beside a return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// The dataset.
    pub dataset: DatasetId,
    /// The period.
    pub period: Period,
    /// The date that the extract describes.
    pub as_of: Date,
    /// The extract's standing; none while it is staged.
    pub version: Option<SnapshotVersion>,
    /// The provider whose lines of the return were read, where it names providers.
    pub provider: Option<String>,
    /// Each treatment function of either.
    pub lines: Vec<ReconciledLine>,
    /// All of them together.
    pub total: ReconciledLine,
    /// What may explain the differences.
    pub explanations: Vec<Explanation>,
}

impl Reconciliation {
    /// Whether every figure that the return has is the extract's.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.lines.iter().chain([&self.total]).all(ReconciledLine::agrees)
    }
}

impl ReconciledLine {
    /// Whether every figure that the return has is the extract's. A function that only the extract has agrees
    /// where it has no rows.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let same = |own: Option<u64>, other: Option<u64>| other.is_none_or(|n| Some(n) == own);
        self.returned.map_or(self.own.list == 0, |returned| {
            self.own.list == returned.list
                && same(self.own.over_18, returned.over_18)
                && same(self.own.over_52, returned.over_52)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(own: [u64; 3], returned: Option<(u64, Option<u64>)>) -> ReconciledLine {
        ReconciledLine {
            function: CategoryId::new("110").expect("id"),
            name: "Trauma and Orthopaedic".to_owned(),
            own: Figures { list: own[0], over_18: Some(own[1]), over_52: Some(own[2]) },
            returned: returned.map(|(list, over_18)| Figures { list, over_18, over_52: None }),
        }
    }

    #[test]
    fn what_a_return_does_not_say_is_no_difference() {
        for (returned, agrees) in [
            (Some((10, Some(4))), true),
            (Some((10, None)), true),
            (Some((10, Some(5))), false),
            (Some((11, None)), false),
            (None, false),
        ] {
            assert_eq!(line([10, 4, 1], returned).agrees(), agrees, "{returned:?}");
        }
        assert!(line([0, 0, 0], None).agrees());
    }

    #[test]
    fn a_sum_lacks_what_a_part_lacks() {
        let whole = Figures { list: 1, over_18: Some(2), over_52: Some(3) };
        let part = Figures { list: 1, over_18: Some(2), over_52: None };
        let sum = Figures { list: 2, over_18: Some(4), over_52: None };
        assert_eq!(whole.plus(part), sum);
    }
}
