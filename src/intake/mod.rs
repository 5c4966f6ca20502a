//! From a partner's extract to a snapshot: a file or a database and a mapping in; codes, a quality report
//! and a list of rejects out. Identifiers (NHS number, date of birth, postcode, small area) live in memory only.
//! A load stages, all or nothing; publishing is another step.

mod ahead;
mod area;
mod bind;
mod cell;
mod dates;
mod derive;
mod error;
mod event;
mod exclude;
mod export;
mod held;
mod hold;
mod mapping;
mod months;
mod namer;
mod parquet;
mod propose;
mod publish;
mod quality;
mod read;
mod reconcile;
mod records;
mod rejects;
mod remembered;
mod restricted;
mod returned;
mod rows;
mod ruled;
mod sites;
mod source;
mod spelling;
mod sql;
mod standing;
mod synonyms;
#[cfg(test)]
mod tests;
mod unchanged;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};

use evensum_core::catalogue::{Catalogue, Dataset, DatedBy, Dimension};
use evensum_core::model::{ColumnId, DatasetId, Date, Digest, ImdEdition, Period};

use area::AreaFrom;
use bind::Binding;
use derive::{Derivation, Origin, Rules};
pub use derive::{MAX_AGE, MAX_WEEKS};
pub use error::IntakeError;
use error::io;
pub use event::MAX_MINUTES;
pub use exclude::{ExcludeError, Exclusions, MAX_EXCLUDED};
pub use held::{HeldReport, MAX_REPORTS, held_reports};
use hold::Hold;
pub use mapping::{DEFAULT_MAX_REJECTS_PERCENT, MAX_MAPPING_BYTES, Mapping, MappingError};
pub use months::MAX_MONTHS;
use months::Months;
pub use parquet::ParquetError;
pub use propose::{
    Certainty, DateOrder, Dates, Edition, Line, MAX_SAMPLED_ROWS, Missing, Open, Proposal,
    ProposeError, ProposeRequest, propose,
};
pub use publish::{
    QUALITY_FILE, REJECTS_FILE, newest_extract, newest_published, newest_quality, publish,
    published_root, staged_root,
};
use quality::{Counts, pseudo_postcodes};
pub use read::MAX_RECORD_BYTES;
pub use reconcile::{ReconcileError, ReconcileRequest, reconcile};
use records::Records;
pub use records::{Input, Progress};
pub use rejects::{MAX_LISTED_OUTSIDE, MAX_LISTED_REJECTS};
use rejects::{Rejects, Rule, write_durably};
use restricted::Restricted;
pub use restricted::{MAX_REASON_CHARS, MAX_RESTRICTED_COLUMNS};
pub use returned::{MAX_RETURN_COLUMNS, MAX_RETURN_ROWS, ReturnError};
use rows::{Broken, Gathered, Growing, Sorted};
pub use rows::{MAX_LISTED, MAX_PERSON_BYTES, MAX_ROWS};
pub use sites::MAX_SITES;
use sites::sites;
pub use source::MAX_UNPACKED_BYTES;
pub use sql::{
    DEFAULT_CONNECT_TIMEOUT, DEFAULT_IDLE_TIMEOUT, DEFAULT_STATEMENT_TIMEOUT, Limits, PostgreSql,
    SqlError,
};

pub use standing::{Expired, Standing, expired, standing};
pub use unchanged::{Outcome, load_if_changed};
pub use watch::{Ended, Incoming, MAX_WATCHED, RuleError, WatchError, WatchRule, Watcher};

use evensum_core::view::{
    AreaMix, DimensionQuality, LeftOut, MeasureRange, NationalOptOut, OptOut, QualityReport,
    RejectCount,
};

use crate::reference::{PlaceKind, Reference};
use crate::snapshot::{self, Extract, Manifest, Measure, NodeKey};

/// How many rows lie between two reports of progress.
const PROGRESS_EVERY: u64 = 1 << 16;

/// The share of English areas, in per cent, above which those of another census than the edition's refuse a load.
const OTHER_CENSUS_PERCENT: f64 = 50.0;

