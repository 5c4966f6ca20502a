//! The audit log in plain English: one sentence an entry, and the same as rows for CSV and JSON.

use std::collections::BTreeMap;

use evensum_core::ledger::{Asked, Deletion, Entry, Event, Missing, PoolStep};
use evensum_core::model::{Assurance, Digest, FederationId, Profile, QueryId, Role, SnapshotRef};
use evensum_core::view::CoverageStatus;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::csv::{CsvError, guarded, lines_of};
use super::words::{clean, list, server, status, within};
use super::{asked, summed};

/// One sentence: when, who asked what for which purpose under which agreement through which coordinator, what
/// was decided, and what was withheld.
#[must_use]
pub fn sentence(entry: &Entry) -> String {
    format!("{}, entry {}: {}.", entry.at, entry.seq, told(entry))
}

fn told(entry: &Entry) -> String {
    let whose = || format!("the {} {}", server(entry.role), entry.ods);
    let event = &entry.event;
    match event {
        Event::LogOpened { software } => {
            format!("{} began to write its audit log, running {}", whose(), clean(software))
        }
        Event::AgreementInForce { federation, agreement, version, hash } => format!(
            "agreement {agreement} of the federation {federation}, version {version} (hash {}), is in force from here on",
            hash.short()
        ),
        Event::SnapshotPublished { dataset, period, snapshot, .. } => {
            format!("questions about {dataset} for {period} are answered from {}", named(snapshot))
        }
        Event::SnapshotDeleted { dataset, period, snapshot_id, reason } => format!(
            "the rows of extract {} of {dataset} for {period} were deleted, {}; what was released from them stays as it is",
            snapshot_id.short(),
            because(*reason)
        ),
        Event::QueryAccepted { asked } => format!("{}; allowed", who_asked(asked)),
        Event::Refused { asked: Some(asked), code, .. } => {
            format!("{}; refused: {}", who_asked(asked), code.says())
        }
        Event::Refused { asked: None, code, .. } => {
            format!("{} was refused: {}", of_query(event), code.says())
        }
        Event::Replayed { release_hash: Some(hash), .. } => format!(
            "{} came again in the same words and got the same answer, release {}",
            of_query(event),
            hash.short()
        ),
        Event::Replayed { release_hash: None, .. } => {
            format!("{} came again in the same words and got the same refusal", of_query(event))
        }
        Event::Published {
            federation,
            indicator,
            by,
            period,
            scope,
            profile,
            cells,
            withheld,
            tested,
            ..
        } => {
            let table = asked::table(indicator, by, *period, scope.as_ref());
            frozen(&table, *profile, federation, ([*withheld, *cells], tested.others))
        }
        Event::Withheld { federation, indicator, by, period, scope, profile, .. } => format!(
            "the table {} did not pass the disclosure test beside what is already released (profile {}): it stays withheld from the federation {federation}",
            asked::table(indicator, by, *period, scope.as_ref()),
            profile.as_str()
        ),
        Event::Prepared { dataset, period, snapshot, released, withheld } => format!(
            "the tables that agreements name beforehand were decided for {} extract {} of {dataset} for {period}: {released} released, {withheld} withheld",
            snapshot.version.as_str(),
            snapshot.id.short()
        ),
        Event::AnswerReleased { release_hash, .. } => {
            format!("{} was answered with release {}", of_query(event), release_hash.short())
        }
        Event::Aborted { .. } | Event::Failed { .. } | Event::Panicked { .. } => unanswered(event),
        Event::AnswerCombined { answered, missing, .. } => {
            combined(&of_query(event), answered, missing)
        }
        Event::Shown { .. } => first_shown(event),
        Event::Pool(step) => summed::told(step, told),
    }
}

fn named(snapshot: &SnapshotRef) -> String {
    let edition = snapshot.imd_edition.map_or_else(String::new, |edition| {
        format!(", with the Index of Multiple Deprivation {}", edition.as_str())
    });
    let (version, id) = (snapshot.version.as_str(), snapshot.id.short());
    format!("the {version} extract {id} of {}{edition}", snapshot.as_of)
}

