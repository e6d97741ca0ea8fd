//! Which call of a package builds exactly a network, or why none does.

mod timm;
mod torchvision;
mod width;

use std::collections::BTreeMap;
use std::fmt;

use candle_core::Tensor;

use super::names::{TensorNames, Unnamed};
use super::origin::Package;
use super::state_dict::{StateDictError, state_dict};
use crate::graph::{LayerGraph, Values};
use crate::spec::{NetworkSpec, Place};

/// The call of a package that builds a network: the same function of the same tensors, in training too.
#[derive(Debug, Clone, PartialEq)]
pub struct Twin {
    /// Whose call it is.
    pub package: Package,
    builder: Builder,
    arguments: Vec<(&'static str, String)>,
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Builder {
    /// `torchvision.models.NAME(...)`.
    Function(&'static str),
    /// `timm.create_model("NAME", ...)`.
    Registered(&'static str),
}

/// No call of a package builds a network.
#[derive(Debug, Clone, PartialEq, thiserror::Error, miette::Diagnostic)]
#[error("{package} builds no such network: {}", reasons.join("; "))]
pub struct NoTwin {
    /// The package.
    pub package: Package,
    /// Everything that stands in the way, at least one reason.
    pub reasons: Vec<String>,
}

impl Twin {
    /// The call of `package` that builds the network.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(spec: &NetworkSpec, package: Package) -> Result<Self, NoTwin> {
        match package {
            Package::Torchvision => torchvision::find(spec),
            Package::Timm => timm::find(spec),
        }
    }

    /// The names of the network's tensors in what the call builds.
    ///
    /// # Errors
    /// If `graph` is not that of the network.
    pub fn names(&self, graph: &LayerGraph) -> Result<TensorNames, Unnamed> {
        self.package.names(graph)
    }

    /// The network's values as what the call builds takes them: `load_state_dict(strict=True)`.
    ///
    /// # Errors
    /// If `graph` or `values` are not those of the network.
    pub fn state_dict(
        &self,
        graph: &LayerGraph,
        values: &Values,
    ) -> Result<BTreeMap<String, Tensor>, StateDictError> {
        state_dict(&self.names(graph)?, values)
    }

    /// The module to import for the call.
    pub fn import(&self) -> &'static str {
        self.package.name()
    }
}

/// The call in Python: `torchvision.models.mobilenet_v3_small(num_classes=10)`.
impl fmt::Display for Twin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arguments: Vec<String> =
            self.arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
        match self.builder {
            Builder::Function(name) => write!(f, "torchvision.models.{name}")?,
            Builder::Registered(name) => {
                arguments.insert(0, format!("\"{name}\""));
                f.write_str("timm.create_model")?;
            }
        }
        write!(f, "({})", arguments.join(", "))
    }
}

/// Where the blocks of two networks differ first, in words; `None` where they are the same.
fn difference(ours: &NetworkSpec, theirs: &NetworkSpec, name: &str) -> Option<String> {
    let (here, there) = (placed(ours), placed(theirs));
    let mut pairs = here.iter().zip(&there);
    let differs = pairs.find(|(a, b)| a != b);
    match differs {
        Some(((place, block), (_, other))) => Some(format!("{place} is {block} here and {other} in {name}")),
        None if here.len() != there.len() => {
            Some(format!("it has {} blocks, and {name} has {}", here.len(), there.len()))
        }
        None => None,
    }
}

fn placed(spec: &NetworkSpec) -> Vec<(Place, String)> {
    let body = (0..).map(Place::Block).zip(&spec.blocks);
    let head = (0..).map(Place::Head).zip(&spec.head);
    let all = std::iter::once((Place::Stem, &spec.stem)).chain(body).chain(head);
    all.map(|(place, block)| (place, block.to_string())).collect()
}
