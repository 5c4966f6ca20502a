//! A partner's own extracts as its own people look at them: planned without a question of anybody's, counted from the
//! files beside the node. Neither coordinator nor certificate nor agreement is needed.

use std::sync::Arc;

use evensum_core::authz::{Denied, Local, Permit, Standing};
use evensum_core::catalogue::{Catalogue, Indicator};
use evensum_core::model::{
    Agreement, DatasetId, Date, LevelId, Period, Profile, Question, RawCell, Table,
};
use evensum_core::plan::Plan;

use super::clock;
use super::exit::{Exit, Failure, OrExit};
use crate::config::Server;
use crate::intake::{self, IntakeError};
use crate::snapshot::{self, NodeKey, Snapshot};
use crate::tabulate::{Request, tabulate};

/// Why there is no table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lack {
    Denied(Denied),
    Nothing,
    Deleted(Date),
    Column(String),
}

impl Lack {
    pub(super) fn says(&self) -> String {
        match self {
            Self::Denied(denied) => denied.to_string(),
            Self::Nothing => "no extract of this period is loaded".to_owned(),
            Self::Deleted(on) => format!("the rows of its extract were deleted on {on}"),
            Self::Column(column) => format!("the extract does not hold {column}"),
        }
    }
}

/// A table that was counted, with what it was counted for and from.
pub(super) struct Counted {
    pub(super) plan: Plan<Local>,
    pub(super) raw: Table<RawCell>,
    pub(super) snapshot: Arc<Snapshot>,
}

/// The newest extracts of a node.
pub(super) struct OwnExtracts<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) server: &'a Server,
    pub(super) key: NodeKey,
    pub(super) profile: Profile,
    pub(super) agreement: Option<Agreement>,
    /// Extracts that were opened, and those that there are not.
    open: Vec<(DatasetId, Period, Result<Arc<Snapshot>, Lack>)>,
}

impl<'a> OwnExtracts<'a> {
    pub(super) fn new(
        server: &'a Server,
        catalogue: &'a Catalogue,
        profile: Profile,
        agreement: Option<Agreement>,
    ) -> Result<Self, Failure> {
        let key = server.node()?.secret()?;
        Ok(Self { catalogue, server, key, profile, agreement, open: Vec::new() })
    }

    /// The newest extract of a dataset: the staged one, else the published one.
    fn extract(
        &mut self,
        dataset: &DatasetId,
        period: Period,
    ) -> Result<Result<Arc<Snapshot>, Lack>, Failure> {
        let same = |(id, of, _): &&(DatasetId, Period, _)| id == dataset && *of == period;
        if let Some((_, _, found)) = self.open.iter().find(same) {
            return Ok(found.clone());
        }
        let found = match intake::newest_extract(&self.server.state, dataset, period) {
            Ok((dir, _)) => {
                let snapshot = snapshot::read(&dir, &self.key).or_exit(Exit::Data)?;
                let defined = self.catalogue.dataset_hash(dataset).or_exit(Exit::Fault)?;
                if snapshot.manifest().definition_hash != defined {
                    let text = format!(
                        "the extract of {dataset} for {period} was loaded by other definitions than those of this version: load it again"
                    );
                    return Err(Failure::says(Exit::Data, text));
                }
                Ok(Arc::new(snapshot))
            }
            Err(IntakeError::NothingStaged { .. }) => Err(Lack::Nothing),
            Err(IntakeError::RowsDeleted { on, .. }) => Err(Lack::Deleted(on)),
            Err(error) => return Err(Failure::new(Exit::Data, error)),
        };
        self.open.push((dataset.clone(), period, found.clone()));
        Ok(found)
    }

    /// Whether any extract was found so far.
    pub(super) fn found_any(&self) -> bool {
        self.open.iter().any(|(_, _, found)| found.is_ok())
    }

    /// Lets go of what was opened.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }

    fn plan(
        &self,
        indicator: &Indicator,
        by: &[LevelId],
        period: Period,
    ) -> Result<Plan<Local>, Denied> {
        let question = Question {
            indicator: indicator.id.clone(),
            definition_hash: self.catalogue.definition_hash(&indicator.id)?,
            period,
            by: by.to_vec(),
            scope: None,
        };
        let permit: Permit<Local> = match &self.agreement {
            None => Permit::local(question, self.catalogue, self.profile),
            Some(agreement) => {
                let now = clock::system().now();
                let standing = Standing { agreement, catalogue: self.catalogue, now };
                Permit::local_under(question, standing, self.profile)
            }
        }?;
        Plan::compile(&permit, self.catalogue)
    }

    /// Counts one table.
    pub(super) fn counted(
        &mut self,
        indicator: &Indicator,
        by: &[LevelId],
        period: Period,
    ) -> Result<Result<Counted, Lack>, Failure> {
        let plan = match self.plan(indicator, by, period) {
            Ok(plan) => plan,
            Err(denied) => return Ok(Err(Lack::Denied(denied))),
        };
        let snapshot = match self.extract(&indicator.dataset, period)? {
            Ok(snapshot) => snapshot,
            Err(lack) => return Ok(Err(lack)),
        };
        let held = &snapshot.manifest().columns_held;
        if let Some(lacking) = plan.needs().find(|c| !held.contains(c)) {
            return Ok(Err(Lack::Column(lacking.as_str().replace('_', " "))));
        }
        let raw = tabulate(&snapshot, &Request::of(&plan)).or_exit(Exit::Data)?;
        Ok(Ok(Counted { plan, raw, snapshot }))
    }
}
