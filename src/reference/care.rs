//! Residents' care: which share of it each provider gives. And the list of boards, whose two codes it needs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use evensum_core::model::{CategoryId, Ods};
use evensum_core::population::{AreaKind, Catchment, CatchmentRow, CatchmentSize};

use super::ReferenceError;
use super::population;
use super::sheet::{self, Columns, Row, decimal, whole};

/// The most rows of a table of residents' care, and of a list of boards.
pub const MAX_CARE_ROWS: usize = 200_000;

/// Boards by the code of the Office for National Statistics, with their ODS code and name.
pub(super) type Boards = BTreeMap<String, (Ods, String)>;

/// Where the columns of a table of residents' care are.
#[derive(Debug)]
pub(super) struct CareLayout {
    provider: usize,
    area: usize,
    patients: Option<usize>,
    share: Option<usize>,
    specialist: Option<usize>,
}

impl CareLayout {
    /// The columns of such a table, if these are.
    ///
    /// # Errors
    /// [`ReferenceError::ProvidersSide`] where they are the shares of each provider's patients.
    pub(super) fn of(columns: &Columns) -> Result<Option<Self>, ReferenceError> {
        let provider =
            columns.find(&["provider", "provider_ods", "provider_code", "trust_ods", "trust_code"]);
        let coded = |n: &str| n.starts_with("icb") && (n.ends_with("cd") || n.ends_with("cdh"));
        let area = columns.find(&["area", "area_code", "icb_ods", "icb"]);
        let area = area.or_else(|| columns.find_by(coded));
        let (Some(provider), Some(area)) = (provider, area) else { return Ok(None) };
        let patients = columns.find(&["patients"]);
        let share = columns.find(&["share_of_area", "share_of_residents_care"]);
        if patients.is_none() && share.is_none() {
            let theirs = |n: &str| n.contains("share") || n.contains("proportion");
            return match columns.find_by(theirs) {
                Some(_) => Err(ReferenceError::ProvidersSide),
                None => Ok(None),
            };
        }
        Ok(Some(Self {
            provider,
            area,
            patients,
            share,
            specialist: columns.find(&["specialist"]),
        }))
    }
}

/// Reads a table of residents' care; boards by the other of their codes are looked up in the list.
pub(super) fn read(
    text: &[u8],
    layout: &CareLayout,
    boards: &Boards,
) -> Result<Catchment, ReferenceError> {
    let mut care = Vec::new();
    sheet::rows(text, MAX_CARE_ROWS, |row| {
        care.push(read_row(row, layout, boards)?);
        Ok(())
    })?;
    Catchment::new(care).map_err(|(at, rule)| ReferenceError::Care {
        row: u32::try_from(at + 2).unwrap_or(u32::MAX),
        rule,
    })
}

fn read_row(
    row: &Row<'_>,
    layout: &CareLayout,
    boards: &Boards,
) -> Result<CatchmentRow, ReferenceError> {
    let provider = Ods::new(row.field(Some(layout.provider)).to_ascii_uppercase())
        .map_err(|_| row.wrong("the provider is no ODS code"))?;
    let area = board(row.field(Some(layout.area)), boards).ok_or_else(|| {
        row.wrong("the area is no board's ODS code, such as QVV; codes such as E54000041 need the list of boards (icbcd, icb_ods, icbnm) to be imported first")
    })?;
    let size = match (row.field(layout.patients), row.field(layout.share)) {
        ("", text) => CatchmentSize::Share(
            decimal(text)
                .ok_or_else(|| row.wrong("neither patients nor share_of_area is a number"))?,
        ),
        (text, _) => CatchmentSize::Patients(
            whole(text).ok_or_else(|| row.wrong("patients is not a whole number from 0"))?,
        ),
    };
    let specialist = match row.field(layout.specialist).to_lowercase().as_str() {
        "" | "no" | "n" | "false" | "0" => false,
        "yes" | "y" | "true" | "1" => true,
        _ => return Err(row.wrong("specialist is neither yes nor no")),
    };
    Ok(CatchmentRow { area, provider, size, specialist })
}