/// What to load, and with what.
pub struct LoadRequest<'a> {
    /// The partner's file or database.
    pub input: Input<'a>,
    /// How to read it.
    pub mapping: &'a Mapping,
    /// The dataset that it is loaded as.
    pub dataset: &'a DatasetId,
    /// The period that it is loaded for: a stock at its last day, or what happened in it.
    pub period: Period,
    /// Where staged extracts lie: [`staged_root`] of the node's state.
    pub staged_dir: &'a Path,
    /// The node's secret.
    pub key: &'a NodeKey,
    /// Codes and labels.
    pub catalogue: &'a Catalogue,
    /// Deprivation and boards by small area.
    pub reference: &'a Reference,
    /// Told how far reading has come, now and then.
    pub progress: &'a dyn Fn(Progress),
    /// Who is left out.
    pub exclude: Option<&'a Exclusions>,
    /// The day of the load, for timeliness.
    pub today: Date,
}

impl std::fmt::Debug for LoadRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoadRequest({} {})", self.dataset, self.period)
    }
}

/// What a load staged.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The staged snapshot's manifest.
    pub manifest: Manifest,
    /// What was found.
    pub quality: QualityReport,
    /// The list of rejects, where there are any.
    pub rejects_file: Option<PathBuf>,
}

/// Loads an extract and stages it, in place of one that was staged before. The same rows, in any order,
/// give the same snapshot, byte for byte.
///
/// # Errors
/// [`IntakeError`]; what was staged before is then untouched. Where rejects are the reason, they are
/// listed in `<staged_dir>/<dataset>/<period>.rejects.csv`.
pub fn load(request: &LoadRequest<'_>) -> Result<Loaded, IntakeError> {
    let hold = Hold::take(request.staged_dir)?;
    load_held(request, None, &hold)?.put_in_place()
}

/// An extract that is on disk, beside the place that it goes to.
struct Ready<'a> {
    temporary: tempfile::TempDir,
    target: PathBuf,
    failed: PathBuf,
    manifest: Manifest,
    quality: QualityReport,
    listed: bool,
    _hold: &'a Hold,
}

/// Loads an extract up to the moment at which it takes its place.
fn load_held<'a>(
    request: &LoadRequest<'_>,
    mark: Option<Digest>,
    hold: &'a Hold,
) -> Result<Ready<'a>, IntakeError> {
    let prepared = prepare(request)?;
    let target = publish::place(request.staged_dir, request.dataset, request.period);
    let parent = target.parent().unwrap_or(request.staged_dir);
    fs::create_dir_all(parent).map_err(io(parent, "made"))?;
    let failed = parent.join(format!("{}.rejects.csv", request.period));
    let percent = request.mapping.source.max_rejects_percent;
    let QualityReport { rows_rejected: bad, rows_read, rows_outside, ref left_out, .. } =
        prepared.quality;
    // An extract of a year is no worse for its other months.
    let inside = rows_read - rows_outside - left_out.rows();
    if inside == 0 {
        prepared.rejects.write(&failed)?;
        return Err(IntakeError::NothingInPeriod { period: request.period, file: failed });
    }
    if bad == inside || share_exceeds(bad, inside, percent) {
        prepared.rejects.write(&failed)?;
        return Err(IntakeError::TooManyRejects { percent, file: failed });
    }

    let temporary = tempfile::Builder::new()
        .prefix(hold::LOADING)
        .tempdir_in(parent)
        .map_err(io(parent, "written"))?;
    let fresh = temporary.path().join(hold::FRESH);
    let manifest = snapshot::write(&fresh, &prepared.extract, request.key)?;
    if let Some(mark) = mark {
        unchanged::write_mark(&fresh, mark)?;
    }
    let report = fresh.join(QUALITY_FILE);
    let json = serde_json::to_vec_pretty(&prepared.quality)
        .map_err(|e| IntakeError::Report(report.clone(), e))?;
    write_durably(&report, &json)?;
    let listed = bad + rows_outside > 0;
    if listed {
        prepared.rejects.write(&fresh.join(REJECTS_FILE))?;
    }
    publish::sync_dir(&fresh)?;
    let quality = prepared.quality;
    Ok(Ready { temporary, target, failed, manifest, quality, listed, _hold: hold })
}

