//! Entries of every kind, and what is no entry.

use super::*;
use crate::model::{ImdEdition, SnapshotVersion};

pub(in super::super) fn ods() -> Ods {
    Ods::new("R0D").expect("ods")
}

fn asked() -> Asked {
    Asked {
        query_id: QueryId::from_parts(1_790_000_000_000, &[1; 10]),
        query_hash: Digest::of(b"query"),
        payload: "e30=".to_owned(),
        signature: "AAAA".to_owned(),
        signer: AnalystId::new("ada@icb.example").expect("id"),
        key_id: "0123456789ab".to_owned(),
        assurance: Assurance::Enrolled,
        purpose: PurposeId::new("statutory_reporting").expect("id"),
        federation: FederationId::new("icb.example").expect("id"),
        agreement: AgreementId::new("dsa-1").expect("id"),
        agreement_hash: Digest::of(b"agreement"),
        coordinator: Some(Ods::new("QHM").expect("ods")),
        certificate: None,
    }
}

fn deleted(dataset: DatasetId, period: Period) -> Event {
    let reason = Deletion::Retention { months: 24 };
    Event::SnapshotDeleted { dataset, period, snapshot_id: Digest::of(b"release"), reason }
}

fn published(dataset: DatasetId, period: Period) -> Event {
    let hash = Digest::of(b"release");
    Event::Published {
        key: Digest::of(b"key"),
        release_hash: hash,
        federation: asked().federation,
        dataset,
        indicator: IndicatorId::new("rtt_over_52_weeks").expect("id"),
        period,
        by: vec![LevelId::new("imd.quintile").expect("level")],
        scope: None,
        snapshot_id: hash,
        profile: Profile::Nhs75m,
        cells: 36,
        withheld: 2,
        tested: Tested { live: hash, others: 3 },
    }
}

fn withheld(dataset: DatasetId, period: Period) -> Event {
    Event::Withheld {
        key: Digest::of(b"key"),
        federation: asked().federation,
        dataset,
        indicator: IndicatorId::new("rtt_over_52_weeks").expect("id"),
        period,
        by: Vec::new(),
        scope: Some(Scope {
            level: LevelId::new("age.adult").expect("level"),
            category: crate::model::CategoryId::new("18+").expect("id"),
        }),
        snapshot_id: Digest::of(b"release"),
        profile: Profile::Nhs75m,
    }
}

fn shown(dataset: DatasetId, period: Period) -> Event {
    let hash = Digest::of(b"release");
    Event::Shown {
        query_id: asked().query_id,
        query_hash: asked().query_hash,
        question: 2,
        ods: ods(),
        release_hash: hash,
        federation: asked().federation,
        dataset,
        indicator: IndicatorId::new("rtt_over_52_weeks").expect("id"),
        period,
        by: vec![LevelId::new("sex").expect("level")],
        scope: None,
        snapshot_id: Digest::of(b"extract"),
        tested: Tested { live: Digest::of(b"live"), others: 4 },
    }
}

