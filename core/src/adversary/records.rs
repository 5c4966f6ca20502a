//! Invented records of the catalogue's own datasets, the chain that makes releases of them, and what an outsider
//! puts together from the bytes.

use std::collections::BTreeMap;

use super::AdversaryError;
use super::invented::Draw;
use super::sheets::knows;
use crate::authz::{Permit, Publication, Standing};
use crate::catalogue::{Catalogue, Lists};
use crate::disclosure::attack::{
    Attribute, Limits, Public, PublicCell, Range, RangesError, ranges,
};
use crate::disclosure::{
    Draft, Live, Outcome, Pooled, Protected, ReleaseDocument, protect, protect_pooled,
};
use crate::model::canonical;
use crate::model::{
    Agreement, CategoryId, Digest, ImdEdition, IndicatorId, LevelId, Measured, Ods, Profile,
    Question, RawCell, Scope, Shown, SnapshotRef, SnapshotVersion, Sum, Table, Timestamp,
};
use crate::plan::{Layout, Plan};
use crate::sign::SigningKey;

/// What records are divided by.
const DIMENSIONS: [&str; 5] = ["imd", "ethnicity", "sex", "age", "tfc"];
const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);
const PERIOD: &str = "2026-10";
/// The greatest value of a measure.
const MOST: u64 = 40;

/// An indicator, its breakdown and its restriction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) indicator: &'static str,
    pub(super) by: Vec<&'static str>,
    pub(super) scope: Option<(&'static str, &'static str)>,
}

/// One person's row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The place among the finest codes of each dimension, as a share of them.
    at: [f64; DIMENSIONS.len()],
    outcome: f64,
    key: u64,
    value: u64,
}

impl Row {
    /// Most rows are of the first codes, and few of the last.
    pub(super) fn draw(draw: &mut Draw) -> Self {
        let mut skewed = || draw.unit().min(draw.unit());
        let at = std::array::from_fn(|_| skewed());
        let outcome = skewed();
        let value = u64::try_from(draw.below(7) * draw.below(7)).unwrap_or_default().min(MOST);
        Self { at, outcome, key: draw.next(), value }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a short list's length"
)]
fn place(share: f64, of: usize) -> usize {
    ((share * super::invented::real(of)) as usize).min(of.saturating_sub(1))
}

/// The last category of every dimension, which nobody is in.
const NOT_COLLECTED: &str = "not_collected";

/// An agreement under a profile, and the catalogue.
pub(super) struct Scene {
    pub(super) catalogue: Catalogue,
    pub(super) agreement: Agreement,
    node: Ods,
}

/// A table on its way out, with the truth to judge by.
pub(super) struct Tabled {
    pub(super) protected: Protected,
    pub(super) truth: Vec<u64>,
}

/// A release: its bytes, and the truth to judge by.
pub(super) struct Out {
    pub(super) bytes: Vec<u8>,
    pub(super) truth: Vec<u64>,
}

pub(super) fn needs<T, E>(of: Result<T, E>, what: &'static str) -> Result<T, AdversaryError> {
    of.map_err(|_| AdversaryError::Needs(what))
}

pub(super) fn level(id: &str) -> Result<LevelId, AdversaryError> {
    needs(LevelId::new(id), "a level")
}

fn agreement(profile: Profile) -> Result<Agreement, AdversaryError> {
    let key =
        || needs(SigningKey::generate_ed25519(), "a key").map(|k| k.verifying_key().to_text());
    let mut text = format!(
        "id = \"adversary\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\n\
         from = \"2026-01-01\"\nuntil = \"2027-12-31\"\npurposes = [\"planning\"]\npacks = [\"13sa\"]\n\
         indicators = [\"rtt_over_18_weeks\", \"rtt_over_52_weeks\", \"rtt_over_65_weeks\"]\n\
         dimensions = [\"imd\", \"ethnicity\", \"sex\", \"age\", \"tfc\"]\nmax_dimensions = 2\n\
         profile = \"{}\"\nshow_partners = true\n",
        profile.as_str(),
    );
    for (ods, role) in [("ZZ1", "coordinator"), ("ZZ2", "node"), ("ZZ3", "node")] {
        text += &format!(
            "[[parties]]\nods = \"{ods}\"\nrole = \"{role}\"\nanswer_key = \"{}\"\nledger_key = \"{}\"\n",
            key()?,
            key()?
        );
    }
    let analyst = needs(SigningKey::generate_p256(), "a key")?.verifying_key().to_text();
    text +=
        &format!("[[analysts]]\nid = \"ada\"\nkey = \"{analyst}\"\nassurance_min = \"enrolled\"\n");
    needs(Agreement::parse(&text), "an agreement")
}