fn because(reason: Deletion) -> String {
    match reason {
        Deletion::Retention { months: 1 } => "1 month after their publication".to_owned(),
        Deletion::Retention { months } => format!("{months} months after their publication"),
    }
}

fn frozen(
    table: &str,
    profile: Profile,
    federation: &FederationId,
    ([withheld, cells], others): ([u32; 2], u32),
) -> String {
    let hidden = match withheld {
        0 => "nothing in it is withheld".to_owned(),
        1 => format!("1 of its {cells} figures is withheld"),
        n => format!("{n} of its {cells} figures are withheld"),
    };
    let beside = match others {
        0 => "tested by itself".to_owned(),
        1 => "tested together with 1 other table".to_owned(),
        n => format!("tested together with {n} other tables"),
    };
    format!(
        "the table {table} was put under disclosure control (profile {}), {beside}, and frozen for the federation {federation}; {hidden}",
        profile.as_str()
    )
}

fn first_shown(event: &Event) -> String {
    let Event::Shown { ods, release_hash, indicator, by, period, scope, tested, .. } = event else {
        return of_query(event);
    };
    let beside = match tested.others {
        0 => "as the first of these records".to_owned(),
        1 => "beside 1 other table of these records".to_owned(),
        n => format!("beside {n} other tables of these records"),
    };
    format!(
        "partner {ods}'s own table {} (release {}) was shown to others for the first time, {beside}, to answer {}",
        asked::table(indicator, by, *period, scope.as_ref()),
        release_hash.short(),
        of_query(event)
    )
}

fn unanswered(event: &Event) -> String {
    let question = of_query(event);
    match event {
        Event::Failed { .. } => {
            format!("{question} could not be answered because of a fault of this server")
        }
        Event::Panicked { .. } => {
            format!("the software broke over {question}, which was not answered")
        }
        _ => format!(
            "{question} was given up, because the server stopped or whoever asked had gone; nothing was released for it"
        ),
    }
}

/// `question 3 of query 0190…`: people count from one.
fn of_query(event: &Event) -> String {
    let query = event.query().map_or_else(String::new, |(id, _)| id.to_string());
    match event.question() {
        Some(number) => format!("question {} of query {query}", u64::from(number) + 1),
        None => format!("query {query}"),
    }
}

fn combined(question: &str, answered: &[evensum_core::model::Ods], missing: &[Missing]) -> String {
    let inside: Vec<&str> = answered.iter().map(|ods| ods.as_str()).collect();
    let first = match inside.as_slice() {
        [] => format!("{question} got no partner's figures"),
        [one] => format!("{question} was answered from the release of {one} alone"),
        several => {
            format!("{question} was answered by adding the releases of {}", list(several))
        }
    };
    if missing.is_empty() {
        return first;
    }
    let out: Vec<String> =
        missing.iter().map(|m| format!("{} ({})", m.ods, status_word(&m.status))).collect();
    format!("{first}; not in it: {}", list(&out))
}

fn status_word(text: &str) -> String {
    let known = CoverageStatus::ALL.into_iter().find(|s| s.as_str() == text);
    known.map_or_else(|| clean(text), |known| status(known).to_owned())
}

fn who_asked(asked: &Asked) -> String {
    let through = asked
        .coordinator
        .as_ref()
        .map_or_else(String::new, |ods| format!(", through the coordinator {ods}"));
    format!(
        "{} asked for {}, for {}, under agreement {} of the federation {}{through}; sign-in strength {}",
        asked.signer,
        asked::questions(asked),
        purpose(asked),
        asked.agreement,
        asked.federation,
        strength(asked.assurance)
    )
}

fn purpose(asked: &Asked) -> String {
    within(&asked.purpose.as_str().replace('_', " "))
}

const fn strength(assurance: Assurance) -> &'static str {
    match assurance {
        Assurance::Attested => "attested",
        Assurance::Enrolled => "enrolled",
        Assurance::IdpBound => "bound to an organisation's log-in",
    }
}