impl Ready<'_> {
    fn put_in_place(self) -> Result<Loaded, IntakeError> {
        let Self { temporary, target, failed, manifest, quality, listed, _hold } = self;
        // The list of an earlier load that failed. Before anything is replaced: it may be open in another program.
        match fs::remove_file(&failed) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(io(&failed, "removed")(e));
            }
            _ => {}
        }
        let at = temporary.path();
        put_in_place(&at.join(hold::FRESH), &target, &at.join(hold::BEFORE))?;
        if let Some(parent) = target.parent() {
            publish::sync_dir(parent)?;
        }
        let rejects_file = listed.then(|| target.join(REJECTS_FILE));
        Ok(Loaded { manifest, quality, rejects_file })
    }
}

/// Puts a directory in the place of another, which is moved aside first and back on failure.
fn put_in_place(fresh: &Path, target: &Path, aside: &Path) -> Result<(), IntakeError> {
    let replaced = match fs::rename(target, aside) {
        Ok(()) => true,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
        Err(e) => return Err(io(target, "replaced")(e)),
    };
    fs::rename(fresh, target).map_err(|e| {
        if replaced && let Err(second) = fs::rename(aside, target) {
            return io(target, "restored")(second);
        }
        io(target, "put in place")(e)
    })
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
fn share_exceeds(part: u64, whole: u64, percent: f64) -> bool {
    part as f64 * 100.0 > percent * whole as f64
}

/// Everything that a load would write.
struct Prepared {
    extract: Extract,
    quality: QualityReport,
    rejects: Rejects,
}

fn prepare(request: &LoadRequest<'_>) -> Result<Prepared, IntakeError> {
    let LoadRequest { mapping, catalogue, period, .. } = *request;
    if mapping.dataset() != request.dataset {
        let (mapping, asked) = (mapping.dataset().clone(), request.dataset.clone());
        return Err(IntakeError::OtherDataset { mapping, asked });
    }
    let dataset = catalogue.dataset(request.dataset)?;
    if !dataset.has_period(period) {
        let kind = dataset.periods;
        return Err(IntakeError::PeriodKind { dataset: dataset.id.clone(), kind, period });
    }
    let definition_hash = catalogue.dataset_hash(&dataset.id)?;
    let mut records = Records::open(request.input, &mapping.source, period)?;
    let of = (dataset, period);
    let mut binding = Binding::new(mapping, records.header(), records.fields(), of, catalogue)?;
    let bound = binding.dimensions.iter().map(|b| (b.origin, b.field));
    let restricted = Restricted::new(mapping, records.header(), records.fields(), bound)?;
    let (columns, imd_edition, notes) = columns(request, dataset, &binding)?;
    let census = period.last_day();
    let mut wanted = binding.wanted.clone();
    wanted.extend(restricted.fields());
    let dates = records.begin(&wanted, &mapping.source.dates)?;
    let rules = Rules { census, nulls: &mapping.source.nulls, dates: &dates };
    let dated = binding.events.dated_rows();
    let mut gathered = Gathered::new(request.key, columns, &binding.events.measures(), dated)
        .map_err(io(&request.input.path(), "read"))?;
    let mut rejects = Rejects::default();
    let mut months = Months::new(period, request.today);
    let mut left_out = LeftOut {
        restricted_kept: mapping.restricted.kept().map(str::to_owned),
        opt_out: mapping.opt_out.clone(),
        ..LeftOut::default()
    };
    let mut notes = with_opt_out(notes, left_out.opt_out.as_ref());
    let taking = Taking {
        gathered: &mut gathered,
        rejects: &mut rejects,
        months: &mut months,
        restricted: &restricted,
        left_out: &mut left_out,
    };
    let rows_read = gather(request, &mut records, &mut binding, &rules, taking)?;
    notes.extend_from_slice(records.notes());

    let found: Vec<(ColumnId, Counts)> =
        gathered.columns.iter().map(|c| (c.dimension.column.clone(), c.counts)).collect();
    notes.extend(census_of_areas(&found, imd_edition)?);
    let Sorted { rows, persons, duplicates } = gathered.finish(&dataset.outcome);
    let dated_by = match &dataset.dated_by {
        DatedBy::Event(column) => column.as_str(),
        DatedBy::LastDay => "row",
    };
    let quality = QualityReport {
        dataset: dataset.id.clone(),
        period,
        as_of: census,
        loaded: request.today,
        imd_edition,
        rows_read,
        rows_taken: rows.persons.len() as u64,
        rows_rejected: rejects.total() - rejects.outside(),
        rows_outside: rejects.outside(),
        left_out,
        persons,
        measures: rows.measures.iter().filter_map(range).collect(),
        rejects: rejects.by_rule(),
        pseudo_postcodes: pseudo_postcodes(&found),
        dimensions: qualities(request, dataset, &found, rows.persons.len() as u64),
        notes: with_timeliness(notes, request.today, census),
        last_event: months.last_event(),
        months: months.listed(),
        duplicates: Some(duplicates),
        impossible: months.impossible(dated_by, &rejects),
        areas: area_mix(request, &binding, imd_edition, &found),
        sites: sites(&rows, dataset, catalogue),
    };
    let extract = Extract {
        dataset: dataset.id.clone(),
        period,
        as_of: census,
        imd_edition,
        definition_hash,
        columns_held: rows.columns.iter().map(|c| c.id.clone()).collect(),
        rows,
    };
    Ok(Prepared { extract, quality, rejects })
}

/// From where to where a measure runs; none where there are no rows.
fn range(measure: &Measure) -> Option<MeasureRange> {
    let least = *measure.values.iter().min()?;
    let most = *measure.values.iter().max()?;
    Some(MeasureRange { measure: measure.id.clone(), least, most })
}

/// What records are taken into, and what is left out of them.
struct Taking<'t, 'a> {
    gathered: &'t mut Gathered<'a>,
    rejects: &'t mut Rejects,
    months: &'t mut Months,
    restricted: &'t Restricted,
    left_out: &'t mut LeftOut,
}

/// Reads all records; answers how many there were.
fn gather<'a>(
    request: &LoadRequest<'_>,
    records: &mut Records,
    binding: &mut Binding<'a>,
    rules: &Rules<'_>,
    taking: Taking<'_, 'a>,
) -> Result<u64, IntakeError> {
    let Taking { gathered, rejects, months, restricted, left_out } = taking;
    let mut record = csv::ByteRecord::new();
    let mut read: u64 = 0;
    while records.advance(&mut record)? {
        read += 1;
        if read.is_multiple_of(PROGRESS_EVERY) {
            (request.progress)(records.progress());
        }
        let row = records.row();
        let person = || record.get(binding.person).unwrap_or_default().trim_ascii();
        if request.exclude.is_some_and(|all| all.holds(person())) {
            left_out.objections += 1;
            continue;
        }
        if restricted.drops(&record) {
            left_out.restricted += 1;
            continue;
        }
        if record.len() != records.fields() {
            rejects.add(row, "row", Rule::Fields);
            continue;
        }
        let field = |at: usize| record.get(at).unwrap_or_default().trim_ascii();
        match taken(&record, &field, binding, rules, (gathered, months))? {
            None => {}
            Some(Broken { column, rule: Rule::OtherOrder }) => {
                return Err(IntakeError::MixedDates { row, column: column.to_owned() });
            }
            Some(Broken { column, rule }) => rejects.add(row, column, rule),
        }
    }
    (request.progress)(records.progress());
    if read == 0 { Err(IntakeError::NoRows) } else { Ok(read) }
}

