//! Whose names and constants weights follow.

use super::families::family;
use super::names::{TensorNames, Unnamed};
use crate::graph::LayerGraph;
use crate::spec::{Activation, BatchNormSpec, BlockSpec, NetworkSpec, Padding};
use crate::word_list::word_list;

/// A Python package that builds networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Package {
    /// torchvision.
    Torchvision,
    /// timm.
    Timm,
}

word_list!(Package, "package", [Torchvision = "torchvision", Timm = "timm"]);

impl Package {
    /// The names that it gives to the tensors of a network.
    ///
    /// # Errors
    /// If the network has a part that no network of the package has.
    pub fn names(self, graph: &LayerGraph) -> Result<TensorNames, Unnamed> {
        match self {
            Self::Torchvision => TensorNames::torchvision(graph),
            Self::Timm => TensorNames::timm(graph),
        }
    }
}

/// Where weights were made: this fixes the names of tensors and the constants that the weights were trained with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This program; the network file states the constants.
    Own,
    /// A module that [`super::module_text`] writes: the names of this program in PyTorch's layouts.
    Module,
    /// torchvision.
    Torchvision,
    /// timm's networks that were trained in PyTorch.
    Timm,
    /// timm's `tf_` networks, whose weights come from TensorFlow. They have the names of the others.
    TimmTf,
}

word_list!(
    Origin,
    "origin",
    [Own = "own", Module = "module", Torchvision = "torchvision", Timm = "timm", TimmTf = "timm-tf",]
);

impl Origin {
    /// The names that its tensors have.
    ///
    /// # Errors
    /// If the network has a part that no network of the package has.
    pub fn names(self, graph: &LayerGraph) -> Result<TensorNames, Unnamed> {
        match self {
            Self::Own => Ok(TensorNames::own(graph)),
            Self::Module => Ok(TensorNames::module(graph)),
            Self::Torchvision => TensorNames::torchvision(graph),
            Self::Timm | Self::TimmTf => TensorNames::timm(graph),
        }
    }

    /// The network with the padding, batch-norm constants and activations that the package gives to its kind.
    #[must_use]
    pub fn conventions(self, spec: &NetworkSpec) -> NetworkSpec {
        let package = match self {
            Self::Own | Self::Module => return spec.clone(),
            Self::Torchvision => Package::Torchvision,
            Self::Timm | Self::TimmTf => Package::Timm,
        };
        let (padding, batch_norm) = match self {
            Self::TimmTf => (Padding::Same, TIMM_TF_BATCH_NORM),
            _ => (Padding::Symmetric, package.batch_norm(spec)),
        };
        NetworkSpec { padding, batch_norm, ..package.activations(spec) }
    }
}

/// PyTorch's default, which packages leave alone but for what follows.
const DEFAULT_BATCH_NORM: BatchNormSpec = BatchNormSpec { eps: 1e-5, momentum: 0.1 };
/// torchvision's `MobileNetV3`.
const TORCHVISION_V3_BATCH_NORM: BatchNormSpec = BatchNormSpec { eps: 1e-3, momentum: 0.01 };
/// timm's `tf_` networks: the eps of TensorFlow's weights and PyTorch's momentum.
pub(super) const TIMM_TF_BATCH_NORM: BatchNormSpec = BatchNormSpec { eps: 1e-3, momentum: 0.1 };

impl Package {
    /// Batch-norm constants of a network of this structure where it pads symmetrically.
    pub(super) fn batch_norm(self, spec: &NetworkSpec) -> BatchNormSpec {
        match self {
            Self::Torchvision if spec.has_hidden_linear() => TORCHVISION_V3_BATCH_NORM,
            _ => DEFAULT_BATCH_NORM,
        }
    }

    /// The network with the activations that the package gives to its kind: timm's MobileNetV1 has ReLU6.
    pub(super) fn activations(self, spec: &NetworkSpec) -> NetworkSpec {
        let is_v1 = family(&spec.blocks).is_some_and(|family| family.name == "mobilenet_v1");
        match self {
            Self::Timm if is_v1 => with_activation(spec, Activation::Relu6),
            _ => spec.clone(),
        }
    }
}

/// The network with this activation wherever it has one.
pub(super) fn with_activation(spec: &NetworkSpec, activation: Activation) -> NetworkSpec {
    let with = |block: &BlockSpec| block.with_activation(activation);
    NetworkSpec {
        stem: with(&spec.stem),
        blocks: spec.blocks.iter().map(with).collect(),
        head: spec.head.iter().map(with).collect(),
        ..spec.clone()
    }
}
