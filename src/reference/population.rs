//! Populations: our own long form, and the official files that have the same columns under other names.

use std::fmt::Write as _;

use evensum_core::catalogue::Population as Basis;
use evensum_core::model::{CategoryId, ImdEdition};
use evensum_core::population::{
    AgeBand, AreaKind, EthnicGroup, Grouping, PopulationHead, PopulationRow, PopulationTable, Sex,
};

use super::ReferenceError;
use super::named::Wishes;
use super::sheet::{self, Columns, Row, whole};

/// The most rows that a population may have.
pub const MAX_POPULATION_ROWS: usize = 1_000_000;

/// Years that a population can be of.
const YEARS: std::ops::RangeInclusive<u16> = 1981..=2100;

/// Where the columns of a population are.
#[derive(Debug)]
pub(super) struct Layout {
    area_type: Option<usize>,
    area: usize,
    /// What the area's header says of its kind.
    kind: Option<AreaKind>,
    edition: Option<usize>,
    imd: Option<usize>,
    /// What the decile's header says of its edition.
    header_edition: Option<ImdEdition>,
    age_from: Option<usize>,
    age_to: Option<usize>,
    age: Option<usize>,
    sex: Option<usize>,
    grouping: Option<usize>,
    ethnicity: Option<usize>,
    /// Whether the header of the ethnic groups is that of the census of 2021.
    census: bool,
    year: Option<usize>,
    basis: Option<usize>,
    /// What the count's header says of its basis.
    header_basis: Option<Basis>,
    count: usize,
}

impl Layout {
    /// The columns of a population, if these are.
    pub(super) fn of(columns: &Columns) -> Option<Self> {
        let dated = |name: &str, begins: &str, ends: &str| {
            let year = name.strip_prefix(begins).and_then(|rest| rest.strip_suffix(ends));
            year.is_some_and(|y| y.len() == 2 && y.bytes().all(|b| b.is_ascii_digit()))
        };
        let by = |begins, ends| columns.find_by(|n| dated(n, begins, ends));
        let general = columns.find(&["area", "area_code"]);
        let icb = columns.find(&["icb_ods", "icb"]).or_else(|| by("icb", "cdh"));
        let sub_icb = columns.find(&["sicbl_ods", "sub_icb"]).or_else(|| by("sicbl", "cdh"));
        let district = columns.find(&["ladcd", "local_authority"]).or_else(|| by("lad", "cd"));
        let country = columns.find(&["geography"]).and_then(|_| columns.find(&["code"]));
        let (area, kind) = [
            (general, None),
            (icb, Some(AreaKind::Icb)),
            (sub_icb, Some(AreaKind::SubIcb)),
            (district, Some(AreaKind::LocalAuthority)),
            (country, Some(AreaKind::Country)),
        ]
        .into_iter()
        .find_map(|(at, kind)| Some((at?, kind)))?;
        let count = columns.find(&[
            "count",
            "population",
            "residents",
            "usual_residents",
            "registered_patients",
            "number_of_patients",
            "patients",
        ])?;
        let header_basis = match columns.name(count) {
            // Estimates of the Office for National Statistics by country have no other name for it.
            "count" if kind == Some(AreaKind::Country) => Some(Basis::Resident),
            "count" => None,
            "population" | "residents" | "usual_residents" => Some(Basis::Resident),
            _ => Some(Basis::Registered),
        };
        let editions =
            [("imd2019_decile", ImdEdition::Imd2019), ("imd2025_decile", ImdEdition::Imd2025)];
        let of_edition = editions.iter().find_map(|(n, e)| Some((columns.find(&[n])?, *e)));
        // A file of small areas is none of people.
        if columns.find_by(|n| n.starts_with("lsoa") || n.starts_with("pcd")).is_some() {
            return None;
        }
        Some(Self {
            area_type: columns.find(&["area_type", "area_kind"]),
            area,
            kind,
            edition: columns.find(&["imd_edition"]),
            imd: of_edition.map(|e| e.0).or_else(|| columns.find(&["imd", "imd_decile"])),
            header_edition: of_edition.map(|e| e.1),
            age_from: columns.find(&["age_from"]),
            age_to: columns.find(&["age_to"]),
            age: columns.find(&["age_band", "age_group", "age"]),
            sex: columns.find(&["sex", "gender"]),
            grouping: columns.find(&["ethnicity_grouping", "ethnic_grouping"]),
            ethnicity: columns.find(&["ethnicity", "ethnic_group", "ethnic_group_high_level"]),
            census: columns.find(&["ethnic_group_high_level"]).is_some(),
            year: columns.find(&["year"]),
            basis: columns.find(&["basis"]),
            header_basis,
            count,
        })
    }
}

