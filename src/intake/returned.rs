//! The return that an organisation submitted: the waiting list by treatment function, in the long form that
//! is published every month (a row for each provider, commissioner and function, a column for each week
//! waited) or in a simple one (a row for each function).

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use evensum_core::catalogue::Dimension;
use evensum_core::model::{CategoryId, Ods, Period};
use evensum_core::view::Figures;

/// The most rows of a return that are read.
pub const MAX_RETURN_ROWS: u64 = 2_000_000;

/// The most columns of a return.
pub const MAX_RETURN_COLUMNS: usize = 1_000;

/// The longest number in a return, in digits.
const MAX_DIGITS: usize = 12;

/// The part of the published return that lists incomplete pathways. Part 2A is some of them again.
const INCOMPLETE: &str = "part2";

/// The code that stands for all functions in the published return.
const ALL_FUNCTIONS: [&str; 4] = ["c999", "999", "total", "all"];

/// Other names of functions than the catalogue's, reduced by [`reduced`].
const NAMES: [(&str, &str); 9] = [
    ("traumaandorthopaedics", "110"),
    ("orthopaedics", "110"),
    ("ent", "120"),
    ("earnoseandthroatent", "120"),
    ("neurosurgery", "150"),
    ("generalmedicine", "300"),
    ("respiratory", "340"),
    ("thoracicmedicine", "340"),
    ("geriatricmedicine", "430"),
];

/// Why a return is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    /// The file system said no.
    #[error("{0} cannot be read")]
    Io(PathBuf, #[source] std::io::Error),
    /// Not CSV.
    #[error("{0} cannot be read as CSV")]
    Csv(PathBuf, #[source] csv::Error),
    /// No such column.
    #[error(
        "the return has no column for {0}: name one of its columns '{1}', as in the monthly RTT return"
    )]
    NoColumn(&'static str, &'static str),
    /// More than [`MAX_RETURN_COLUMNS`].
    #[error("the return has more than {MAX_RETURN_COLUMNS} columns")]
    TooManyColumns,
    /// More than [`MAX_RETURN_ROWS`].
    #[error(
        "the return has more than {MAX_RETURN_ROWS} rows: cut out the rows of your own organisation"
    )]
    TooManyRows,
    /// A row breaks a rule.
    #[error("row {row} of the return (the header is row 1), column '{column}': {rule}")]
    Row {
        /// The row.
        row: u64,
        /// The column, as the header has it.
        column: String,
        /// The rule.
        rule: &'static str,
    },
    /// Nothing of this provider.
    #[error(
        "the return has no incomplete pathways of provider {0}: say which with --provider CODE"
    )]
    NoProvider(Ods),
    /// Nothing at all.
    #[error("the return has no row of incomplete pathways")]
    Nothing,
}

/// A return, as far as it is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Returned {
    /// Figures by function of the return.
    pub functions: BTreeMap<CategoryId, Figures>,
    /// The return's own total, where it has one.
    pub total: Option<Figures>,
    /// Pathways without a known clock start, which no band of weeks has.
    pub unknown_start: u64,
    /// Whether the return names providers, so that its rows were chosen.
    pub by_provider: bool,
}

/// Where a return has what.
struct Columns {
    headers: Vec<String>,
    code: Option<usize>,
    name: Option<usize>,
    list: Option<usize>,
    over_18: Option<usize>,
    over_52: Option<usize>,
    unknown_start: Option<usize>,
    provider: Option<usize>,
    commissioner: bool,
    part: Option<usize>,
    period: Option<usize>,
    /// Columns of a number of weeks, with the weeks that a pathway in it has completed.
    weeks: Vec<(usize, u32)>,
}

/// Reads a return: its rows of incomplete pathways, of this provider where it names providers.
///
/// # Errors
/// [`ReturnError`], with row and column where a row is wrong.
pub(super) fn read_return(
    path: &Path,
    functions: &Dimension,
    provider: &Ods,
    period: Period,
) -> Result<Returned, ReturnError> {
    let file = std::fs::File::open(path).map_err(|e| ReturnError::Io(path.to_owned(), e))?;
    let csv_error = |e| ReturnError::Csv(path.to_owned(), e);
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(file);
    let mut record = csv::ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(csv_error)? {
        return Err(ReturnError::Nothing);
    }
    let columns = Columns::new(&record)?;
    let mut returned = Returned { by_provider: columns.provider.is_some(), ..Returned::default() };
    let (mut row, mut kept, mut seen) = (1, false, HashSet::new());
    while reader.read_byte_record(&mut record).map_err(csv_error)? {
        row += 1;
        if row > MAX_RETURN_ROWS {
            return Err(ReturnError::TooManyRows);
        }
        let line = Line { columns: &columns, record: &record, row };
        if line.is_empty() || !line.is_of(provider) {
            continue;
        }
        line.check_period(period)?;
        line.add_to(&mut returned, &mut seen, functions)?;
        kept = true;
    }
    match (kept, returned.by_provider) {
        (true, _) => Ok(returned),
        (false, true) => Err(ReturnError::NoProvider(provider.clone())),
        (false, false) => Err(ReturnError::Nothing),
    }
}

