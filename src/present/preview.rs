//! What would be released of an extract, for the partner's own people: for each indicator and breakdown how many
//! groups have a figure, and the coarser table in which all of them have one; and one table as a release shows it.

use evensum_core::catalogue::{Catalogue, CategoryKind};
use evensum_core::disclosure::{AxisIds, CellText, Figures, Group, Preview};
use evensum_core::model::{IndicatorId, LevelId, Profile, Shown};
use evensum_core::plan::Figure;
use serde::Serialize;

use super::layout::{Column, Line, draw};
use super::number::thousands;
use super::{Glyphs, Width, figure, words};

/// One level of a breakdown: how many known groups it has, and how many of them have a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Level {
    /// The level.
    pub level: LevelId,
    /// Its name.
    pub name: String,
    /// Groups that are something known; what is not known or not stated is none.
    pub groups: usize,
    /// Those of them whose figure is shown.
    pub shown: usize,
}

impl Level {
    /// Counts the groups of a preview by one level.
    #[must_use]
    pub fn of(preview: &Preview, level: &LevelId, catalogue: &Catalogue) -> Self {
        let found = catalogue.level(level).ok();
        let kind = |group: &Group<'_>| {
            let id = &group.at.first()?.id;
            found?.1.categories.iter().find(|c| c.id == *id).map(|c| c.kind)
        };
        let known: Vec<Group<'_>> =
            preview.groups().filter(|g| kind(g) == Some(CategoryKind::Known)).collect();
        Self {
            level: level.clone(),
            name: found.map(|(_, level)| level.name.clone()).unwrap_or_default(),
            groups: known.len(),
            shown: known.iter().filter(|g| g.is_shown()).count(),
        }
    }

    /// Whether every known group has its figure.
    #[must_use]
    pub const fn passes(&self) -> bool {
        self.shown == self.groups
    }

    /// Whether so many groups in a hundred, or fewer, are hidden.
    #[must_use]
    pub const fn hides_at_most(&self, per_cent: usize) -> bool {
        (self.groups - self.shown) * 100 <= per_cent * self.groups
    }
}

/// An indicator by one dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breakdown {
    /// The indicator.
    pub indicator: IndicatorId,
    /// Its name.
    pub name: String,
    /// The levels of the dimension, the finest first; none where the table is refused.
    pub levels: Vec<Level>,
    /// The level to ask for: the finest that hides no more than is allowed, else the first in which every known group has
    /// a figure. None where there is none.
    pub advised: Option<LevelId>,
    /// Why there is no table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What stands in place of levels where the table is refused.
    #[serde(skip)]
    pub dimension: String,
}

/// The level to ask for, of those of one dimension.
#[must_use]
pub fn advised(levels: &[Level], most_hidden_per_cent: usize) -> Option<LevelId> {
    let finest = levels.first().filter(|l| l.hides_at_most(most_hidden_per_cent));
    finest.or_else(|| levels.iter().find(|l| l.passes())).map(|l| l.level.clone())
}

/// What can be said where every level hides a group.
fn best(levels: &[Level]) -> String {
    // Of two levels that show the same share, the coarser is asked for.
    let most = levels.iter().max_by(|a, b| (a.shown * b.groups).cmp(&(b.shown * a.groups)));
    match most.filter(|l| l.shown > 0) {
        Some(level) => {
            format!("at best {} ({} of {} shown)", level.level, level.shown, level.groups)
        }
        None => "every group is hidden".to_owned(),
    }
}

/// All breakdowns, one line each.
#[must_use]
pub fn summary(all: &[Breakdown], width: Width, glyphs: Glyphs) -> String {
    let columns = [
        Column::words("Indicator"),
        Column::words("Finest breakdown"),
        Column::figures("Groups"),
        Column::figures("Shown"),
        Column::figures("Hidden"),
        Column::words("Ask for"),
    ];
    let number = |n: usize| thousands(u64::try_from(n).unwrap_or(u64::MAX));
    let lines = all.iter().map(|b| {
        let name = words::clean(&b.name);
        let Some(finest) = b.levels.first() else {
            let nothing = || words::NOTHING.to_owned();
            let why = b.refused.clone().unwrap_or_default();
            let dimension = words::clean(&b.dimension);
            return Line::Cells(vec![
                name,
                dimension,
                nothing(),
                nothing(),
                nothing(),
                words::clean(&why),
            ]);
        };
        let ask = b.levels.iter().find(|l| Some(&l.level) == b.advised.as_ref());
        let ask = match ask {
            Some(level) if level.level == finest.level => level.level.to_string(),
            Some(level) => format!("{} ({} of {} shown)", level.level, level.shown, level.groups),
            None => best(&b.levels),
        };
        Line::Cells(vec![
            name,
            words::clean(&finest.name),
            number(finest.groups),
            number(finest.shown),
            number(finest.groups - finest.shown),
            ask,
        ])
    });
    draw(&columns, lines.collect(), width, glyphs)
}

