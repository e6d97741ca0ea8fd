//! torchvision's names: `features.N`, then `classifier.N`.
//!
//! MobileNetV2 and MobileNetV3 number the layers of a block differently. A hidden linear layer tells them apart.

use super::{Module, TensorNames, Unnamed};
use crate::graph::{BlockSpan, LayerGraph, Node, Role};
use crate::spec::{BlockSpec, Place, block};

const PACKAGE: &str = "torchvision";

pub(super) fn names(graph: &LayerGraph) -> Result<TensorNames, Unnamed> {
    let numbering = Numbering::of(graph);
    TensorNames::by(graph, |span, node| {
        let path = numbering.path(span, node).ok_or_else(|| Unnamed::block(span, PACKAGE))?;
        Ok(match node.role {
            Role::Se => {
                Module::SqueezeExcite { reduce: format!("{path}.fc1"), expand: format!("{path}.fc2") }
            }
            _ => Module::One(path),
        })
    })
}

/// Which of the two families numbers the layers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V2,
    V3,
}

struct Numbering {
    family: Family,
    /// Blocks of the body; the convolution of the head comes after them.
    blocks: u32,
}

impl Numbering {
    fn of(graph: &LayerGraph) -> Self {
        let body = graph.spans().iter().filter(|span| matches!(span.place, Place::Block(_)));
        let has_hidden_linear = graph.spans().iter().any(is_hidden_linear);
        Self { family: if has_hidden_linear { Family::V3 } else { Family::V2 }, blocks: body.count() as u32 }
    }

    /// Path of the module of an operator; `None` where neither family has such a block.
    fn path(&self, span: &BlockSpan, node: &Node) -> Option<String> {
        match (span.place, &span.block) {
            (Place::Stem, BlockSpec::Conv(_)) => convolution("features.0", node.role),
            (Place::Block(n), BlockSpec::InvertedResidual(b)) => {
                self.inverted_residual(n + 1, span, b, node.role)
            }
            (Place::Head(0), BlockSpec::Conv(_)) => {
                convolution(&format!("features.{}", self.blocks + 1), node.role)
            }
            (Place::Head(2), BlockSpec::Linear(_)) => Some("classifier.0".to_owned()),
            (Place::Classifier, _) => Some(match self.family {
                Family::V2 => "classifier.1".to_owned(),
                Family::V3 => "classifier.3".to_owned(),
            }),
            _ => None,
        }
    }

    fn inverted_residual(
        &self,
        feature: u32,
        span: &BlockSpan,
        b: &block::InvertedResidual,
        role: Role,
    ) -> Option<String> {
        let expansion = u32::from(b.hidden != span.input.channels);
        let squeeze_excite = u32::from(b.squeeze.is_some());
        let layer = |index: u32, inner: &str| match self.family {
            Family::V2 => format!("features.{feature}.conv.{index}{inner}"),
            Family::V3 => format!("features.{feature}.block.{index}{inner}"),
        };
        let projection = expansion + 1 + squeeze_excite;
        match (role, self.family) {
            (Role::Expand, _) => Some(layer(0, ".0")),
            (Role::ExpandBn, _) => Some(layer(0, ".1")),
            (Role::Depthwise, _) => Some(layer(expansion, ".0")),
            (Role::DepthwiseBn, _) => Some(layer(expansion, ".1")),
            (Role::Se, Family::V3) => Some(layer(expansion + 1, "")),
            (Role::Project, Family::V2) => Some(layer(projection, "")),
            (Role::ProjectBn, Family::V2) => Some(layer(projection + 1, "")),
            (Role::Project, Family::V3) => Some(layer(projection, ".0")),
            (Role::ProjectBn, Family::V3) => Some(layer(projection, ".1")),
            _ => None,
        }
    }
}

fn is_hidden_linear(span: &BlockSpan) -> bool {
    matches!((span.place, &span.block), (Place::Head(_), BlockSpec::Linear(_)))
}

fn convolution(path: &str, role: Role) -> Option<String> {
    match role {
        Role::Conv => Some(format!("{path}.0")),
        Role::Bn => Some(format!("{path}.1")),
        _ => None,
    }
}