/// One line a row of `audit list`, the same in CSV and JSON. `organisation` is the one that passed the
/// question on; in a coordinator's own log it is the coordinator's.
#[derive(Serialize)]
struct Row {
    index: u64,
    time: String,
    kind: &'static str,
    who: Option<String>,
    organisation: Option<String>,
    what: Option<String>,
    purpose: Option<String>,
    federation: Option<String>,
    agreement: Option<String>,
    decision: Option<String>,
    query_id: Option<QueryId>,
    /// From 1, as sentences count; none where the entry is about the query as a whole.
    question: Option<u64>,
}

const COLUMNS: [&str; 12] = [
    "index",
    "time",
    "kind",
    "who",
    "organisation",
    "what",
    "purpose",
    "federation",
    "agreement",
    "decision",
    "query_id",
    "question",
];

/// The entries as a JSON list. What an entry does not say of its question is taken from the entry among
/// these that accepted it.
#[must_use]
pub fn listing(entries: &[Entry]) -> serde_json::Value {
    serde_json::to_value(rows(entries)).unwrap_or_default()
}

/// The entries as CSV, with the same columns as [`listing`].
///
/// # Errors
/// [`CsvError`].
pub fn listing_csv(entries: &[Entry]) -> Result<String, CsvError> {
    let header = COLUMNS.map(str::to_owned).to_vec();
    let text = |field: Option<String>| guarded(&field.unwrap_or_default());
    let lines = rows(entries).into_iter().map(|row| {
        vec![
            row.index.to_string(),
            row.time,
            row.kind.to_owned(),
            text(row.who),
            text(row.organisation),
            text(row.what),
            text(row.purpose),
            text(row.federation),
            text(row.agreement),
            text(row.decision),
            text(row.query_id.map(|id| id.to_string())),
            text(row.question.map(|number| number.to_string())),
        ]
    });
    lines_of(std::iter::once(header).chain(lines))
}

fn rows(entries: &[Entry]) -> Vec<Row> {
    let questions: BTreeMap<(QueryId, Digest), &Asked> = entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::QueryAccepted { asked } => Some(((asked.query_id, asked.query_hash), asked)),
            _ => None,
        })
        .collect();
    entries.iter().map(|entry| row(entry, &questions)).collect()
}

fn row(entry: &Entry, questions: &BTreeMap<(QueryId, Digest), &Asked>) -> Row {
    let query_id = entry.event.query().map(|(id, _)| id);
    let own = match &entry.event {
        Event::QueryAccepted { asked } | Event::Refused { asked: Some(asked), .. } => Some(asked),
        _ => None,
    };
    // By id and hash: a question that reuses an id does not borrow the name of whoever used it first.
    let borrowed = || entry.event.query().and_then(|question| questions.get(&question).copied());
    let asked = own.or_else(borrowed);
    let organisation = asked.and_then(|a| match (&a.coordinator, entry.role) {
        (Some(ods), _) => Some(ods.to_string()),
        (None, Role::Coordinator) => Some(entry.ods.to_string()),
        (None, _) => None,
    });
    Row {
        index: entry.seq,
        time: instant(entry),
        kind: kind(&entry.event),
        who: asked.map(|a| a.signer.to_string()),
        organisation,
        what: what(&entry.event).or_else(|| {
            asked.map(|asked| match entry.event.question() {
                Some(number) => asked::question(asked, number),
                None => asked::questions(asked),
            })
        }),
        purpose: asked.map(|a| a.purpose.to_string()),
        federation: match &entry.event {
            Event::AgreementInForce { federation, .. }
            | Event::Pool(PoolStep::Suspended { federation, .. })
            | Event::Published { federation, .. }
            | Event::Withheld { federation, .. }
            | Event::Shown { federation, .. } => Some(federation.to_string()),
            _ => asked.map(|a| a.federation.to_string()),
        },
        agreement: match &entry.event {
            Event::AgreementInForce { agreement, .. }
            | Event::Pool(PoolStep::Suspended { agreement, .. }) => Some(agreement.to_string()),
            _ => asked.map(|a| a.agreement.to_string()),
        },
        decision: decision(&entry.event),
        query_id,
        question: entry.event.question().map(|number| u64::from(number) + 1),
    }
}

