//! Which unit an operator of a runtime belongs to.
//!
//! A runtime fuses operators and names the result after one of its parts, and it adds operators of its own: changes of
//! the memory layout, parts of an activation that it does not know. The former are told by the longest of our names that
//! theirs begins with. The latter count to the operator before them, but next to a squeeze-excite layer, whose scaling
//! makes runtimes change layouts around it, to that layer.
//!
//! Runtimes compute a residual addition within the convolution before it, under the name of the one or of the other, so
//! its time counts to that convolution ([`FOLDED`]).

use std::time::Duration;

use crate::export::LOGITS;
use crate::graph::{LatencyUnit, LayerGraph, UnitKind};
use crate::runtime::Profile;
use crate::spec::Place;

/// Units that get no time of their own.
pub const FOLDED: [UnitKind; 1] = [UnitKind::Add];

/// The units of a network by the names of their operators.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    units: Vec<(Place, LatencyUnit)>,
    /// Names that operators begin with, and the index of their unit.
    names: Vec<(String, usize)>,
}

/// The operators of a unit in some passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitTimes {
    /// How many operators belong to it.
    pub operators: usize,
    /// Their time together in every pass.
    pub passes: Vec<Duration>,
}

impl Attribution {
    /// The units of a graph.
    pub fn new(graph: &LayerGraph) -> Self {
        let mut units = Vec::new();
        let mut names = Vec::new();
        for span in graph.spans() {
            for (unit, nodes) in graph.units_with_nodes(span) {
                if !FOLDED.contains(&unit.family.kind) {
                    units.push((span.place, unit));
                }
                names.extend(nodes.iter().map(|node| (graph.name(node), units.len().saturating_sub(1))));
            }
        }
        // The last operator goes by the name of what it makes.
        names.push((LOGITS.to_owned(), units.len().saturating_sub(1)));
        Self { units, names }
    }

    /// The units in order, and where they stand.
    pub fn units(&self) -> &[(Place, LatencyUnit)] {
        &self.units
    }

    /// What a profile says of each unit.
    pub fn times(&self, profile: &Profile) -> Vec<UnitTimes> {
        let owners = self.owners(&profile.operators);
        let nothing = UnitTimes { operators: 0, passes: vec![Duration::ZERO; profile.passes.len()] };
        let mut times = vec![nothing; self.units.len()];
        for unit in owners.iter().flatten() {
            times[*unit].operators += 1;
        }
        for (pass, operators) in profile.passes.iter().enumerate() {
            for (owner, time) in owners.iter().zip(operators) {
                if let Some(unit) = owner {
                    times[*unit].passes[pass] += *time;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    /// Times in microseconds of operators by name, of one pass.
    fn times(network: &str, operators: &[(&str, u64)]) -> Vec<(String, u64)> {
        let graph = LayerGraph::lower(&spec::load(network).unwrap());
        let attribution = Attribution::new(&graph);
        let profile = Profile {
            operators: operators.iter().map(|(name, _)| (*name).to_owned()).collect(),
            passes: vec![operators.iter().map(|(_, us)| Duration::from_micros(*us)).collect()],
        };
        let times = attribution.times(&profile);
        let named = attribution.units().iter().zip(times).map(|((place, unit), times)| {
            (format!("{place} {}", unit.family.kind.name()), times.passes[0].as_micros() as u64)
        });
        named.filter(|(_, us)| *us > 0).collect()
    }

    fn expect(found: &[(String, u64)], expected: &[(&str, u64)]) {
        let found: Vec<(&str, u64)> = found.iter().map(|(name, us)| (name.as_str(), *us)).collect();
        assert_eq!(found, expected);
    }

    /// As ONNX Runtime names what it runs.
    #[test]
    fn changes_of_layout_count_to_the_squeeze_excite_that_needs_them() {
        let operators = [
            ("ReorderInput", 1000),
            ("stem.conv_nchwc", 1),
            ("blocks.0.depthwise_activation_nchwc", 2),
            ("ReorderOutput_token_9", 4),
            ("blocks.0.se.pool_nchwc", 8),
            ("blocks.0.se", 16),
            ("ReorderInput_token_3", 32),
            ("blocks.0.project_nchwc", 64),
            ("ReorderOutput_token_1", 128),
            ("blocks.1.expand_activation_nchwc", 256),
            ("blocks.10.expand_nchwc", 512),
        ];
        let expected = [
            ("stem conv", 1),
            ("blocks.0 depthwise", 2),
            ("blocks.0 squeeze_excite", 60),
            ("blocks.0 conv", 192),
            ("blocks.1 conv", 256),
            ("blocks.10 conv", 512),
        ];
        expect(&times("mobilenet_v3_small", &operators), &expected);
    }

    /// As tract names what it runs.
    #[test]
    fn an_addition_counts_to_its_convolution_and_the_logits_to_the_classifier() {
        let operators = [
            ("blocks.2.project.einsum.pack_a", 1),
            ("blocks.2.add.prefused", 2),
            ("head.2.linear.ab", 4),
            ("head.2.activation", 8),
            ("HardSigmoid_158", 16),
            ("logits.ab.pack_b", 32),
            ("logits.ab", 64),
        ];
        let expected = [("blocks.2 conv", 3), ("head.2 linear", 28), ("classifier classifier", 96)];
        expect(&times("mobilenet_v3_small", &operators), &expected);
    }
}
