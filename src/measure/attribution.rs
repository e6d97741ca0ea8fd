//! Which unit an operator of a runtime belongs to.
//!
//! A runtime fuses operators and names the result after one of its parts, and it adds operators of its own: changes of
//! the memory layout, parts of an activation that it does not know. The former are told by the longest of our names that
//! theirs begins with. The latter count to the operator before them, but next to a squeeze-excite layer, whose scaling
//! makes runtimes change layouts around it, to that layer.

use std::time::Duration;

use crate::graph::{LatencyUnit, LayerGraph, UnitKind};
use crate::runtime::Profile;
use crate::spec::Place;

/// The units of a network by the names of their operators.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    units: Vec<(Place, LatencyUnit)>,
    /// Names that operators begin with, and the index of their unit.
    names: Vec<(String, usize)>,
}

impl Attribution {
    /// The units of a graph.
    pub fn new(graph: &LayerGraph) -> Self {
        let mut units = Vec::new();
        let mut names = Vec::new();
        for span in graph.spans() {
            for (unit, nodes) in graph.units_with_nodes(span) {
                names.extend(nodes.iter().map(|node| (graph.name(node), units.len())));
                units.push((span.place, unit));
            }
        }
        Self { units, names }
    }

    /// The units in order, and where they stand.
    pub fn units(&self) -> &[(Place, LatencyUnit)] {
        &self.units
    }

    /// For each unit its time in every pass.
    pub fn times(&self, profile: &Profile) -> Vec<Vec<Duration>> {
        let owners = self.owners(&profile.operators);
        let mut times = vec![vec![Duration::ZERO; profile.passes.len()]; self.units.len()];
        for (pass, operators) in profile.passes.iter().enumerate() {
            for (owner, time) in owners.iter().zip(operators) {
                if let Some(unit) = owner {
                    times[*unit][pass] += *time;
                }
            }
        }
        times
    }

    /// The unit of every operator; those before the first unit belong to none.
    fn owners(&self, operators: &[String]) -> Vec<Option<usize>> {
        let named: Vec<Option<usize>> = operators.iter().map(|name| self.named(name)).collect();
        let is_squeeze_excite =
            |unit: &usize| self.units[*unit].1.family.kind == UnitKind::SqueezeExcite;
        (0..operators.len())
            .map(|at| {
                let before = named[..=at].iter().rev().flatten().next().copied();
                let behind = named[at..].iter().flatten().next().copied();
                named[at].or(behind.filter(is_squeeze_excite)).or(before)
            })
            .collect()
    }

    fn named(&self, operator: &str) -> Option<usize> {
        let ours = self.names.iter().filter(|(name, _)| operator.starts_with(name.as_str()));
        ours.max_by_key(|(name, _)| name.len()).map(|(_, unit)| *unit)
    }
}
