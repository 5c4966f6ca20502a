//! What an outsider knows of tables: how people are divided up, and between which numbers the count of each
//! published group lies. Nothing else can be put in, so that the test has no other input.

use std::collections::BTreeMap;

use super::found_out;

/// The most attributes that tables may be divided by together.
pub const MAX_ATTRIBUTES: usize = 24;
/// The greatest count that bounds may name: far below where sums of many stop being exact.
pub const MAX_BOUND: u64 = 1 << 53;

/// Why published figures cannot be put to the test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicError {
    /// A group names a part that its attribute does not have, the same one twice, or none.
    #[error(
        "group {group} of attribute {attribute} is empty, names a part twice, or one that does not exist"
    )]
    Group {
        /// The attribute's place, from 0.
        attribute: usize,
        /// The group's place, from 1: 0 is everybody.
        group: usize,
    },
    /// More than [`MAX_ATTRIBUTES`], or none.
    #[error("tables are divided by 1 to {MAX_ATTRIBUTES} attributes")]
    Attributes,
    /// A cell does not name one group of each attribute.
    #[error("cell {0} does not name one group of each attribute")]
    At(usize),
    /// A cell's bounds are the wrong way round or above [`MAX_BOUND`].
    #[error("the bounds of cell {0} are the wrong way round, or above 2^53")]
    Bounds(usize),
}

/// One way of dividing people up: its parts, which nobody is in two of, and the groups of parts that cells
/// are published for. Group 0 is everybody. Groups may nest, lie apart or cross.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    parts: u16,
    groups: Vec<Vec<u16>>,
}

impl Attribute {
    /// An attribute of so many parts with these groups beside group 0, each a list of parts.
    #[must_use]
    pub fn new(parts: u16, groups: Vec<Vec<u16>>) -> Self {
        let mut all = vec![(0..parts).collect()];
        all.extend(groups);
        Self { parts, groups: all }
    }

    /// How many parts there are.
    #[must_use]
    pub const fn parts(&self) -> u16 {
        self.parts
    }

    /// The groups, each a list of parts; group 0 is everybody.
    #[must_use]
    pub fn groups(&self) -> &[Vec<u16>] {
        &self.groups
    }
}

/// What must not be found out of a published cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hidden {
    /// Nothing: its count is shown.
    No,
    /// Its count, of people of whom something is not known, not stated or not applicable. That there are hardly any
    /// says nothing of anybody, and of a table of two groups it often follows from the figures of both: it may be
    /// known that there is at most one.
    Unstated,
    /// Its count.
    Yes,
    /// Nobody published it: it is what published totals leave for partners that do not show theirs. Its count, where
    /// they would hide it.
    Rest {
        /// The least count that they would hide: 1 where zeros are shown.
        least: u64,
        /// The most that they would hide.
        most: u64,
        /// Whether it is of people of whom something is not known, not stated or not applicable.
        unstated: bool,
    },
}

impl Hidden {
    /// Whether something must not be found out.
    #[must_use]
    pub const fn is_hidden(self) -> bool {
        !matches!(self, Self::No)
    }

    /// Whether a count that must lie between these numbers, both included, is found out.
    #[must_use]
    pub const fn found_out(self, low: u64, high: u64) -> bool {
        match self {
            Self::No => false,
            Self::Unstated => low >= high || (low >= 1 && high <= 2),
            Self::Yes => found_out(low, high),
            Self::Rest { least, most, unstated } => {
                let hidden = if unstated { Self::Unstated } else { Self::Yes };
                low <= most && high >= least && hidden.found_out(low, high)
            }
        }
    }

    /// Whether nothing is left to be found out of a count that must lie between these numbers: whoever has it would
    /// show it.
    pub(super) const fn is_settled(self, low: i64, high: i64) -> bool {
        match self {
            Self::No => true,
            Self::Unstated | Self::Yes => false,
            Self::Rest { least, most, .. } => {
                low.unsigned_abs() > most || high.unsigned_abs() < least
            }
        }
    }

    /// Whether a count is hidden by a rule that says at most how much it can be.
    pub(super) const fn is_published(self) -> bool {
        matches!(self, Self::Unstated | Self::Yes)
    }

    /// What must not be found out where the same count is published twice; what somebody shows is no rest.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Rest { .. }, Self::Rest { .. }) => self.max(other),
            (Self::Rest { .. }, published) | (published, Self::Rest { .. }) => published,
            _ => self.max(other),
        }
    }

    /// How far apart numbers must lie that a count can be, where the least is seen and the least that it can be is
    /// known, so that it is not found out.
    pub(super) const fn apart(self, seen_least: i64, known_least: i64) -> i64 {
        let one = match self {
            Self::No | Self::Yes => known_least >= 3,
            Self::Rest { unstated: false, .. } => known_least >= 3,
            Self::Unstated | Self::Rest { .. } => seen_least == 0 || known_least >= 2,
        };
        if one { 1 } else { 2 }
    }
}

