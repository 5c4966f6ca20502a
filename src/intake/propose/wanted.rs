//! What a dataset asks of an extract, as the catalogue has it: columns, which of them may stand for each other, and
//! what a field must hold to be one.

use evensum_core::catalogue::{
    Catalogue, Condition, Dataset, DatedBy, Dimension, FieldKind, Outcome, Partition,
};

use super::super::event::{self, CLOCK_START, DEPARTURE, LEFT, MINUTES, WEEKS};
use super::super::mapping::{column_names, dataset_dimensions, origins};
use super::head::Field;
use super::labels::{self, Codes, Meaning};
use super::{calendar, shapes};

/// One thing that is wanted, from the first of these columns that a file has.
pub(super) struct Wanted<'a> {
    pub(super) required: bool,
    pub(super) columns: Vec<Column<'a>>,
}

/// A column of a dataset.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    /// What the catalogue calls it.
    pub(super) title: &'a str,
    pub(super) holds: Holds<'a>,
}

/// What a field holds that is this column.
pub(super) enum Holds<'a> {
    Person,
    Birth,
    Date,
    Time,
    Number,
    Area,
    Postcode,
    Age,
    Coded(Codes<'a>),
    /// Codes of which rules name some.
    Ruled(Vec<&'a Condition>),
}

/// Everything that a dataset wants, the person first.
pub(super) fn of<'a>(dataset: &'a Dataset, catalogue: &'a Catalogue) -> Vec<Wanted<'a>> {
    let one = |name: &'a str, title: &'a str, holds| Column { name, title, holds };
    let mut all =
        vec![Wanted { required: true, columns: vec![one("person", "Person", Holds::Person)] }];
    if let DatedBy::Event(column) = &dataset.dated_by {
        let columns = vec![one(column.as_str(), "", Holds::Date)];
        all.push(Wanted { required: true, columns });
    }
    all.extend(of_outcome(&dataset.outcome));
    for dimension in dataset_dimensions(dataset, catalogue) {
        let columns: Vec<Column<'_>> = origins(dimension)
            .into_iter()
            .filter_map(|name| of_dimension(name, dimension))
            .collect();
        // A file of pathways without treatment functions is of use; one without a characteristic is, too.
        all.push(Wanted { required: false, columns });
    }
    for measure in &dataset.measures {
        let columns = vec![one(measure.id.as_str(), &measure.name, Holds::Number)];
        all.push(Wanted { required: false, columns });
    }
    // What the mapping does not know it would refuse.
    let known = column_names(dataset, catalogue);
    for wanted in &mut all {
        wanted.columns.retain(|c| known.contains(&c.name));
    }
    all.retain(|w| !w.columns.is_empty());
    all
}

fn of_outcome(outcome: &Outcome) -> Vec<Wanted<'_>> {
    let column = |name, holds| Column { name, title: "", holds };
    let wanted = |required, columns| Wanted { required, columns };
    match &outcome.made_of {
        Partition::Weeks { .. } => {
            vec![wanted(true, vec![column(CLOCK_START, Holds::Date), column(WEEKS, Holds::Number)])]
        }
        Partition::Codes { .. } => {
            let name = outcome.column.as_str();
            let holds = Holds::Coded(Codes::Outcome(outcome));
            vec![wanted(true, vec![Column { name, title: &outcome.name, holds }])]
        }
        Partition::Stay { .. } => vec![
            wanted(false, vec![column(event::ARRIVAL_TIME, Holds::Time)]),
            wanted(true, vec![column(DEPARTURE, Holds::Date), column(MINUTES, Holds::Number)]),
            wanted(false, vec![column(event::DEPARTURE_TIME, Holds::Time)]),
            wanted(true, vec![column(LEFT, Holds::Coded(Codes::YesNo(LEFT)))]),
        ],
        Partition::Rules { fields, bands, outside } => {
            let each = fields.iter().map(|field| {
                let of = |c: &&Condition| c.column == field.column;
                let in_bands = bands.iter().flat_map(|b| &b.when);
                let conditions = in_bands.chain(outside.iter().flat_map(|o| &o.when)).filter(of);
                let holds = match field.kind {
                    FieldKind::YesNo => Holds::Coded(Codes::YesNo(field.column.as_str())),
                    FieldKind::Number => Holds::Number,
                    FieldKind::Code => Holds::Ruled(conditions.collect()),
                };
                let (name, title) = (field.column.as_str(), field.name.as_str());
                wanted(true, vec![Column { name, title, holds }])
            });
            each.collect()
        }
    }
}

fn of_dimension<'a>(name: &'a str, dimension: &'a Dimension) -> Option<Column<'a>> {
    let own = name == dimension.column.as_str();
    let holds = match name {
        "lsoa" => Holds::Area,
        "postcode" => Holds::Postcode,
        "birth_date" => Holds::Birth,
        "age" => Holds::Age,
        _ => Holds::Coded(Codes::of_dimension(dimension)?),
    };
    Some(Column { name, title: if own { &dimension.name } else { "" }, holds })
}

impl Holds<'_> {
    /// How much of a field is what this column holds, from 0 to 1.
    pub(super) fn share(&self, field: &Field) -> f64 {
        let dates = || field.share(|v| calendar::written(v).is_some());
        match self {
            // Somebody may have many rows, and not all rows be of a few people.
            Self::Person => (field.variety() / 0.2).min(1.0),
            Self::Birth | Self::Date => dates(),
            Self::Time => field.share(shapes::time),
            Self::Number => field.share(shapes::number),
            Self::Area => field.share(shapes::small_area),
            Self::Postcode => field.share(shapes::postcode),
            Self::Age => field.share(|v| shapes::whole_number(v).is_some_and(|n| n <= 120)),
            Self::Coded(codes) => field.share(|v| codes.meaning(v) != Meaning::None),
            // Rules name the codes that they ask for, and seldom all that there are.
            Self::Ruled(conditions) => {
                let named = field.share(|v| conditions.iter().any(|c| names(c, v)));
                if named > 0.0 { 0.7 + 0.3 * named } else { 0.5 }
            }
        }
    }

    /// The codes of a coded column.
    pub(super) const fn codes(&self) -> Option<&Codes<'_>> {
        match self {
            Self::Coded(codes) => Some(codes),
            _ => None,
        }
    }

    /// Whether dates stand there.
    pub(super) const fn dated(&self) -> bool {
        matches!(self, Self::Birth | Self::Date)
    }

    /// Whether the outcome is a code, which a mapping may translate.
    pub(super) fn translated(&self) -> bool {
        match self {
            Self::Coded(Codes::Outcome(outcome)) => labels::coded(outcome),
            Self::Coded(_) => true,
            _ => false,
        }
    }
}

fn names(condition: &Condition, value: &str) -> bool {
    let code: String = value.chars().filter(|c| !c.is_whitespace() && *c != '.').collect();
    condition.names(&code)
}
