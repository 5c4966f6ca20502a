//! What the log says of the two-server sum. Nothing here holds a figure of a table.

use serde::{Deserialize, Serialize};

use crate::model::{
    AgreementId, Digest, FederationId, IndicatorId, LevelId, Ods, Population, PurposeId, QueryId,
    Question, Scope, SnapshotRef, SnapshotVersion,
};

/// The round that a step is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRef {
    /// Whose records are added up.
    pub population: Population,
    /// The standing of the extracts.
    pub version: SnapshotVersion,
    /// The agreement.
    pub agreement: AgreementId,
    /// Hash of the signed document that the members were bound by.
    pub round: Digest,
}

/// A table of totals that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedTable {
    /// The indicator.
    pub indicator: IndicatorId,
    /// The levels that it is broken down by.
    pub by: Vec<LevelId>,
    /// Its one restriction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

impl OpenedTable {
    /// The table of a question.
    #[must_use]
    pub fn of(question: &Question) -> Self {
        Self {
            indicator: question.indicator.clone(),
            by: question.by.clone(),
            scope: question.scope.clone(),
        }
    }

    /// Whether two are one table, in whatever order the breakdown is named.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let sorted = |table: &Self| {
            let mut by = table.by.clone();
            by.sort();
            by
        };
        self.indicator == other.indicator
            && self.scope == other.scope
            && sorted(self) == sorted(other)
    }
}

/// A step of a round, as the server saw it that writes it down. Whatever binds is written before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum PoolStep {
    /// The server is bound to the members of a round, for good and for every version of the extracts.
    Bound {
        /// The round.
        of: RoundRef,
        /// Its members.
        members: Vec<Ods>,
        /// The membership list that they stand in.
        membership: Digest,
    },
    /// A partner made its sealed contribution. It is made once; what is sent again is the same bytes.
    Contributed {
        /// The round.
        of: RoundRef,
        /// The partner's extract.
        snapshot: SnapshotRef,
        /// To whom: the coordinator and, where there is one, the second server.
        to: Vec<Ods>,
        /// Tables that it is made of.
        tables: u32,
        /// Hash over the sealed bytes.
        contents: Digest,
    },
    /// A partner's own people keep a dataset back from sums, or let it go again.
    Withdrawn {
        /// The agreement.
        agreement: AgreementId,
        /// Whose records.
        population: Population,
        /// Whether it is kept back from here on.
        withdrawn: bool,
    },
    /// A partner's own people suspend an agreement, or resume it. While it is suspended nothing is answered or
    /// contributed under it, and the second server opens nothing more that has their records in it.
    Suspended {
        /// The federation.
        federation: FederationId,
        /// The agreement.
        agreement: AgreementId,
        /// Whether it is suspended from here on.
        suspended: bool,
    },
    /// A round was closed: from here on nobody's contribution is added or taken away.
    Closed {
        /// The round.
        of: RoundRef,
        /// Hash of the closing that both servers signed.
        closing: Digest,
        /// The members whose contributions are in the sum.
        members: Vec<Ods>,
        /// Those whose contributions are not.
        missing: Vec<Ods>,
    },
    /// Totals were opened to the coordinator, which puts them under disclosure control.
    Opened {
        /// The round.
        of: RoundRef,
        /// Hash of the closing.
        closing: Digest,
        /// The tables.
        tables: Vec<OpenedTable>,
        /// The question that they were opened for; none where the agreement's packs are decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        query: Option<QueryId>,
    },
    /// The second server tested what the coordinator released of opened totals.
    Returned {
        /// The round.
        of: RoundRef,
        /// Hash of the closing.
        closing: Digest,
        /// The releases, by their hashes.
        releases: Vec<Digest>,
        /// Whether they passed. Where not, nothing of the population is opened any more.
        passed: bool,
    },
    /// The second server says that a question was asked over this partner's records as part of a sum, or that totals
    /// were opened: its own entry, which its audit log proves.
    Told {
        /// Whose entry.
        by: Ods,
        /// Its place in that log.
        index: u64,
        /// The entry, base64.
        entry: String,
        /// What it was asked for, where it is a question.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<PurposeId>,
    },
    /// The second server opens nothing more of a population.
    Stopped {
        /// Whose records.
        population: Population,
        /// Why.
        reason: Stop,
    },
    /// The second server opens totals of a population again: a member that had taken itself out takes part, and so does
    /// every other.
    Resumed {
        /// Whose records.
        population: Population,
    },
}

/// Why nothing more is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// A member has suspended the agreement, or keeps the dataset back. Taken back where all take part again.
    Suspended,
    /// A member was not seen for a week.
    Unseen,
    /// What was released of opened totals did not pass the second server's own test.
    Failed,
}

impl PoolStep {
    /// The round that it is of, if it is of one.
    #[must_use]
    pub const fn round(&self) -> Option<&RoundRef> {
        match self {
            Self::Bound { of, .. }
            | Self::Contributed { of, .. }
            | Self::Closed { of, .. }
            | Self::Opened { of, .. }
            | Self::Returned { of, .. } => Some(of),
            Self::Withdrawn { .. }
            | Self::Suspended { .. }
            | Self::Told { .. }
            | Self::Stopped { .. }
            | Self::Resumed { .. } => None,
        }
    }
}
