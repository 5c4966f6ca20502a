//! The tables of a report, from the node's own extracts: one extract open at a time.

use evensum_core::catalogue::{Catalogue, Dataset, Indicator};
use evensum_core::disclosure::{internal, preview};
use evensum_core::model::{LevelId, Period};
use evensum_core::view::{Answer, Own, SystemView};

use super::super::exit::{Exit, Failure, OrExit};
use super::super::own_extracts::{Counted, Lack, OwnExtracts};
use super::super::report_form::LEVELS;
use super::super::terminal;
use super::Figures;
use crate::present::report::Missing;

/// What a report is made of.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) answers: Vec<Answer>,
    pub(super) missing: Vec<Missing>,
}

/// Where it is counted, and what becomes of it.
pub(super) struct Desk<'a> {
    pub(super) own: OwnExtracts<'a>,
    pub(super) figures: Figures,
    /// What the organisation is called.
    pub(super) name: String,
}

impl Desk<'_> {
    /// Every table of the pack.
    pub(super) fn gather(
        &mut self,
        indicators: &[&Indicator],
        months: &[Period],
    ) -> Result<Gathered, Failure> {
        let catalogue = self.own.catalogue;
        let levels: Result<Vec<LevelId>, _> = LEVELS.iter().map(|l| LevelId::new(*l)).collect();
        let levels = levels.or_exit(Exit::Fault)?;
        let of_pack = |d: &&Dataset| indicators.iter().any(|i| i.dataset == d.id);
        let mut gathered = Gathered::default();
        let all = indicators.len() * months.len();
        let bar = terminal::bar(u64::try_from(all).unwrap_or(u64::MAX), "counting");
        for dataset in catalogue.datasets().iter().filter(of_pack) {
            let own = indicators.iter().copied().filter(|i| i.dataset == dataset.id);
            let own: Vec<&Indicator> = own.collect();
            for month in months {
                for indicator in &own {
                    if let Some(period) = dataset.periods.ending_in(*month) {
                        self.tables(indicator, &levels, period, &mut gathered)?;
                    }
                    bar.inc(1);
                }
                self.own.close();
            }
        }
        bar.finish_and_clear();
        Ok(gathered)
    }

    /// One indicator of one extract, by each level that it is broken down by.
    fn tables(
        &mut self,
        indicator: &Indicator,
        levels: &[LevelId],
        period: Period,
        gathered: &mut Gathered,
    ) -> Result<(), Failure> {
        let broken_down = |level: &&LevelId| indicator.breakdowns.contains(&level.dimension());
        for level in levels.iter().filter(broken_down) {
            match self.own.counted(indicator, std::slice::from_ref(level), period)? {
                Ok(counted) => gathered.answers.push(self.answer(counted)?),
                Err(lack) => {
                    let whole = matches!(lack, Lack::Nothing | Lack::Deleted(_));
                    gathered.missing.push(Missing {
                        indicator: indicator.id.clone(),
                        by: (!whole).then(|| by_what(level, self.own.catalogue)),
                        period: Some(period),
                        why: lack.says(),
                    });
                    if whole {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn answer(&self, counted: Counted) -> Result<Answer, Failure> {
        let Counted { plan, raw, snapshot } = counted;
        let manifest = snapshot.manifest();
        let own = Own {
            ods: self.own.server.ods.clone(),
            name: self.name.clone(),
            snapshot: manifest.snapshot_id,
            as_of: manifest.as_of,
            version: manifest.version,
            imd_edition: manifest.imd_edition,
        };
        let catalogue = self.own.catalogue;
        let view = match self.figures {
            Figures::Exact => {
                let internal = internal(&plan, raw).or_exit(Exit::Fault)?;
                SystemView::local_exact(internal, own, catalogue)
            }
            Figures::Under(_) => {
                let preview = preview(&plan, raw).or_exit(Exit::Data)?;
                SystemView::local_protected(preview, own, catalogue)
            }
        };
        Ok(view.or_exit(Exit::Fault)?.into_answer())
    }
}

fn by_what(level: &LevelId, catalogue: &Catalogue) -> String {
    catalogue.level(level).map_or_else(|_| level.to_string(), |(d, _)| d.name.to_lowercase())
}
