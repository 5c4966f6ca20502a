//! Reads a reference file, official or our own copy of one, and checks every row.

use std::fmt::Write as _;

use evensum_core::model::Ods;

use super::lsoa::LsoaCode;
use super::recognise::{Kind, Layout, Values, recognise};
use super::tables::{ImdRow, PlaceRow};
use super::{MAX_ROWS, ReferenceError};

/// The rows of a file, sorted by area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Imd(Vec<ImdRow>),
    Icb(Vec<PlaceRow>),
}

impl Content {
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Imd(rows) => rows.len(),
            Self::Icb(rows) => rows.len(),
        }
    }

    /// Our own copy: sorted, with only what is used, under headers that are recognised again.
    pub(super) fn to_csv(&self, layout: &Layout) -> String {
        let vintage = match layout.kind {
            Kind::Imd2019 | Kind::Icb2011 | Kind::Postcodes2011 => "11",
            Kind::Imd2025 | Kind::Icb2021 | Kind::Postcodes2021 => "21",
        };
        let mut out = String::with_capacity(self.len() * 20);
        let written = match self {
            Self::Imd(rows) => {
                writeln!(out, "lsoa{vintage}cd,imd_rank,imd_decile").and_then(|()| {
                    rows.iter()
                        .try_for_each(|r| writeln!(out, "{},{},{}", r.lsoa, r.rank, r.decile))
                })
            }
            Self::Icb(rows) => places(&mut out, vintage, rows),
        };
        debug_assert!(written.is_ok(), "writing to memory does not fail");
        out
    }
}

/// The lookup of places, with those columns that every row has.
fn places(out: &mut String, vintage: &str, rows: &[PlaceRow]) -> std::fmt::Result {
    let sub_icbs = rows.iter().all(|r| r.sub_icb.is_some());
    let districts = rows.iter().all(|r| r.district.is_some());
    write!(out, "lsoa{vintage}cd,icb_ods")?;
    for (_, header) in [(sub_icbs, ",sicbl_ods"), (districts, ",ladcd")].iter().filter(|c| c.0) {
        out.push_str(header);
    }
    out.push('\n');
    for row in rows {
        write!(out, "{},{}", row.lsoa, row.icb)?;
        for code in
            [row.sub_icb.as_ref().filter(|_| sub_icbs), row.district.as_ref().filter(|_| districts)]
        {
            code.map_or(Ok(()), |code| write!(out, ",{code}"))?;
        }
        out.push('\n');
    }
    Ok(())
}

/// Recognises and reads a file.
pub(super) fn parse(bytes: &[u8]) -> Result<(Layout, Content), ReferenceError> {
    // Spreadsheets are zip archives, and are the form in which the official site offers most files. The
    // other mark is gzip's.
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x1f\x8b") {
        return Err(ReferenceError::Spreadsheet);
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    if !reader.read_byte_record(&mut record)? {
        return Err(ReferenceError::NotRecognised);
    }
    let header: Vec<String> =
        record.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect();
    let layout = recognise(&header).ok_or(ReferenceError::NotRecognised)?;
    let mut imd = Vec::new();
    let mut icb = Vec::new();
    let mut row = 1;
    while reader.read_byte_record(&mut record)? {
        row += 1;
        if imd.len().max(icb.len()) == MAX_ROWS {
            return Err(ReferenceError::TooManyRows);
        }
        let wrong = |rule| ReferenceError::Row { row, rule };
        let field =
            |i: usize| record.get(i).and_then(|f| std::str::from_utf8(f).ok()).map(str::trim);
        let lsoa = field(layout.lsoa)
            .and_then(LsoaCode::parse)
            .ok_or_else(|| wrong("the area is not an English LSOA code, E01 and six digits"))?;
        match layout.values {
            Values::Imd { rank, decile } => {
                let rank = field(rank)
                    .and_then(whole)
                    .filter(|r| *r >= 1)
                    .ok_or_else(|| wrong("the rank is not a whole number from 1"))?;
                let decile = field(decile)
                    .and_then(whole)
                    .filter(|d| (1..=10).contains(d))
                    .and_then(|d| u8::try_from(d).ok())
                    .ok_or_else(|| wrong("the decile is not a whole number from 1 to 10"))?;
                imd.push((row, ImdRow { lsoa, rank, decile }));
            }
            Values::Icb { ods, sub_icb, district } => {
                let columns = [Some(ods), sub_icb, district];
                icb.push((row, place_row(lsoa, columns, field).map_err(wrong)?));
            }
        }
    }
    let content = match layout.values {
        Values::Imd { .. } => Content::Imd(checked_imd(layout.kind, imd)?),
        Values::Icb { .. } => Content::Icb(unique(icb, |r| r.lsoa, "the area occurs twice")?),
    };
    if content.len() == 0 {
        return Err(ReferenceError::NoRows);
    }
    Ok((layout, content))
}