impl Columns {
    fn new(header: &csv::ByteRecord) -> Result<Self, ReturnError> {
        if header.len() > MAX_RETURN_COLUMNS {
            return Err(ReturnError::TooManyColumns);
        }
        let text = |field| String::from_utf8_lossy(field).trim_start_matches('\u{feff}').to_owned();
        let headers: Vec<String> = header.iter().map(text).collect();
        let plain: Vec<String> = headers.iter().map(|h| reduced_header(h)).collect();
        let of = |names: &[&str]| {
            names.iter().find_map(|name| plain.iter().position(|header| header == name))
        };
        let code =
            of(&["treatmentfunctioncode", "tfc", "treatmentfunction", "specialtycode", "code"]);
        let name = of(&["treatmentfunctionname", "treatmentfunction", "specialty", "name"]);
        if code.or(name).is_none() {
            return Err(ReturnError::NoColumn("the treatment function", "Treatment Function Code"));
        }
        let weeks: Vec<(usize, u32)> =
            plain.iter().enumerate().filter_map(|(at, h)| Some((at, weeks_from(h)?))).collect();
        let list = of(&["totalall", "totallist", "total", "list", "waitinglist", "pathways"]);
        if list.is_none() && weeks.is_empty() {
            return Err(ReturnError::NoColumn("the whole list", "Total All"));
        }
        Ok(Self {
            code,
            name,
            list,
            over_18: of(&["over18", "over18weeks", "totalover18", "18weeksandover", "18plus"]),
            over_52: of(&["over52", "over52weeks", "totalover52", "52weeksandover", "52plus"]),
            unknown_start: of(&["patientswithunknownclockstartdate", "unknownclockstart"]),
            provider: of(&["providerorgcode", "providercode", "provider", "orgcode"]),
            commissioner: of(&["commissionerorgcode", "commissionercode"]).is_some(),
            part: of(&["rttparttype", "parttype"]),
            period: of(&["period", "month"]),
            weeks,
            headers,
        })
    }
}

/// One row of a return.
struct Line<'a> {
    columns: &'a Columns,
    record: &'a csv::ByteRecord,
    row: u64,
}

impl Line<'_> {
    fn text(&self, at: usize) -> String {
        String::from_utf8_lossy(self.record.get(at).unwrap_or_default()).trim().to_owned()
    }

    fn wrong(&self, at: usize, rule: &'static str) -> ReturnError {
        let column = self.columns.headers.get(at).cloned().unwrap_or_default();
        ReturnError::Row { row: self.row, column: column.chars().take(60).collect(), rule }
    }

    fn is_empty(&self) -> bool {
        self.record.iter().all(|field| field.trim_ascii().is_empty())
    }

    /// Whether it is a row of this provider's incomplete pathways, or of a return that has no others.
    fn is_of(&self, provider: &Ods) -> bool {
        let part = self.columns.part.is_none_or(|at| reduced(&self.text(at)) == INCOMPLETE);
        let own = |at| self.text(at).eq_ignore_ascii_case(provider.as_str());
        part && self.columns.provider.is_none_or(own)
    }

    /// A month that the return names must be the one that it is compared with.
    fn check_period(&self, period: Period) -> Result<(), ReturnError> {
        let Some(at) = self.columns.period else { return Ok(()) };
        match named_month(&self.text(at)) {
            Some(month) if month != period => {
                Err(self.wrong(at, "the return is of another month than the --period"))
            }
            _ => Ok(()),
        }
    }

    fn number(&self, at: usize) -> Result<u64, ReturnError> {
        let text = self.text(at).replace(',', "");
        if matches!(text.as_str(), "" | "-") {
            return Ok(0);
        }
        let whole = text.strip_suffix(".0").unwrap_or(&text);
        let number = whole.len() <= MAX_DIGITS && whole.bytes().all(|b| b.is_ascii_digit());
        let number = number.then(|| whole.parse().ok()).flatten();
        number.ok_or_else(|| self.wrong(at, "not a whole number of pathways"))
    }

    fn figures(&self) -> Result<Figures, ReturnError> {
        let Columns { list, over_18, over_52, weeks, .. } = self.columns;
        let from = |least: u32| -> Result<u64, ReturnError> {
            let bands = weeks.iter().filter(|(_, from)| *from >= least);
            bands.map(|(at, _)| self.number(*at)).sum()
        };
        let over = |column: &Option<usize>, least| match column {
            Some(at) => self.number(*at).map(Some),
            None if weeks.is_empty() => Ok(None),
            None => from(least).map(Some),
        };
        let figures = Figures {
            list: list.map_or_else(|| from(0), |at| self.number(at))?,
            over_18: over(over_18, 18)?,
            over_52: over(over_52, 52)?,
        };
        let at = list.or(self.columns.code).or(self.columns.name).unwrap_or_default();
        let (over_18, over_52) = (figures.over_18.unwrap_or_default(), figures.over_52);
        if over_18 > figures.list || over_52 > Some(figures.over_18.unwrap_or(figures.list)) {
            return Err(self.wrong(at, "fewer pathways wait at all than wait over 18 or 52 weeks"));
        }
        Ok(figures)
    }

    fn add_to(
        &self,
        returned: &mut Returned,
        seen: &mut HashSet<String>,
        functions: &Dimension,
    ) -> Result<(), ReturnError> {
        let figures = self.figures()?;
        let Columns { code, name, commissioner, unknown_start, .. } = self.columns;
        let texts = || code.iter().chain(name).map(|at| self.text(*at));
        let repeat = "a treatment function that an earlier row has already";
        let at = code.or(*name).unwrap_or_default();
        if texts().any(|text| ALL_FUNCTIONS.contains(&reduced(&text).as_str())) {
            if returned.total.is_some() && !commissioner {
                return Err(self.wrong(at, repeat));
            }
            returned.total = Some(returned.total.map_or(figures, |sum| sum.plus(figures)));
            return Ok(());
        }
        let Some(id) = texts().find_map(|text| function(&text, functions)) else {
            return Err(self.wrong(at, "no treatment function of the RTT return"));
        };
        if let Some(unknown) = unknown_start {
            returned.unknown_start = returned.unknown_start.saturating_add(self.number(*unknown)?);
        }
        // One function has several rows where commissioners have one each, or where rows are finer codes.
        if !seen.insert(reduced(bare(&self.text(at)))) && !commissioner {
            return Err(self.wrong(at, repeat));
        }
        let before = returned.functions.get(&id).copied();
        returned.functions.insert(id, before.map_or(figures, |sum| sum.plus(figures)));
        Ok(())
    }
}

