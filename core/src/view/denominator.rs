//! Which people of a population stand below the line of each cell of an answer, or why none of them do.

use super::answer::{Answer, AxisView};
use super::refusal::RateRefusal;
use crate::catalogue::{Catalogue, Category, CategoryKind, Dimension, Level, Population as Basis};
use crate::model::{CategoryId, LevelId};
use crate::population::{
    AgeBand, AreaKind, EthnicGroup, Grouping, PopulationHead, PopulationTable, Sex, Slice,
};

/// The most years between a population and a period.
const MOST_YEARS: u16 = 3;

/// The same for a population by ethnic group, which only a census counts, and that every ten years.
const MOST_YEARS_CENSUS: u16 = 10;

/// What a category adds to a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Everybody.
    All,
    /// Nobody that a population has: what is not known.
    None,
    Deciles(Vec<u8>),
    Ages(AgeBand),
    Sex(Sex),
    Group(EthnicGroup),
    Area(CategoryId),
}

/// A population that fits an answer.
#[derive(Debug)]
pub(super) struct Denominator {
    table: PopulationTable,
    years: u16,
    areas: Vec<CategoryId>,
    /// For each axis, what each of its categories means.
    axes: Vec<Vec<Part>>,
    restriction: Part,
    /// The ages that the indicator counts its population of.
    ages: Option<AgeBand>,
}

impl Denominator {
    pub(super) fn new(
        answer: &Answer,
        table: &PopulationTable,
        (basis, ages): (Basis, Option<AgeBand>),
        scope: &[CategoryId],
        catalogue: &Catalogue,
    ) -> Result<Self, RateRefusal> {
        let head = table.head();
        let name = || head.name.clone();
        if head.basis != basis {
            return Err(RateRefusal::Basis { name: name(), has: head.basis, wants: basis });
        }
        if head.area_kind != AreaKind::Icb {
            return Err(RateRefusal::AreaKind { name: name(), has: head.area_kind });
        }
        let known = table.areas();
        if let Some(area) = scope.iter().find(|area| !known.contains(area)) {
            return Err(RateRefusal::Area { name: name(), area: area.clone() });
        }
        let period = u16::try_from(answer.period.first_day().civil().year()).unwrap_or_default();
        let years = period.abs_diff(head.year);
        let most = if table.by_ethnicity() { MOST_YEARS_CENSUS } else { MOST_YEARS };
        if years > most {
            return Err(RateRefusal::Year { name: name(), has: head.year, most });
        }
        let whole = ages.unwrap_or(AgeBand::EVERYBODY);
        let by_age = ages.is_some() || !table.bands().is_empty();
        if by_age && !whole.is_made_of(table.bands()) {
            return Err(RateRefusal::AgeBands { name: name(), wants: whole });
        }
        let reader = Reader { answer, table, scope, catalogue };
        let axes = answer.axes.iter().map(|axis| reader.axis(axis)).collect::<Result<_, _>>()?;
        let restriction = reader.restriction()?;
        let areas = match &restriction {
            Part::Area(area) => vec![area.clone()],
            _ => scope.to_vec(),
        };
        Ok(Self { table: table.of_areas(&areas), years, areas, axes, restriction, ages })
    }

    pub(super) const fn head(&self) -> &PopulationHead {
        self.table.head()
    }

    pub(super) const fn years_apart(&self) -> u16 {
        self.years
    }

    pub(super) fn areas(&self) -> &[CategoryId] {
        &self.areas
    }

    pub(super) fn count(&self, slice: &Slice) -> u64 {
        self.table.count(slice)
    }

