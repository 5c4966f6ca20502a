//! The mapping file: how a partner's extract holds the columns of a dataset. TOML; everything in it is
//! checked before a row is read.

use std::collections::{BTreeMap, HashMap};

use evensum_core::catalogue::{Catalogue, Dataset, Dimension, Outcome};
use evensum_core::model::{CategoryId, DatasetId, Digest, ImdEdition, Ods, TomlProblem};
use evensum_core::view::{NationalOptOut, OptOut};
use serde::Deserialize;
use toml::Spanned;

use super::cell::Zone;
use super::dates::DateForm;
use super::event;
use super::restricted::{MAX_REASON_CHARS, RestrictedTable};
use super::sql::Relation;

/// The longest mapping that is read, in bytes.
pub const MAX_MAPPING_BYTES: usize = 1 << 20;

/// The share of rows that may be rejected where the mapping does not say, in per cent.
pub const DEFAULT_MAX_REJECTS_PERCENT: f64 = 5.0;

/// What stands for nothing where the mapping does not say. A blank always does.
const DEFAULT_NULLS: [&str; 4] = ["NULL", "NA", "N/A", "\\N"];

/// Why a mapping is refused.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// Not TOML of this form; the text has line and reason.
    #[error("the mapping cannot be read: {0}")]
    Toml(#[source] TomlProblem),
    /// Longer than [`MAX_MAPPING_BYTES`].
    #[error("the mapping is longer than {MAX_MAPPING_BYTES} bytes")]
    TooLong,
    /// Readable, and wrong.
    #[error("line {line} of the mapping: {reason}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dataset: Spanned<DatasetId>,
    #[serde(default)]
    source: SourceTable,
    #[serde(default)]
    columns: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    codes: BTreeMap<String, BTreeMap<String, Spanned<String>>>,
    #[serde(default)]
    restricted: Option<Spanned<RestrictedTable>>,
    #[serde(default)]
    opt_out: Option<Spanned<OptOut>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SourceTable {
    connection: Option<String>,
    table: Option<Spanned<String>>,
    query: Option<Spanned<String>>,
    time_zone: Zone,
    encoding: Encoding,
    delimiter: Delimiter,
    header: Option<bool>,
    null: Option<Vec<String>>,
    date: Vec<Spanned<String>>,
    imd_edition: Option<ImdEdition>,
    max_rejects_percent: Option<Spanned<f64>>,
}

/// How a file's text is encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Encoding {
    #[default]
    #[serde(rename = "guess")]
    Guess,
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "utf-16")]
    Utf16,
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// What stands between fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Delimiter {
    #[default]
    #[serde(rename = "guess")]
    Guess,
    #[serde(rename = ",")]
    Comma,
    #[serde(rename = "\t")]
    Tab,
    #[serde(rename = "|")]
    Pipe,
    #[serde(rename = ";")]
    Semicolon,
}

/// The form of a file, or what is read of a database.
#[derive(Debug, Clone)]
pub(super) struct SourceForm {
    /// The database's name in the node's configuration.
    pub(super) connection: Option<String>,
    pub(super) relation: Option<Relation>,
    /// The clock that points in universal time are read on.
    pub(super) time_zone: Zone,
    pub(super) encoding: Encoding,
    pub(super) delimiter: Delimiter,
    pub(super) header: bool,
    /// Tokens that mean nothing, in lower case.
    pub(super) nulls: Vec<String>,
    pub(super) dates: Vec<DateForm>,
    pub(super) imd_edition: Option<ImdEdition>,
    pub(super) max_rejects_percent: f64,
}

/// A checked mapping.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(super) dataset: DatasetId,
    pub(super) source: SourceForm,
    /// Dataset column to source field; an empty field means that the column is left out.
    pub(super) columns: BTreeMap<String, String>,
    /// Dataset column to (source code in lower case to category).
    pub(super) codes: BTreeMap<String, HashMap<String, CategoryId>>,
    pub(super) restricted: RestrictedTable,
    /// The declared position on the National Data Opt-Out.
    pub(super) opt_out: Option<OptOut>,
    /// The hash of its text.
    pub(super) digest: Digest,
}

