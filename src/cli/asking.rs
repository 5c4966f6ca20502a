//! One query of the analyst's tool: signed, asked, and believed only once it is verified and combined again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evensum_core::catalogue::Catalogue;
use evensum_core::identity::QUERY_TYPE;
use evensum_core::model::{
    Agreement, AgreementId, Ods, PurposeId, Query, QueryView, Question, canonical,
};
use evensum_core::plan::Layout;
use evensum_core::port::{AnalystPort, AskFault, InOrder, OutOfOrder, Progress, ProgressSink};
use evensum_core::sign::{Envelope, SigningKey};
use evensum_core::view::{Shared, SystemView};
use indicatif::ProgressBar;
use tokio_stream::StreamExt;

use super::exit::{Exit, Failure, OrExit};
use super::query::{connect, exit_of};
use super::{agreements, beside, clock, terminal};
use crate::config::{self, AnalystConfig};
use crate::present;
use crate::reference::Shelf;
use crate::rpc::client::AnalystClient;

/// Clocks may differ by this much; a query is valid from that long before now.
const CLOCK_SKEW_SECONDS: i64 = 60;
/// A query lives this long beyond its deadline, for the coordinator's and the nodes' clocks.
const SPARE_SECONDS: i64 = 120;

/// What came of one question.
pub(super) type Outcome = Result<SystemView<Shared>, AskFault>;

/// An analyst's own copy of everything that questions are built and answers verified with.
#[derive(Debug)]
pub(super) struct Desk {
    config: AnalystConfig,
    pub(super) catalogue: Catalogue,
    pub(super) agreement: Agreement,
    shelf: Shelf,
}

/// The same, connected to the agreement's coordinator.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) desk: Desk,
    key: SigningKey,
    client: AnalystClient,
}

impl std::ops::Deref for Connected {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

/// Of whom, for what and within which time questions are asked.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) purpose: PurposeId,
    pub(super) targets: Vec<Ods>,
    pub(super) deadline_seconds: u32,
    pub(super) view: Option<QueryView>,
}

impl Terms {
    /// A query of its own, with a new id.
    pub(super) fn query(
        &self,
        questions: &[Question],
        agreement: &Agreement,
    ) -> Result<Query, Failure> {
        let now = clock::system().now();
        let query = Query {
            query_id: clock::query_id(),
            federation: agreement.federation.clone(),
            agreement: agreement.id.clone(),
            agreement_hash: agreement.hash().or_exit(Exit::Config)?,
            purpose: self.purpose.clone(),
            targets: self.targets.clone(),
            not_before: now.plus(-CLOCK_SKEW_SECONDS),
            expires: now.plus(i64::from(self.deadline_seconds) + SPARE_SECONDS),
            questions: questions.to_vec(),
            view: self.view,
        };
        query.questions().or_exit(Exit::Usage)?;
        Ok(query)
    }
}

impl Desk {
    /// Reads the analyst's configuration and what it names.
    pub(super) fn open(config: &Path, agreement: Option<&AgreementId>) -> Result<Self, Failure> {
        let config = AnalystConfig::read(config)?;
        let catalogue = config::catalogue(&config.catalogue)?;
        let agreement = config.agreement(agreement)?;
        let shelf = beside::open(config.reference.as_deref())?;
        agreements::fits(&catalogue, &agreement)?;
        Ok(Self { config, catalogue, agreement, shelf })
    }

    pub(super) async fn connect(self) -> Result<Connected, Failure> {
        let key = config::signing_key(&self.config.key)?;
        let client = connect(&self.config, &self.agreement).await?;
        Ok(Connected { desk: self, key, client })
    }

    fn layouts(&self, questions: &[Question]) -> Result<Vec<Layout>, Failure> {
        let layout = |question| Layout::new(question, Some(&self.agreement), &self.catalogue);
        questions.iter().map(layout).collect::<Result<_, _>>().or_exit(Exit::Usage)
    }
}

impl Connected {
    /// Asks questions in one query. The outcomes are in their order.
    pub(super) async fn ask(
        &self,
        terms: &Terms,
        questions: Vec<Question>,
    ) -> Result<Vec<Outcome>, Failure> {
        self.ask_all(terms, questions).await?.map_err(|fault| Failure::new(exit_of(&fault), fault))
    }

    /// The same, with the fault where the query is refused as a whole.
    pub(super) async fn ask_all(
        &self,
        terms: &Terms,
        questions: Vec<Question>,
    ) -> Result<Result<Vec<Outcome>, AskFault>, Failure> {
        let Desk { config, catalogue, agreement, shelf } = &self.desk;
        let layouts = self.layouts(&questions)?;
        let query = terms.query(&questions, agreement)?;
        let bytes = canonical::encode(&query).or_exit(Exit::Fault)?;
        let envelope = Envelope::sign(bytes, QUERY_TYPE, config.analyst.as_str(), &self.key)
            .or_exit(Exit::Fault)?;
        let query_hash = envelope.payload_hash();
        let (bar, progress) = progress(query.targets.len(), layouts.len());
        let deadline = Duration::from_secs(terms.deadline_seconds.into());
        let asked = self.client.ask(envelope, deadline, progress).await;
        let mut answers = match asked {
            Ok(answers) => answers,
            Err(fault) => {
                bar.finish_and_clear();
                return Ok(Err(fault));
            }
        };
        let mut order = InOrder::new(u32::try_from(layouts.len()).or_exit(Exit::Fault)?);
        let mut outcomes = Vec::with_capacity(layouts.len());
        while let Some((number, outcome)) = answers.next().await {
            order.take(number).or_exit(Exit::Fault)?;
            let Some(layout) = layouts.get(outcomes.len()) else {
                return Err(Failure::new(Exit::Fault, OutOfOrder));
            };
            outcomes.push(match outcome {
                Ok(bundle) => {
                    let view = SystemView::check(
                        bundle, &query, query_hash, number, layout, agreement, catalogue,
                    );
                    let view = view.or_exit(Exit::Fault)?;
                    let beside = beside::of(view.answer(), shelf, agreement, catalogue);
                    Ok(view.with_beside(beside))
                }
                // One that answers another question than the next is not to be trusted with the others.
                Err(fault @ AskFault::Order(_)) => return Err(Failure::new(Exit::Fault, fault)),
                Err(fault) => Err(fault),
            });
        }
        bar.finish_and_clear();
        if !order.rest().is_empty() {
            return Err(Failure::new(Exit::Fault, OutOfOrder));
        }
        Ok(Ok(outcomes))
    }
}

/// A bar over every partner's part of every answer.
fn progress(partners: usize, questions: usize) -> (ProgressBar, ProgressSink) {
    let bar = terminal::bar((partners * questions) as u64, "Asking the partners");
    let told = bar.clone();
    let progress = Arc::new(move |happened| match happened {
        Progress::Asked { partners, questions } => told.set_length((partners * questions) as u64),
        Progress::Settled { ods, question, status } => {
            let status = present::words::status(status);
            told.set_message(match questions {
                1 => format!("{ods}: {status}"),
                _ => format!("{ods}, question {}: {status}", question + 1),
            });
            told.inc(1);
        }
    });
    (bar, progress)
}
