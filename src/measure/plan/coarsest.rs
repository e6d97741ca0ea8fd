//! How coarse a grid of channels may be, by what another table says of the networks in question.
//!
//! A finished table of any device shows what a grid would have cost there: rows that the grid leaves out are taken away,
//! and networks are predicted with and without them.

use miette::Diagnostic;

use super::Wanted;
use crate::graph::LayerGraph;
use crate::latency::{LatencyTable, MissingRows};

/// Ratios of channel counts that are tried, the coarsest first; 1 leaves nothing out.
const RATIOS: [f64; 11] = [4.0, 3.0, 2.5, 2.0, 1.75, 1.5, 1.4, 1.3, 1.2, 1.1, 1.0];

/// The share of networks whose error is within the stated one.
const SHARE: f64 = 0.95;

/// A grid of channels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Factor by which the channels of a unit without a row may differ from those of one with a row.
    pub ratio: f64,
    /// What interpolation changes of the latency of most networks, as a fraction.
    pub error: f64,
}

/// A table that says nothing of a grid.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{source}, so it does not tell what a grid would cost")]
#[diagnostic(help("name a table with rows for this space with --like, or give --grid"))]
pub struct NoGrid {
    source: MissingRows,
}

impl Wanted {
    /// The coarsest grid with which the predicted latencies of 95 % of these networks change by at most `error`, a
    /// fraction, if the device is like that of a table.
    ///
    /// # Errors
    /// If the table lacks rows of the networks.
    pub fn coarsest_grid(
        &self,
        networks: &[LayerGraph],
        like: &LatencyTable,
        error: f64,
    ) -> Result<Grid, NoGrid> {
        let ms = |table: &LatencyTable| -> Result<Vec<f64>, MissingRows> {
            networks.iter().map(|graph| Ok(table.predict(graph)?.latency_ms)).collect()
        };
        let all = ms(like).map_err(|source| NoGrid { source })?;
        let units = self.units();
        let grid = |ratio: f64| {
            let chosen = super::grid::thinned(&units, ratio);
            // A grid that leaves too few rows to interpolate from is none.
            let interpolated =
                ms(&like.without(|unit| units.contains(unit) && !chosen.contains(unit))).ok()?;
            let mut errors: Vec<f64> =
                interpolated.iter().zip(&all).map(|(some, all)| (some / all - 1.0).abs()).collect();
            errors.sort_by(f64::total_cmp);
            let most = (errors.len() as f64 * SHARE).ceil() as usize;
            Some(Grid { ratio, error: errors.get(most.saturating_sub(1)).copied().unwrap_or(0.0) })
        };
        let found = RATIOS.into_iter().filter_map(grid).find(|grid| grid.error <= error);
        Ok(found.unwrap_or(Grid { ratio: 1.0, error: 0.0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{latency, seed, space};

    fn found(error: f64) -> Grid {
        let space = space::load("mobilenet_v3").unwrap();
        let mut wanted = Wanted::default();
        wanted.space(&space);
        let networks = space.draw_networks(60, &mut seed::rng(0, "networks", 0));
        let graphs: Vec<LayerGraph> = networks.iter().map(LayerGraph::lower).collect();
        wanted.coarsest_grid(&graphs, &latency::load("x86-64-tract-224.csv").unwrap(), error).unwrap()
    }

    #[test]
    fn the_less_error_is_allowed_the_finer_is_the_grid() {
        let (coarse, fine, none) = (found(0.2), found(0.006), found(0.0));
        assert!(coarse.ratio > fine.ratio && fine.ratio > 1.0, "{coarse:?} {fine:?}");
        assert!(coarse.error <= 0.2 && fine.error <= 0.006);
        assert_eq!(none, Grid { ratio: 1.0, error: 0.0 });
    }

    #[test]
    fn a_table_without_rows_for_the_networks_says_nothing() {
        let space = space::load("mobilenet_v3_small_images").unwrap();
        let mut wanted = Wanted::default();
        wanted.space(&space);
        let network = space.draw_networks(1, &mut seed::rng(0, "networks", 0)).remove(0);
        let other = latency::load("pixel-latency.csv").unwrap();
        let error = wanted.coarsest_grid(&[LayerGraph::lower(&network)], &other, 0.05).unwrap_err();
        assert!(error.to_string().contains("pixel-latency.csv has no row for"), "{error}");
    }
}