/// Takes a record, or says which rule it breaks. Whether it lies in the period, and is one of those that the dataset
/// counts, is asked first.
fn taken<'a, 'r>(
    record: &csv::ByteRecord,
    field: &impl Fn(usize) -> &'r [u8],
    binding: &mut Binding<'a>,
    rules: &Rules<'_>,
    (gathered, months): (&mut Gathered<'a>, &mut Months),
) -> Result<Option<Broken<'a>>, IntakeError> {
    let happened = binding.events.of(field, rules, months);
    if let Err(broken) = happened
        && broken.rule.leaves_out()
    {
        return Ok(Some(broken));
    }
    let person = field(binding.person);
    let rule = match person {
        _ if rules.is_null(person) => Some(Rule::PersonMissing),
        _ if person.len() > MAX_PERSON_BYTES => Some(Rule::PersonTooLong),
        _ => None,
    };
    if let Some(rule) = rule {
        return Ok(Some(Broken { column: "person", rule }));
    }
    match happened {
        Err(broken) => Ok(Some(broken)),
        Ok(happened) => gathered.push(record, person, happened, rules),
    }
}

type Columns<'a> = (Vec<Growing<'a>>, Option<ImdEdition>, Vec<String>);

/// A growing column for each dimension that the file holds, or that follows from one that it holds.
fn columns<'a>(
    request: &LoadRequest<'a>,
    dataset: &'a Dataset,
    binding: &Binding<'a>,
) -> Result<Columns<'a>, IntakeError> {
    let LoadRequest { mapping, reference, .. } = *request;
    let mut notes = Vec::new();
    let mut edition_used = None;
    let bound_area = binding.dimensions.iter().find(|b| area::COLUMNS.contains(&b.origin));
    let area = bound_area.map(|b| (b.origin, b.field));
    let mut columns = Vec::new();
    for dimension in mapping::dataset_dimensions(dataset, request.catalogue) {
        let bound = binding.dimensions.iter().find(|b| b.dimension.id == dimension.id);
        let edition = |origin: &str| {
            mapping.source.imd_edition.ok_or_else(|| IntakeError::NoEdition(origin.to_owned()))
        };
        let id = dimension.id.as_str();
        let (origin, field) = match (id, bound.map(|b| (b.origin, b.field))) {
            ("imd", Some((origin, field))) if area == Some((origin, field)) => {
                let edition = *edition_used.insert(edition(origin)?);
                let table =
                    reference.imd(edition).ok_or(IntakeError::NoReference(edition.as_str()))?;
                let from = AreaFrom::new(origin, edition, reference)?;
                // A directory has the areas of the edition's own census.
                let other = matches!(from, AreaFrom::Lsoa).then(|| reference.imd(edition.other()));
                (Origin::Decile(from, table, other.flatten()), field)
            }
            ("imd", Some((origin, field))) => {
                edition_used = Some(edition(origin)?);
                (Origin::Code, field)
            }
            ("age", Some(("birth_date", field))) => (Origin::BirthDate, field),
            ("age", Some((_, field))) => (Origin::Age, field),
            ("ethnicity", Some((_, field))) => (Origin::Ethnicity, field),
            ("provider" | "site" | "pcn", Some((_, field))) => (Origin::Provider, field),
            ("icb" | "icb_registration", Some((_, field))) => (Origin::Board, field),
            ("icb", None) => match (area, mapping.columns.contains_key("icb_residence")) {
                (Some((origin, field)), false) => {
                    let edition = edition(origin)?;
                    let vintage = edition.lsoa_vintage();
                    if !reference.has_icb(vintage) {
                        notes.push(format!(
                            "The ICB of residence is not held: import the lookup from LSOA {vintage} to ICB with `evensum reference add FILE`."
                        ));
                        continue;
                    }
                    let from = AreaFrom::new(origin, edition, reference)?;
                    (Origin::BoardOfArea(from, reference, vintage), field)
                }
                _ => continue,
            },
            ("local_authority" | "sub_icb", bound) => {
                match place(request, dimension, bound.map(|b| b.1), area, &mut notes)? {
                    Some(found) => found,
                    None => continue,
                }
            }
            (_, Some((_, field))) => (Origin::Code, field),
            (_, None) => continue,
        };
        let translations = mapping.codes.get(dimension.column.as_str());
        let derivation = Derivation::new(dimension, origin, translations)
            .ok_or_else(|| IntakeError::Unusable(dimension.column.to_string()))?;
        let source = bound.map_or(dimension.column.as_str(), |b| b.origin);
        let dates_differ = dataset.dated_by != DatedBy::LastDay;
        columns.push(Growing::new(dimension, (source, field), derivation, dates_differ));
    }
    Ok((columns, edition_used, notes))
}

