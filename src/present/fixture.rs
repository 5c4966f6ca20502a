//! Answers, reports and entries for the tests of this room, made by hand.

use data_encoding::BASE64;
use evensum_core::catalogue::{Catalogue, CategoryKind, IndicatorKind, Polarity};
use evensum_core::disclosure::Side;
use evensum_core::ledger::{Asked, Deletion, Entry, Event, Missing, ReceiptParts, Tested};
use evensum_core::model::{
    AgreementId, AnalystId, Assurance, Bounds, CategoryId, CellState, DatasetId, Digest,
    FederationId, ImdEdition, IndicatorId, LevelId, Ods, Period, Profile, PurposeId, Query,
    QueryId, Question, RefusalCode, Role, Scope, SnapshotRef, SnapshotVersion, Timestamp,
    canonical,
};
use evensum_core::statistics::proportion_bounds;
use evensum_core::view::{
    Answer, AxisView, CategoryView, Cell, Coverage, CoverageStatus, DimensionQuality,
    IndicatorView, QualityReport, ReceiptRow, ReleaseRow, ViewKind,
};

pub(super) fn ods(text: &str) -> Ods {
    Ods::new(text).expect("ods")
}

pub(super) fn query_id() -> QueryId {
    QueryId::from_parts(1_795_255_503_000, &[1; 10])
}

pub(super) fn side(state: CellState, low: u64, high: Option<u64>) -> Side {
    Side { state, bounds: Bounds { low, high }, published: None }
}

pub(super) fn cell(at: Vec<usize>, numerator: Side, denominator: Side) -> Cell {
    let proportion = proportion_bounds(numerator.bounds, denominator.bounds);
    Cell { at, numerator, denominator, proportion, figures: Vec::new(), people: None }
}

/// An axis of the built-in catalogue.
fn axis(level: &str) -> AxisView {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let id = LevelId::new(level).expect("level");
    let (dimension, level) = catalogue.level(&id).expect("level");
    let mut categories: Vec<CategoryView> = level
        .categories
        .iter()
        .map(|c| CategoryView { id: c.id.clone(), label: c.label.clone(), kind: c.kind })
        .collect();
    categories.push(CategoryView {
        id: CategoryId::all(),
        label: "All".to_owned(),
        kind: CategoryKind::Known,
    });
    AxisView { dimension: dimension.id.clone(), level: id, name: level.name.clone(), categories }
}

fn covered(code: &str, name: &str, status: CoverageStatus, reason: Option<&str>) -> Coverage {
    let answered = status == CoverageStatus::Answered;
    Coverage {
        ods: ods(code),
        name: name.to_owned(),
        status,
        reason: reason.map(str::to_owned),
        refusal: None,
        snapshot: answered.then(|| Digest::of(code.as_bytes())),
        as_of: answered.then(|| "2026-10-31".parse().expect("date")),
        version: answered.then_some(SnapshotVersion::Final),
        policy: answered.then(|| Profile::Nhs75m.into()),
        rung: answered.then(|| "imd.quintile".to_owned()),
    }
}

fn coverage() -> Vec<Coverage> {
    use CoverageStatus::{Answered, Late, NoData, Refused, Unreachable};
    let mut lines = vec![
        covered(
            "NVC01",
            "Sandmarsh Independent Treatment Centre",
            NoData,
            Some("holds no such data"),
        ),
        covered("R0D", "University Hospitals of Eastfold", Answered, None),
        covered("RBD", "Eastfold County Hospital", Answered, None),
        covered(
            "RDZ",
            "Northmere Community Health",
            Late,
            Some("did not answer within 30 seconds"),
        ),
        covered(
            "RK5",
            "Sandmarsh Orthopaedic Hospital",
            Refused,
            Some(RefusalCode::AgreementDiffers.says()),
        ),
        covered(
            "RXX",
            "Westhaven General Hospital",
            Unreachable,
            Some("no connection since 2026-11-20 17:02"),
        ),
    ];
    lines[2].version = Some(SnapshotVersion::Provisional);
    lines
}

