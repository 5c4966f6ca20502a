//! How complete a partner's extract is, as far as its releases say it: whole per cent of a released total, or
//! nothing. What is shared is made of verified releases alone, so that whoever has the releases comes to the same
//! shares, and no count that was not released can get in. In a view of one's own extract they are of its own table.

use serde::{Serialize, Serializer};

use crate::catalogue::{Catalogue, CategoryKind};
use crate::disclosure::Received;
use crate::model::{CategoryId, DatasetId, Date, LevelId, Ods, Period, Shown, SnapshotVersion};
use crate::plan::Layout;

/// Where some categories are hidden, the usable share is told if the published ones leave it no more room than
/// this, in per cent of the total: it is then right to one point.
const ROOM_PER_CENT: u64 = 2;

/// A share of the rows of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowShare {
    /// In whole per cent.
    WholePercent(u8),
    /// Withheld: the total, or a figure that the share is made of, is hidden.
    Withheld,
    /// The level has no such category.
    None,
}

/// The least total of which a share of 0 or of 100 is said.
const LEAST_TOTAL_OF_ALL: u64 = 50;

impl RowShare {
    /// The share, where there is one.
    #[must_use]
    pub const fn per_cent(self) -> Option<u8> {
        match self {
            Self::WholePercent(n) => Some(n),
            Self::Withheld | Self::None => None,
        }
    }

    /// The name of the state on the wire: `value`, `withheld` or `none`.
    #[must_use]
    pub const fn state(self) -> &'static str {
        match self {
            Self::WholePercent(_) => "value",
            Self::Withheld => "withheld",
            Self::None => "none",
        }
    }

    /// A published figure as a share of a published total. Nobody and everybody are said of a large total alone.
    fn of(part: u64, total: u64) -> Self {
        let nearest = (u128::from(part) * 100 + u128::from(total) / 2).checked_div(total.into());
        let nearest = nearest.and_then(|n| u8::try_from(n.min(100)).ok());
        let said = nearest.filter(|n| total >= LEAST_TOTAL_OF_ALL || (1..100).contains(n));
        said.map_or(Self::Withheld, Self::WholePercent)
    }
}

impl Serialize for RowShare {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::WholePercent(n) => serializer.serialize_u8(*n),
            other => serializer.serialize_str(other.state()),
        }
    }
}

/// A table by one level, as it is shown.
pub(super) struct Table<'a> {
    pub(super) ods: &'a Ods,
    pub(super) as_of: Date,
    pub(super) version: Option<SnapshotVersion>,
    /// How far off a shown figure may be.
    pub(super) half: u64,
    /// What is shown of a cell, where it is.
    pub(super) published: &'a dyn Fn(usize) -> Option<u64>,
}

/// What one release says of the completeness of its dimension.
///
/// ```compile_fail,E0451
/// use evensum_core::view::{Completeness, RowShare};
/// fn claim(of: Completeness) -> Completeness {
///     Completeness { usable: RowShare::WholePercent(7), ..of }
/// }
/// ```
///
/// Its figures can be read:
///
/// ```
/// use evensum_core::view::{Completeness, RowShare};
/// fn read(of: &Completeness) -> RowShare {
///     of.usable()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Completeness {
    ods: Ods,
    dataset: DatasetId,
    period: Period,
    level: LevelId,
    as_of: Date,
    version: Option<SnapshotVersion>,
    usable: RowShare,
    not_stated: RowShare,
    not_known: RowShare,
    not_collected: RowShare,
    not_applicable: RowShare,
}

impl Completeness {
    /// The shares of a release by one level without a restriction; none of any other release, since its total
    /// would be of some rows alone.
    ///
    /// A share is the published figure of the categories of a kind, as a part of the published total. What is
    /// usable is the total without the others where all of these are published; else the sum of the usable
    /// categories where all of those are; else the middle of what the published figures leave room for, where
    /// that is at most two per cent of the total.
    #[must_use]
    pub fn of(release: &Received, layout: &Layout, catalogue: &Catalogue) -> Option<Self> {
        let document = release.document();
        let table = Table {
            ods: &document.ods,
            as_of: document.snapshot.as_of,
            version: Some(document.snapshot.version),
            half: document.policy.profile.half_width() + document.off_by(),
            published: &|cell| match release.shown().get(cell)? {
                Shown::Published(figure) => Some(*figure),
                Shown::Small | Shown::Suppressed | Shown::StructuralZero => None,
            },
        };
        Self::of_table(&table, layout, catalogue)
    }

