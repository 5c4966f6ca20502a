//! From a counted table to the numbers that are added up, and from totals to a table again. This is the one place
//! beside disclosure control that reads what was counted.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{BITS_24, BITS_40, MAX_VECTOR, PoolError, Totals, VectorSpec};
use crate::model::{Lattice, Measured, RawCell, Sum, Table};

/// Figures of a vector.
const MOST: usize = MAX_VECTOR as usize;
/// What is said of each summed measure of a cell: the sum, the sum of squares, and the most of one person.
const NUMBERS_A_SUM: usize = 3;

/// A table or totals that are not of the shape that was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the table is not of the shape that was announced")]
pub struct ShapeError;

/// Which numbers of a table are contributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    cells: usize,
    several: bool,
    measured: Vec<usize>,
    sums: usize,
    units: usize,
}

/// Numbers of one kind, which have one width.
#[derive(Debug, Clone, Copy)]
struct Section {
    len: usize,
    bits: u8,
}

impl Shape {
    /// `cells`: of the table with its totals. `several`: whether a person may have several rows, so that people and the
    /// most rows of one person are contributed too. `measured`: the cells, rising, of which measures are contributed,
    /// with so many `sums`, and so many `units` of a histogram.
    #[must_use]
    pub const fn new(
        cells: usize,
        several: bool,
        measured: Vec<usize>,
        sums: usize,
        units: usize,
    ) -> Self {
        Self { cells, several, measured, sums, units }
    }

    fn sections(&self) -> [Section; 3] {
        let counts = self.cells * if self.several { 3 } else { 1 };
        [
            Section { len: counts, bits: BITS_24 },
            Section { len: self.measured.len() * self.sums * NUMBERS_A_SUM, bits: BITS_40 },
            Section { len: self.measured.len() * self.units, bits: BITS_24 },
        ]
    }

    /// The vectors that the numbers are cut into, in their order.
    ///
    /// # Errors
    /// [`PoolError`], where the table has no cell.
    pub fn vectors(&self) -> Result<Vec<VectorSpec>, PoolError> {
        let mut specs = Vec::new();
        for Section { len, bits } in self.sections() {
            let mut rest = len;
            while rest > 0 {
                let here = rest.min(MOST);
                specs.push(VectorSpec::new(
                    u32::try_from(here).map_err(|_| PoolError::Spec)?,
                    bits,
                )?);
                rest -= here;
            }
        }
        Ok(specs)
    }

    /// The numbers of a table, cut into vectors. The table is taken by value: what is contributed is not counted again.
    /// Whether they must be changed before is `disclosure::contribution`'s to say, which alone calls this.
    ///
    /// # Errors
    /// [`ShapeError`] where the table is not of this shape.
    pub(crate) fn values(
        &self,
        table: Table<RawCell>,
    ) -> Result<Vec<Zeroizing<Vec<u64>>>, ShapeError> {
        let cells = table.cells();
        if cells.len() != self.cells {
            return Err(ShapeError);
        }
        let mut counts: Vec<u64> = cells.iter().map(RawCell::events).collect();
        if self.several {
            counts.extend(cells.iter().map(RawCell::persons));
            counts.extend(cells.iter().map(RawCell::top));
        }
        let (mut sums, mut units) = (Vec::new(), Vec::new());
        for &cell in &self.measured {
            let cell = cells.get(cell).ok_or(ShapeError)?;
            let (own_sums, own_units) =
                cell.measured().map_or((&[][..], &[][..]), |m| (m.sums(), m.units()));
            // A cell without rows may have no sums at all.
            let empty = own_sums.is_empty() && own_units.is_empty() && cell.events() == 0;
            if !empty && (own_sums.len() != self.sums || own_units.len() != self.units) {
                return Err(ShapeError);
            }
            for sum in 0..self.sums {
                let numbers = own_sums
                    .get(sum)
                    .map_or([0; NUMBERS_A_SUM], |s| [s.total(), s.squares(), s.of_one()]);
                sums.extend(numbers);
            }
            units.extend((0..self.units).map(|u| own_units.get(u).copied().map_or(0, u64::from)));
        }
        let sections = [counts, sums, units].into_iter();
        let cut = |section: Vec<u64>| {
            let parts: Vec<_> = section.chunks(MOST).map(|c| Zeroizing::new(c.to_vec())).collect();
            drop(Zeroizing::new(section));
            parts
        };
        Ok(sections.flat_map(cut).collect())
    }