/// What a row says of the whole file; all rows say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whole {
    year: u16,
    basis: Basis,
    area_kind: AreaKind,
    imd_edition: Option<ImdEdition>,
    grouping: Option<Grouping>,
}

/// Reads a population.
pub(super) fn read(
    text: &[u8],
    layout: &Layout,
    name: &str,
    file_name: &str,
    wishes: &Wishes,
) -> Result<PopulationTable, ReferenceError> {
    let mut first: Option<Whole> = None;
    let mut people = Vec::new();
    sheet::rows(text, MAX_POPULATION_ROWS, |row| {
        let (one, person) = read_row(row, layout, file_name, wishes)?;
        match first {
            None => first = Some(one),
            Some(ref mut whole) => same(row, whole, &one)?,
        }
        people.push(person);
        Ok(())
    })?;
    let whole = first.ok_or(ReferenceError::NoRows)?;
    if layout.age_from.is_none() {
        open_last_year(&mut people);
    }
    let Whole { year, basis, area_kind, imd_edition, grouping } = whole;
    let name = name.to_owned();
    let head = PopulationHead { name, year, basis, area_kind, imd_edition, grouping };
    PopulationTable::new(head, people).map_err(|(at, rule)| ReferenceError::Population {
        row: u32::try_from(at + 2).unwrap_or(u32::MAX),
        rule,
    })
}

fn same(row: &Row<'_>, whole: &mut Whole, one: &Whole) -> Result<(), ReferenceError> {
    // `White` is called so in both groupings: it says neither.
    whole.grouping = whole.grouping.or(one.grouping);
    for (equal, rule) in [
        (
            whole.imd_edition == one.imd_edition,
            "it is of another edition of the deprivation index than the first row, and a file is of one",
        ),
        (
            one.grouping.is_none_or(|own| whole.grouping == Some(own)),
            "its ethnic grouping is another than the first row's, and a file has one",
        ),
        (whole.year == one.year, "it is of another year than the first row, and a file is of one"),
        (
            whole.basis == one.basis,
            "it is of residents and the first row of registered people, or the other way round",
        ),
        (
            whole.area_kind == one.area_kind,
            "its kind of area is another than the first row's, and a file has one",
        ),
    ] {
        if !equal {
            return Err(row.wrong(rule));
        }
    }
    Ok(())
}

fn read_row(
    row: &Row<'_>,
    layout: &Layout,
    file_name: &str,
    wishes: &Wishes,
) -> Result<(Whole, PopulationRow), ReferenceError> {
    let area_text = row.field(Some(layout.area));
    let area_kind = kind(row, layout, area_text)?;
    let area = area(area_kind, area_text).ok_or_else(|| {
        row.wrong("the area is no code of its kind: an ODS code such as QVV or 11J, or an ONS code such as E06000058")
    })?;
    let imd = match row.field(layout.imd) {
        "" => None,
        text => Some(
            text.strip_prefix('d')
                .unwrap_or(text)
                .parse()
                .ok()
                .filter(|d| (1..=10).contains(d))
                .ok_or_else(|| row.wrong("the decile is not a whole number from 1 to 10"))?,
        ),
    };
    let ethnicity = match row.field(layout.ethnicity) {
        "" => None,
        text => Some(group(text).ok_or_else(|| {
            row.wrong("the ethnic group is none of white, mixed, asian, black, other, nor a label of the census of 2021")
        })?),
    };
    let count = whole(row.field(Some(layout.count)))
        .ok_or_else(|| row.wrong("the count is not a whole number of people from 0"))?;
    let person = PopulationRow {
        area,
        imd,
        age: age(row, layout)?,
        sex: sex(row, layout)?,
        ethnicity: ethnicity.map(|(group, _)| group),
        count,
    };
    let whole = Whole {
        year: year(row, layout, file_name, wishes)?,
        basis: basis(row, layout, wishes)?,
        area_kind,
        imd_edition: edition(row, layout, imd.is_some())?,
        grouping: grouping(row, layout, ethnicity.and_then(|(_, grouping)| grouping))?,
    };
    Ok((whole, person))
}

fn kind(row: &Row<'_>, layout: &Layout, area: &str) -> Result<AreaKind, ReferenceError> {
    let text = row.field(layout.area_type).to_lowercase();
    if !text.is_empty() {
        let known = AreaKind::ALL.into_iter().find(|kind| kind.as_str() == text);
        return known.ok_or_else(|| {
            row.wrong("area_type is none of icb, sub_icb, local_authority, country")
        });
    }
    let guessed = AreaKind::ALL
        .into_iter()
        .find(|k| *k != AreaKind::SubIcb && self::area(*k, area).is_some());
    layout.kind.or(guessed).ok_or_else(|| {
        row.wrong("nothing says what kind of area it is: add a column area_type with icb, sub_icb, local_authority or country")
    })
}