/// The time as programs read it.
fn instant(entry: &Entry) -> String {
    OffsetDateTime::from_unix_timestamp(entry.at.as_unix())
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| entry.at.to_string())
}

const fn kind(event: &Event) -> &'static str {
    match event {
        Event::LogOpened { .. } => "log_opened",
        Event::AgreementInForce { .. } => "agreement_in_force",
        Event::SnapshotPublished { .. } => "snapshot_published",
        Event::SnapshotDeleted { .. } => "snapshot_deleted",
        Event::QueryAccepted { .. } => "query_accepted",
        Event::Refused { .. } => "refused",
        Event::Replayed { .. } => "replayed",
        Event::Published { .. } => "published",
        Event::Withheld { .. } => "withheld",
        Event::Prepared { .. } => "prepared",
        Event::AnswerReleased { .. } => "answer_released",
        Event::Aborted { .. } => "aborted",
        Event::Failed { .. } => "failed",
        Event::Panicked { .. } => "panicked",
        Event::AnswerCombined { .. } => "answer_combined",
        Event::Shown { .. } => "shown",
        Event::Pool(step) => summed::kind(step),
    }
}

/// What an event is about, where it says so itself.
fn what(event: &Event) -> Option<String> {
    match event {
        Event::LogOpened { software } => Some(clean(software)),
        Event::AgreementInForce { version, hash, .. } => {
            Some(format!("version {version}, hash {}", hash.short()))
        }
        Event::SnapshotPublished { dataset, period, snapshot, .. }
        | Event::Prepared { dataset, period, snapshot, .. } => Some(format!(
            "{} extract {} of {dataset} for {period}",
            snapshot.version.as_str(),
            snapshot.id.short()
        )),
        Event::SnapshotDeleted { dataset, period, snapshot_id, .. } => {
            Some(format!("extract {} of {dataset} for {period}", snapshot_id.short()))
        }
        Event::Published { indicator, by, period, scope, .. }
        | Event::Withheld { indicator, by, period, scope, .. } => {
            Some(asked::table(indicator, by, *period, scope.as_ref()))
        }
        Event::Shown { ods, indicator, by, period, scope, .. } => {
            Some(format!("{} of {ods}", asked::table(indicator, by, *period, scope.as_ref())))
        }
        Event::Pool(step) => summed::what(step),
        _ => None,
    }
}

fn decision(event: &Event) -> Option<String> {
    let fixed = match event {
        Event::LogOpened { .. }
        | Event::AgreementInForce { .. }
        | Event::SnapshotPublished { .. } => return None,
        Event::SnapshotDeleted { reason, .. } => {
            return Some(format!("rows deleted, {}", because(*reason)));
        }
        Event::QueryAccepted { .. } => "allowed",
        Event::Refused { code, .. } => return Some(format!("refused: {code}")),
        Event::Replayed { release_hash: Some(_), .. } => "answered again",
        Event::Replayed { release_hash: None, .. } => "refused again",
        Event::Published { cells, withheld, .. } => {
            return Some(format!("frozen: {withheld} of {cells} figures withheld"));
        }
        Event::Withheld { .. } => "withheld",
        Event::Prepared { released, withheld, .. } => {
            return Some(format!("{released} tables released, {withheld} withheld"));
        }
        Event::AnswerReleased { .. } => "answered",
        Event::Shown { .. } => "shown to others",
        Event::Aborted { .. } | Event::Failed { .. } | Event::Panicked { .. } => "not answered",
        Event::AnswerCombined { answered, missing, .. } => {
            let of = answered.len() + missing.len();
            return Some(format!("answered from {} of {of} partners", answered.len()));
        }
        Event::Pool(step) => return summed::decision(step).map(str::to_owned),
    };
    Some(fixed.to_owned())
}
