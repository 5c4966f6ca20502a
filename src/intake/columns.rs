//! What each dimension of an extract is derived from.

use evensum_core::catalogue::{Dataset, DatedBy, Dimension};
use evensum_core::model::ImdEdition;

use super::area::{self, AreaFrom};
use super::bind::Binding;
use super::derive::{Derivation, Origin};
use super::error::IntakeError;
use super::rows::Growing;
use super::{LoadRequest, mapping};
use crate::reference::PlaceKind;

pub(super) type Columns<'a> = (Vec<Growing<'a>>, Option<ImdEdition>, Vec<String>);

/// A growing column for each dimension that the file holds, or that follows from one that it holds.
pub(super) fn columns<'a>(
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
