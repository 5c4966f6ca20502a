//! How often each band of an outcome occurs, and how that depends on deprivation: what an indicator calls worse is rarer,
//! and less rare in deprived areas.

use evensum_core::catalogue::{Catalogue, Dataset, Partition, Polarity};
use evensum_core::model::CategoryId;

use super::super::draw::Weights;

/// A band's weight in the middle, and which way it goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    weight: u64,
    /// 1 where it is more frequent in deprived areas, -1 where less, 0 where alike.
    slope: i64,
}

/// Weights of waits, the shortest first; further ones are like the last.
const WAITS: [u64; 6] = [5_600, 3_400, 500, 250, 150, 100];

pub(super) fn shares(dataset: &Dataset, catalogue: &Catalogue) -> Vec<Share> {
    let bands = dataset.outcome.bands();
    let scored = bands.iter().enumerate().map(|(at, (id, _))| {
        let score = score(dataset, catalogue, id);
        let weight = match &dataset.outcome.made_of {
            Partition::Weeks { .. } => WAITS[at.min(WAITS.len() - 1)],
            Partition::Stay { bands: stays, .. } => {
                let rank =
                    stays.iter().filter(|b| b.left == stays[at].left && b.from < stays[at].from);
                let weight = [6_000, 2_500, 900][rank.count().min(2)];
                if stays[at].left { weight / 15 } else { weight }
            }
            _ if score < 0 => 700,
            _ if score == 0 => 350,
            _ => 160,
        };
        Share { weight, slope: score.signum() }
    });
    scored.collect()
}

/// How many indicators call a band worse, less how many call it better.
fn score(dataset: &Dataset, catalogue: &Catalogue, band: &CategoryId) -> i64 {
    let own = catalogue.indicators().iter().filter(|i| i.dataset == dataset.id);
    own.filter_map(|indicator| {
        let rollup = dataset.outcome.rollup(&indicator.numerator)?;
        let worse = match indicator.polarity {
            Polarity::LowerIsBetter => 1,
            Polarity::HigherIsBetter => -1,
            Polarity::Neutral => 0,
        };
        Some(if rollup.of.contains(band) { worse } else { 0 })
    })
    .sum()
}

/// The weights of the bands for people of a tenth of areas.
pub(super) fn of_decile(shares: &[Share], decile: i64) -> Weights {
    Weights::new(shares.iter().map(|share| {
        let tilt = 1_000 + share.slope * (11 - 2 * decile) * 40;
        share.weight * u64::try_from(tilt).unwrap_or_default()
    }))
}
