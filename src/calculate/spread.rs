//! Measures of groups beside each other: concentration, disproportion, impact.

use evensum_core::statistics::{
    Group, NotComputable, Reference, Weighting, absolute_concentration, attributable_fraction,
    attributable_risk, between_group_deviation, between_group_variance, coefficient_of_variation,
    erreygers, events_avoided, index_of_disparity, mean_difference_from, mean_difference_from_best,
    mean_difference_from_mean, mean_log_deviation, relative_concentration, theil, wagstaff,
};

use super::measure::{Given, Line, Options};
use super::{CalculateError, Role, Sheet};

type Groups = [Group<f64>];

/// Every group; the first that is hidden where one is.
fn groups(sheet: &Sheet<'_>) -> Result<Result<Vec<Group<f64>>, NotComputable>, CalculateError> {
    let each = sheet.maybe(Role::Value)?.into_iter().zip(sheet.maybe(Role::Population)?);
    let group = |(at, (value, population)): (usize, (Option<f64>, Option<f64>))| {
        let (value, population) =
            value.zip(population).ok_or(NotComputable::Missing { group: at + 1 })?;
        Ok(Group { value, population })
    };
    Ok(each.enumerate().map(group).collect())
}

/// A number of a measure: its name, its unit, and how it is worked out.
type Number<'a> = (&'static str, &'static str, &'a dyn Fn(&Groups) -> Result<f64, NotComputable>);

fn all(
    sheet: &Sheet<'_>,
    method: &str,
    numbers: &[Number<'_>],
) -> Result<Vec<Line>, CalculateError> {
    let groups = groups(sheet)?;
    let line = |(name, unit, of): &Number<'_>| {
        let given = groups.clone().and_then(|groups| of(&groups)).map(Given::point);
        Line::new(name, given, unit, method)
    };
    Ok(numbers.iter().map(line).collect())
}

pub(super) fn concentration(sheet: &Sheet<'_>) -> Result<Vec<Line>, CalculateError> {
    let method = "over the cumulative share of people, the most deprived first";
    all(
        sheet,
        method,
        &[
            ("aci", "unit of the value", &|g| absolute_concentration(g)),
            ("rci", "from -1 to 1", &|g| relative_concentration(g)),
            ("wagstaff", "from -1 to 1", &|g| wagstaff(g)),
            ("erreygers", "from -1 to 1", &|g| erreygers(g)),
        ],
    )
}

pub(super) fn disproportion(
    sheet: &Sheet<'_>,
    options: &Options,
) -> Result<Vec<Line>, CalculateError> {
    const UNIT: &str = "unit of the value";
    const THOUSANDS: &str = "thousandths";
    const PER_CENT: &str = "per cent";
    use Weighting::{Equal, Population};
    let better = options.better;
    let mut numbers: Vec<Number<'_>> = vec![
        ("bgv", "its square", &|g| between_group_variance(g)),
        ("bgsd", UNIT, &|g| between_group_deviation(g)),
        ("cov", PER_CENT, &|g| coefficient_of_variation(g)),
        ("theil", THOUSANDS, &|g| theil(g)),
        ("mld", THOUSANDS, &|g| mean_log_deviation(g)),
        ("idis_unweighted", PER_CENT, &|g| index_of_disparity(g, Equal)),
        ("idis_weighted", PER_CENT, &|g| index_of_disparity(g, Population)),
        ("mdm_unweighted", UNIT, &|g| mean_difference_from_mean(g, Equal)),
        ("mdm_weighted", UNIT, &|g| mean_difference_from_mean(g, Population)),
    ];
    let unweighted = move |g: &Groups| mean_difference_from_best(g, better, Equal);
    numbers.push(("mdb_unweighted", UNIT, &unweighted));
    let weighted = move |g: &Groups| mean_difference_from_best(g, better, Population);
    numbers.push(("mdb_weighted", UNIT, &weighted));
    let reference = options.reference.as_ref().map(|name| place(sheet, name)).transpose()?;
    let at = reference.unwrap_or_default();
    let equal = move |g: &Groups| mean_difference_from(g, at, Equal);
    let by_people = move |g: &Groups| mean_difference_from(g, at, Population);
    if reference.is_some() {
        numbers.push(("mdr_unweighted", UNIT, &equal));
        numbers.push(("mdr_weighted", UNIT, &by_people));
    }
    all(sheet, "groups in no order (WHO HEAT)", &numbers)
}

/// The place of a row by its name.
fn place(sheet: &Sheet<'_>, name: &str) -> Result<usize, CalculateError> {
    let found = sheet.names()?.iter().position(|own| own == name);
    found.ok_or_else(|| CalculateError::NoRow { name: name.to_owned() })
}

pub(super) fn impact(sheet: &Sheet<'_>, options: &Options) -> Result<Vec<Line>, CalculateError> {
    let reference = if options.ordered { Reference::MostAdvantaged } else { Reference::Best };
    let method = match reference {
        Reference::MostAdvantaged => "against the last row, the most advantaged",
        Reference::Best => "against the best row",
    };
    let (better, per) = (options.better, options.per.unwrap_or(1.0));
    all(
        sheet,
        method,
        &[
            ("par", "unit of the value", &|g| attributable_risk(g, reference, better)),
            ("paf", "per cent", &|g| attributable_fraction(g, reference, better)),
            ("avoided", "events, of values per person", &|g| {
                events_avoided(g, reference, better, per)
            }),
        ],
    )
}