/// The code of an area, if it looks like one of its kind.
pub(super) fn area(kind: AreaKind, text: &str) -> Option<CategoryId> {
    let code = text.to_ascii_uppercase();
    let alphanumeric = code.bytes().all(|b| b.is_ascii_alphanumeric());
    let begins = |with: &[&str]| with.iter().any(|w| code.starts_with(w));
    let like = match kind {
        AreaKind::Icb => code.len() == 3 && begins(&["Q"]),
        AreaKind::SubIcb => matches!(code.len(), 3 | 5),
        AreaKind::LocalAuthority => code.len() == 9 && begins(&["E06", "E07", "E08", "E09"]),
        AreaKind::Country => {
            code.len() == 9 && begins(&["E92", "W92", "S92", "N92", "K02", "K03", "K04"])
        }
    };
    (like && alphanumeric).then(|| CategoryId::new(code).ok())?
}

fn edition(
    row: &Row<'_>,
    layout: &Layout,
    has_decile: bool,
) -> Result<Option<ImdEdition>, ReferenceError> {
    let said = match row.field(layout.edition) {
        "" => None,
        "2019" => Some(ImdEdition::Imd2019),
        "2025" => Some(ImdEdition::Imd2025),
        _ => return Err(row.wrong("imd_edition is neither 2019 nor 2025")),
    };
    match (said, layout.header_edition) {
        (Some(a), Some(b)) if a != b => {
            Err(row.wrong("imd_edition contradicts the header of the decile"))
        }
        (said, header) => Ok(said.or(header).filter(|_| has_decile)),
    }
}

fn grouping(
    row: &Row<'_>,
    layout: &Layout,
    from_label: Option<Grouping>,
) -> Result<Option<Grouping>, ReferenceError> {
    let said = match row.field(layout.grouping).to_lowercase().as_str() {
        "" => None,
        "five_2001" | "2001" => Some(Grouping::Five2001),
        "five_census2021" | "census2021" | "2021" => Some(Grouping::FiveCensus2021),
        _ => return Err(row.wrong("ethnicity_grouping is neither five_2001 nor five_census2021")),
    };
    match (said, from_label) {
        (Some(a), Some(b)) if a != b => {
            Err(row
                .wrong("ethnicity_grouping contradicts the label, which is of the census of 2021"))
        }
        _ if row.field(layout.ethnicity).is_empty() => Ok(None),
        (said, label) => Ok(said.or(label)),
    }
}

/// A group by its id, or by its label in the census of 2021, which then says the grouping too.
fn group(text: &str) -> Option<(EthnicGroup, Option<Grouping>)> {
    let text = text.to_lowercase();
    if let Some(group) = EthnicGroup::ALL.into_iter().find(|g| g.as_str() == text) {
        return Some((group, None));
    }
    let census = match text.as_str() {
        "asian, asian british or asian welsh" => EthnicGroup::Asian,
        "black, black british, black welsh, caribbean or african" => EthnicGroup::Black,
        "mixed or multiple ethnic groups" => EthnicGroup::Mixed,
        "other ethnic group" => EthnicGroup::Other,
        _ => return None,
    };
    Some((census, Some(Grouping::FiveCensus2021)))
}

fn sex(row: &Row<'_>, layout: &Layout) -> Result<Option<Sex>, ReferenceError> {
    match row.field(layout.sex).to_lowercase().as_str() {
        "" => Ok(None),
        "f" | "female" | "females" | "2" => Ok(Some(Sex::Female)),
        "m" | "male" | "males" | "1" => Ok(Some(Sex::Male)),
        _ => Err(row.wrong("the sex is neither female nor male; leave it blank for both together")),
    }
}

fn age(row: &Row<'_>, layout: &Layout) -> Result<Option<AgeBand>, ReferenceError> {
    let wrong = || row.wrong("the ages are none, such as 0 and 4, 0-4, 90+ or 7");
    let number = |text: &str| text.trim().parse::<u8>().map_err(|_| wrong());
    let (from, to) = match layout.age_from {
        Some(_) => match (row.field(layout.age_from), row.field(layout.age_to)) {
            ("", "") => return Ok(None),
            (from, "") => (number(from)?, None),
            (from, to) => (number(from)?, Some(number(to)?)),
        },
        None => {
            let text = row.field(layout.age);
            if text.is_empty() {
                return Ok(None);
            }
            let open = text.strip_suffix('+').or_else(|| text.strip_suffix(" and over"));
            match (open, text.split_once('-').or_else(|| text.split_once(" to "))) {
                (Some(from), _) => (number(from)?, None),
                (None, Some((from, to))) => (number(from)?, Some(number(to)?)),
                (None, None) => (number(text)?, Some(number(text)?)),
            }
        }
    };
    AgeBand::new(from, to).map(Some).ok_or_else(wrong)
}