impl Mapping {
    /// Reads and checks a mapping.
    ///
    /// # Errors
    /// [`MappingError`], with the line.
    pub fn parse(text: &str, catalogue: &Catalogue) -> Result<Self, MappingError> {
        if text.len() > MAX_MAPPING_BYTES {
            return Err(MappingError::TooLong);
        }
        let file: File =
            toml::from_str(text).map_err(|e| MappingError::Toml(TomlProblem::new(text, &e)))?;
        let at = |span: std::ops::Range<usize>, reason: String| {
            let line = text.bytes().take(span.start).filter(|b| *b == b'\n').count() + 1;
            MappingError::Line { line, reason }
        };
        let dataset = catalogue
            .dataset(file.dataset.get_ref())
            .map_err(|e| at(file.dataset.span(), e.to_string()))?;
        let source = source_form(file.source, &at)?;
        let (restricted, opt_out) = declared(file.restricted, file.opt_out, &at)?;
        let known = column_names(dataset, catalogue);
        let mut fields: BTreeMap<String, &str> = BTreeMap::new();
        for (column, field) in &file.columns {
            checked_column(column, &known).map_err(|reason| at(field.span(), reason))?;
            let name = field.get_ref().trim().to_lowercase();
            if !name.is_empty()
                && let Some(first) = fields.insert(name, column)
            {
                let reason = format!("'{column}' and '{first}' are mapped to the same field");
                return Err(at(field.span(), reason));
            }
        }
        let mut codes = BTreeMap::new();
        for (column, table) in &file.codes {
            if event::coded(dataset).contains(&column.as_str()) {
                codes.insert(column.clone(), outcome_codes(column, table, &dataset.outcome, &at)?);
                continue;
            }
            let dimension = dataset_dimensions(dataset, catalogue)
                .find(|d| d.column.as_str() == column)
                .ok_or_else(|| {
                    let span = table.values().next().map_or(0..0, Spanned::span);
                    at(span, format!("[codes.{column}]: there is no such coded column"))
                })?;
            let mut translations = HashMap::new();
            for (source_code, code) in table {
                let id = category(dimension, code.get_ref()).ok_or_else(|| {
                    let reason = format!(
                        "'{}' is neither a category nor a code of '{column}'",
                        code.get_ref().escape_debug()
                    );
                    at(code.span(), reason)
                })?;
                translations.insert(source_code.trim().to_lowercase(), id);
            }
            codes.insert(column.clone(), translations);
        }
        let columns = file
            .columns
            .into_iter()
            .map(|(column, field)| (column, field.into_inner().trim().to_owned()))
            .collect();
        let (dataset, digest) = (file.dataset.into_inner(), Digest::of(text.as_bytes()));
        Ok(Self { dataset, source, columns, codes, restricted, opt_out, digest })
    }

    /// The dataset that it maps to.
    #[must_use]
    pub const fn dataset(&self) -> &DatasetId {
        &self.dataset
    }

    /// The name under which the node's configuration has the database that it reads; none where it reads a file.
    #[must_use]
    pub fn connection(&self) -> Option<&str> {
        self.source.connection.as_deref()
    }
}

type At<'a> = &'a dyn Fn(std::ops::Range<usize>, String) -> MappingError;

/// What the mapping declares of rows that are left out.
fn declared(
    restricted: Option<Spanned<RestrictedTable>>,
    opt_out: Option<Spanned<OptOut>>,
    at: At<'_>,
) -> Result<(RestrictedTable, Option<OptOut>), MappingError> {
    if let Some(table) = &restricted
        && let Some(wrong) = table.get_ref().wrong()
    {
        return Err(at(table.span(), wrong));
    }
    if let Some(table) = &opt_out {
        let OptOut { national, reason } = table.get_ref();
        let said = reason.as_deref().unwrap_or_default().trim();
        if said.is_empty() && *national != NationalOptOut::Applied {
            let wrong = "[opt_out] needs a reason where the National Data Opt-Out was not applied";
            return Err(at(table.span(), wrong.to_owned()));
        }
        if said.chars().count() > MAX_REASON_CHARS {
            let wrong = format!("a reason has at most {MAX_REASON_CHARS} characters");
            return Err(at(table.span(), wrong));
        }
    }
    let restricted = restricted.map(Spanned::into_inner).unwrap_or_default();
    Ok((restricted, opt_out.map(Spanned::into_inner)))
}

fn source_form(table: SourceTable, at: At<'_>) -> Result<SourceForm, MappingError> {
    let relation = relation(&table, at)?;
    let mut dates: Vec<DateForm> = Vec::new();
    for form in &table.date {
        let parsed = DateForm::parse(form.get_ref())
            .map_err(|e| at(form.span(), format!("'{}': {e}", form.get_ref().escape_debug())))?;
        if dates.iter().any(|d| d.contradicts(&parsed)) {
            let reason =
                "two date forms read the same text as different dates: declare one of them";
            return Err(at(form.span(), reason.to_owned()));
        }
        dates.push(parsed);
    }
    let max_rejects_percent = match table.max_rejects_percent {
        None => DEFAULT_MAX_REJECTS_PERCENT,
        Some(percent) if (0.0..=100.0).contains(percent.get_ref()) => percent.into_inner(),
        Some(percent) => {
            return Err(at(
                percent.span(),
                "max_rejects_percent lies between 0 and 100".to_owned(),
            ));
        }
    };
    let nulls = match table.null {
        Some(tokens) => tokens,
        None => DEFAULT_NULLS.map(str::to_owned).to_vec(),
    };
    Ok(SourceForm {
        connection: table.connection,
        relation,
        time_zone: table.time_zone,
        encoding: table.encoding,
        delimiter: table.delimiter,
        header: table.header.unwrap_or(true),
        nulls: nulls.iter().map(|t| t.trim().to_lowercase()).filter(|t| !t.is_empty()).collect(),
        dates,
        imd_edition: table.imd_edition,
        max_rejects_percent,
    })
}

