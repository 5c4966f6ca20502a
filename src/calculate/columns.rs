//! A table that somebody has, column by column: found by the names that such columns usually have, or by those that
//! were given.

use super::CalculateError;

/// The most rows that a measure is worked out of.
pub const MAX_ROWS: usize = 100_000;

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The name of a row: a group, an area, an age band, a period.
    Group,
    /// A value that was worked out before, such as a rate.
    Value,
    /// Those above the line.
    Numerator,
    /// Those below it.
    Denominator,
    /// People.
    Population,
    /// The lower 95 % limit of the value.
    Lower,
    /// The upper one.
    Upper,
    /// The sum of a measure.
    Sum,
    /// The sum of its squares.
    SumOfSquares,
    /// Events of the reference population.
    ReferenceEvents,
    /// The reference population.
    ReferencePopulation,
    /// Where a band begins.
    From,
    /// Where it ends.
    To,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Group,
        Self::Value,
        Self::Numerator,
        Self::Denominator,
        Self::Population,
        Self::Lower,
        Self::Upper,
        Self::Sum,
        Self::SumOfSquares,
        Self::ReferenceEvents,
        Self::ReferencePopulation,
        Self::From,
        Self::To,
    ];

    /// Its name, as it is given on a command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Value => "value",
            Self::Numerator => "numerator",
            Self::Denominator => "denominator",
            Self::Population => "population",
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Sum => "sum",
            Self::SumOfSquares => "sum_of_squares",
            Self::ReferenceEvents => "reference_events",
            Self::ReferencePopulation => "reference_population",
            Self::From => "from",
            Self::To => "to",
        }
    }

    /// What such columns are usually called, the likeliest first: small letters, without spaces and underscores.
    const fn usual(self) -> &'static [&'static str] {
        match self {
            Self::Group => &[
                "group",
                "category",
                "quantile",
                "quintile",
                "decile",
                "label",
                "area",
                "areacode",
                "areaname",
                "name",
                "age",
                "ageband",
                "period",
                "timeperiod",
                "month",
                "date",
            ],
            Self::Value => &["value", "rate", "estimate", "proportion", "percent", "y"],
            Self::Numerator => &[
                "numerator",
                "count",
                "events",
                "observed",
                "cases",
                "x",
                "o",
                "numeratorpublished",
            ],
            Self::Denominator => {
                &["denominator", "n", "total", "population", "denominatorpublished"]
            }
            Self::Population => &["population", "pop", "people", "denominator", "n"],
            Self::Lower => {
                &["lower", "lower95", "lowercl", "lowerci", "lower95.0cl", "lowerci95.0limit"]
            }
            Self::Upper => {
                &["upper", "upper95", "uppercl", "upperci", "upper95.0cl", "upperci95.0limit"]
            }
            Self::Sum => &["sum", "sumofvalues"],
            Self::SumOfSquares => &["sumofsquares", "sumsq", "squares"],
            Self::ReferenceEvents => {
                &["referenceevents", "refevents", "refcount", "standardevents"]
            }
            Self::ReferencePopulation => {
                &["referencepopulation", "refpopulation", "refpop", "standardpopulation"]
            }
            Self::From => &["from", "start", "low"],
            Self::To => &["to", "end", "high"],
        }
    }
}

/// A table's header and rows; of each row its number as a spreadsheet counts.
#[derive(Debug, Clone, Copy)]
pub struct Sheet<'a> {
    header: &'a [String],
    rows: &'a [(u64, Vec<String>)],
    named: &'a [(Role, String)],
}

impl<'a> Sheet<'a> {
    /// A table, and the columns that were named.
    ///
    /// # Errors
    /// [`CalculateError`] where there is no row, or there are more than [`MAX_ROWS`], or a named column is not there.
    pub fn new(
        header: &'a [String],
        rows: &'a [(u64, Vec<String>)],
        named: &'a [(Role, String)],
    ) -> Result<Self, CalculateError> {
        if rows.is_empty() {
            return Err(CalculateError::Empty);
        }
        if rows.len() > MAX_ROWS {
            return Err(CalculateError::TooMany);
        }
        let sheet = Self { header, rows, named };
        for (_, column) in named {
            sheet.place(column)?;
        }
        Ok(sheet)
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    fn place(&self, column: &str) -> Result<usize, CalculateError> {
        let found =
            self.header.iter().position(|name| name.trim().eq_ignore_ascii_case(column.trim()));
        found.ok_or_else(|| CalculateError::NoColumn {
            column: column.to_owned(),
            there: self.header.join(", "),
        })
    }

    fn find(&self, role: Role) -> Result<Option<usize>, CalculateError> {
        if let Some((_, column)) = self.named.iter().find(|(of, _)| *of == role) {
            return self.place(column).map(Some);
        }
        let bare = |name: &str| -> String {
            let kept = name.chars().filter(|c| !c.is_whitespace() && *c != '_');
            kept.flat_map(char::to_lowercase).collect()
        };
        let names: Vec<String> = self.header.iter().map(|name| bare(name)).collect();
        let usual = role.usual().iter();
        Ok(usual.filter_map(|name| names.iter().position(|own| own == name)).next())
    }

    /// Whether there is a column for it.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.find(role).is_ok_and(|found| found.is_some())
    }

    /// The names of the rows; their numbers where no column has names.
    ///
    /// # Errors
    /// [`CalculateError::NoColumn`].
    pub fn names(&self) -> Result<Vec<String>, CalculateError> {
        let place = self.find(Role::Group)?;
        let each = self.rows.iter().enumerate().map(|(at, (_, fields))| {
            let name = place.and_then(|place| fields.get(place)).map(|name| name.trim());
            name.map_or_else(|| (at + 1).to_string(), str::to_owned)
        });
        Ok(each.collect())
    }

