//! Which releases are made of the same extract.

use super::document::ReleaseDocument;
use crate::model::{DatasetId, Digest, SnapshotVersion};

/// What tells the extracts of a dataset and period apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extract {
    /// At one partner: its id.
    Own(Digest),
    /// Over several partners, each of which has an extract with an id of its own: the standing that they have alike.
    All(SnapshotVersion),
}

/// How the extracts of releases are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extracts {
    /// Whether the releases are of several partners, or of a sum over several.
    federated: bool,
}

impl Extracts {
    pub(super) fn among<'d>(documents: impl IntoIterator<Item = &'d ReleaseDocument>) -> Self {
        let mut documents = documents.into_iter();
        let first = documents.next();
        let several = |d: &ReleaseDocument| {
            d.pool.is_some() || first.is_some_and(|first| first.ods != d.ods)
        };
        Self { federated: first.is_some_and(|d| d.pool.is_some()) || documents.any(several) }
    }

    pub(super) const fn are_federated(self) -> bool {
        self.federated
    }

    /// The dataset and extract of a release.
    pub(super) fn of(self, document: &ReleaseDocument) -> (&DatasetId, Extract) {
        let extract = if self.federated {
            Extract::All(document.snapshot.version)
        } else {
            Extract::Own(document.snapshot.id)
        };
        (&document.dataset, extract)
    }
}