    /// What is opened for a smaller table: its cells are so many of this one's, in the order of the smaller table, and
    /// of `measured` it takes those that stand at these places among its own cells.
    ///
    /// # Errors
    /// [`ShapeError`] where a cell is not of this table, or has no measures here and should.
    pub fn pick(&self, cells: &[usize], measured: &[usize]) -> Result<Pick, ShapeError> {
        if cells.iter().any(|cell| *cell >= self.cells) {
            return Err(ShapeError);
        }
        let mut wanted = Vec::new();
        let copies = if self.several { 3 } else { 1 };
        for copy in 0..copies {
            wanted.extend(cells.iter().map(|cell| copy * self.cells + cell));
        }
        let offset_sums = self.cells * copies;
        let offset_units = offset_sums + self.measured.len() * self.sums * NUMBERS_A_SUM;
        let mut places = Vec::with_capacity(measured.len());
        for &at in measured {
            let cell = cells.get(at).ok_or(ShapeError)?;
            places.push(self.measured.binary_search(cell).map_err(|_| ShapeError)?);
        }
        let width = self.sums * NUMBERS_A_SUM;
        for place in &places {
            wanted.extend((0..width).map(|n| offset_sums + place * width + n));
        }
        for place in &places {
            wanted.extend((0..self.units).map(|n| offset_units + place * self.units + n));
        }
        let shape = Self {
            cells: cells.len(),
            several: self.several,
            measured: measured.to_vec(),
            sums: self.sums,
            units: self.units,
        };
        Ok(Pick { shape, vectors: self.spread(&wanted), order: wanted })
    }

    /// Of each vector the places that are wanted, rising, each once.
    fn spread(&self, wanted: &[usize]) -> Vec<Vec<u32>> {
        let mut vectors: Vec<Vec<u32>> = Vec::new();
        for start in self.starts() {
            let mut places: Vec<u32> = wanted
                .iter()
                .filter(|w| (start.0..start.1).contains(*w))
                .filter_map(|w| u32::try_from(w - start.0).ok())
                .collect();
            places.sort_unstable();
            places.dedup();
            vectors.push(places);
        }
        vectors
    }

    /// Where each vector begins and ends among all numbers.
    fn starts(&self) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut begin = 0;
        for Section { len, .. } in self.sections() {
            let end = begin + len;
            while begin < end {
                let next = end.min(begin + MOST);
                found.push((begin, next));
                begin = next;
            }
        }
        found
    }
}

/// Which totals are opened, and the table that they make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    shape: Shape,
    vectors: Vec<Vec<u32>>,
    /// Of each number of the smaller table its place among all numbers of the larger.
    order: Vec<usize>,
}

impl Pick {
    /// Of each vector of the contributed table the places that are opened, rising; none of a vector that is not needed.
    #[must_use]
    pub fn vectors(&self) -> &[Vec<u32>] {
        &self.vectors
    }