impl Scene {
    pub(super) fn new(profile: Profile) -> Result<Self, AdversaryError> {
        Ok(Self {
            catalogue: Catalogue::builtin()?,
            agreement: agreement(profile)?,
            node: needs(Ods::new("ZZ2"), "a partner")?,
        })
    }

    pub(super) fn profile(&self) -> Profile {
        self.agreement.profile
    }

    pub(super) const fn standing(&self) -> Standing<'_> {
        Standing { agreement: &self.agreement, catalogue: &self.catalogue, now: NOW }
    }

    /// Lets an indicator be asked that is not of the first pack.
    pub(super) fn allow(&mut self, indicator: &'static str) -> Result<(), AdversaryError> {
        let id = needs(IndicatorId::new(indicator), "an indicator")?;
        let packs = &needs(self.catalogue.indicator(&id), "an indicator")?.packs;
        self.agreement.packs.extend(packs.iter().cloned());
        self.agreement.indicators.push(id);
        Ok(())
    }

    pub(super) fn question(&self, asked: &Asked) -> Result<Question, AdversaryError> {
        let indicator = needs(IndicatorId::new(asked.indicator), "an indicator")?;
        let scope = match asked.scope {
            None => None,
            Some((of, category)) => Some(Scope {
                level: level(of)?,
                category: needs(CategoryId::new(category), "a category")?,
            }),
        };
        Ok(Question {
            definition_hash: needs(self.catalogue.definition_hash(&indicator), "an indicator")?,
            indicator,
            period: needs(PERIOD.parse(), "a period")?,
            by: asked.by.iter().map(|l| level(l)).collect::<Result<_, _>>()?,
            scope,
        })
    }

    fn plan(&self, asked: &Asked) -> Result<Plan<Publication>, AdversaryError> {
        let question = self.question(asked)?;
        let packs = &needs(self.catalogue.indicator(&question.indicator), "an indicator")?.packs;
        let pack = packs.iter().find(|p| self.agreement.packs.contains(p));
        let pack = pack.ok_or(AdversaryError::Needs("a pack"))?;
        let permit = Permit::publication(self.standing(), pack, question, self.agreement.profile);
        needs(Plan::compile(&needs(permit, "a permit")?, &self.catalogue), "a plan")
    }

    /// The table of a question with every cell filled in alike.
    pub(super) fn filled(
        &self,
        of: &SnapshotRef,
        asked: &Asked,
        cell: impl Fn() -> RawCell,
    ) -> Result<Tabled, AdversaryError> {
        let plan = self.plan(asked)?;
        let lattice = plan.layout().lattice().clone();
        let truth = vec![0; lattice.len()];
        let raw = Table::new(lattice, truth.iter().map(|_| cell()).collect());
        Ok(Tabled { protected: protect(&plan, needs(raw, "a table")?, of, &self.node)?, truth })
    }

    /// The table that a question asks for, protected.
    pub(super) fn table(
        &self,
        rows: &[Row],
        of: &SnapshotRef,
        asked: &Asked,
    ) -> Result<Tabled, AdversaryError> {
        self.table_of(rows, of, asked, &self.node)
    }

    /// The same, of another partner.
    pub(super) fn table_of(
        &self,
        rows: &[Row],
        of: &SnapshotRef,
        asked: &Asked,
        partner: &Ods,
    ) -> Result<Tabled, AdversaryError> {
        let plan = self.plan(asked)?;
        let (raw, truth) = self.counted(&plan, rows)?;
        Ok(Tabled { protected: protect(&plan, raw, of, partner)?, truth })
    }

    /// The table of a round, of everybody's rows.
    pub(super) fn pooled(
        &self,
        rows: &[Row],
        version: SnapshotVersion,
        asked: &Asked,
        pool: Pooled,
    ) -> Result<Tabled, AdversaryError> {
        let plan = self.plan(asked)?;
        let (raw, truth) = self.counted(&plan, rows)?;
        let of = SnapshotRef { id: pool.closing(), ..extract(b"", version)? };
        let coordinator = needs(Ods::new("ZZ1"), "a coordinator")?;
        Ok(Tabled { protected: protect_pooled(&plan, raw, &of, &coordinator, pool)?, truth })
    }

    /// The places of a row's finest codes on the axes of a plan's table, the outcome's last. None where a
    /// restriction leaves it out.
    fn counted(
        &self,
        plan: &Plan<Publication>,
        rows: &[Row],
    ) -> Result<(Table<RawCell>, Vec<u64>), AdversaryError> {
        let lattice = plan.layout().lattice();
        let leaves: Vec<Vec<CategoryId>> = DIMENSIONS
            .iter()
            .map(|id| {
                let dimension = self.catalogue.dimensions().iter().find(|d| d.id.as_str() == *id);
                let leaves = dimension.map(|d| d.leaves(&Lists::new())).unwrap_or_default();
                // An extract that has a column has it of every row.
                let ids = leaves.into_iter().map(|(id, _)| id);
                ids.filter(|id| id.as_str() != NOT_COLLECTED).collect()
            })
            .collect();
        let kept = |row: &Row| {
            plan.filters().iter().all(|filter| {
                let dimension =
                    self.catalogue.dimensions().iter().find(|d| d.column == filter.column);
                let at =
                    dimension.and_then(|d| DIMENSIONS.iter().position(|id| *id == d.id.as_str()));
                // Of the dimensions that records do not have, everybody is in the restriction.
                at.is_none_or(|at| {
                    let leaf = &leaves[at][place(row.at[at], leaves[at].len())];
                    filter.keep.contains(leaf)
                })
            })
        };
        let axes = lattice.axes();
        let mut counts = vec![(0_u64, 0_u64, Vec::new()); lattice.len()];
        for row in rows.iter().filter(|row| kept(row)) {
            let mut cells = vec![0];
            for axis in axes {
                let of = DIMENSIONS.iter().position(|id| *id == axis.level().dimension().as_str());
                let share = of.map_or(row.outcome, |of| row.at[of]);
                let collected =
                    axis.leaves().iter().filter(|l| l.as_str() != NOT_COLLECTED).count();
                let leaf = u16::try_from(place(share, collected)).unwrap_or(u16::MAX);
                let categories = axis.categories();
                let holders: Vec<usize> = (0..categories.len())
                    .filter(|c| categories[*c].members.binary_search(&leaf).is_ok())
                    .collect();
                cells = cells
                    .iter()
                    .flat_map(|head| holders.iter().map(move |h| head * categories.len() + h))
                    .collect();
            }
            for cell in cells {
                let (count, key, values) = &mut counts[cell];
                *count += 1;
                *key = key.wrapping_add(row.key);
                if !plan.measures().is_empty() || plan.histogram().is_some() {
                    values.push(row.value);
                }
            }
        }
        let truth = counts.iter().map(|(count, ..)| *count).collect();
        let last = plan.histogram().map(|h| usize::from(h.last));
        let cells = counts.into_iter().map(|(count, key, values)| {
            let raw = RawCell::new(count, count, count.min(1)).keyed(key);
            if plan.measures().is_empty() && last.is_none() {
                return raw;
            }
            let sum = |_: &_| {
                let squares = values.iter().map(|v| v * v).sum();
                Sum::new(values.iter().sum(), squares, values.iter().copied().max().unwrap_or(0))
            };
            let mut units = last.map_or_else(Vec::new, |last| vec![0_u32; last + 2]);
            for value in values.iter().filter(|_| last.is_some()) {
                let unit = usize::try_from(*value).unwrap_or(usize::MAX).min(units.len() - 1);
                units[unit] += 1;
            }
            raw.with(Measured::new(plan.measures().iter().map(sum).collect(), units))
        });
        let table = needs(Table::new(lattice.clone(), cells.collect()), "a table")?;
        Ok((table, truth))
    }

    /// Puts a table out beside what is out, where the disclosure test lets it.
    pub(super) fn release(
        &self,
        out: &[Out],
        table: Tabled,
    ) -> Result<Option<Out>, AdversaryError> {
        let live = Live::new(&self.catalogue, out.iter().map(|o| &o.bytes))?;
        let Tabled { protected, truth } = table;
        match live.test(vec![protected], &Limits::RELEASE)? {
            Outcome::Passed(drafts) => {
                let bytes = drafts.first().map(Draft::bytes).unwrap_or_default().to_vec();
                Ok(Some(Out { bytes, truth }))
            }
            Outcome::Withheld(_) => Ok(None),
        }
    }
}