/// What a profile does, in a sentence.
#[must_use]
pub fn policy(profile: Profile) -> String {
    words::opening(&format!("{}.", words::policy(profile.into())))
}

fn cell(shown: Shown, profile: Profile) -> String {
    match shown {
        Shown::Published(n) => thousands(n),
        Shown::Small => format!("fewer than {}", profile.most_hidden() + 1),
        Shown::Suppressed => "withheld".to_owned(),
        Shown::StructuralZero => "cannot occur".to_owned(),
    }
}

/// One table as a release shows it: both counts of every group.
#[must_use]
pub fn figures(
    preview: &Preview,
    (above, below): (&str, &str),
    profile: Profile,
    width: Width,
    glyphs: Glyphs,
) -> String {
    let mut columns = vec![
        Column::words("Group"),
        Column::figures(&words::clean(above)),
        Column::figures(&words::clean(below)),
    ];
    let figure = preview.layout().figure();
    columns.extend(figure.into_iter().flat_map(|figure| match figure {
        Figure::Mean { .. } => vec![Column::figures("Mean")],
        Figure::Ratio { .. } => vec![Column::figures("Ratio")],
        Figure::Quantile { at, .. } => {
            let name = |at: &u8| Column::figures(&words::opening(&figure::percentile(*at)));
            at.iter().map(name).collect()
        }
    }));
    let shown = figure.map_or(0, Figure::count);
    let lines = preview.groups().map(|group| {
        let names: Vec<String> = group.at.iter().map(|c| words::clean(&c.label)).collect();
        let name = if names.is_empty() { "All".to_owned() } else { names.join(", ") };
        let counts = [cell(group.numerator, profile), cell(group.denominator, profile)];
        let figures = group.figures.iter().take(shown).map(figure::text);
        Line::Cells(std::iter::once(name).chain(counts).chain(figures).collect())
    });
    draw(&columns, lines.collect(), width, glyphs)
}

/// One table as JSON: axes and cells as a release has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document {
    /// The indicator.
    pub indicator: IndicatorId,
    /// The axes, the outcome's last.
    pub axes: Vec<AxisIds>,
    /// The cells, in the order of a release.
    pub cells: Vec<CellText>,
    /// The figures that counts do not give, where the indicator has such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

impl Document {
    /// The preview of a table.
    #[must_use]
    pub fn of(preview: &Preview) -> Self {
        Self {
            indicator: preview.layout().question().indicator.clone(),
            axes: preview.axes(),
            cells: preview.cells().iter().copied().map(CellText::from).collect(),
            figures: preview.figures().cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(id: &str, groups: usize, shown: usize) -> Level {
        let level = LevelId::new(id).expect("a level");
        Level { name: id.to_owned(), level, groups, shown }
    }

    #[test]
    fn the_finest_level_is_advised_that_hides_little_enough() {
        let id = |id: &str| Some(LevelId::new(id).expect("a level"));
        let levels = |decile| {
            [
                level("imd.decile", 10, decile),
                level("imd.quintile", 5, 4),
                level("imd.core20", 2, 2),
            ]
        };
        assert_eq!(advised(&levels(10), 0), id("imd.decile"));
        assert_eq!(advised(&levels(8), 20), id("imd.decile"));
        assert_eq!(advised(&levels(8), 19), id("imd.core20"));
        assert_eq!(advised(&levels(8)[..2], 19), None);
        assert_eq!(advised(&[], 20), None);
    }

    #[test]
    fn a_line_says_what_to_ask_for_or_why_there_is_nothing() {
        let levels = vec![level("imd.decile", 10, 4), level("imd.quintile", 5, 5)];
        let of = |levels: Vec<Level>, refused: Option<&str>| Breakdown {
            indicator: IndicatorId::new("rtt_over_52_weeks").expect("an id"),
            name: "Waiting over 52 weeks".to_owned(),
            advised: advised(&levels, 20),
            levels,
            refused: refused.map(str::to_owned),
            dimension: "Sex".to_owned(),
        };
        let text = summary(
            &[
                of(levels.clone(), None),
                of(levels[..1].to_vec(), None),
                of(vec![], Some("not held")),
            ],
            Width::new(160),
            Glyphs::Unicode,
        );
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert!(
            lines[0].contains("imd.quintile (5 of 5 shown)") && lines[0].contains(" 6 "),
            "{text}"
        );
        assert!(lines[1].contains("at best imd.decile (4 of 10 shown)"), "{text}");
        assert_eq!(best(&[level("sex", 3, 0)]), "every group is hidden");
        assert!(lines[2].contains("Sex") && lines[2].contains("not held"), "{text}");
    }
}