impl From<bool> for Hidden {
    fn from(hidden: bool) -> Self {
        if hidden { Self::Yes } else { Self::No }
    }
}

/// A published cell: one group of each attribute, and what is known of its count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicCell {
    /// The group of each attribute.
    pub at: Vec<u16>,
    /// The least that it can be.
    pub low: u64,
    /// The most that it can be, if anything says so.
    pub high: Option<u64>,
    /// What must not be found out.
    pub hidden: Hidden,
}

/// Everything that is published, as an outsider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    attributes: Vec<Attribute>,
    cells: Vec<PublicCell>,
    /// Above which a hidden count must not be known to lie.
    most: Option<u64>,
}

impl Public {
    /// Puts published cells together.
    ///
    /// # Errors
    /// [`PublicError`].
    pub fn new(
        mut attributes: Vec<Attribute>,
        cells: Vec<PublicCell>,
    ) -> Result<Self, PublicError> {
        if attributes.is_empty() || attributes.len() > MAX_ATTRIBUTES {
            return Err(PublicError::Attributes);
        }
        for (attribute, of) in attributes.iter_mut().enumerate() {
            for (group, parts) in of.groups.iter_mut().enumerate() {
                parts.sort_unstable();
                let rising = parts.is_sorted_by(|a, b| a < b);
                if parts.is_empty() || !rising || parts.last().is_some_and(|p| *p >= of.parts) {
                    return Err(PublicError::Group { attribute, group });
                }
            }
        }
        for (index, cell) in cells.iter().enumerate() {
            let named = cell.at.iter().zip(&attributes);
            if cell.at.len() != attributes.len()
                || !named.clone().all(|(group, a)| usize::from(*group) < a.groups.len())
            {
                return Err(PublicError::At(index));
            }
            let high = cell.high.unwrap_or(MAX_BOUND);
            if cell.low > high || high > MAX_BOUND {
                return Err(PublicError::Bounds(index));
            }
        }
        Ok(Self { attributes, cells, most: None })
    }

    /// The same, where a hidden count is also found out that is surely above a limit: that it is hidden all the same
    /// says that it comes from few people, or most of it from one, and its bounds say how much of it.
    #[must_use]
    pub const fn hiding_at_most(mut self, limit: u64) -> Self {
        self.most = Some(limit);
        self
    }

    /// The cells, in the order in which they were given.
    #[must_use]
    pub fn cells(&self) -> &[PublicCell] {
        &self.cells
    }

    /// Puts together what is the same: parts that no group tells apart, groups with the same parts, and cells
    /// of the same groups, whose bounds then all hold. None where two cells of the same groups contradict each
    /// other.
    pub(super) fn merged(&self) -> Option<Merged> {
        let (axes, places): (Vec<MergedAxis>, Vec<Vec<u16>>) =
            self.attributes.iter().map(MergedAxis::of).unzip();
        let mut cells: Vec<MergedCell> = Vec::with_capacity(self.cells.len());
        let mut known: BTreeMap<Vec<u16>, usize> = BTreeMap::new();
        let mut merged_as = Vec::with_capacity(self.cells.len());
        for cell in &self.cells {
            let groups = cell.at.iter().zip(&places);
            let at: Vec<u16> = groups.map(|(group, place)| place[usize::from(*group)]).collect();
            let high = cell.high.unwrap_or(MAX_BOUND);
            let next = cells.len();
            let index = *known.entry(at.clone()).or_insert(next);
            merged_as.push(index);
            let (low, high) = (to_signed(cell.low), to_signed(high));
            if index == next {
                cells.push(MergedCell { at, low, high, hidden: cell.hidden });
                continue;
            }
            let same = &mut cells[index];
            same.low = same.low.max(low);
            same.high = same.high.min(high);
            same.hidden = same.hidden.with(cell.hidden);
            if same.low > same.high {
                return None;
            }
        }
        let most = self.most.map_or(i64::MAX, to_signed);
        Some(Merged { axes, cells, merged_as, most })
    }
}

/// Bounds are at most 2^53.
fn to_signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// An attribute whose parts are all told apart by some group, and whose groups all differ. Group 0 is
/// everybody; the groups of one part each stand in `singles`, where cells are published for them or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MergedAxis {
    /// How many parts.
    pub(super) parts: usize,
    /// Rising lists of parts, all different. With one part, everybody is that part and there is one group.
    pub(super) groups: Vec<Vec<u16>>,
}