    /// The numbers of a column; nothing where one is hidden or blank.
    ///
    /// # Errors
    /// [`CalculateError`] where there is no such column, or a field is neither a number nor a mark of a hidden one.
    pub fn maybe(&self, role: Role) -> Result<Vec<Option<f64>>, CalculateError> {
        let place = self.find(role)?.ok_or_else(|| CalculateError::NeedsColumn {
            role: role.as_str(),
            usual: role.usual().join(", "),
            there: self.header.join(", "),
        })?;
        let number = |(row, fields): &(u64, Vec<String>)| {
            let field = fields.get(place).map_or("", String::as_str);
            read(field).ok_or_else(|| CalculateError::Field {
                row: *row,
                column: self.header.get(place).cloned().unwrap_or_default(),
            })
        };
        self.rows.iter().map(number).collect()
    }

    /// The numbers of a column, all of which are needed.
    ///
    /// # Errors
    /// As of [`Sheet::maybe`]; [`CalculateError::Hidden`] with the row of the first that is hidden or blank.
    pub fn numbers(&self, role: Role) -> Result<Vec<f64>, CalculateError> {
        let all = self.maybe(role)?;
        let each = all.into_iter().zip(self.rows).map(|(number, (row, _))| {
            number.ok_or(CalculateError::Hidden { row: *row, column: role.as_str() })
        });
        each.collect()
    }

    /// The numbers of a column of counts.
    ///
    /// # Errors
    /// As of [`Sheet::numbers`]; [`CalculateError::NotWhole`] with the row of the first that is no whole number.
    pub fn counts(&self, role: Role) -> Result<Vec<u64>, CalculateError> {
        let numbers = self.numbers(role)?.into_iter().zip(self.rows);
        numbers
            .map(|(number, (row, _))| {
                whole(number).ok_or(CalculateError::NotWhole { row: *row, column: role.as_str() })
            })
            .collect()
    }
}

/// The greatest count that a number of floating point holds exactly.
const MOST: f64 = 9_007_199_254_740_992.0;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole, not negative and below 2^53"
)]
fn whole(number: f64) -> Option<u64> {
    ((0.0..=MOST).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

/// A field: a number, or nothing where it is hidden or blank; none where it is neither.
fn read(field: &str) -> Option<Option<f64>> {
    let text = field.trim();
    let hidden = ["", "[c]", "[x]", "[z]", "[low]", "c", "*", "na", "n/a", "-", "–"];
    if hidden.contains(&text.to_ascii_lowercase().as_str()) {
        return Some(None);
    }
    let plain: String = if grouped(text) { text.replace(',', "") } else { text.to_owned() };
    plain.parse::<f64>().ok().filter(|number| number.is_finite()).map(Some)
}

/// Whether commas stand where thousands end.
fn grouped(text: &str) -> bool {
    let whole = text.split('.').next().unwrap_or_default();
    let mut parts = whole.trim_start_matches(['-', '+']).split(',');
    let first = parts.next().unwrap_or_default();
    let mut rest = parts.peekable();
    rest.peek().is_some()
        && (1..=3).contains(&first.len())
        && rest.all(|part| part.len() == 3)
        && whole.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '-' | '+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(of: &[&[&str]]) -> Vec<(u64, Vec<String>)> {
        let each = of.iter().enumerate();
        each.map(|(at, row)| (at as u64 + 2, row.iter().map(|f| (*f).to_owned()).collect()))
            .collect()
    }

    fn header(of: &[&str]) -> Vec<String> {
        of.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn columns_are_found_by_their_usual_names_and_by_those_that_are_given() {
        let header = header(&["IMD quintile", "Count", "Lower CI 95.0 limit", "Pop"]);
        let rows = rows(&[&["1", "1,234", "0.5", "10"], &["2", "[c]", "", "1e3"]]);
        let named = [(Role::Group, "imd QUINTILE".to_owned())];
        let sheet = Sheet::new(&header, &rows, &named).expect("a table");
        assert_eq!(sheet.names().expect("names"), ["1", "2"]);
        assert_eq!(sheet.maybe(Role::Numerator).expect("counts"), [Some(1234.0), None]);
        assert_eq!(sheet.maybe(Role::Lower).expect("limits"), [Some(0.5), None]);
        assert_eq!(sheet.counts(Role::Population).expect("people"), [10, 1000]);
        let said = sheet.counts(Role::Numerator).expect_err("hidden").to_string();
        assert!(said.contains("row 3") && said.contains("hidden"), "{said}");
        assert!(!sheet.has(Role::Value));
    }

    #[test]
    fn what_is_no_number_is_told_by_row_and_column_alone() {
        let header = header(&["group", "value"]);
        for bad in ["abc", "7,23", "NaN", "inf", "1e999", "--3", "7,2345"] {
            let rows = rows(&[&["a", "1"], &["b", bad]]);
            let sheet = Sheet::new(&header, &rows, &[]).expect("a table");
            let said = sheet.maybe(Role::Value).expect_err(bad).to_string();
            assert!(
                said.contains("row 3") && said.contains("value") && !said.contains(bad),
                "{said}"
            );
        }
        let rows = rows(&[&["a", "1.5"]]);
        let sheet = Sheet::new(&header, &rows, &[]).expect("a table");
        assert!(sheet.counts(Role::Value).is_err());
        let said = sheet.numbers(Role::Population).expect_err("no such column").to_string();
        assert!(said.contains("--column population=") && said.contains("group, value"), "{said}");
        assert!(Sheet::new(&header, &[], &[]).is_err());
        let named = [(Role::Group, "area".to_owned())];
        assert!(Sheet::new(&header, &rows, &named).is_err());
    }
}
