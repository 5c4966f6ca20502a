//! Why a question is not answered: a closed list, so that a reason can be logged, counted and explained
//! without ever depending on data.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $says:literal;)*) => {
        /// A reason for refusing. Its text is fixed: it never depends on what the records say.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum RefusalCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl RefusalCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name on the wire and in audit logs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The code of that name.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }

            /// One line for people: what is wrong and what to do.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$name => $says),* }
            }
        }
    };
}

codes! {
    /// The partner has no extract of this dataset and period.
    NoData = "no_data", "holds no such data";
    /// The partner has no agreement of that id.
    AgreementUnknown = "agreement_unknown", "has no agreement of that name: ask its IG lead for it, or name another";
    /// The hash differs.
    AgreementDiffers = "agreement_differs", "has another version of the agreement: compare the files and exchange the newer one";
    /// Not within its dates.
    AgreementNotInForce = "agreement_not_in_force", "the agreement is not in force today: look at its 'from' and 'until'";
    /// The partner's own people have suspended it.
    AgreementSuspended = "agreement_suspended", "has suspended the agreement, and answers nothing under it: ask its IG lead";
    /// Another federation.
    FederationDiffers = "federation_differs", "the query is for another federation";
    /// The coordinator that brought the query is not the agreement's.
    NotACoordinator = "not_a_coordinator", "the query came through a server that is not the agreement's coordinator";
    /// The sign-in was too weak.
    AssuranceTooLow = "assurance_too_low", "the agreement wants a stronger sign-in from this analyst";
    /// The purpose is not in the agreement.
    PurposeNotAllowed = "purpose_not_allowed", "the agreement does not allow that purpose: name one of its 'purposes'";
    /// The indicator is not in the agreement.
    IndicatorNotAllowed = "indicator_not_allowed", "the agreement does not allow that indicator: name one of its 'indicators'";
    /// The dimension is not in the agreement.
    DimensionNotAllowed = "dimension_not_allowed", "the agreement does not allow that dimension: name one of its 'dimensions'";
    /// The other of two groupings is in use.
    GroupingNotInUse = "grouping_not_in_use", "the agreement uses the other grouping of that dimension: look at its 'groupings'";
    /// Crosses too many dimensions.
    TooManyDimensions = "too_many_dimensions", "the agreement does not allow so many dimensions at once: ask by fewer";
    /// The scope is not in the dataset's closed list.
    ScopeNotAllowed = "scope_not_allowed", "a question on this dataset cannot be restricted that way: `evensum indicators --show ID` lists the scopes";
    /// Not in the catalogue.
    IndicatorUnknown = "indicator_unknown", "there is no such indicator: `evensum indicators` lists them";
    /// The definition differs.
    DefinitionDiffers = "definition_differs", "has another version of the indicator's definition: update the older program";
    /// Not in the catalogue.
    LevelUnknown = "level_unknown", "there is no such dimension: `evensum indicators --show ID` lists them";
    /// Not in the catalogue.
    CategoryUnknown = "category_unknown", "there is no such category in that dimension: `evensum indicators --show ID` lists them";
    /// A kind of figure that is counted and not yet released.
    KindNotReleased = "kind_not_released", "means, percentiles and ratios of sums are released only where counts are rounded, and the agreement's disclosure profile does not round them: ask for a share or a count";
    /// A period that the dataset does not have.
    PeriodKind = "period_kind", "this dataset has no such periods: `evensum indicators --show ID` says which it has";
    /// The partner does not hold a column.
    ColumnNotHeld = "column_not_held", "does not collect one of the dimensions asked for";
    /// The partner's extract was loaded without the keys of its records.
    RecordKeysNotHeld = "record_keys_not_held", "has an extract without the record keys that the disclosure profile needs: it must be loaded and published again";
    /// The disclosure profile differs.
    PolicyDiffers = "policy_differs", "has another disclosure profile than the agreement: one of the two must change";
    /// Not among the targets.
    NotATarget = "not_a_target", "is not among the partners that the query names";
    /// Not a well-formed query.
    Malformed = "malformed", "the query is not well formed: use a newer program";
    /// Too early.
    TooEarly = "too_early", "the query is not valid yet: check the clock of the machine that signed it";
    /// Too late.
    Expired = "expired", "the query has expired: ask again";
    /// Seen before with other content or through another coordinator.
    QueryIdSeen = "query_id_seen", "the query's id was used before with other content or through another server: ask again with a new one";
    /// Would disclose.
    Withheld = "withheld", "the table is withheld: ask by fewer or coarser dimensions";
    /// The fallback view shows partners' own tables.
    PartnersNotShown = "partners_not_shown", "the agreement does not let partners' own tables be shown, and this version has no other way to answer: agree to `show_partners`";
    /// Different editions of the deprivation index.
    MixedEditions = "mixed_editions", "the partners' extracts use different editions of the Index of Multiple Deprivation, which cannot be added";
    /// The agreement has no sum over partners.
    SumNotAgreed = "sum_not_agreed", "the agreement has no blind sum over its partners: ask with `--view partners`";
    /// The organisation that asks runs the coordinator, which sees opened totals.
    AskerRunsCoordinator = "asker_runs_coordinator", "the coordinator sees the totals of the blind sum before they are hidden, and the agreement does not say that the organisation that asks may run it: agree to `asker_runs_coordinator`, or give the analyst the `ods` of another organisation in the agreement";
    /// The sum of that period is not closed, or what is released of it is still being decided.
    SumNotReady = "sum_not_ready", "the blind sum for that period is not there yet: ask again later, or, where it has not begun, with `--view partners`";
    /// Beside the sum, the partners' own tables would say what is hidden, or that cannot be decided.
    BesideSum = "partner_beside_sum", "partners' own tables of this period would, beside the blind sum, say what is hidden: ask for the blind sum";
    /// No contributed table has the breakdown.
    SumWithoutTable = "sum_without_table", "partners do not contribute that table to the blind sum: ask by the breakdowns of the agreement's packs, or with `--view partners`";
    /// The second server cannot be reached or opens nothing more.
    SecondServer = "second_server", "the independent second server is not available, and without it no total can be opened: ask again later, or with `--view partners`";
    /// The second server opens nothing more of the population.
    SumStopped = "sum_stopped", "the independent second server opens no more totals of this population, because a partner has withdrawn or a release did not pass its test: ask the IG lead";
    /// Another membership list.
    MembershipDiffers = "membership_differs", "has another membership list: compare the files and exchange the newer one";
    /// A document of a round contradicts the list, the agreement or itself.
    RoundDiffers = "round_differs", "the round does not fit the agreement, the membership list or what its members signed";
    /// Too late for the round, or the clocks differ.
    RoundTime = "round_time", "the round takes no more contributions by this server's clock, or waits for them longer than a day: where it should not be over, set the clock right";
    /// Fewer members than hide each other.
    TooFewMembers = "too_few_members", "the round has too few established members to hide each other";
    /// Another round is bound for the same records.
    BoundToOthers = "bound_to_others", "is bound to another round over the same records: who is in it never changes";
    /// Not in the round.
    NotAMember = "not_a_member", "is not a member of the round";
    /// The partner's own people keep it back.
    KeptBack = "kept_back", "keeps this dataset back from sums";
    /// The round is closed, otherwise than asked.
    RoundClosed = "round_closed", "the round is closed: who is in the sum does not change any more";
    /// What was opened did not come back.
    OpeningPending = "opening_pending", "opens nothing more before what was made of the last opening has come back and passed";
    /// Too many cells.
    TableTooLarge = "table_too_large", "the table would have too many cells: ask by fewer or coarser dimensions";
}

impl std::fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