impl MergedAxis {
    /// The axis, and which of its groups each of the attribute's became.
    fn of(attribute: &Attribute) -> (Self, Vec<u16>) {
        // Two parts are one where they are in the same groups.
        let mut signatures: BTreeMap<Vec<bool>, u16> = BTreeMap::new();
        let mut part_of = Vec::with_capacity(usize::from(attribute.parts));
        for part in 0..attribute.parts {
            let signature: Vec<bool> =
                attribute.groups.iter().map(|g| g.binary_search(&part).is_ok()).collect();
            let next = u16::try_from(signatures.len()).unwrap_or(u16::MAX);
            part_of.push(*signatures.entry(signature).or_insert(next));
        }
        let mut groups: Vec<Vec<u16>> = Vec::new();
        let mut places = Vec::with_capacity(attribute.groups.len());
        for group in &attribute.groups {
            let mut parts: Vec<u16> = group.iter().map(|p| part_of[usize::from(*p)]).collect();
            parts.sort_unstable();
            parts.dedup();
            let place = groups.iter().position(|g| *g == parts).unwrap_or_else(|| {
                groups.push(parts);
                groups.len() - 1
            });
            places.push(u16::try_from(place).unwrap_or(u16::MAX));
        }
        (Self { parts: signatures.len(), groups }, places)
    }
}

/// A cell that is published once, under the narrowest bounds that were published of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MergedCell {
    /// The group on each axis.
    pub(super) at: Vec<u16>,
    pub(super) low: i64,
    /// [`MAX_BOUND`] where nothing bounds it.
    pub(super) high: i64,
    pub(super) hidden: Hidden,
}

/// What is published, each thing once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) axes: Vec<MergedAxis>,
    pub(super) cells: Vec<MergedCell>,
    /// Which of them each given cell became.
    pub(super) merged_as: Vec<usize>,
    /// Above which a hidden count must not be known to lie.
    pub(super) most: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(at: &[u16], low: u64, high: u64) -> PublicCell {
        PublicCell { at: at.to_vec(), low, high: Some(high), hidden: Hidden::No }
    }

    #[test]
    fn what_no_group_tells_apart_is_one() {
        // Five parts, of which groups tell three classes apart; the last group is everybody.
        let attribute =
            Attribute::new(5, vec![vec![0, 1], vec![2, 3, 4], vec![4], vec![4, 3, 2, 1, 0]]);
        let public = Public::new(vec![attribute], vec![cell(&[0], 3, 9), cell(&[4], 5, 12)])
            .expect("public");
        let merged = public.merged().expect("agree");
        assert_eq!(merged.axes[0].parts, 3);
        assert_eq!(merged.axes[0].groups, [vec![0, 1, 2], vec![0], vec![1, 2], vec![2]]);
        assert_eq!(merged.merged_as, [0, 0]);
        assert_eq!((merged.cells[0].low, merged.cells[0].high), (5, 9));
    }

    #[test]
    fn the_same_cell_with_bounds_that_exclude_each_other_is_a_contradiction() {
        let attribute = Attribute::new(2, vec![vec![0]]);
        let public = Public::new(vec![attribute], vec![cell(&[1], 3, 4), cell(&[1], 5, 12)])
            .expect("public");
        assert_eq!(public.merged(), None);
    }

    #[test]
    fn malformed_figures_are_refused() {
        let attribute = |groups| vec![Attribute::new(2, groups)];
        assert_eq!(Public::new(Vec::new(), Vec::new()), Err(PublicError::Attributes));
        let of = |groups| Public::new(attribute(groups), Vec::new());
        for groups in [vec![vec![]], vec![vec![2]], vec![vec![0, 0]]] {
            assert_eq!(of(groups), Err(PublicError::Group { attribute: 0, group: 1 }));
        }
        let with = |c| Public::new(attribute(vec![vec![0]]), vec![c]);
        assert_eq!(with(cell(&[2], 0, 1)), Err(PublicError::At(0)));
        assert_eq!(with(cell(&[0, 0], 0, 1)), Err(PublicError::At(0)));
        assert_eq!(with(cell(&[0], 2, 1)), Err(PublicError::Bounds(0)));
        assert_eq!(with(cell(&[0], 2, MAX_BOUND + 1)), Err(PublicError::Bounds(0)));
        assert!(with(PublicCell { high: None, ..cell(&[0], 2, 2) }).is_ok());
    }
}