pub(super) fn extract(
    name: &[u8],
    version: SnapshotVersion,
) -> Result<SnapshotRef, AdversaryError> {
    Ok(SnapshotRef {
        id: Digest::of(name),
        as_of: needs("2026-10-31".parse(), "a date")?,
        version,
        imd_edition: Some(ImdEdition::Imd2025),
    })
}

/// The group of each attribute, and what is known of the count.
type Placed = (BTreeMap<String, u16>, u64, Option<u64>, bool);

/// A further attribute: its name, how many parts it has, and those of them that rows are in.
pub(super) type Besides = (&'static str, usize, Vec<u16>);

/// Everything that was released, put together by somebody who has the bytes and the definitions.
#[derive(Default)]
pub(super) struct Together {
    attributes: BTreeMap<String, (u16, Vec<Vec<u16>>)>,
    cells: Vec<Placed>,
}

impl Together {
    fn group(&mut self, attribute: &str, parts: usize, members: Vec<u16>) -> u16 {
        let parts = u16::try_from(parts).unwrap_or(u16::MAX);
        let (_, groups) =
            self.attributes.entry(attribute.to_owned()).or_insert((parts, Vec::new()));
        let found = groups.iter().position(|g| *g == members);
        let at = found.unwrap_or_else(|| {
            groups.push(members);
            groups.len() - 1
        });
        u16::try_from(at + 1).unwrap_or(u16::MAX)
    }

    /// Adds a release; `within` is the number of extracts in which its rows stand, of how many. Gives what it shows,
    /// and the place of each of its cells, none where it cannot occur.
    pub(super) fn add(
        &mut self,
        scene: &Scene,
        bytes: &[u8],
        within: Option<(u16, u16)>,
    ) -> Result<Vec<(Shown, Option<usize>)>, AdversaryError> {
        let document: ReleaseDocument = canonical::decode(bytes)?;
        let extract = |(number, of)| ("extract", usize::from(of), (0..number).collect());
        let besides: Vec<Besides> = within.map(extract).into_iter().collect();
        let profile = document.policy.profile;
        self.add_said(scene, &document, &besides, |_, shown| knows(shown, profile))
    }

    /// Adds a table of which it is known besides which parts of further attributes its rows are in, and of each cell
    /// what is said of it: the least, the most, and whether it is hidden.
    pub(super) fn add_said(
        &mut self,
        scene: &Scene,
        document: &ReleaseDocument,
        besides: &[Besides],
        said: impl Fn(usize, Shown) -> (u64, Option<u64>, bool),
    ) -> Result<Vec<(Shown, Option<usize>)>, AdversaryError> {
        let layout = Layout::new(&document.question, Some(&scene.agreement), &scene.catalogue);
        let layout = needs(layout, "a layout")?;
        let lattice = layout.lattice();
        let scope = match &document.question.scope {
            None => None,
            Some(scope) => {
                let axis = scene.catalogue.axis(&scope.level, &Lists::new());
                let axis = needs(axis, "a scope")?;
                let at = axis.position(&scope.category).ok_or(AdversaryError::Needs("a scope"))?;
                let members = axis.categories()[at].members.clone();
                Some((scope.level.dimension().to_string(), axis.leaves().len(), members))
            }
        };
        let mut places = Vec::with_capacity(document.cells.len());
        for (index, text) in document.cells.iter().enumerate() {
            let shown = Shown::from(*text);
            let mut at: BTreeMap<String, (usize, Vec<u16>)> = BTreeMap::new();
            for (axis, category) in lattice.axes().iter().zip(lattice.coordinates(index)) {
                // That nobody is not collected is known of an extract that has the column.
                let nobody = axis.leaves().iter().position(|l| l.as_str() == NOT_COLLECTED);
                let mut members = axis.categories()[category].members.clone();
                members.retain(|m| Some(usize::from(*m)) != nobody);
                at.insert(axis.level().dimension().to_string(), (axis.leaves().len(), members));
            }
            if let Some((dimension, parts, kept)) = &scope {
                let all = || (*parts, (0..u16::try_from(*parts).unwrap_or(u16::MAX)).collect());
                let (_, members) = at.entry(dimension.clone()).or_insert_with(all);
                members.retain(|m| kept.contains(m));
            }
            for (attribute, parts, members) in besides {
                at.insert((*attribute).to_owned(), (*parts, members.clone()));
            }
            if at.values().any(|(_, members)| members.is_empty()) {
                places.push((shown, None));
                continue;
            }
            let at = at.into_iter().map(|(attribute, (parts, members))| {
                let group = self.group(&attribute, parts, members);
                (attribute, group)
            });
            let at = at.collect();
            let (low, high, hidden) = said(index, shown);
            places.push((shown, Some(self.cells.len())));
            self.cells.push((at, low, high, hidden));
        }
        Ok(places)
    }

    /// Between which numbers each cell must lie. None where that was not found within the limits.
    pub(super) fn ranges(&self) -> Result<Option<Vec<Range>>, AdversaryError> {
        let order: Vec<&String> = self.attributes.keys().collect();
        let attributes =
            self.attributes.values().map(|(parts, groups)| Attribute::new(*parts, groups.clone()));
        let cells = self.cells.iter().map(|(at, low, high, hidden)| PublicCell {
            at: order.iter().map(|a| at.get(*a).copied().unwrap_or_default()).collect(),
            low: *low,
            high: *high,
            hidden: (*hidden).into(),
        });
        let public = Public::new(attributes.collect(), cells.collect())?;
        let limits = Limits { published: 16_000, ..Limits::EXACT };
        match ranges(&public, &limits) {
            Ok(ranges) => Ok(Some(ranges)),
            Err(RangesError::Undecided { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
