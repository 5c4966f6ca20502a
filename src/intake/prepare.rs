//! From a source to rows, a quality report and rejects: everything that a load would write.

use evensum_core::catalogue::{Dataset, DatedBy, PersonRows};
use evensum_core::model::{ColumnId, Date, ImdEdition};
use evensum_core::view::{
    AreaMix, DimensionQuality, LeftOut, MeasureRange, NationalOptOut, OptOut, QualityReport,
};

use super::bind::{Binding, Bound};
use super::columns::columns;
use super::derive::Rules;
use super::error::{IntakeError, io};
use super::months::Months;
use super::quality::{Counts, pseudo_postcodes};
use super::records::Records;
use super::rejects::{Rejects, Rule};
use super::restricted::Restricted;
use super::rows::{Broken, Gathered, MAX_PERSON_BYTES, Sorted};
use super::sites::sites;
use super::{LoadRequest, mapping, share_exceeds};
use crate::snapshot::{Extract, LinkIds, Measure};

/// What is said where no column could hold a legally restricted code.
const NOT_SEARCHED: &str = "No column of the extract is known to hold diagnoses, procedures, treatment functions or reasons for withheld identity, so that no legally restricted record could be looked for: take them out where the extract is made, or name columns under [restricted] in the mapping.";

/// How many rows lie between two reports of progress.
const PROGRESS_EVERY: u64 = 1 << 16;

/// The share of English areas, in per cent, above which those of another census than the edition's refuse a load.
const OTHER_CENSUS_PERCENT: f64 = 50.0;

/// Everything that a load would write.
pub(super) struct Prepared {
    pub(super) extract: Extract,
    pub(super) quality: QualityReport,
    pub(super) rejects: Rejects,
}

/// Reads a source and tells what there is in it.
pub(super) fn prepare(request: &LoadRequest<'_>) -> Result<Prepared, IntakeError> {
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
    let read = read(request, dataset)?;
    let found: Vec<(ColumnId, Counts)> =
        read.gathered.columns.iter().map(|c| (c.dimension.column.clone(), c.counts)).collect();
    let Read { gathered, rejects, months, left_out, areas_by, imd_edition, mut notes, .. } = read;
    notes.extend(census_of_areas(&found, imd_edition)?);
    let keys = request.record_keys.then_some(request.key);
    let Sorted { rows, persons, duplicates, record_keys, links } =
        gathered.finish(&dataset.outcome, keys);
    let check = request.links.map(|secret| secret.check().map_err(|_| IntakeError::Links));
    let links = check.transpose()?.zip(links).map(|(check, ids)| LinkIds { check, ids });
    if dataset.person_rows == PersonRows::One && persons < rows.persons.len() as u64 {
        return Err(IntakeError::PersonTwice(dataset.id.clone()));
    }
    let dated_by = match &dataset.dated_by {
        DatedBy::Event(column) => column.as_str(),
        DatedBy::LastDay => "row",
    };
    let as_of = period.last_day();
    let quality = QualityReport {
        dataset: dataset.id.clone(),
        period,
        as_of,
        loaded: request.today,
        imd_edition,
        rows_read: read.rows,
        rows_taken: rows.persons.len() as u64,
        rows_rejected: rejects.total() - rejects.outside(),
        rows_outside: rejects.outside(),
        left_out,
        persons,
        measures: rows.measures.iter().filter_map(range).collect(),
        rejects: rejects.by_rule(),
        pseudo_postcodes: pseudo_postcodes(&found),
        dimensions: qualities(request, dataset, &found, rows.persons.len() as u64),
        notes: with_timeliness(notes, request.today, as_of),
        last_event: months.last_event(),
        months: months.listed(),
        duplicates: Some(duplicates),
        impossible: months.impossible(dated_by, &rejects),
        areas: area_mix(request, areas_by, imd_edition, &found),
        sites: sites(&rows, dataset, catalogue),
    };
    let extract = Extract {
        dataset: dataset.id.clone(),
        period,
        as_of,
        imd_edition,
        definition_hash,
        columns_held: rows
            .columns
            .iter()
            .map(|c| c.id.clone())
            .chain(rows.measures.iter().map(|m| m.id.clone()))
            .collect(),
        rows,
        record_keys,
        links,
    };
    Ok(Prepared { extract, quality, rejects })
}

/// A source that was read to its end.
struct Read<'a> {
    rows: u64,
    gathered: Gathered<'a>,
    rejects: Rejects,
    months: Months,
    left_out: LeftOut,
    imd_edition: Option<ImdEdition>,
    /// The column of the dimension that is looked up by small areas, where one is.
    areas_by: Option<&'a ColumnId>,
    notes: Vec<String>,
}

fn read<'a>(request: &LoadRequest<'a>, dataset: &'a Dataset) -> Result<Read<'a>, IntakeError> {
    let LoadRequest { mapping, catalogue, period, .. } = *request;
    let mut records = Records::open(request.input, &mapping.source, period)?;
    let (header, fields) = (records.header(), records.fields());
    let mut binding = Binding::new(mapping, header, fields, (dataset, period), catalogue)?;
    let bound = binding.dimensions.iter().map(|b| (b.origin, b.field));
    let restricted = Restricted::new(mapping, header, fields, bound)?;
    let (columns, imd_edition, notes) = columns(request, dataset, &binding)?;
    let mut wanted = binding.wanted.clone();
    wanted.extend(restricted.fields());
    let dates = records.begin(&wanted, &mapping.source.dates)?;
    let nulls = &mapping.source.nulls;
    let rules = Rules { census: period.last_day(), nulls, dates: &dates };
    let dated = binding.events.dated_rows();
    let mut gathered =
        Gathered::new((request.key, request.links), columns, &binding.events.measures(), dated)
            .map_err(io(&request.input.path(), "read"))?;
    let mut rejects = Rejects::default();
    let mut months = Months::new(period, request.today);
    let mut left_out = LeftOut {
        restricted_kept: mapping.restricted.kept().map(str::to_owned),
        opt_out: mapping.opt_out.clone(),
        ..LeftOut::default()
    };
    let mut notes = with_opt_out(notes, left_out.opt_out.as_ref());
    if restricted.looks_nowhere() && left_out.restricted_kept.is_none() {
        notes.push(NOT_SEARCHED.to_owned());
    }
    let taking = Taking {
        gathered: &mut gathered,
        rejects: &mut rejects,
        months: &mut months,
        restricted: &restricted,
        left_out: &mut left_out,
    };
    let rows = gather(request, &mut records, &mut binding, &rules, taking)?;
    notes.extend_from_slice(records.notes());
    let by_area = |b: &&Bound<'_>| b.dimension.id.as_str() == "imd" && b.origin == "lsoa";
    let areas_by = binding.dimensions.iter().find(by_area).map(|b| &b.dimension.column);
    Ok(Read { rows, gathered, rejects, months, left_out, imd_edition, areas_by, notes })
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
    areas_by: Option<&ColumnId>,
    edition: Option<ImdEdition>,
    found: &[(ColumnId, Counts)],
) -> Option<AreaMix> {
    let (edition, column) = (edition?, areas_by?);
    let (_, counts) = found.iter().find(|(id, _)| id == column)?;
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
