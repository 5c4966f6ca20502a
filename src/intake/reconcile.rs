//! Own totals beside the return that the organisation submitted, and what may explain the difference. For the
//! partner's own people: the counts are exact.

use std::collections::BTreeMap;
use std::path::Path;

use evensum_core::catalogue::{Catalogue, CategoryKind, Dataset, Dimension};
use evensum_core::model::{CategoryId, DatasetId, Ods, Period};
use evensum_core::view::{Explanation, Figures, QualityReport, ReconciledLine, Reconciliation};

use super::error::IntakeError;
use super::publish::{newest_extract, quality};
use super::returned::{ReturnError, Returned, read_return};
use crate::snapshot::{self, Codes, HeldColumn, NodeKey, Snapshot, SnapshotError};

/// The one dataset that has a return by treatment function.
const DATASET: &str = "rtt_open_pathway";

const FUNCTION: &str = "tfc";
const PROVIDER: &str = "provider";
const OVER_18: &str = "over18";
const OVER_52: &str = "over52";

/// The day of the month after which returns have been submitted, and lists go on being corrected.
const LATE_LOAD_DAYS: i64 = 21;

/// Why nothing is compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Another dataset.
    #[error("a return is known of {DATASET} alone, not of {0}")]
    OtherDataset(DatasetId),
    /// The catalogue does not have the dataset as it is expected here.
    #[error(
        "the catalogue's {DATASET} has no treatment functions, or no waits over 18 and 52 weeks"
    )]
    Catalogue,
    /// The extract has no column of it.
    #[error(
        "the extract has no treatment function: name its field in the mapping and load it again"
    )]
    NoFunction,
    /// The return.
    #[error(transparent)]
    Return(#[from] ReturnError),
    /// The extract.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The extract's file.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// What to compare.
#[derive(Debug)]
pub struct ReconcileRequest<'a> {
    /// The return, a CSV file.
    pub file: &'a Path,
    /// The node's state directory.
    pub state: &'a Path,
    /// The node's secret.
    pub key: &'a NodeKey,
    /// The dataset.
    pub dataset: &'a DatasetId,
    /// The period.
    pub period: Period,
    /// The provider whose rows of the return count.
    pub provider: &'a Ods,
    /// Whether only this provider's rows of the extract count too.
    pub own_rows_of_provider: bool,
    /// Codes and labels.
    pub catalogue: &'a Catalogue,
}

/// Sets the newest extract of a period, the staged one or else the published one, beside a return.
///
/// # Errors
/// [`ReconcileError`].
pub fn reconcile(request: &ReconcileRequest<'_>) -> Result<Reconciliation, ReconcileError> {
    let ReconcileRequest { state, dataset, period, catalogue, provider, .. } = *request;
    if dataset.as_str() != DATASET {
        return Err(ReconcileError::OtherDataset(dataset.clone()));
    }
    let definition = catalogue.dataset(dataset).map_err(|_| ReconcileError::Catalogue)?;
    let functions = dimension(catalogue, FUNCTION).ok_or(ReconcileError::Catalogue)?;
    let (dir, _) = newest_extract(state, dataset, period)?;
    let report = quality(&dir)?;
    let snapshot = snapshot::read(&dir, request.key)?;
    let returned = read_return(request.file, functions, provider, period)?;
    let counted = Counted::of(request, &snapshot, definition, functions)?;
    let lines = lines(&counted, &returned, functions);
    let nothing = Figures { over_18: Some(0), over_52: Some(0), ..Figures::default() };
    let own = lines.iter().fold(nothing, |sum, line| sum.plus(line.own));
    let sum = lines.iter().filter_map(|l| l.returned).fold(nothing, Figures::plus);
    let total = ReconciledLine {
        function: CategoryId::all(),
        name: "All treatment functions".to_owned(),
        own,
        returned: Some(returned.total.unwrap_or(sum)),
    };
    let explained = Explained { request, report: &report, counted: &counted, returned: &returned };
    Ok(Reconciliation {
        dataset: dataset.clone(),
        period,
        as_of: report.as_of,
        version: snapshot.manifest().version,
        provider: returned.by_provider.then(|| provider.to_string()),
        explanations: explained.all(&lines, &total, sum),
        lines,
        total,
    })
}