    /// The people of a cell; `None` where the population does not have such people.
    pub(super) fn slice(&self, at: &[usize]) -> Option<Slice> {
        let mut slice = Slice { areas: self.areas.clone(), age: self.ages, ..Slice::default() };
        let parts = self.axes.iter().zip(at).map(|(axis, position)| axis.get(*position));
        for part in parts.chain([Some(&self.restriction)]) {
            match part? {
                Part::All => {}
                Part::None => return None,
                Part::Deciles(deciles) => slice.imd = Some(deciles.clone()),
                // A band that reaches beyond the indicator's ages has no people of its own there.
                Part::Ages(band) => match self.ages {
                    Some(ages) if ages.within(*band) => slice.age = Some(ages),
                    Some(ages) if !band.within(ages) => return None,
                    _ => slice.age = Some(*band),
                },
                Part::Sex(sex) => slice.sex = Some(*sex),
                Part::Group(group) => slice.ethnicity = Some(*group),
                Part::Area(area) => {
                    slice.areas.retain(|own| own == area);
                    if slice.areas.is_empty() {
                        return None;
                    }
                }
            }
        }
        Some(slice)
    }
}

struct Reader<'a> {
    answer: &'a Answer,
    table: &'a PopulationTable,
    scope: &'a [CategoryId],
    catalogue: &'a Catalogue,
}

impl Reader<'_> {
    fn name(&self) -> String {
        self.table.head().name.clone()
    }

    fn not_by(&self, level: &LevelId) -> RateRefusal {
        RateRefusal::Breakdown { name: self.name(), level: level.clone() }
    }

    /// What each category of an axis means, `all` among them.
    fn axis(&self, axis: &AxisView) -> Result<Vec<Part>, RateRefusal> {
        let ids = axis.categories.iter().map(|c| (&c.id, c.kind));
        self.parts(&axis.level, &ids.collect::<Vec<_>>())
    }

    fn restriction(&self) -> Result<Part, RateRefusal> {
        let Some(scope) = &self.answer.scope else { return Ok(Part::All) };
        let refused = || RateRefusal::Scope {
            name: self.name(),
            level: scope.level.clone(),
            category: scope.category.clone(),
        };
        let (dimension, level) = self.catalogue.level(&scope.level).map_err(|_| refused())?;
        let own = level.categories.iter().find(|c| c.id == scope.category);
        let kind = own.map_or(CategoryKind::Known, |c| c.kind);
        if own.is_none() && !dimension.listed {
            return Err(refused());
        }
        // A dimension that the population lacks is refused as a restriction, and not as a breakdown.
        let parts = self.parts(&scope.level, &[(&scope.category, kind)]).map_err(|e| match e {
            RateRefusal::Breakdown { .. } => refused(),
            other => other,
        })?;
        match parts.into_iter().next() {
            Some(Part::None | Part::All) | None => Err(refused()),
            Some(part) => Ok(part),
        }
    }

    fn parts(
        &self,
        level_id: &LevelId,
        wanted: &[(&CategoryId, CategoryKind)],
    ) -> Result<Vec<Part>, RateRefusal> {
        let (dimension, level) =
            self.catalogue.level(level_id).map_err(|_| self.not_by(level_id))?;
        let reading = self.reading(dimension, level)?;
        let part = |(id, kind): &(&CategoryId, CategoryKind)| {
            if id.is_all() {
                return Ok(Part::All);
            }
            if *kind != CategoryKind::Known {
                return Ok(Part::None);
            }
            match &reading {
                Reading::Areas => {
                    Ok(if self.scope.contains(id) { Part::Area((*id).clone()) } else { Part::None })
                }
                Reading::Sexes => {
                    let sex = Sex::ALL.into_iter().find(|sex| sex.as_str() == id.as_str());
                    Ok(sex.map_or(Part::None, Part::Sex))
                }
                Reading::Groups(grouping) => {
                    let category = level.categories.iter().find(|c| c.id == **id);
                    let group = category.and_then(|c| group_of(c, *grouping));
                    Ok(group.map_or(Part::None, Part::Group))
                }
                Reading::Deciles => {
                    let category = level.categories.iter().find(|c| c.id == **id);
                    let deciles =
                        category.and_then(deciles_of).ok_or_else(|| self.not_by(level_id))?;
                    Ok(Part::Deciles(deciles))
                }
                Reading::Ages => {
                    let category = level.categories.iter().find(|c| c.id == **id);
                    let band = category.and_then(|c| ages_of(c, dimension));
                    let band = band.ok_or_else(|| self.not_by(level_id))?;
                    if band.is_made_of(self.table.bands()) {
                        Ok(Part::Ages(band))
                    } else {
                        Err(RateRefusal::AgeBands { name: self.name(), wants: band })
                    }
                }
            }
        };
        wanted.iter().map(part).collect()
    }

    /// How the categories of a level are to be read, where the population has them.
    fn reading(&self, dimension: &Dimension, level: &Level) -> Result<Reading, RateRefusal> {
        let table = self.table;
        let not_by = || self.not_by(&level.id);
        match dimension.id.as_str() {
            "icb" => Ok(Reading::Areas),
            "sex" if table.by_sex() => Ok(Reading::Sexes),
            "age" if !table.bands().is_empty() => Ok(Reading::Ages),
            "imd" if table.by_imd() => {
                let wants = self.answer.imd_edition.ok_or(RateRefusal::EditionUnknown)?;
                let has = table.head().imd_edition.ok_or_else(not_by)?;
                if has == wants {
                    Ok(Reading::Deciles)
                } else {
                    Err(RateRefusal::Edition { name: self.name(), has, wants })
                }
            }
            "ethnicity" if table.by_ethnicity() => {
                let has = table.head().grouping.ok_or_else(not_by)?;
                match grouping_of(level) {
                    Some(wants) if wants == has => Ok(Reading::Groups(has)),
                    wants => Err(RateRefusal::Grouping { name: self.name(), has, wants }),
                }
            }
            _ => Err(not_by()),
        }
    }
}

