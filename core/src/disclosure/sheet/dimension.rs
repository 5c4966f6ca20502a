//! A dimension of somebody's table: its categories, and which of them are made up of which others.

use std::collections::HashMap;

/// The most categories that a dimension may have, groups of them included.
pub const MAX_CATEGORIES: usize = 20_000;
/// The most levels of a hierarchy, from the finest codes to those just below the total.
pub const MAX_LEVELS: usize = 12;

/// One line of a hierarchy: a code and the code that it is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The code.
    pub code: String,
    /// What it is part of; none for those just below the total.
    pub parent: Option<String>,
    /// The row that says so, for errors.
    pub row: u64,
}

/// Why a hierarchy cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HierarchyError {
    /// A code has two parents.
    #[error(
        "row {row}, column 'parent': this code has another parent on row {first}; levels must nest, so that each code has one parent"
    )]
    TwoParents {
        /// The later row.
        row: u64,
        /// The earlier one.
        first: u64,
    },
    /// The same line twice.
    #[error("row {row}, column 'code': this code stands on row {first} already")]
    Twice {
        /// The later row.
        row: u64,
        /// The earlier one.
        first: u64,
    },
    /// A code is part of itself, by way of others or directly.
    #[error(
        "row {row}, column 'parent': this code is part of itself, by way of its parents: a circle"
    )]
    Circle {
        /// A row of the circle.
        row: u64,
    },
    /// A parent without a row of its own.
    #[error(
        "row {row}, column 'parent': this parent has no row of its own, so that nothing says what it is part of: add a row for it, with `all` as its parent if it is just below the total"
    )]
    Gap {
        /// The row that names it.
        row: u64,
    },
    /// Too many levels.
    #[error("row {row}: the hierarchy has more than {MAX_LEVELS} levels here")]
    Levels {
        /// A row at the bottom.
        row: u64,
    },
    /// Too many codes.
    #[error("the hierarchy has more than {MAX_CATEGORIES} codes")]
    TooMany,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Category {
    code: String,
    /// Its place among the categories; 0 is the total.
    parent: usize,
    /// The finest categories in it, by number, rising.
    members: Vec<u16>,
    /// Whether others are part of it.
    is_group: bool,
}

/// A way of dividing people up: categories, groups of them on several levels, and the total in place 0. A group
/// stands just before what it is made up of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    name: String,
    categories: Vec<Category>,
    places: HashMap<String, u16>,
    parts: u16,
}

impl Dimension {
    /// What a total is written as.
    pub const ALL: &'static str = "all";

    /// A dimension whose categories stand side by side.
    ///
    /// # Errors
    /// [`HierarchyError::TooMany`], and [`HierarchyError::Twice`] where a code stands twice.
    pub fn flat(
        name: &str,
        codes: impl IntoIterator<Item = String>,
    ) -> Result<Self, HierarchyError> {
        let links = codes.into_iter().zip(1..).map(|(code, row)| Link { code, parent: None, row });
        Self::with_hierarchy(name, &links.collect::<Vec<_>>())
    }

    /// A dimension whose codes nest. A parent without a line of its own is just below the total, where no line
    /// says of any code that it is, and all codes then stand as many levels below the total.
    ///
    /// # Errors
    /// [`HierarchyError`].
    pub fn with_hierarchy(name: &str, links: &[Link]) -> Result<Self, HierarchyError> {
        let tree = Tree::grow(links)?;
        Ok(tree.dimension(name))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Categories with the groups and the total.
    #[must_use]
    pub fn len(&self) -> usize {
        self.categories.len()
    }

    /// Whether nothing is divided up: there is no category but the total.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.categories.len() < 2
    }

    /// The finest categories.
    #[must_use]
    pub fn parts(&self) -> u16 {
        self.parts
    }

    /// The code in a place; the total's is [`Self::ALL`].
    #[must_use]
    pub fn code(&self, place: usize) -> &str {
        self.categories.get(place).map_or(Self::ALL, |c| &c.code)
    }

    /// The place of a code.
    #[must_use]
    pub fn place(&self, code: &str) -> Option<u16> {
        self.places.get(code).copied()
    }

    /// Whether a place holds one of the finest categories.
    #[must_use]
    pub fn is_part(&self, place: usize) -> bool {
        place > 0 && self.categories.get(place).is_some_and(|c| !c.is_group)
    }

    /// How many levels stand above the total's next: 0 where there is no hierarchy.
    #[must_use]
    pub fn coarser_levels(&self) -> usize {
        let deepest = (1..self.len()).map(|place| self.above(place).count()).max();
        deepest.unwrap_or(1).saturating_sub(1)
    }