/// An answer without cells.
pub(super) fn bare(levels: &[&str]) -> Answer {
    Answer {
        indicator: IndicatorView {
            id: IndicatorId::new("rtt_over_52_weeks").expect("id"),
            version: 1,
            name: "Waiting over 52 weeks".to_owned(),
            unit: "% of incomplete pathways".to_owned(),
            kind: IndicatorKind::Proportion,
            people: false,
            polarity: Polarity::LowerIsBetter,
            phrase: "wait over 52 weeks".to_owned(),
            counted: "pathways".to_owned(),
            numerator: "Over 52 weeks".to_owned(),
        },
        period: "2026-10".parse().expect("period"),
        axes: levels.iter().map(|level| axis(level)).collect(),
        scope: None,
        view: ViewKind::Interval,
        policy: Some(Profile::Nhs75m.into()),
        rung: levels.join(","),
        asked: None,
        imd_edition: Some(ImdEdition::Imd2025),
        cells: Vec::new(),
        coverage: coverage(),
        completeness: Vec::new(),
        caveats: vec![
            "Pathways are counted, not people: a person waiting on two pathways counts twice, and one who waits at two providers counts at both.".to_owned(),
            "The figures leave out Northmere Community Health, Sandmarsh Orthopaedic Hospital, Westhaven General Hospital.".to_owned(),
        ],
        receipts: vec![ReceiptRow {
            ods: ods("R0D"),
            parts: ReceiptParts {
                entry: b"{\"v\":1}".to_vec(),
                index: 17,
                proof: vec![Digest::of(b"sibling")],
                checkpoint: "evensum/eastfold.example/R0D/node\n18\n".to_owned(),
            },
        }],
        releases: vec![ReleaseRow {
            ods: ods("R0D"),
            bytes: b"{\"format\":\"evensum-release-1\"}".to_vec(),
            signature: vec![1, 2, 3, 4],
        }],
        query_id: Some(query_id()),
        elapsed_ms: 184,
        beside: Default::default(),
    }
}

/// How a true count of two partners with the default policy looks from outside.
fn seen(count: u64, above: u64) -> Side {
    match count {
        0..=15 => side(CellState::Suppressed, 0, Some(above)),
        16..=40 => side(CellState::Value, count - 8, Some(count + 12)),
        count => side(CellState::Value, count - 4, Some(count + 4)),
    }
}

const DEPRIVATION: [(u64, u64); 9] = [
    (18_240, 55),
    (15_110, 44),
    (13_420, 35),
    (12_030, 29),
    (9_870, 22),
    (640, 40),
    (210, 28),
    (0, 0),
    (69_520, 39),
];

const ETHNICITY: [u64; 9] = [712, 41, 118, 56, 31, 27, 15, 0, 1000];

/// Five fifths of deprivation.
pub(super) fn by_quintile() -> Answer {
    let mut answer = bare(&["imd.quintile"]);
    let each = DEPRIVATION.iter().enumerate();
    answer.cells = each
        .map(|(i, &(n, rate))| cell(vec![i], seen(n * rate / 1000, n.clamp(14, 48)), seen(n, 48)))
        .collect();
    answer
}

/// Five fifths of deprivation and five ethnic groups.
pub(super) fn crossed() -> Answer {
    let mut answer = bare(&["imd.quintile", "ethnicity.group"]);
    for (i, &(all, rate)) in DEPRIVATION.iter().enumerate() {
        for (j, &part) in ETHNICITY.iter().enumerate() {
            let n = all * part / 1000;
            let at = vec![i, j];
            answer.cells.push(cell(at, seen(n * rate / 1000, 14 + n / 100), seen(n, 104)));
        }
    }
    answer
}

/// The total alone.
pub(super) fn undivided() -> Answer {
    let mut answer = bare(&[]);
    answer.cells = vec![cell(vec![], seen(2711, 0), seen(69_520, 0))];
    answer
}

pub(super) fn query() -> Query {
    Query {
        query_id: query_id(),
        federation: FederationId::new("eastfold.example").expect("id"),
        agreement: AgreementId::new("dsa-eastfold-1").expect("id"),
        agreement_hash: Digest::of(b"agreement"),
        purpose: PurposeId::new("statutory_reporting").expect("id"),
        targets: vec![ods("R0D"), ods("RBD")],
        not_before: Timestamp::from_unix(1_795_255_500),
        expires: Timestamp::from_unix(1_795_255_800),
        questions: vec![Question {
            indicator: IndicatorId::new("rtt_over_52_weeks").expect("id"),
            definition_hash: Digest::of(b"definition"),
            period: "2026-10".parse().expect("period"),
            by: ["imd.quintile", "ethnicity.group"].map(|l| LevelId::new(l).expect("level")).into(),
            scope: Some(Scope {
                level: LevelId::new("tfc.group").expect("level"),
                category: CategoryId::new("130").expect("id"),
            }),
        }],
        view: None,
    }
}

