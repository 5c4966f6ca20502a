//! The view of a partner's own extract, for its own people: exact, or as a release would show it. It rests on no
//! query, agreement, release or audit log, and has no form in which it could travel.

use super::answer::{Answer, Coverage, CoverageStatus, ViewKind};
use super::assemble::{SystemView, ViewError, axes, cell, indicator_view};
use super::beside::Beside;
use super::completeness::{Completeness, Table};
use super::refusal::RateRefusal;
use super::rung::rung_text;
use crate::catalogue::{Catalogue, IndicatorKind};
use crate::disclosure::{CombinedCell, Internal, Policy, Preview};
use crate::model::{CellState, Date, Digest, ImdEdition, Ods, Shown, SnapshotVersion};
use crate::plan::Layout;

/// What a reader of exact figures is told first.
pub const EXACT: &str =
    "Exact figures, for this organisation's own people: internal, not for release.";
/// What a reader of protected figures of one's own is told first.
pub const PROTECTED: &str =
    "As a release under the policy would show it; not tested beside other releases.";

/// A view of one's own extract: it may not be shared. Nothing that sends takes it.
///
/// ```
/// use evensum_core::view::{Bundle, Shared, SystemView};
/// fn travels(view: &SystemView<Shared>) -> Bundle {
///     view.bundle()
/// }
/// ```
/// ```compile_fail,E0599
/// use evensum_core::view::{Bundle, Local, SystemView};
/// fn travels(view: &SystemView<Local>) -> Bundle {
///     view.bundle()
/// }
/// ```
/// What a coordinator answers is a shared view:
/// ```
/// use evensum_core::view::{Shared, SystemView};
/// fn answered(combined: SystemView<Shared>) -> SystemView<Shared> {
///     combined
/// }
/// ```
/// ```compile_fail,E0308
/// use evensum_core::view::{Local, Shared, SystemView};
/// fn answered(own: SystemView<Local>) -> SystemView<Shared> {
///     own
/// }
/// ```
/// Nor is it made of anything but a table of one's own:
/// ```compile_fail,E0451
/// use evensum_core::view::{Answer, Local, SystemView};
/// fn forge(answer: Answer, basis: Local) -> SystemView<Local> {
///     SystemView { answer, basis }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    exact: bool,
}

/// Whose extract it is, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// The organisation.
    pub ods: Ods,
    /// Its name.
    pub name: String,
    /// The extract's id.
    pub snapshot: Digest,
    /// The date that it describes.
    pub as_of: Date,
    /// Its standing; none while it is staged.
    pub version: Option<SnapshotVersion>,
    /// The edition of the deprivation index that it was read with.
    pub imd_edition: Option<ImdEdition>,
}

impl SystemView<Local> {
    /// The exact figures of one's own extract.
    ///
    /// # Errors
    /// [`ViewError::Unknown`] where the catalogue does not have what was counted.
    #[expect(clippy::needless_pass_by_value, reason = "what is exact is used up")]
    pub fn local_exact(
        internal: Internal,
        own: Own,
        catalogue: &Catalogue,
    ) -> Result<Self, ViewError> {
        let published = |cell: usize| internal.count(cell);
        let of = Figures { cells: internal.combined(), policy: None, published: &published };
        let answer = answer(of, internal.layout(), own, catalogue)?;
        Ok(Self { answer, basis: Local { exact: true } })
    }

    /// What a release of one's own extract would show.
    ///
    /// # Errors
    /// As of [`Self::local_exact`].
    #[expect(clippy::needless_pass_by_value, reason = "as of exact figures")]
    pub fn local_protected(
        preview: Preview,
        own: Own,
        catalogue: &Catalogue,
    ) -> Result<Self, ViewError> {
        let published = |cell: usize| match preview.cells().get(cell)? {
            Shown::Published(figure) => Some(*figure),
            Shown::Small | Shown::Suppressed | Shown::StructuralZero => None,
        };
        let policy = Some(preview.profile().into());
        let of = Figures { cells: preview.combined(), policy, published: &published };
        let answer = answer(of, preview.layout(), own, catalogue)?;
        Ok(Self { answer, basis: Local { exact: false } })
    }

    /// Whether its figures are exact.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.basis.exact
    }

    /// The answer by itself.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        self.answer
    }
}

/// What is shown, and under which policy, if under any.
struct Figures<'a> {
    cells: Vec<CombinedCell>,
    policy: Option<Policy>,
    /// What is shown of a cell of the table, where it is.
    published: &'a dyn Fn(usize) -> Option<u64>,
}

fn answer(
    of: Figures<'_>,
    layout: &Layout,
    own: Own,
    catalogue: &Catalogue,
) -> Result<Answer, ViewError> {
    let Figures { cells, policy, published } = of;
    let question = layout.question();
    let indicator = catalogue.indicator(&question.indicator)?;
    let dataset = catalogue.dataset(&indicator.dataset)?;
    // Of exact figures none is kept from being none or all of a group.
    let limit = policy.map_or(0, |policy| policy.profile.limit());
    let cells: Vec<_> = cells.into_iter().map(|c| cell(c, &indicator.kind, limit)).collect();
    let first = if policy.is_some() { PROTECTED } else { EXACT };
    let mut caveats = vec![first.to_owned(), dataset.caveat.clone()];
    caveats.extend(indicator.caveats.iter().cloned());
    if cells.iter().any(|cell| cell.numerator.state != CellState::Value) {
        caveats.push("Withheld figures are small ones or rest on few people; they are not zero, and their range is counted in every total.".to_owned());
    }
    caveats.extend(match own.version {
        None => Some("The extract is staged and not published yet.".to_owned()),
        Some(SnapshotVersion::Provisional) => Some("The extract is provisional.".to_owned()),
        Some(SnapshotVersion::Final | SnapshotVersion::Restated) => None,
    });
    let half = policy.map_or(0, |policy| policy.profile.half_width());
    let table = Table { ods: &own.ods, as_of: own.as_of, version: own.version, half, published };
    let completeness = Completeness::of_table(&table, layout, catalogue).into_iter().collect();
    let rung = rung_text(&question.by);
    let rates = matches!(indicator.kind, IndicatorKind::Rate { .. })
        .then_some(Err(RateRefusal::OneOrganisation));
    Ok(Answer {
        indicator: indicator_view(indicator, dataset),
        period: question.period,
        axes: axes(layout, catalogue)?,
        scope: question.scope.clone(),
        view: ViewKind::Partner,
        policy,
        rung: rung.clone(),
        asked: None,
        imd_edition: own.imd_edition,
        cells,
        coverage: vec![Coverage {
            ods: own.ods,
            name: own.name,
            status: CoverageStatus::Answered,
            reason: None,
            refusal: None,
            snapshot: Some(own.snapshot),
            as_of: Some(own.as_of),
            version: own.version,
            policy,
            rung: Some(rung),
        }],
        completeness,
        caveats,
        receipts: Vec::new(),
        releases: Vec::new(),
        query_id: None,
        elapsed_ms: 0,
        beside: Beside { rates, published: Vec::new() },
    })
}

#[cfg(test)]
mod tests;
