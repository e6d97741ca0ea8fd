//! A search space under a device's latency table, as strategies see it.

use crate::graph::{LayerGraph, Shape, Surroundings};
use crate::latency::{LatencyTable, MissingRows, Prediction};
use crate::search::Domain;
use crate::space::{Genotype, SearchSpace, Step};
use crate::spec::NetworkSpec;

/// A space whose every network has a predicted latency.
#[derive(Debug)]
pub struct LatencyProblem<'a> {
    space: &'a SearchSpace,
    table: &'a LatencyTable,
    fastest: Genotype,
}

impl<'a> LatencyProblem<'a> {
    /// Checks that the table covers the space, and finds its fastest network.
    ///
    /// # Errors
    /// The rows that some network of the space needs and the table cannot give.
    pub fn new(space: &'a SearchSpace, table: &'a LatencyTable) -> Result<Self, MissingRows> {
        let mut missing: Option<MissingRows> = None;
        let (_, fastest) = space.cheapest(&mut |step| match step_ms(space, table, step) {
            Ok(ms) => ms,
            Err(more) => {
                match &mut missing {
                    Some(known) => known.units.extend(more.units),
                    none => *none = Some(more),
                }
                0.0
            }
        });
        match missing {
            Some(mut missing) => {
                missing.units.sort();
                missing.units.dedup();
                Err(missing)
            }
            None => Ok(Self { space, table, fastest }),
        }
    }

    /// The network of a genotype.
    pub fn decode(&self, genotype: &Genotype) -> NetworkSpec {
        self.space.decode(genotype)
    }

    /// Predicted latency of a network of this space.
    ///
    /// # Errors
    /// Never for a network of the space.
    pub fn predict(&self, spec: &NetworkSpec) -> Result<Prediction, MissingRows> {
        self.table.predict(&LayerGraph::lower(spec))
    }

    /// The smallest latency of the space.
    pub fn smallest_latency_ms(&self) -> f64 {
        self.latency_ms(&self.fastest)
    }
}

fn step_ms(space: &SearchSpace, table: &LatencyTable, step: Step) -> Result<f64, MissingRows> {
    let (padding, batch_norm) = space.conventions();
    let input = Shape { height: step.side, width: step.side, channels: step.channels };
    let around = Surroundings { input, classes: space.classes(), padding, batch_norm };
    let graph = LayerGraph::lower_block(step.block.as_ref(), around);
    graph.spans().iter().map(|span| table.span_ms(&graph, span)).sum()
}

impl Domain for LatencyProblem<'_> {
    fn arity(&self) -> &[usize] {
        self.space.arity()
    }

    fn canonical(&self, genotype: &Genotype) -> Genotype {
        self.space.canonical(genotype)
    }

    fn key(&self, genotype: &Genotype) -> u64 {
        self.space.decode(genotype).arch_id().as_u64()
    }

    fn latency_ms(&self, genotype: &Genotype) -> f64 {
        // A network without a prediction meets no budget.
        self.predict(&self.decode(genotype)).map_or(f64::INFINITY, |p| p.latency_ms)
    }

    fn fastest(&self) -> Genotype {
        self.fastest.clone()
    }
}