pub(super) fn asked() -> Asked {
    let query = query();
    let payload = canonical::encode(&query).expect("encodes");
    Asked {
        query_id: query.query_id,
        query_hash: Digest::of(&payload),
        payload: BASE64.encode(&payload),
        signature: "AAAA".to_owned(),
        signer: AnalystId::new("ada@icb.example").expect("id"),
        key_id: "0123456789ab".to_owned(),
        assurance: Assurance::Enrolled,
        purpose: query.purpose,
        federation: query.federation,
        agreement: query.agreement,
        agreement_hash: query.agreement_hash,
        coordinator: Some(ods("QZ1")),
        certificate: None,
    }
}

/// The extract that the entries are about.
fn published_snapshot() -> SnapshotRef {
    SnapshotRef {
        id: Digest::of(b"snapshot"),
        as_of: "2026-10-31".parse().expect("date"),
        version: SnapshotVersion::Final,
        imd_edition: Some(ImdEdition::Imd2025),
    }
}

fn deleted(dataset: DatasetId, period: Period, snapshot_id: Digest) -> Event {
    let reason = Deletion::Retention { months: 24 };
    Event::SnapshotDeleted { dataset, period, snapshot_id, reason }
}

fn withheld(dataset: DatasetId, period: Period, snapshot_id: Digest) -> Event {
    Event::Withheld {
        key: Digest::of(b"key"),
        federation: asked().federation,
        dataset,
        indicator: IndicatorId::new("rtt_over_52_weeks").expect("id"),
        period,
        by: vec![LevelId::new("ethnicity.code").expect("level")],
        scope: None,
        snapshot_id,
        profile: Profile::Nhs75m,
    }
}

fn shown(dataset: DatasetId, period: Period, snapshot_id: Digest) -> Event {
    Event::Shown {
        query_id: query_id(),
        query_hash: asked().query_hash,
        question: 0,
        ods: ods("R0D"),
        release_hash: Digest::of(b"release"),
        federation: asked().federation,
        dataset,
        indicator: IndicatorId::new("rtt_over_52_weeks").expect("id"),
        period,
        by: Vec::new(),
        scope: None,
        snapshot_id,
        tested: Tested { live: Digest::of(b"live"), others: 3 },
    }
}

/// One entry of every kind, and some in two ways.
pub(super) fn entries() -> Vec<Entry> {
    let (query_id, query_hash) = (query_id(), asked().query_hash);
    let release_hash = Digest::of(b"release");
    let dataset = DatasetId::new("rtt_open_pathway").expect("id");
    let (period, snapshot): (Period, _) =
        ("2026-10".parse().expect("period"), published_snapshot());
    let published = |withheld| Event::Published {
        key: Digest::of(b"key"),
        release_hash,
        federation: asked().federation,
        dataset: dataset.clone(),
        indicator: IndicatorId::new("rtt_over_52_weeks").expect("id"),
        period,
        by: vec![LevelId::new("imd.quintile").expect("level")],
        scope: None,
        snapshot_id: snapshot.id,
        profile: Profile::Nhs75m,
        cells: 27,
        withheld,
        tested: Tested { live: Digest::of(b"live"), others: withheld },
    };
    let unreadable = Asked { payload: "e30=".to_owned(), coordinator: None, ..asked() };
    let refused = |asked: Option<Asked>, code| {
        let question = if asked.is_none() { Some(0) } else { None };
        Event::Refused { asked, query_id, query_hash, question, code }
    };
    let missing = |code: &str, status: &str| Missing { ods: ods(code), status: status.to_owned() };
    let events = vec![
        Event::LogOpened { software: "evensum 0.1.0".to_owned() },
        Event::AgreementInForce {
            federation: asked().federation,
            agreement: asked().agreement,
            version: 3,
            hash: Digest::of(b"a"),
        },
        Event::SnapshotPublished {
            dataset: dataset.clone(),
            period,
            snapshot: snapshot.clone(),
            definition_hash: Digest::of(b"d"),
        },
        Event::QueryAccepted { asked: asked() },
        published(0),
        published(1),
        published(4),
        Event::AnswerReleased { query_id, query_hash, question: 0, release_hash },
        Event::Replayed { query_id, query_hash, question: 0, release_hash: Some(release_hash) },
        Event::Replayed { query_id, query_hash, question: 0, release_hash: None },
        refused(Some(asked()), RefusalCode::Withheld),
        refused(Some(unreadable), RefusalCode::PurposeNotAllowed),
        refused(None, RefusalCode::Malformed),
        Event::Aborted { query_id, query_hash, question: 0 },
        Event::Failed { query_id, query_hash, question: 0 },
        Event::Panicked { query_id, query_hash, question: 0 },
        Event::AnswerCombined {
            query_id,
            query_hash,
            question: 0,
            answered: vec![ods("R0D"), ods("RBD")],
            missing: vec![missing("RDZ", "late"), missing("RXX", "unreachable")],
        },
        shown(dataset.clone(), period, snapshot.id),
        deleted(dataset.clone(), period, snapshot.id),
        withheld(dataset.clone(), period, snapshot.id),
        Event::Prepared { dataset, period, snapshot, released: 40, withheld: 2 },
    ];
    let at = Timestamp::from_unix(1_795_255_503);
    let entry = |(seq, event)| Entry::new(seq, at, ods("R0D"), Role::Node, event);
    (14..).zip(events).map(entry).collect()
}