enum Reading {
    Areas,
    Sexes,
    Ages,
    Deciles,
    Groups(Grouping),
}

/// The finest categories that a category is the union of: itself on the finest level.
fn leaves(category: &Category) -> &[CategoryId] {
    if category.of.is_empty() { std::slice::from_ref(&category.id) } else { &category.of }
}

/// `d01` to `d10`.
fn deciles_of(category: &Category) -> Option<Vec<u8>> {
    let decile = |id: &CategoryId| id.as_str().strip_prefix('d')?.parse::<u8>().ok();
    leaves(category).iter().map(decile).collect()
}

/// The group of that grouping which has exactly a category's codes.
fn group_of(category: &Category, grouping: Grouping) -> Option<EthnicGroup> {
    let mut codes: Vec<&str> = leaves(category).iter().map(CategoryId::as_str).collect();
    codes.sort_unstable();
    EthnicGroup::ALL.into_iter().find(|group| grouping.codes(*group) == codes.concat())
}

/// The five groups that a level has, by what they hold and not by what they are called.
fn grouping_of(level: &Level) -> Option<Grouping> {
    let known: Vec<&Category> =
        level.categories.iter().filter(|c| c.kind == CategoryKind::Known).collect();
    let all = |grouping: &Grouping| {
        known.len() == EthnicGroup::ALL.len()
            && known.iter().all(|category| group_of(category, *grouping).is_some())
    };
    Grouping::ALL.into_iter().find(all)
}

/// The ages of a category, from where its first finest band begins to where the one after its last does.
fn ages_of(category: &Category, dimension: &Dimension) -> Option<AgeBand> {
    let mut starts: Vec<(u32, &CategoryId)> = dimension
        .levels
        .first()?
        .categories
        .iter()
        .filter_map(|leaf| Some((leaf.from?, &leaf.id)))
        .collect();
    starts.sort_unstable_by_key(|(from, _)| *from);
    let own = leaves(category);
    let first = starts.iter().position(|(_, id)| own.contains(id))?;
    let run = starts.get(first..first + own.len())?;
    if !run.iter().all(|(_, id)| own.contains(id)) {
        return None;
    }
    let next = starts.get(first + own.len()).map(|(from, _)| from - 1);
    let to = next.map(u8::try_from).transpose().ok()?;
    AgeBand::new(u8::try_from(starts[first].0).ok()?, to)
}