    /// Makes the table of the opened totals, those of each vector in its order, none of a vector of
    /// which nothing is needed. Where a row is a person, there are as
    /// many people as rows; a person's records at two partners are two people's.
    ///
    /// # Errors
    /// [`ShapeError`] where the totals are not those of [`Self::vectors`].
    pub fn table(
        &self,
        of: &Shape,
        lattice: Arc<Lattice>,
        opened: &[Option<Totals>],
    ) -> Result<Table<RawCell>, ShapeError> {
        let starts = of.starts();
        if opened.len() != self.vectors.len() || starts.len() != self.vectors.len() {
            return Err(ShapeError);
        }
        let total = |at: usize| -> Result<u64, ShapeError> {
            let vector = starts.partition_point(|(begin, _)| *begin <= at).checked_sub(1);
            let vector = vector.ok_or(ShapeError)?;
            let place = u32::try_from(at - starts[vector].0).map_err(|_| ShapeError)?;
            let found = self.vectors[vector].binary_search(&place).map_err(|_| ShapeError)?;
            let totals = opened[vector].as_ref().ok_or(ShapeError)?;
            totals.opened().get(found).copied().ok_or(ShapeError)
        };
        let numbers = self.order.iter().map(|at| total(*at));
        let numbers = Zeroizing::new(numbers.collect::<Result<Vec<u64>, _>>()?);
        let Shape { cells, several, measured, sums, units } = &self.shape;
        let at = |n: usize| numbers.get(n).copied().unwrap_or_default();
        let first_sum = cells * if *several { 3 } else { 1 };
        let first_unit = first_sum + measured.len() * sums * NUMBERS_A_SUM;
        let one = |cell: usize| {
            let events = at(cell);
            let raw = if *several {
                RawCell::new(events, at(cells + cell), at(2 * cells + cell))
            } else {
                RawCell::new(events, events, events.min(1))
            };
            let Ok(place) = measured.binary_search(&cell) else { return raw };
            if *sums == 0 && *units == 0 {
                return raw;
            }
            let of_sum = |s: usize| {
                let n = first_sum + (place * sums + s) * NUMBERS_A_SUM;
                Sum::new(at(n), at(n + 1), at(n + 2))
            };
            let unit =
                |u: usize| u32::try_from(at(first_unit + place * units + u)).unwrap_or(u32::MAX);
            raw.with(Measured::new(
                (0..*sums).map(of_sum).collect(),
                (0..*units).map(unit).collect(),
            ))
        };
        Table::new(lattice, (0..*cells).map(one).collect()).map_err(|_| ShapeError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Axis, AxisCategory, CategoryId, LevelId};

    /// A table of one axis with so many cells, the last of them the total.
    fn lattice(cells: usize) -> Arc<Lattice> {
        let id = |n: usize| CategoryId::new(format!("c{n}")).expect("an id");
        let categories = (0..cells - 1).map(|n| AxisCategory {
            id: id(n),
            label: format!("category {n}"),
            members: vec![u16::try_from(n).expect("few"), u16::try_from(cells).expect("few")],
        });
        // Two leaves a category, so that no category is the total's equal.
        let categories: Vec<AxisCategory> = categories
            .map(|mut c| {
                c.members.truncate(1);
                c
            })
            .collect();
        let leaves =
            (0..=cells).map(|n| CategoryId::new(format!("l{n}")).expect("an id")).collect();
        let level = LevelId::new("level").expect("a level");
        let axis = Axis::new(level, leaves, categories).expect("an axis");
        Arc::new(Lattice::new(vec![axis]).expect("a lattice"))
    }

    /// The numbers of a cell, as plain numbers.
    type Plain = (u64, u64, u64, [u64; 3], Vec<u32>);

    fn table(cells: &[Plain], measured: &[usize]) -> Table<RawCell> {
        let raw = cells.iter().enumerate().map(|(at, (events, persons, top, sum, units))| {
            let cell = RawCell::new(*events, *persons, *top);
            if measured.contains(&at) {
                let sum = Sum::new(sum[0], sum[1], sum[2]);
                cell.with(Measured::new(vec![sum], units.clone()))
            } else {
                cell
            }
        });
        Table::new(lattice(cells.len()), raw.collect()).expect("a table")
    }

    fn opened(vectors: &[Zeroizing<Vec<u64>>], pick: &Pick) -> Vec<Option<Totals>> {
        let each = vectors.iter().zip(pick.vectors()).map(|(all, places)| {
            let some: Vec<u64> = places.iter().map(|p| all[*p as usize]).collect();
            (!some.is_empty()).then(|| Totals::new(Zeroizing::new(some)))
        });
        each.collect()
    }

    fn plain(units: usize) -> impl Strategy<Value = Plain> {
        let sums = prop::array::uniform3(0_u64..1_000_000);
        let units = prop::collection::vec(0_u32..5_000, units);
        (0_u64..90_000, 0_u64..90_000, 0_u64..9_000, sums, units)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// What is cut into vectors and opened again is the same table, and of a part of it that part.
        #[test]
        fn a_table_is_what_it_was_once_its_totals_are_opened(
            cells in (2_usize..40).prop_flat_map(|n| prop::collection::vec(plain(300), n)),
            chosen in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
            several in any::<bool>(),
        ) {
            let measured: Vec<usize> = (0..cells.len()).step_by(2).collect();
            let shape = Shape::new(cells.len(), several, measured.clone(), 1, 300);
            let vectors = shape.values(table(&cells, &measured)).expect("values");
            let specs = shape.vectors().expect("vectors");
            prop_assert_eq!(
                vectors.iter().map(|v| v.len()).collect::<Vec<_>>(),
                specs.iter().map(|s| s.len() as usize).collect::<Vec<_>>()
            );
            let mut some: Vec<usize> = chosen.iter().map(|i| i.index(cells.len())).collect();
            some.sort_unstable();
            some.dedup();
            if some.len() < 2 {
                some = vec![0, cells.len() - 1];
            }
            let places: Vec<usize> =
                (0..some.len()).filter(|at| measured.contains(&some[*at])).collect();
            let pick = shape.pick(&some, &places).expect("a part");
            let again = pick
                .table(&shape, lattice(some.len()), &opened(&vectors, &pick))
                .expect("a table");
            for (cell, at) in again.cells().iter().zip(&some) {
                let (events, persons, top, sum, units) = &cells[*at];
                let wanted = if several {
                    RawCell::new(*events, *persons, *top)
                } else {
                    RawCell::new(*events, *events, (*events).min(1))
                };
                let wanted = if measured.contains(at) {
                    let sum = Sum::new(sum[0], sum[1], sum[2]);
                    wanted.with(Measured::new(vec![sum], units.clone()))
                } else {
                    wanted
                };
                prop_assert!(cell.same_as(&wanted), "cell {}", at);
            }
        }
    }

    #[test]
    fn what_is_not_of_the_shape_is_refused() {
        let shape = Shape::new(3, true, vec![0], 1, 2);
        let cell = |sums: usize| -> Table<RawCell> {
            let cells = (0..3).map(|_| {
                let sums = (0..sums).map(|_| Sum::new(1, 1, 1)).collect();
                RawCell::new(2, 2, 1).with(Measured::new(sums, vec![1, 1]))
            });
            Table::new(lattice(3), cells.collect()).expect("a table")
        };
        assert!(shape.values(cell(1)).is_ok());
        assert_eq!(shape.values(cell(2)).err(), Some(ShapeError));
        assert_eq!(shape.pick(&[3], &[]).err(), Some(ShapeError));
        assert_eq!(shape.pick(&[1], &[0]).err(), Some(ShapeError));
        assert!(shape.pick(&[0], &[0]).is_ok());
    }
}