    /// The groups that a category is in, from its own parent up to the total.
    pub(super) fn above(&self, place: usize) -> impl Iterator<Item = usize> + '_ {
        let mut at = place;
        std::iter::from_fn(move || {
            (at > 0).then(|| {
                at = self.categories.get(at).map_or(0, |c| c.parent);
                at
            })
        })
    }

    /// How much finer than the total a place is, for the order of reading.
    #[must_use]
    pub fn depth(&self, place: usize) -> usize {
        self.above(place).count()
    }

    /// The finest categories of each group but the total, in order.
    pub(super) fn groups(&self) -> Vec<Vec<u16>> {
        self.categories.iter().skip(1).map(|c| c.members.clone()).collect()
    }

    /// The places that are left where the finest categories are the groups so many levels up, and whether each is
    /// then one of the finest.
    pub(super) fn coarser(&self, levels: usize) -> Vec<bool> {
        let mut stands = vec![false; self.len()];
        for place in (0..self.len()).filter(|&place| self.is_part(place)) {
            let up: Vec<usize> =
                std::iter::once(place).chain(self.above(place).filter(|&p| p > 0)).collect();
            let at = up.get(levels).or(up.last()).copied().unwrap_or(place);
            stands[at] = true;
        }
        // Where branches are of different lengths a group may stand for a part and hold another that stands too.
        let within = |place: usize| self.above(place).any(|above| above > 0 && stands[above]);
        (0..self.len()).map(|place| !within(place)).collect()
    }

    /// The dimension with these places alone, which hold with each place those above it.
    pub(super) fn keeping(&self, kept: &[bool]) -> Self {
        let keeps = |place: usize| kept.get(place) == Some(&true);
        let links: Vec<Link> = (1..self.len())
            .filter(|&place| keeps(place))
            .map(|place| Link {
                code: self.code(place).to_owned(),
                parent: Some(self.categories.get(place).map_or(0, |c| c.parent))
                    .filter(|&p| p > 0)
                    .map(|p| self.code(p).to_owned()),
                row: 0,
            })
            .collect();
        Self::with_hierarchy(&self.name, &links).unwrap_or_else(|_| self.clone())
    }
}

/// Codes and their parents while they are put in order.
struct Tree<'a> {
    codes: Vec<&'a str>,
    parents: Vec<Option<usize>>,
}

impl<'a> Tree<'a> {
    fn grow(links: &'a [Link]) -> Result<Self, HierarchyError> {
        let mut known: HashMap<&str, usize> = HashMap::with_capacity(links.len());
        for (index, link) in links.iter().enumerate() {
            let Some(first) = known.insert(&link.code, index) else { continue };
            let (row, first) = (link.row, &links[first]);
            return Err(if first.parent == link.parent {
                HierarchyError::Twice { row, first: first.row }
            } else {
                HierarchyError::TwoParents { row, first: first.row }
            });
        }
        let says_tops = links.iter().any(|l| l.parent.is_none());
        let mut codes: Vec<&str> = links.iter().map(|l| l.code.as_str()).collect();
        let mut rows: Vec<u64> = links.iter().map(|l| l.row).collect();
        let mut parents = Vec::with_capacity(links.len());
        for link in links {
            let parent = match link.parent.as_deref() {
                None => None,
                Some(parent) => Some(match known.get(parent) {
                    Some(&place) => place,
                    None if says_tops => return Err(HierarchyError::Gap { row: link.row }),
                    None => {
                        known.insert(parent, codes.len());
                        codes.push(parent);
                        rows.push(link.row);
                        codes.len() - 1
                    }
                }),
            };
            parents.push(parent);
        }
        parents.resize(codes.len(), None);
        if codes.len() >= MAX_CATEGORIES {
            return Err(HierarchyError::TooMany);
        }
        let tree = Self { codes, parents };
        tree.check(&rows, links.len(), says_tops)?;
        Ok(tree)
    }

    /// No circles, not too deep, and no tops of different heights where nothing says which are tops.
    fn check(&self, rows: &[u64], given: usize, says_tops: bool) -> Result<(), HierarchyError> {
        let mut heights = vec![0_usize; self.codes.len()];
        for start in 0..given {
            let (mut at, mut steps) = (start, 0);
            while let Some(parent) = self.parents[at] {
                (at, steps) = (parent, steps + 1);
                if steps > self.codes.len() {
                    return Err(HierarchyError::Circle { row: self.first_of_circle(at, rows) });
                }
            }
            if steps >= MAX_LEVELS {
                return Err(HierarchyError::Levels { row: rows[start] });
            }
            heights[at] = heights[at].max(steps);
        }
        let tallest = heights.iter().max().copied().unwrap_or_default();
        let short = (given..self.codes.len()).find(|&top| heights[top] < tallest);
        match short.filter(|_| !says_tops) {
            Some(top) => Err(HierarchyError::Gap { row: rows[top] }),
            None => Ok(()),
        }
    }

    /// The first row of the circle that a code is on.
    fn first_of_circle(&self, on: usize, rows: &[u64]) -> u64 {
        let (mut at, mut first) = (on, rows[on]);
        while let Some(parent) = self.parents[at].filter(|parent| *parent != on) {
            at = parent;
            first = first.min(rows[at]);
        }
        first
    }