fn board(text: &str, boards: &Boards) -> Option<CategoryId> {
    population::area(AreaKind::Icb, text).or_else(|| {
        let (ods, _) = boards.get(&text.to_ascii_uppercase())?;
        CategoryId::new(ods.as_str()).ok()
    })
}

/// Our own copy, which is read again.
pub(super) fn to_csv(catchment: &Catchment) -> String {
    let mut out = String::from("provider,area,patients,share_of_area,specialist\n");
    for row in catchment.rows() {
        let (patients, share) = match row.size {
            CatchmentSize::Patients(n) => (n.to_string(), String::new()),
            CatchmentSize::Share(share) => (String::new(), share.to_string()),
        };
        let mark = if row.specialist { "yes" } else { "no" };
        let written = writeln!(out, "{},{},{patients},{share},{mark}", row.provider, row.area);
        debug_assert!(written.is_ok(), "writing to memory does not fail");
    }
    out
}

/// What it is, in a line.
pub(super) fn about(catchment: &Catchment) -> String {
    let areas = catchment.areas().count();
    let specialist = catchment.rows().iter().filter(|r| r.specialist);
    let specialist: std::collections::BTreeSet<&Ods> = specialist.map(|r| &r.provider).collect();
    format!(
        "shares of residents' care in {areas} areas by provider, {} of them specialist",
        specialist.len()
    )
}

/// The columns of a list of boards, if these are: both codes and the name.
pub(super) fn boards_layout(columns: &Columns) -> Option<[usize; 3]> {
    let year = |n: &str, ends: &str| {
        let rest = n.strip_prefix("icb").and_then(|rest| rest.strip_suffix(ends));
        rest.is_some_and(|y| y.len() <= 2 && y.bytes().all(|b| b.is_ascii_digit()))
    };
    if columns.names().iter().any(|n| n.starts_with("lsoa") || n.starts_with("trust")) {
        return None;
    }
    Some([
        columns.find_by(|n| year(n, "cd"))?,
        columns.find(&["icb_ods"]).or_else(|| columns.find_by(|n| year(n, "cdh")))?,
        columns.find_by(|n| year(n, "nm"))?,
    ])
}

/// Reads a list of boards.
pub(super) fn read_boards(
    text: &[u8],
    [code, ods, name]: [usize; 3],
) -> Result<Boards, ReferenceError> {
    let mut boards = Boards::new();
    sheet::rows(text, MAX_CARE_ROWS, |row| {
        let official = row.field(Some(code)).to_ascii_uppercase();
        let official_like = official.len() == 9 && official.starts_with("E54");
        let board = population::area(AreaKind::Icb, row.field(Some(ods)));
        let board = board.and_then(|id| Ods::new(id.as_str()).ok());
        let name = row.field(Some(name));
        let (true, Some(ods), false) = (official_like, board, name.is_empty()) else {
            return Err(row.wrong("it needs the board's ONS code, such as E54000041, its ODS code, such as QVV, and its name"));
        };
        if let Some((known, _)) = boards.get(&official)
            && *known != ods
        {
            return Err(row.wrong("the board has another ODS code in an earlier row"));
        }
        boards.insert(official, (ods, name.to_owned()));
        Ok(())
    })?;
    Ok(boards)
}

/// Our own copy of a list of boards.
pub(super) fn boards_to_csv(boards: &Boards) -> Result<Vec<u8>, ReferenceError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["icbcd", "icb_ods", "icbnm"])?;
    for (code, (ods, name)) in boards {
        writer.write_record([code.as_str(), ods.as_str(), name.as_str()])?;
    }
    writer.into_inner().map_err(|e| ReferenceError::Csv(e.into_error().into()))
}