/// The function of the return that a code (`110`, `C_110`, `X05`) or a name means.
fn function(text: &str, functions: &Dimension) -> Option<CategoryId> {
    let known = |id: &str| functions.of_code(id).map(|c| c.id.clone());
    let name = reduced(text);
    let by_name = || {
        let leaves = &functions.levels.first()?.categories;
        leaves.iter().find(|c| reduced(&c.label) == name).map(|c| c.id.clone())
    };
    let other = || NAMES.iter().find(|(other, _)| *other == name).and_then(|(_, id)| known(id));
    if text.is_empty() { None } else { known(bare(text)).or_else(by_name).or_else(other) }
}

/// A code without the letter that the published return puts before it.
fn bare(code: &str) -> &str {
    code.strip_prefix("C_").or_else(|| code.strip_prefix("c_")).unwrap_or(code)
}

/// A name in small letters and digits alone, without the words that returns add.
fn reduced(text: &str) -> String {
    let words = text.replace('&', " and ").to_lowercase();
    let kept: String = words.chars().filter(|c| c.is_alphanumeric()).collect();
    let bare = kept.strip_suffix("services").or_else(|| kept.strip_suffix("service"));
    match bare {
        Some(bare) if !bare.is_empty() => bare.to_owned(),
        _ => kept,
    }
}

/// A header in small letters and digits alone, with `>` as a word.
fn reduced_header(text: &str) -> String {
    let text = text.replace('>', "over").replace('+', "plus").to_lowercase();
    let text: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    match text.strip_prefix("gt").or_else(|| text.strip_prefix("morethan")) {
        // `Gt 18 To 19 Weeks SUM 1` is one week; `Gt 18` is all beyond.
        Some(rest) if !rest.contains("to") && !rest.contains("sum") => format!("over{rest}"),
        _ => text,
    }
}

/// The completed weeks that a column of the published return begins at: 18 of `Gt 18 To 19 Weeks SUM 1`, 104 of
/// `Gt 104 Weeks SUM 1`.
fn weeks_from(reduced: &str) -> Option<u32> {
    let rest = reduced.strip_prefix("gt")?;
    let band = rest.contains("weekssum").then_some(rest)?;
    let digits = band.bytes().take_while(u8::is_ascii_digit).count();
    band.get(..digits)?.parse().ok().filter(|weeks| *weeks < 1_000)
}

/// A month such as `RTT-October-2026`, `October 2026` or `2026-10`.
fn named_month(text: &str) -> Option<Period> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    if let Ok(period) = text.parse() {
        return Some(period);
    }
    let text = text.to_lowercase();
    let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let month = words.find_map(|word| MONTHS.iter().position(|m| word.starts_with(m)))?;
    let year = words.next().filter(|year| year.len() == 4)?;
    format!("{year}-{:02}", month + 1).parse().ok()
}

#[cfg(test)]
mod tests;