/// Refuses areas of another census than the edition's where they are most; says so where there are some.
fn census_of_areas(
    found: &[(ColumnId, Counts)],
    edition: Option<ImdEdition>,
) -> Result<Option<String>, IntakeError> {
    let Some(edition) = edition else { return Ok(None) };
    let counts = found.iter().map(|(_, counts)| counts).find(|c| c.other_census > 0);
    let Some(Counts { valid, unmatched, other_census, .. }) = counts.copied() else {
        return Ok(None);
    };
    let other = edition.other();
    if share_exceeds(other_census, valid + unmatched, OTHER_CENSUS_PERCENT) {
        return Err(IntakeError::OtherCensus { edition, other });
    }
    Ok(Some(format!(
        "{other_census} rows have an LSOA of {}, and none of {} as the Index of Multiple Deprivation {} needs: check imd_edition under \
         [source], and which LSOA the extract has.",
        other.lsoa_vintage(),
        edition.lsoa_vintage(),
        edition.as_str()
    )))
}

/// How a local authority or a sub-location is derived: from a field of its own or, where the mapping names none, from
/// the area. `None` where the file has neither, or no lookup leads from one to the other, which is noted.
fn place<'a>(
    request: &LoadRequest<'a>,
    dimension: &Dimension,
    own: Option<usize>,
    area: Option<(&str, usize)>,
    notes: &mut Vec<String>,
) -> Result<Option<(Origin<'a>, usize)>, IntakeError> {
    let LoadRequest { mapping, reference, .. } = *request;
    let kind = match dimension.id.as_str() {
        "sub_icb" => PlaceKind::SubIcb,
        _ => PlaceKind::LocalAuthority,
    };
    if let Some(field) = own {
        return Ok(Some((Origin::Place(kind), field)));
    }
    let mapped = mapping.columns.contains_key(dimension.column.as_str());
    let Some((origin, field)) = area.filter(|_| !mapped) else { return Ok(None) };
    let edition = mapping.source.imd_edition;
    let edition = edition.ok_or_else(|| IntakeError::NoEdition(origin.to_owned()))?;
    let vintage = edition.lsoa_vintage();
    if !reference.has_places(kind, vintage) {
        notes.push(no_places(dimension, vintage));
        return Ok(None);
    }
    let from = AreaFrom::new(origin, edition, reference)?;
    Ok(Some((Origin::PlaceOfArea(from, kind, reference, vintage), field)))
}

