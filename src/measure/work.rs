//! How much there is to measure.

use super::session::WARM_UP;
use super::{Plan, Settings, carriers};
use crate::graph::LayerGraph;

/// What a measurement consists of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Networks that the blocks are chained into.
    pub carriers: usize,
    /// Visits of them in all.
    pub visits: usize,
    /// Multiply-adds in all.
    pub madds: u64,
}

/// What a visit takes beside computing: loading a network, and the sentinel. On a server; several times that on a phone.
const SECONDS_OF_A_VISIT: f64 = 0.12;

impl Work {
    /// Of a plan.
    pub fn of(plan: &Plan, settings: &Settings) -> Self {
        // Those of the other rounds are about as many and as large.
        let carriers = carriers(plan, settings.surrounding, settings.seed, 0);
        let madds =
            |graph: LayerGraph| -> u64 { graph.spans().iter().map(|span| graph.cost_of(span).madds).sum() };
        let pass: u64 = carriers.iter().map(|carrier| madds(LayerGraph::lower(&carrier.network))).sum();
        Self {
            carriers: carriers.len(),
            visits: carriers.len() * settings.rounds,
            // Watched and unwatched.
            madds: pass * (settings.rounds * 2 * (WARM_UP + settings.passes)) as u64,
        }
    }

    /// Its time on a device that computes so many multiply-adds a second.
    pub fn seconds(&self, madds_per_second: f64) -> f64 {
        self.madds as f64 / madds_per_second + SECONDS_OF_A_VISIT * self.visits as f64
    }
}