    fn dimension(&self, name: &str) -> Dimension {
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); self.codes.len()];
        let mut tops = Vec::new();
        for (code, parent) in self.parents.iter().enumerate() {
            match parent {
                Some(parent) => children[*parent].push(code),
                None => tops.push(code),
            }
        }
        let all = Category {
            code: Dimension::ALL.to_owned(),
            parent: 0,
            members: Vec::new(),
            is_group: true,
        };
        let mut categories = vec![all];
        let mut parts = 0_u16;
        let mut open: Vec<(usize, usize)> = tops.into_iter().rev().map(|top| (top, 0)).collect();
        while let Some((code, parent)) = open.pop() {
            let place = categories.len();
            let is_group = !children[code].is_empty();
            categories.push(Category {
                code: self.codes[code].to_owned(),
                parent,
                members: Vec::new(),
                is_group,
            });
            open.extend(children[code].iter().rev().map(|&child| (child, place)));
            if !is_group {
                let mut at = place;
                loop {
                    categories[at].members.push(parts);
                    if at == 0 {
                        break;
                    }
                    at = categories[at].parent;
                }
                parts += 1;
            }
        }
        let places = (0_u16..).zip(&categories).skip(1).map(|(at, c)| (c.code.clone(), at));
        Dimension { name: name.to_owned(), places: places.collect(), categories, parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(pairs: &[(&str, &str)]) -> Vec<Link> {
        let parent = |p: &str| Some(p.to_owned()).filter(|p| !p.is_empty());
        let rows = pairs.iter().zip(2..);
        rows.map(|((c, p), row)| Link { code: (*c).to_owned(), parent: parent(p), row }).collect()
    }

    fn grown(pairs: &[(&str, &str)]) -> Result<Dimension, HierarchyError> {
        Dimension::with_hierarchy("area", &links(pairs))
    }

    #[test]
    fn codes_nest_in_their_parents_up_to_the_total() {
        let area = grown(&[("n1", "north"), ("s1", "south"), ("n2", "north")]).expect("nests");
        let codes: Vec<&str> = (0..area.len()).map(|p| area.code(p)).collect();
        assert_eq!(codes, ["all", "north", "n1", "n2", "south", "s1"]);
        assert_eq!(area.groups(), [vec![0, 1], vec![0], vec![1], vec![2], vec![2]]);
        assert_eq!((area.parts(), area.coarser_levels()), (3, 1));
        assert_eq!(area.above(3).collect::<Vec<_>>(), [1, 0]);
        assert!(area.is_part(3) && !area.is_part(1) && !area.is_part(0));
    }

    #[test]
    fn a_coarser_level_is_made_up_of_groups() {
        let area = grown(&[("n1", "north"), ("n2", "north"), ("north", ""), ("isle", "")]);
        let area = area.expect("nests");
        let kept = area.coarser(1);
        let coarse = area.keeping(&kept);
        let codes: Vec<&str> = (0..coarse.len()).map(|p| coarse.code(p)).collect();
        assert_eq!(codes, ["all", "north", "isle"]);
        assert!(coarse.is_part(1) && coarse.is_part(2));
        // Branches of different lengths: the group stands for all that is in it.
        let ragged =
            grown(&[("g", ""), ("x", "g"), ("h", "g"), ("y", "h"), ("z", "h")]).expect("nests");
        let coarse = ragged.keeping(&ragged.coarser(1));
        assert_eq!((coarse.len(), coarse.parts()), (2, 1));
    }

    #[test]
    fn hierarchies_that_do_not_nest_are_refused_by_row() {
        use HierarchyError::{Circle, Gap, Levels, Twice, TwoParents};
        let cases: [(&[(&str, &str)], HierarchyError); 7] = [
            (&[("a", "b"), ("b", "c"), ("c", "a")], Circle { row: 2 }),
            (&[("a", "a")], Circle { row: 2 }),
            (&[("a", "x"), ("b", "x"), ("a", "y")], TwoParents { row: 4, first: 2 }),
            (&[("a", "x"), ("a", "x")], Twice { row: 3, first: 2 }),
            (&[("a", "x"), ("x", ""), ("b", "y")], Gap { row: 4 }),
            (&[("a", "x"), ("x", "top"), ("b", "y")], Gap { row: 4 }),
            // A tail into a circle is one as well.
            (&[("t", "a"), ("a", "b"), ("b", "a")], Circle { row: 3 }),
        ];
        for (pairs, error) in cases {
            assert_eq!(grown(pairs), Err(error), "{pairs:?}");
        }
        let names: Vec<String> = (0..=MAX_LEVELS).map(|n| format!("c{n}")).collect();
        let chain: Vec<(&str, &str)> =
            names.iter().zip(&names[1..]).map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(grown(&chain), Err(Levels { row: 2 }));
    }

    #[test]
    fn tops_need_no_rows_where_they_are_all_as_high() {
        assert!(grown(&[("a", "x"), ("b", "y")]).is_ok());
        assert!(grown(&[("a", "x"), ("b", "y"), ("x", "t"), ("y", "t")]).is_ok());
        assert!(Dimension::flat("sex", ["f".to_owned(), "m".to_owned()]).is_ok());
    }
}