fn dimension<'a>(catalogue: &'a Catalogue, id: &str) -> Option<&'a Dimension> {
    catalogue.dimensions().iter().find(|d| d.id.as_str() == id)
}

/// What the extract has.
#[derive(Default)]
struct Counted {
    functions: BTreeMap<CategoryId, Figures>,
    /// Rows of other providers, which were left out or not, as was asked.
    other_providers: u64,
}

impl Counted {
    fn of(
        request: &ReconcileRequest<'_>,
        snapshot: &Snapshot,
        dataset: &Dataset,
        functions: &Dimension,
    ) -> Result<Self, ReconcileError> {
        let column = snapshot.column(&functions.column).ok_or(ReconcileError::NoFunction)?;
        let waits = snapshot.column(&dataset.outcome.column).ok_or(ReconcileError::Catalogue)?;
        let provider = dimension(request.catalogue, PROVIDER)
            .and_then(|providers| snapshot.column(&providers.column));
        let own = provider.map(|p| matching(p, |id| id.as_str() == request.provider.as_str()));
        let over = |id: &str| {
            let id = CategoryId::new(id).ok()?;
            let bands = &dataset.outcome.rollup(&id)?.of;
            Some(matching(waits, |band| bands.contains(band)))
        };
        let (over_18, over_52) =
            over(OVER_18).zip(over(OVER_52)).ok_or(ReconcileError::Catalogue)?;
        let mut counts = vec![[0_u64; 3]; column.dictionary().len()];
        let mut other_providers = 0;
        for row in 0..snapshot.len() {
            let of_other = provider.zip(own.as_ref()).is_some_and(|(p, own)| !own[at(p, row)]);
            other_providers += u64::from(of_other);
            if of_other && request.own_rows_of_provider {
                continue;
            }
            let wait = at(waits, row);
            if let Some(count) = counts.get_mut(at(column, row)) {
                count[0] += 1;
                count[1] += u64::from(over_18[wait]);
                count[2] += u64::from(over_52[wait]);
            }
        }
        let figures = |[list, over_18, over_52]: [u64; 3]| Figures {
            list,
            over_18: Some(over_18),
            over_52: Some(over_52),
        };
        let functions = column.dictionary().iter().cloned().zip(counts.into_iter().map(figures));
        Ok(Self { functions: functions.filter(|(_, f)| f.list > 0).collect(), other_providers })
    }
}

/// Which categories of a column's dictionary are meant.
fn matching(column: &HeldColumn, meant: impl Fn(&CategoryId) -> bool) -> Vec<bool> {
    column.dictionary().iter().map(meant).collect()
}

fn at(column: &HeldColumn, row: usize) -> usize {
    usize::from(match column.codes() {
        Codes::U8(codes) => codes.get(row).copied().map_or(0, u16::from),
        Codes::U16(codes) => codes.get(row).copied().unwrap_or_default(),
    })
}

/// A line for each function of either, in the catalogue's order.
fn lines(counted: &Counted, returned: &Returned, functions: &Dimension) -> Vec<ReconciledLine> {
    let leaves = functions.levels.first().map(|level| level.categories.as_slice());
    let nothing = Figures { over_18: Some(0), over_52: Some(0), ..Figures::default() };
    let line = |category: &evensum_core::catalogue::Category| {
        let own = counted.functions.get(&category.id).copied();
        let returned = returned.functions.get(&category.id).copied();
        (own.is_some() || returned.is_some()).then(|| ReconciledLine {
            function: category.id.clone(),
            name: category.label.clone(),
            own: own.unwrap_or(nothing),
            returned,
        })
    };
    leaves.unwrap_or_default().iter().filter_map(line).collect()
}

/// So many rows, which these are, and what to do about them.
type Rows = (u64, String, Option<&'static str>);

/// What the explanations are made of.
struct Explained<'a> {
    request: &'a ReconcileRequest<'a>,
    report: &'a QualityReport,
    counted: &'a Counted,
    returned: &'a Returned,
}

