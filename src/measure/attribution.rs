//! Which part of a network an operator of a runtime belongs to.
//!
//! A runtime fuses operators and names the result after one of its parts, and it adds operators of its own: changes of
//! the memory layout, parts of an activation that it does not know. The former are told by the longest of our names that
//! theirs begins with. The latter count to the operator before them, but next to a squeeze-excite layer, whose scaling
//! makes runtimes change layouts around it, to that layer.
//!
//! Runtimes compute a residual addition within the convolution before it, under the name of the one or of the other. The
//! two are one part here, and [`super::additions`] tells them apart.

use std::time::Duration;

use crate::export::LOGITS;
use crate::graph::{LatencyUnit, LayerGraph, UnitKind};
use crate::runtime::Profile;
use crate::spec::Place;

/// The units of a network by the names of their operators.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    parts: Vec<Part>,
    /// Names that operators begin with, and the index of their part.
    names: Vec<(String, usize)>,
}

/// What is timed as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it stands.
    pub place: Place,
    /// The unit.
    pub unit: LatencyUnit,
    /// The residual addition behind it.
    pub addition: Option<LatencyUnit>,
}

/// The operators of a part in some passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartTimes {
    /// How many operators belong to it.
    pub operators: usize,
    /// Their time together in every pass.
    pub passes: Vec<Duration>,
}

impl Attribution {
    /// The units of a graph.
    pub fn new(graph: &LayerGraph) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let mut names = Vec::new();
        for span in graph.spans() {
            for (unit, nodes) in graph.units_with_nodes(span) {
                match parts.last_mut() {
                    Some(part) if unit.family.kind == UnitKind::Add => part.addition = Some(unit),
                    _ => parts.push(Part { place: span.place, unit, addition: None }),
                }
                names.extend(nodes.iter().map(|node| (graph.name(node), parts.len() - 1)));
            }
        }
        // The last operator goes by the name of what it makes.
        names.push((LOGITS.to_owned(), parts.len().saturating_sub(1)));
        Self { parts, names }
    }

    /// The parts in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What a profile says of each part.
    pub fn times(&self, profile: &Profile) -> Vec<PartTimes> {
        let owners = self.owners(&profile.operators);
        let nothing = PartTimes { operators: 0, passes: vec![Duration::ZERO; profile.passes.len()] };
        let mut times = vec![nothing; self.parts.len()];
        for part in owners.iter().flatten() {
            times[*part].operators += 1;
        }
        for (pass, operators) in profile.passes.iter().enumerate() {
            for (owner, time) in owners.iter().zip(operators) {
                if let Some(part) = owner {
                    times[*part].passes[pass] += *time;
                }
            }
        }
        times
    }

    /// The part of every operator; those before the first part belong to none.
    fn owners(&self, operators: &[String]) -> Vec<Option<usize>> {
        let named: Vec<Option<usize>> = operators.iter().map(|name| self.named(name)).collect();
        let is_squeeze_excite = |part: &usize| self.parts[*part].unit.family.kind == UnitKind::SqueezeExcite;
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
        ours.max_by_key(|(name, _)| name.len()).map(|(_, part)| *part)
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
            unwatched: Vec::new(),
        };
        let times = attribution.times(&profile);
        let named = attribution.parts().iter().zip(times).map(|(part, times)| {
            (format!("{} {}", part.place, part.unit.family.kind.name()), times.passes[0].as_micros() as u64)
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