    /// The same of any table.
    pub(super) fn of_table(
        table: &Table<'_>,
        layout: &Layout,
        catalogue: &Catalogue,
    ) -> Option<Self> {
        let question = layout.question();
        if question.by.len() != 1 || question.scope.is_some() {
            return None;
        }
        let lattice = layout.lattice();
        let [axis, outcome] = lattice.axes() else { return None };
        let (_, level) = catalogue.level(axis.level()).ok()?;
        let kind_of = |id: &CategoryId| {
            let known = level.categories.iter().find(|c| c.id == *id);
            known.map_or(CategoryKind::Known, |c| c.kind)
        };
        let rows = outcome.position(&CategoryId::all())?;
        let published = |category: usize| -> Option<u64> {
            (table.published)(lattice.index(&[category, rows])?)
        };
        let total = axis.position(&CategoryId::all()).and_then(published);
        // The sum over a kind: none without such a category, nothing where one of them is hidden.
        let sum = |kind: CategoryKind| -> Option<Option<u64>> {
            let each = axis.categories().iter().enumerate().filter(|(_, c)| !c.id.is_all());
            let of_kind = each.filter(|(_, c)| kind_of(&c.id) == kind);
            let mut figures = of_kind.map(|(at, _)| published(at)).peekable();
            figures.peek()?;
            Some(figures.sum())
        };
        let share = |figure: Option<Option<u64>>| match (figure, total) {
            (None, _) => RowShare::None,
            (Some(Some(part)), Some(total)) => RowShare::of(part, total),
            (Some(_), _) => RowShare::Withheld,
        };
        let others = [
            CategoryKind::NotStated,
            CategoryKind::Unknown,
            CategoryKind::NotCollected,
            CategoryKind::NotApplicable,
        ]
        .map(sum);
        let without: Option<u64> = others.iter().flatten().copied().sum();
        let rest = total.zip(without).map(|(total, without)| total.saturating_sub(without));
        let between = || {
            let total = total?;
            let half = table.half;
            // At least so many rows are in the published categories that are usable, or that are not.
            let at_least = |usable: bool| -> u64 {
                let each = axis.categories().iter().enumerate().filter(|(_, c)| !c.id.is_all());
                let of = each.filter(|(_, c)| (kind_of(&c.id) == CategoryKind::Known) == usable);
                of.filter_map(|(at, _)| published(at)).map(|r| r.saturating_sub(half)).sum()
            };
            let (low, high) = (at_least(true), (total + half).saturating_sub(at_least(false)));
            let narrow = high.saturating_sub(low) * 100 <= total * ROOM_PER_CENT;
            narrow.then_some(u64::midpoint(low, high))
        };
        let usable = rest.or_else(|| sum(CategoryKind::Known).flatten()).or_else(between);
        let [not_stated, not_known, not_collected, not_applicable] = others.map(share);
        Some(Self {
            ods: table.ods.clone(),
            dataset: layout.dataset().clone(),
            period: question.period,
            level: axis.level().clone(),
            as_of: table.as_of,
            version: table.version,
            usable: share(Some(usable)),
            not_stated,
            not_known,
            not_collected,
            not_applicable,
        })
    }

    /// The partner.
    #[must_use]
    pub const fn ods(&self) -> &Ods {
        &self.ods
    }

    /// The dataset.
    #[must_use]
    pub const fn dataset(&self) -> &DatasetId {
        &self.dataset
    }

    /// The period.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// The level whose categories were counted.
    #[must_use]
    pub const fn level(&self) -> &LevelId {
        &self.level
    }

    /// The date that the extract describes.
    #[must_use]
    pub const fn as_of(&self) -> Date {
        self.as_of
    }

    /// The extract's standing; none where it is one's own and not published yet.
    #[must_use]
    pub const fn version(&self) -> Option<SnapshotVersion> {
        self.version
    }

    /// Rows with a usable value.
    #[must_use]
    pub const fn usable(&self) -> RowShare {
        self.usable
    }

    /// Asked, and declined.
    #[must_use]
    pub const fn not_stated(&self) -> RowShare {
        self.not_stated
    }

    /// Not known, blank, invalid or not in the reference data, which releases do not tell apart.
    #[must_use]
    pub const fn not_known(&self) -> RowShare {
        self.not_known
    }

    /// Not collected.
    #[must_use]
    pub const fn not_collected(&self) -> RowShare {
        self.not_collected
    }

    /// Cannot be said of the person.
    #[must_use]
    pub const fn not_applicable(&self) -> RowShare {
        self.not_applicable
    }

    /// The shares as they are claimed of the partner.
    #[must_use]
    pub fn claimed(&self) -> ClaimedShares {
        ClaimedShares {
            ods: self.ods.clone(),
            usable: self.usable,
            not_stated: self.not_stated,
            not_known: self.not_known,
            not_collected: self.not_collected,
            not_applicable: self.not_applicable,
        }
    }
}

/// Shares as a coordinator claims them. Nobody believes them before the same ones were worked out of the releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedShares {
    /// The partner.
    pub ods: Ods,
    /// Rows with a usable value.
    pub usable: RowShare,
    /// Asked, and declined.
    pub not_stated: RowShare,
    /// Not known, blank, invalid or not in the reference data.
    pub not_known: RowShare,
    /// Not collected.
    pub not_collected: RowShare,
    /// Cannot be said of the person.
    pub not_applicable: RowShare,
}