impl Explained<'_> {
    fn all(
        &self,
        lines: &[ReconciledLine],
        total: &ReconciledLine,
        sum: Figures,
    ) -> Vec<Explanation> {
        let there = total.returned.map_or(0, |f| f.list);
        let difference = total.own.list.abs_diff(there);
        if lines.iter().chain([total]).all(ReconciledLine::agrees) {
            return Vec::new();
        }
        let of_rows = |(rows, what, advice): Rows| Explanation {
            what,
            rows: Some(rows),
            advice: advice.map(str::to_owned),
            exact: rows == difference,
        };
        let mut all: Vec<Explanation> =
            self.rows(lines).into_iter().filter(|(rows, ..)| *rows > 0).map(of_rows).collect();
        // What is exactly as large as the difference comes first.
        all.sort_by_key(|e| !e.exact);
        let said = self.circumstances(difference == 0, sum, total);
        all.extend(said.into_iter().map(|what| Explanation {
            what,
            rows: None,
            advice: None,
            exact: false,
        }));
        all
    }

    /// Rows that one side may have and the other has not.
    fn rows(&self, lines: &[ReconciledLine]) -> Vec<Rows> {
        let Self { request, report, counted, returned } = self;
        let provider = request.provider;
        let own = |of: &dyn Fn(&ReconciledLine) -> bool| -> u64 {
            lines.iter().filter(|line| of(line)).map(|line| line.own.list).sum()
        };
        let unknown = own(&|line| self.is_unknown(&line.function));
        let alone = own(&|line| line.returned.is_none() && !self.is_unknown(&line.function));
        let missing = lines.iter().filter(|line| line.own.list == 0);
        let missing = missing.filter_map(|line| line.returned).map(|f| f.list).sum();
        let mut all: Vec<Rows> = vec![
            (
                unknown,
                "pathways whose treatment function is blank or not recognised".to_owned(),
                Some(
                    "The return has them under a function: translate the codes under [codes.treatment_function] in the mapping.",
                ),
            ),
            (
                alone,
                "pathways of treatment functions that the return has no line for".to_owned(),
                None,
            ),
            (
                missing,
                "pathways of the return in treatment functions that the extract has nothing of"
                    .to_owned(),
                Some(
                    "Check that the extract holds all services and that their codes are read as meant.",
                ),
            ),
        ];
        all.extend(report.rejects.iter().map(|reject| {
            (
                reject.rows,
                format!("rows that were not taken: {}, {}", reject.column, reject.rule),
                None,
            )
        }));
        all.push((
            report.duplicates.unwrap_or_default(),
            "repeated rows: the same person, weeks waited and every code".to_owned(),
            Some("They may be one pathway twice."),
        ));
        all.push((
            returned.unknown_start,
            "pathways of the return without a known clock start".to_owned(),
            Some("An extract has none: each of its rows needs one."),
        ));
        let (left_out, advice) = if request.own_rows_of_provider {
            (" (left out here)", None)
        } else {
            ("", Some("Leave them out with --provider."))
        };
        let others = format!("rows of the extract of other providers than {provider}{left_out}");
        all.push((counted.other_providers, others, advice));
        all
    }

    fn is_unknown(&self, function: &CategoryId) -> bool {
        let functions = dimension(self.request.catalogue, FUNCTION);
        let leaf = functions.and_then(|f| f.leaf(function));
        leaf.is_some_and(|leaf| leaf.kind != CategoryKind::Known)
    }

    /// What may differ without a number of rows.
    fn circumstances(&self, same: bool, sum: Figures, total: &ReconciledLine) -> Vec<String> {
        let Self { report, returned, .. } = self;
        let mut all = Vec::new();
        if same {
            all.push("The lists are as long as each other, and something below them differs: look for codes that are put under another function, and for the way in which weeks are counted (days divided by seven, rounded up).".to_owned());
        }
        if returned.total.is_some_and(|total| total.list != sum.list) {
            all.push("The return's own total is not the sum of its treatment functions: a function is missing from it, or counted in another.".to_owned());
        }
        let days = report.loaded.days_since(report.as_of);
        if days > LATE_LOAD_DAYS {
            all.push(format!(
                "The extract describes {} and was loaded {days} days later: if it was cut then, pathways that were corrected since the return are different in it.",
                report.as_of
            ));
        }
        if total.returned.is_some_and(|r| r.list > total.own.list) && !returned.by_provider {
            all.push("The return names no provider: if it is that of several organisations, it has more than the extract.".to_owned());
        }
        all.push("People who live outside the federation's area are counted on both sides here; an answer to the federation leaves them out.".to_owned());
        all
    }
}
