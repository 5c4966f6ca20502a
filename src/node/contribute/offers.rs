//! What the partner's own people say of their datasets and sums: files in the state directory, so that they can be said
//! beside a server that runs. An offer is a mark that stays. To keep a dataset back, or to let it go again, is a request,
//! and so is to suspend an agreement: whoever holds the audit log writes it there, and takes the request away.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use evensum_core::ledger::PoolStep;
use evensum_core::model::{Agreement, DatasetId, Period, Population};
use serde::{Deserialize, Serialize};
use tracing::{error, info};

use super::{Suspension, Trouble, suspend};
use crate::node::Site;
use crate::store::{Store, StoreError, prepare_state};

const OFFERED: &str = "offered";
const REQUESTS: &str = "sum-requests";
const ENDING: &str = "json";
/// The longest request that is read, in bytes.
const MAX_REQUEST_BYTES: u64 = 4 * 1024;
/// The most requests that wait.
const MAX_REQUESTS: usize = 1_000;

/// Why an offer or a request was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The folder cannot be made.
    #[error(transparent)]
    State(#[from] StoreError),
    /// A file.
    #[error("'{path}' cannot be written, read or removed: check the disk and the account's rights")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nobody has taken them.
    #[error(
        "more than {MAX_REQUESTS} requests wait in the state directory: start the server, which takes them"
    )]
    TooMany,
}

/// A request: a dataset's period is kept back from sums, or let go again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The dataset.
    pub dataset: DatasetId,
    /// The period.
    pub period: Period,
    /// Whether it is kept back from here on.
    pub back: bool,
}

/// What is asked of whoever holds the audit log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Request {
    Keep(Kept),
    Suspend(Suspension),
}

/// The offers and requests of a state directory.
#[derive(Debug, Clone)]
pub struct Offers {
    state: PathBuf,
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> OfferError {
    let path = path.to_owned();
    move |source| OfferError::File { path, source }
}

impl Offers {
    /// Those of a state directory.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    fn mark(&self, dataset: &DatasetId, period: Period) -> PathBuf {
        self.state.join(OFFERED).join(format!("{dataset}_{period}"))
    }

    /// Offers every extract of a dataset's period to sums.
    ///
    /// # Errors
    /// [`OfferError`].
    pub fn offer(&self, dataset: &DatasetId, period: Period) -> Result<(), OfferError> {
        prepare_state(&self.state.join(OFFERED))?;
        let path = self.mark(dataset, period);
        let write = || fs::File::create(&path)?.sync_all();
        write().map_err(failed(&path))
    }

    /// Whether it is offered.
    #[must_use]
    pub fn is_offered(&self, dataset: &DatasetId, period: Period) -> bool {
        self.mark(dataset, period).is_file()
    }

    /// Leaves a request, behind those that wait. Gives its file, which goes when it is taken.
    ///
    /// # Errors
    /// [`OfferError`].
    pub fn request(&self, kept: &Kept) -> Result<PathBuf, OfferError> {
        self.leave(&Request::Keep(kept.clone()))
    }

    /// Likewise, that an agreement is suspended or resumed.
    ///
    /// # Errors
    /// [`OfferError`].
    pub fn request_suspension(&self, of: &Suspension) -> Result<PathBuf, OfferError> {
        self.leave(&Request::Suspend(of.clone()))
    }

    fn leave(&self, request: &Request) -> Result<PathBuf, OfferError> {
        let folder = self.state.join(REQUESTS);
        prepare_state(&folder)?;
        let text = serde_json::to_vec(request).map_err(|e| failed(&folder)(e.into()))?;
        let mut number = match self.waiting()?.last() {
            Some((number, _)) => number + 1,
            None => 1,
        };
        loop {
            let path = folder.join(format!("{number:08}.{ENDING}"));
            let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(failed(&folder))?;
            file.write_all(&text)
                .and_then(|()| file.as_file().sync_all())
                .map_err(failed(&path))?;
            match file.persist_noclobber(&path) {
                Ok(_) => return Ok(path),
                // Somebody else took the number meanwhile.
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(failed(&path)(error.error)),
            }
        }
    }

    /// The requests that wait, in the order in which they were left.
    fn waiting(&self) -> Result<Vec<(u64, PathBuf)>, OfferError> {
        let folder = self.state.join(REQUESTS);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed(&folder)(source)),
        };
        let mut waiting = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed(&folder))?.path();
            let number = path
                .extension()
                .filter(|ending| *ending == ENDING)
                .and_then(|_| path.file_stem()?.to_str()?.parse().ok());
            if let Some(number) = number {
                waiting.push((number, path));
            }
            if waiting.len() > MAX_REQUESTS {
                return Err(OfferError::TooMany);
            }
        }
        waiting.sort();
        Ok(waiting)
    }
}

/// Reads a request; none where the file holds none.
fn read(path: &Path) -> Result<Option<Request>, OfferError> {
    if fs::metadata(path).map_err(failed(path))?.len() > MAX_REQUEST_BYTES {
        return Ok(None);
    }
    Ok(serde_json::from_slice(&fs::read(path).map_err(failed(path))?).ok())
}

/// Writes down that a dataset's period is kept back from the sums of all agreements, or let go again. Gives how many
/// agreements that changes.
///
/// # Errors
/// [`StoreError`].
pub async fn keep_back(
    store: &Store,
    agreements: &[Agreement],
    kept: &Kept,
) -> Result<usize, StoreError> {
    let mut changed = 0;
    for agreement in agreements.iter().filter(|agreement| agreement.pool.is_some()) {
        let step = PoolStep::Withdrawn {
            agreement: agreement.id.clone(),
            population: Population::of(agreement, &kept.dataset, kept.period),
            withdrawn: kept.back,
        };
        changed += usize::from(store.step(step).await?.is_some());
    }
    Ok(changed)
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It cannot be read or removed.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The audit log does not take it.
    #[error("the audit log does not take what was requested about blind sums")]
    Store(#[from] StoreError),
}

impl Site {
    /// Takes the requests about sums that the partner's own people have left in the state directory. One that the audit
    /// log does not take waits on, and nothing is contributed before.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn take_sum_requests(&self) -> Result<(), RequestError> {
        let _one = self.contributing.requests.lock().await;
        for (_, path) in self.contributing.offers.waiting()? {
            match read(&path)? {
                Some(Request::Suspend(of)) => {
                    suspend(&self.store, &of).await?;
                    let Suspension { agreement, suspended, .. } = &of;
                    info!(%agreement, suspended, "a request about an agreement was taken");
                }
                Some(Request::Keep(kept)) => {
                    keep_back(&self.store, &self.agreements, &kept).await?;
                    let Kept { dataset, period, back } = &kept;
                    info!(%dataset, %period, back, "a request about blind sums was taken");
                }
                None => {
                    error!(path = %path.display(), "this is no request about blind sums or agreements: it is removed");
                }
            }
            fs::remove_file(&path).map_err(failed(&path))?;
        }
        Ok(())
    }

    pub(super) async fn heed(&self) -> Result<(), Trouble> {
        self.take_sum_requests().await.map_err(|error| match error {
            RequestError::Offer(error) => error.into(),
            RequestError::Store(error) => error.into(),
        })
    }
}
