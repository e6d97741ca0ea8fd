//! The tensors of a PyTorch module that is a network: names, shapes and what each holds.
//!
//! A naming says which module stands for an operator; everything else follows from the operator.

mod timm;
mod torchvision;

use std::convert::Infallible;

use crate::graph::ops::{Operation, Operator};
use crate::graph::{BlockSpan, LayerGraph, Layout, Node};
use crate::spec::Place;

/// The last part of the name of batch norm's count of batches, which PyTorch keeps and nothing reads.
pub const BATCH_COUNT: &str = "num_batches_tracked";

/// The PyTorch modules that hold the tensors of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Module {
    /// `nn.Conv2d`, `nn.BatchNorm2d` or `nn.Linear`, by its path.
    One(String),
    /// A linear layer as a 1x1 `nn.Conv2d` with bias.
    PointwiseLinear(String),
    /// The layers of squeeze-excite, each a 1x1 `nn.Conv2d` with bias.
    SqueezeExcite {
        /// Path of the layer that narrows.
        reduce: String,
        /// Path of the layer that widens.
        expand: String,
    },
}

/// What a tensor of a PyTorch module holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The tensor with this path.
    Values {
        /// Its path in the network.
        path: String,
        /// Its dimensions in the network.
        shape: Vec<usize>,
        /// How it lies in memory on both sides.
        layout: Layout,
    },
    /// Batch norm's count of batches, an `int64` without dimensions.
    BatchCount,
}

/// A tensor of a PyTorch module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTensor {
    /// Its name in the module's state dict.
    pub name: String,
    /// Its dimensions there.
    pub shape: Vec<usize>,
    /// What it holds.
    pub content: Content,
}

/// All tensors of a PyTorch module, in the order of the network's operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorNames(Vec<NamedTensor>);

/// A naming has no name for a part of the network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} is {what}, which no network of {package} has there")]
pub struct Unnamed {
    /// Where the part stands.
    pub place: Place,
    /// The part.
    pub what: String,
    /// Whose naming it is.
    pub package: &'static str,
}

impl Unnamed {
    fn block(span: &BlockSpan, package: &'static str) -> Self {
        Self { place: span.place, what: span.block.to_string(), package }
    }
}

impl TensorNames {
    /// Names by a function that gives the module of each operator that has tensors.
    ///
    /// # Errors
    /// The function's first.
    pub fn by<E>(
        graph: &LayerGraph,
        module: impl Fn(&BlockSpan, &Node) -> Result<Module, E>,
    ) -> Result<Self, E> {
        let mut tensors = Vec::new();
        for span in graph.spans() {
            for node in graph.nodes_of(span) {
                if !node.op.parameters().is_empty() {
                    push_operator(&mut tensors, graph, node, &module(span, node)?);
                }
            }
        }
        Ok(Self(tensors))
    }

    /// The names of torchvision's MobileNetV2 and MobileNetV3.
    ///
    /// # Errors
    /// If the network has a part that they do not have.
    pub fn torchvision(graph: &LayerGraph) -> Result<Self, Unnamed> {
        torchvision::names(graph)
    }

    /// The names of timm's MobileNets and MnasNet.
    ///
    /// # Errors
    /// If the network has a part that they do not have.
    pub fn timm(graph: &LayerGraph) -> Result<Self, Unnamed> {
        timm::names(graph)
    }

    /// The names of the module that [`super::module_text`] writes: this program's own, in PyTorch's layouts.
    pub fn module(graph: &LayerGraph) -> Self {
        let Ok(names) = Self::by(graph, |_, node| Ok::<_, Infallible>(Module::One(graph.name(node))));
        names
    }

    /// The names and layouts of this program's own weights.
    pub fn own(graph: &LayerGraph) -> Self {
        let tensor = |(path, parameter): (String, crate::graph::ops::Parameter)| NamedTensor {
            name: path.clone(),
            shape: parameter.shape.clone(),
            content: Content::Values { path, shape: parameter.shape, layout: Layout::Same },
        };
        Self(graph.parameters().map(tensor).collect())
    }

    /// The tensors.
    pub fn iter(&self) -> std::slice::Iter<'_, NamedTensor> {
        self.0.iter()
    }
}

fn push_operator(tensors: &mut Vec<NamedTensor>, graph: &LayerGraph, node: &Node, module: &Module) {
    let node_path = graph.name(node);
    for parameter in node.op.parameters() {
        let (name, layout) = name_and_layout(node.op, parameter.name, parameter.shape.len(), module);
        let path = format!("{node_path}.{}", parameter.name);
        let shape = layout.shape(&parameter.shape);
        tensors.push(NamedTensor {
            name,
            shape,
            content: Content::Values { path, shape: parameter.shape, layout },
        });
    }
    if let (Operator::BatchNorm(_), Module::One(path)) = (node.op, module) {
        let name = format!("{path}.{BATCH_COUNT}");
        tensors.push(NamedTensor { name, shape: Vec::new(), content: Content::BatchCount });
    }
}

/// Name and layout of a parameter with `rank` dimensions.
fn name_and_layout(op: Operator, parameter: &str, rank: usize, module: &Module) -> (String, Layout) {
    match module {
        Module::One(path) => {
            let layout = match op {
                Operator::Conv(_) => Layout::Convolution,
                Operator::Depthwise(_) => Layout::Depthwise,
                _ => Layout::Same,
            };
            (format!("{path}.{parameter}"), layout)
        }
        Module::PointwiseLinear(path) => (format!("{path}.{parameter}"), pointwise(rank)),
        Module::SqueezeExcite { reduce, expand } => {
            let name = match parameter.split_once('.') {
                Some(("reduce", tensor)) => format!("{reduce}.{tensor}"),
                Some((_, tensor)) => format!("{expand}.{tensor}"),
                None => format!("{reduce}.{parameter}"),
            };
            (name, pointwise(rank))
        }
    }
}

/// Weights become 1x1 convolutions, biases stay.
fn pointwise(rank: usize) -> Layout {
    if rank == 2 { Layout::Pointwise } else { Layout::Same }
}