/// Files by single year of age end with "90", which is everybody from there on.
fn open_last_year(rows: &mut [PopulationRow]) {
    let single = |r: &PopulationRow| r.age.is_some_and(|a| a.to() == Some(a.from()));
    let last = rows.iter().filter_map(|r| r.age).max();
    let Some(last) = last.filter(|a| a.from() >= 90 && rows.iter().all(single)) else { return };
    for row in rows.iter_mut().filter(|r| r.age == Some(last)) {
        row.age = AgeBand::new(last.from(), None);
    }
}

fn year(
    row: &Row<'_>,
    layout: &Layout,
    file_name: &str,
    wishes: &Wishes,
) -> Result<u16, ReferenceError> {
    let text = row.field(layout.year);
    if !text.is_empty() {
        let year = text.parse().ok().filter(|y| YEARS.contains(y));
        return year.ok_or_else(|| row.wrong("the year is none from 1981 to 2100"));
    }
    wishes
        .year
        .or_else(|| mid_year(file_name))
        .or(layout.census.then_some(2021))
        .filter(|y| YEARS.contains(y))
        .ok_or(ReferenceError::NoYear)
}

/// The year of a file that is called after it, such as `population_mid2020.csv`.
fn mid_year(file_name: &str) -> Option<u16> {
    let name = file_name.to_lowercase();
    let rest = name.split("mid").nth(1)?.trim_start_matches(['-', '_', ' ']);
    rest.get(..4)?.parse().ok()
}

fn basis(row: &Row<'_>, layout: &Layout, wishes: &Wishes) -> Result<Basis, ReferenceError> {
    match row.field(layout.basis).to_lowercase().as_str() {
        "" => wishes.basis.or(layout.header_basis).ok_or(ReferenceError::NoBasis),
        "resident" => Ok(Basis::Resident),
        "registered" => Ok(Basis::Registered),
        _ => Err(row.wrong("the basis is neither resident nor registered")),
    }
}

/// Our own copy: the long form, which is read again.
pub(super) fn to_csv(table: &PopulationTable) -> String {
    let head = table.head();
    let basis = match head.basis {
        Basis::Resident => "resident",
        Basis::Registered => "registered",
    };
    let mut out = String::from(
        "area_type,area,imd_edition,imd,age_from,age_to,sex,ethnicity_grouping,ethnicity,year,basis,count\n",
    );
    for row in table.rows() {
        let number = |n: Option<u8>| n.map(|n| n.to_string()).unwrap_or_default();
        let written = writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{basis},{}",
            head.area_kind.as_str(),
            row.area,
            head.imd_edition.filter(|_| row.imd.is_some()).map_or("", ImdEdition::as_str),
            number(row.imd),
            number(row.age.map(AgeBand::from)),
            number(row.age.and_then(AgeBand::to)),
            row.sex.map_or("", Sex::as_str),
            head.grouping.filter(|_| row.ethnicity.is_some()).map_or("", Grouping::as_str),
            row.ethnicity.map_or("", EthnicGroup::as_str),
            head.year,
            row.count
        );
        debug_assert!(written.is_ok(), "writing to memory does not fail");
    }
    out
}

/// What a population is, in a line.
pub(super) fn about(table: &PopulationTable) -> String {
    let head = table.head();
    let mut by = Vec::new();
    if let Some(edition) = head.imd_edition.filter(|_| table.by_imd()) {
        by.push(format!("IMD {} decile", edition.as_str()));
    }
    if !table.bands().is_empty() {
        by.push(format!("{} age bands", table.bands().len()));
    }
    if table.by_sex() {
        by.push("sex".to_owned());
    }
    if let Some(grouping) = head.grouping.filter(|_| table.by_ethnicity()) {
        by.push(grouping.to_string());
    }
    let people = match head.basis {
        Basis::Resident => "residents",
        Basis::Registered => "registered people",
    };
    let by = if by.is_empty() { String::new() } else { format!(", by {}", by.join(", ")) };
    format!(
        "{people} {} of {} areas ({}){by}",
        head.year,
        table.areas().len(),
        head.area_kind.name()
    )
}