fn dimension(id: &str, name: &str, counts: [u64; 8]) -> DimensionQuality {
    let [valid, not_stated, not_known, blank, invalid, unmatched, not_collected, not_applicable] =
        counts;
    DimensionQuality {
        dimension: LevelId::new(id).expect("id").dimension(),
        name: name.to_owned(),
        held: counts.iter().sum::<u64>() > 0,
        valid,
        not_stated,
        not_known,
        blank,
        invalid,
        unmatched,
        not_collected,
        not_applicable,
        respelt: 0,
    }
}

pub(super) fn report() -> QualityReport {
    QualityReport {
        dataset: DatasetId::new("rtt_open_pathway").expect("id"),
        period: "2026-10".parse().expect("period"),
        as_of: "2026-10-31".parse().expect("date"),
        loaded: "2026-11-12".parse().expect("date"),
        rows_read: 41_276,
        rows_taken: 40_203,
        imd_edition: Some(ImdEdition::Imd2019),
        persons: 36_480,
        measures: vec![evensum_core::view::MeasureRange {
            measure: evensum_core::model::ColumnId::new("weeks_waited").expect("id"),
            least: 0,
            most: 118,
        }],
        rejects: vec![evensum_core::view::RejectCount {
            column: "clock_start".to_owned(),
            rule: "not a date".to_owned(),
            rows: 12,
        }],
        notes: vec!["The period has not ended.".to_owned()],
        pseudo_postcodes: vec![
            evensum_core::view::PseudoPostcodes { kind: "no fixed abode".to_owned(), rows: 1_204 },
            evensum_core::view::PseudoPostcodes { kind: "Wales".to_owned(), rows: 31 },
        ],
        rows_rejected: 12,
        rows_outside: 0,
        left_out: evensum_core::view::LeftOut {
            objections: 1_017,
            restricted: 44,
            restricted_kept: None,
            opt_out: Some(evensum_core::view::OptOut {
                national: evensum_core::view::NationalOptOut::NotRequired,
                reason: Some("only anonymous figures leave the trust".to_owned()),
            }),
        },
        dimensions: vec![
            dimension(
                "imd",
                "Index of Multiple Deprivation",
                [38_100, 0, 0, 310, 0, 1_612, 0, 181],
            ),
            dimension("ethnicity", "Ethnic category", [32_900, 2_801, 1_402, 3_010, 90, 0, 0, 0]),
            dimension("sex", "Sex", [40_202, 0, 1, 0, 0, 0, 0, 0]),
            dimension("age", "Age", [40_100, 0, 0, 103, 0, 0, 0, 0]),
            dimension("provider", "Provider", [0; 8]),
        ],
        last_event: None,
        months: Vec::new(),
        duplicates: Some(3),
        impossible: Vec::new(),
        areas: Some(evensum_core::view::AreaMix {
            vintage: 2011,
            of_edition: 38_100,
            of_other: Some(1_402),
            of_neither: 210,
            outside_england: 150,
        }),
        sites: None,
    }
}