/// What is read of a database: a table or a query, without what only a text file has.
fn relation(table: &SourceTable, at: At<'_>) -> Result<Option<Relation>, MappingError> {
    let (span, read) = match (&table.table, &table.query) {
        (None, None) => return Ok(None),
        (Some(name), None) => (name.span(), Relation::table(name.get_ref())),
        (None, Some(query)) => (query.span(), Relation::query(query.get_ref())),
        (Some(_), Some(query)) => {
            return Err(at(query.span(), "keep one of table and query".to_owned()));
        }
    };
    let of_text = table.encoding != Encoding::Guess || table.delimiter != Delimiter::Guess;
    if of_text || table.header.is_some() {
        let reason = "a database has no encoding, delimiter or header: take them out of [source]";
        return Err(at(span, reason.to_owned()));
    }
    read.map(Some).map_err(|reason| at(span, reason))
}

/// Translations of an outcome's codes: to its bands and official codes, to yes and no, to codes that its rules ask for.
fn outcome_codes(
    column: &str,
    table: &BTreeMap<String, Spanned<String>>,
    outcome: &Outcome,
    at: At<'_>,
) -> Result<HashMap<String, CategoryId>, MappingError> {
    let mut translations = HashMap::new();
    for (source, code) in table {
        let id = event::translation(outcome, column, code.get_ref()).map_err(|reason| {
            at(code.span(), format!("'{}' {reason}", code.get_ref().escape_debug()))
        })?;
        translations.insert(source.trim().to_lowercase(), id);
    }
    Ok(translations)
}

/// The dimensions of a dataset, in its order.
pub(super) fn dataset_dimensions<'a>(
    dataset: &'a Dataset,
    catalogue: &'a Catalogue,
) -> impl Iterator<Item = &'a Dimension> {
    let all = catalogue.dimensions();
    dataset.dimensions.iter().filter_map(|id| all.iter().find(|d| d.id == *id))
}

/// The source columns that a dimension can be made from. Where the mapping names none of them, the first
/// that the file has is taken: the finest evidence first, but a postcode, which needs a directory, last.
pub(super) fn origins(dimension: &Dimension) -> Vec<&str> {
    match dimension.id.as_str() {
        "imd" => vec!["lsoa", dimension.column.as_str(), "postcode"],
        "age" => vec!["birth_date", dimension.column.as_str()],
        _ => vec![dimension.column.as_str()],
    }
}

pub(super) fn column_names<'a>(dataset: &'a Dataset, catalogue: &'a Catalogue) -> Vec<&'a str> {
    let mut names = vec!["person"];
    names.extend(event::columns(dataset));
    names.extend(dataset_dimensions(dataset, catalogue).flat_map(origins));
    names
}

fn checked_column(column: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&column) {
        Ok(())
    } else {
        let known = known.join(", ");
        Err(format!("the dataset has no column '{column}': it has {known}"))
    }
}