fn no_places(dimension: &Dimension, vintage: u16) -> String {
    format!(
        "{} is not held: the lookup from LSOA {vintage} to ICB that was imported has no such column. Import one that has with `evensum reference add FILE`.",
        dimension.name
    )
}

fn qualities(
    request: &LoadRequest<'_>,
    dataset: &Dataset,
    found: &[(ColumnId, Counts)],
    kept: u64,
) -> Vec<DimensionQuality> {
    mapping::dataset_dimensions(dataset, request.catalogue)
        .map(|dimension| {
            let counts = found.iter().find(|(id, _)| *id == dimension.column).map(|(_, c)| *c);
            let missing = Counts { not_collected: kept, ..Counts::default() };
            counts.unwrap_or(missing).of(dimension, counts.is_some())
        })
        .collect()
}

/// Which census the small areas are of, where deprivation was looked up by them.
fn area_mix(
    request: &LoadRequest<'_>,
    binding: &Binding<'_>,
    edition: Option<ImdEdition>,
    found: &[(ColumnId, Counts)],
) -> Option<AreaMix> {
    let bound = binding.dimensions.iter().find(|b| b.dimension.id.as_str() == "imd")?;
    let edition = edition.filter(|_| bound.origin == "lsoa")?;
    let (_, counts) = found.iter().find(|(id, _)| *id == bound.dimension.column)?;
    let other = request.reference.imd(edition.other()).is_some();
    Some(counts.areas(edition.lsoa_vintage(), other))
}

fn with_opt_out(mut notes: Vec<String>, declared: Option<&OptOut>) -> Vec<String> {
    match declared.map(|d| d.national) {
        None => notes.push(
            "Nobody has declared whether the National Data Opt-Out was applied to this extract: say so with national = \"applied\", \"not_applied\" or \"not_required\" under [opt_out] of the mapping."
                .to_owned(),
        ),
        Some(NationalOptOut::Applied) => notes.push(
            "The National Data Opt-Out was applied: some groups opt out more often than others, so that measures of inequality are biased by it."
                .to_owned(),
        ),
        Some(NationalOptOut::NotApplied | NationalOptOut::NotRequired) => {}
    }
    notes
}

fn with_timeliness(mut notes: Vec<String>, today: Date, census: Date) -> Vec<String> {
    if today < census {
        notes
            .push("The period has not ended: the extract cannot describe its last day.".to_owned());
    }
    notes
}