/// One event of every kind, the optional fields once with and once without.
pub(in super::super) fn events() -> Vec<Event> {
    let (query_id, query_hash) = (asked().query_id, asked().query_hash);
    let hash = Digest::of(b"release");
    let dataset = DatasetId::new("rtt_open_pathway").expect("id");
    let period: Period = "2026-10".parse().expect("period");
    vec![
        Event::LogOpened { software: "evensum 0.1.0".to_owned() },
        Event::AgreementInForce {
            federation: asked().federation,
            agreement: asked().agreement,
            version: 3,
            hash,
        },
        Event::SnapshotPublished {
            dataset: dataset.clone(),
            period,
            snapshot: SnapshotRef {
                id: hash,
                as_of: "2026-10-31".parse().expect("date"),
                version: SnapshotVersion::Final,
                imd_edition: Some(ImdEdition::Imd2025),
            },
            definition_hash: hash,
        },
        deleted(dataset.clone(), period),
        Event::QueryAccepted { asked: asked() },
        Event::Refused {
            asked: Some(asked()),
            query_id,
            query_hash,
            question: None,
            code: RefusalCode::Expired,
        },
        Event::Refused {
            asked: None,
            query_id,
            query_hash,
            question: Some(119),
            code: RefusalCode::Malformed,
        },
        Event::Replayed { query_id, query_hash, question: 0, release_hash: None },
        published(dataset.clone(), period),
        shown(dataset.clone(), period),
        withheld(dataset.clone(), period),
        Event::Prepared {
            dataset,
            period,
            snapshot: SnapshotRef {
                id: hash,
                as_of: "2026-10-31".parse().expect("date"),
                version: SnapshotVersion::Provisional,
                imd_edition: None,
            },
            released: 40,
            withheld: 2,
        },
        Event::AnswerReleased { query_id, query_hash, question: 3, release_hash: hash },
        Event::Aborted { query_id, query_hash, question: 1 },
        Event::Failed { query_id, query_hash, question: 1 },
        Event::Panicked { query_id, query_hash, question: 1 },
        Event::AnswerCombined {
            query_id,
            query_hash,
            question: 2,
            answered: vec![ods()],
            missing: vec![Missing {
                ods: Ods::new("RXX").expect("ods"),
                status: "late".to_owned(),
            }],
        },
    ]
}

fn entry(seq: u64, event: Event) -> Entry {
    Entry::new(seq, Timestamp::from_unix(1_790_000_000), ods(), Role::Node, event)
}

#[test]
fn entries_round_trip_and_their_heads_agree() {
    for (seq, event) in (7..).zip(events()) {
        let entry = entry(seq, event);
        let bytes = entry.encode().expect("encodes");
        assert_eq!(Entry::decode(&bytes).expect("decodes"), entry);
        let kept = match &entry.event {
            Event::Published { key, release_hash, tested, dataset, period, .. } => {
                let (key, hash, live) = (*key, *release_hash, tested.live);
                Some(Kept::Release { key, hash, live, of: format!("{dataset} {period}") })
            }
            Event::Shown { release_hash, tested, dataset, period, .. } => {
                let (key, hash, live) = (*release_hash, *release_hash, tested.live);
                Some(Kept::Release { key, hash, live, of: format!("{dataset} {period}") })
            }
            Event::Withheld { key, .. } => Some(Kept::Withheld(*key)),
            Event::Prepared { snapshot, .. } => Some(Kept::Prepared(snapshot.id, snapshot.version)),
            _ => None,
        };
        assert_eq!(Head::read(&bytes).expect("head"), Head { seq, kept });
    }
}

#[test]
fn the_form_is_fixed() {
    let event = Event::LogOpened { software: "evensum 0.1.0".to_owned() };
    assert_eq!(
        String::from_utf8(entry(0, event).encode().expect("encodes")).expect("text"),
        r#"{"at":1790000000,"event":{"kind":"log_opened","software":"evensum 0.1.0"},"ods":"R0D","role":"node","seq":0,"v":1}"#
    );
}

#[test]
fn what_is_no_entry_of_this_version_is_refused() {
    let good = r#"{"at":0,"event":{"kind":"log_opened","software":"x"},"ods":"R0D","role":"node","seq":0,"v":1}"#;
    assert!(Entry::decode(good.as_bytes()).is_ok());
    for (from, to) in [
        (r#""v":1"#, r#""v":2"#),
        (r#""v":1"#, r#""v":1,"w":1"#),
        (r#""software":"x""#, r#""software":"x","sum":1"#),
        ("log_opened", "log_shut"),
        ("R0D", "r0d"),
        (r#""seq":0"#, r#""seq":-1"#),
        (r#""seq":0"#, r#""seq": 0"#),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        assert!(Entry::decode(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(Entry::decode(b"").is_err());
    assert!(Head::read(b"{}").is_err());
}

#[test]
fn an_entry_has_a_limit() {
    let event = Event::LogOpened { software: "x".repeat(MAX_ENTRY_BYTES) };
    assert!(matches!(entry(0, event).encode(), Err(EntryError::TooLong)));
    assert!(matches!(Entry::decode(&vec![b' '; MAX_ENTRY_BYTES + 1]), Err(EntryError::TooLong)));
}