/// The category that a mapping means: by id, by official code or, in a listed dimension, by ODS code.
fn category(dimension: &Dimension, text: &str) -> Option<CategoryId> {
    let text = text.trim();
    let id = CategoryId::new(text).ok();
    id.and_then(|id| dimension.leaf(&id))
        .or_else(|| dimension.of_code(text))
        .map(|c| c.id.clone())
        .or_else(|| {
            let listed = dimension.listed && Ods::new(text).is_ok();
            CategoryId::new(text).ok().filter(|_| listed)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Mapping, MappingError> {
        Mapping::parse(text, &Catalogue::builtin().expect("catalogue"))
    }

    #[test]
    fn a_full_mapping_is_read() {
        let mapping = parse(
            "dataset = \"rtt_open_pathway\"\n[source]\nencoding = \"windows-1252\"\ndelimiter = \"\\t\"\nheader = false\n\
             null = [\"-\"]\ndate = [\"%d/%m/%Y\", \"%Y-%m-%d\"]\nimd_edition = \"2019\"\nmax_rejects_percent = 2\n\
             [columns]\nperson = \"1\"\nsex = \"\"\n[codes.sex]\n\"Male \" = \"male\"\nwoman = \"2\"\n\
             [codes.age]\n\"90+\" = \"a90\"\n[codes.provider]\n\"Main site\" = \"R0D\"\nelse = \"elsewhere\"\n",
        )
        .expect("a mapping");
        assert_eq!(mapping.source.delimiter, Delimiter::Tab);
        assert!(!mapping.source.header);
        assert_eq!(mapping.source.max_rejects_percent, 2.0);
        assert_eq!(mapping.codes["sex"]["male"].as_str(), "male");
        assert_eq!(mapping.codes["sex"]["woman"].as_str(), "female");
        assert_eq!(mapping.codes["provider"]["main site"].as_str(), "R0D");
        assert_eq!(mapping.columns["sex"], "");
    }

    #[test]
    fn codes_of_an_outcome_are_translated_to_its_bands_and_codes() {
        let head = "dataset = \"outpatient_appointment\"\n[codes.attendance]\n";
        let mapping = parse(&format!(
            "{head}ARRIVED = \"attended\"\n\"No show\" = \"3\"\nfuture = \"0\"\n[codes.sex]\nm = \"1\"\n"
        ));
        let codes = mapping.expect("a mapping").codes;
        assert_eq!(codes["attendance"]["no show"].as_str(), "3");
        assert_eq!(codes["attendance"]["arrived"].as_str(), "attended");
        let wrong = parse(&format!("{head}x = \"8\"\n")).expect_err("no such code").to_string();
        assert!(wrong.contains("line 3") && wrong.contains("'8' is neither a band"), "{wrong}");

        let head = "dataset = \"ae_attendance\"\n[codes.left_before_treatment]\n";
        let mapping = parse(&format!("{head}1066301000000103 = \"yes\"\n182992009 = \"No\"\n"));
        let codes = &mapping.expect("a mapping").codes["left_before_treatment"];
        assert_eq!(
            (codes["1066301000000103"].as_str(), codes["182992009"].as_str()),
            ("yes", "no")
        );
        assert!(parse(&format!("{head}x = \"left\"\n")).is_err());
        let other = "dataset = \"rtt_open_pathway\"\n[columns]\nattendance = \"a\"\n";
        assert!(parse(other).is_err(), "a column of another dataset");
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let head = "dataset = \"rtt_open_pathway\"\n";
        for (text, wanted) in [
            ("[columns]\nshoe_size = \"b\"\n", "line 3 of the mapping: the dataset has no column"),
            ("[columns]\nperson = \"a\"\nprovider = \"A\"\n", "mapped to the same field"),
            ("[codes.sex]\nx = \"m\"\ny = \"neither\"\n", "line 4 of the mapping: 'neither'"),
            ("[codes.person]\nx = \"m\"\n", "[codes.person]"),
            ("[source]\ndate = [\"%d/%m/%Y\",\n\"%m/%d/%Y\"]\n", "line 4 of the mapping: two date"),
            ("[source]\ndate = [\"%d/%m/%y\"]\n", "century"),
            ("[source]\nmax_rejects_percent = 101\n", "between 0 and 100"),
            ("[source]\nmax_rejects_percent = nan\n", "between 0 and 100"),
            ("[source]\nencodin = \"utf-8\"\n", "encodin"),
            ("[source]\nencoding = \"latin\"\n", "line 3"),
            ("[source]\nimd_edition = \"2015\"\n", "2015"),
            ("colums = 1\n", "colums"),
            (
                "[source]\ntable = \"rtt; drop table rtt\"\n",
                "line 3 of the mapping: a table is named as",
            ),
            (
                "[source]\ntable = \"rtt\"\nquery = \"select 1\"\n",
                "line 4 of the mapping: keep one",
            ),
            ("[source]\nquery = \"select 1; select 2\"\n", "semicolon"),
            ("[source]\nquery = \"select :period_day\"\n", ":period_start"),
            (
                "[source]\nheader = true\ntable = \"rtt\"\n",
                "line 4 of the mapping: a database has no",
            ),
            ("[source]\ntime_zone = \"Europe/Paris\"\n", "line 3"),
            (
                "[restricted]\nkeep = true\n",
                "line 2 of the mapping: [restricted] keep = true needs",
            ),
            ("[restricted]\nreason = \"x\"\n", "keeps nothing"),
            ("[restricted]\ncodes = [\".\"]\n", "drop every row"),
            ("[restricted]\ncolums = []\n", "colums"),
            ("[opt_out]\nnational = \"not_applied\"\n", "line 2 of the mapping: [opt_out] needs"),
            ("[opt_out]\nnational = \"maybe\"\n", "maybe"),
            ("[opt_out]\nreason = \"x\"\n", "national"),
        ] {
            let error = parse(&format!("{head}{text}")).expect_err(text).to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
        assert!(
            parse("dataset = \"no_such\"\n").expect_err("unknown").to_string().contains("line 1")
        );
    }
}