/// The places of a row, from the columns of boards, sub-locations and local authorities that the file has.
fn place_row<'a>(
    lsoa: LsoaCode,
    [board, sub_icb, district]: [Option<usize>; 3],
    field: impl Fn(usize) -> Option<&'a str>,
) -> Result<PlaceRow, &'static str> {
    let code = |at: Option<usize>, like: fn(&str) -> bool, rule| {
        let read = |at| field(at).filter(|t| like(t)).and_then(|t| Ods::new(t).ok()).ok_or(rule);
        at.map(read).transpose()
    };
    let no_board = "the board is not the ODS code of one, such as QVV";
    let no_sub_icb = "the sub-location is not the ODS code of one, such as 11J";
    let no_district = "the local authority is not the code of one in England, such as E06000058";
    Ok(PlaceRow {
        lsoa,
        icb: code(board, board_like, no_board)?.ok_or(no_board)?,
        sub_icb: code(sub_icb, sub_icb_like, no_sub_icb)?,
        district: code(district, district_like, no_district)?,
    })
}

fn board_like(text: &str) -> bool {
    text.len() == 3 && text.starts_with('Q')
}

/// Three characters for a clinical commissioning group of before 2022, five for what was merged from several.
fn sub_icb_like(text: &str) -> bool {
    matches!(text.len(), 3 | 5)
}

/// Unitary authorities, non-metropolitan and metropolitan districts, London boroughs.
fn district_like(text: &str) -> bool {
    text.len() == 9 && ["E06", "E07", "E08", "E09"].iter().any(|kind| text.starts_with(kind))
}

/// A whole number, perhaps with the commas that spreadsheets put between thousands.
fn whole(text: &str) -> Option<u32> {
    let digits: String = text.chars().filter(|c| *c != ',').collect();
    (digits.len() <= 7 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())?
}

/// Sorts rows by a key that none of them may share.
fn unique<T, K: Ord>(
    mut rows: Vec<(u32, T)>,
    key: impl Fn(&T) -> K,
    rule: &'static str,
) -> Result<Vec<T>, ReferenceError> {
    rows.sort_by(|a, b| key(&a.1).cmp(&key(&b.1)).then(a.0.cmp(&b.0)));
    if let Some(pair) = rows.windows(2).find(|w| key(&w[0].1) == key(&w[1].1)) {
        return Err(ReferenceError::Row { row: pair[1].0, rule });
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn checked_imd(kind: Kind, rows: Vec<(u32, ImdRow)>) -> Result<Vec<ImdRow>, ReferenceError> {
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let complete = count == kind.official_areas();
    let mut by_rank: Vec<&(u32, ImdRow)> = rows.iter().collect();
    by_rank.sort_by_key(|(row, r)| (r.rank, *row));
    for pair in by_rank.windows(2) {
        let ((_, before), (row, after)) = (pair[0], pair[1]);
        if before.rank == after.rank && before.decile != after.decile {
            let rule = "the rank occurs twice, with two deciles";
            return Err(ReferenceError::Row { row: *row, rule });
        }
        if before.decile > after.decile {
            return Err(ReferenceError::Direction);
        }
    }
    if complete {
        let mut place = 0;
        let mut last = 0;
        for (row, area) in by_rank {
            place += 1;
            // Areas that tie share the rank of the first of them: 26 pairs do in 2019.
            if area.rank != place && area.rank != last {
                let rule =
                    "the ranks of a complete file run from 1 without gaps, and this one does not";
                return Err(ReferenceError::Row { row: *row, rule });
            }
            last = area.rank;
            if !within_bounds(count, area) {
                let rule = "the decile is not the one that the rank has in the official file";
                return Err(ReferenceError::Row { row: *row, rule });
            }
        }
    }
    unique(rows, |r| r.lsoa, "the area occurs twice")
}

/// Decile d ends at rank floor(N × d / 10), in the files of 2019 and of 2025 alike.
fn within_bounds(count: u32, row: &ImdRow) -> bool {
    let upper = |decile: u32| count * decile / 10;
    let decile = u32::from(row.decile);
    row.rank <= upper(decile) && row.rank > upper(decile - 1)
}
