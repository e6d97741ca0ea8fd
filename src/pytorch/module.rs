//! A network as one readable Python file with a PyTorch module, and its weights as that module's state.
//!
//! Attributes of the module are the paths of [`LayerGraph::name`], so one naming serves the weights here and
//! there. The file needs nothing but torch, and holds only the classes that the network uses: each block is one
//! line of the class `Network`, as in a paper's table.

mod error;
mod literal;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use candle_core::Tensor;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::names::TensorNames;
use super::state_dict::{StateDictError, state_dict};
use crate::data::Normalisation;
use crate::graph::{LayerGraph, Values};
use crate::spec::{NetworkSpec, Place};

pub use error::ModuleError;

use rows::{Row, Used};

const TEMPLATE: &str = include_str!("module/template.py.jinja");

/// What a module's file tells beside the network, where it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct ModuleNotes<'a> {
    /// Names of the classes, in the order of the logits.
    pub class_names: Option<&'a [String]>,
    /// How pixels become the numbers that enter the network.
    pub normalisation: Option<&'a Normalisation>,
}

/// The Python file of a network: the same network gives the same text.
///
/// Names are data, whatever they contain: they stand in the text as string literals alone.
///
/// # Errors
/// If the notes do not fit the network's classes or channels.
pub fn module_text(spec: &NetworkSpec, notes: ModuleNotes<'_>) -> Result<String, ModuleError> {
    notes.check(spec)?;
    let view = View::new(spec, notes);
    Ok(environment()?.render_named_str("template.py.jinja", TEMPLATE, Value::from(Serde(view)))?)
}

/// The state dict of a network's module.
///
/// # Errors
/// If a tensor of the graph has no values, or not as many as its shape.
pub fn module_state(graph: &LayerGraph, values: &Values) -> Result<BTreeMap<String, Tensor>, StateDictError> {
    state_dict(&TensorNames::module(graph), values)
}

impl ModuleNotes<'_> {
    fn check(&self, spec: &NetworkSpec) -> Result<(), ModuleError> {
        let names = self.class_names.map_or(spec.classes as usize, <[String]>::len);
        if names != spec.classes as usize {
            return Err(ModuleError::ClassNames { names, classes: spec.classes });
        }
        let channels = self.normalisation.map_or(spec.input_channels as usize, Normalisation::channels);
        if channels != spec.input_channels as usize {
            return Err(ModuleError::Normalisation { channels, expected: spec.input_channels });
        }
        Ok(())
    }
}

/// Tags on lines of their own leave no trace in the text, and a name that is wrong in the template is an error.
fn environment() -> Result<Environment<'static>, ModuleError> {
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    let mut environment = Environment::empty();
    environment.set_syntax(syntax.build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    Ok(environment)
}

/// What the template reads. Every text in it is Python already.
#[derive(Serialize)]
struct View {
    name: String,
    arch_id: String,
    params: u64,
    madds: u64,
    input_channels: u32,
    resolution: u32,
    mean: Option<String>,
    std: Option<String>,
    class_names: Option<Vec<String>>,
    eps: String,
    momentum: String,
    stem: Row,
    blocks: Vec<Row>,
    head: Vec<Row>,
    /// Pooled features that enter the classifier.
    features: u32,
    classes: u32,
    dropout: Option<String>,
    uses: Used,
}

impl View {
    fn new(spec: &NetworkSpec, notes: ModuleNotes<'_>) -> Self {
        let graph = LayerGraph::lower(spec);
        let cost = graph.cost();
        let rows = |part: fn(Place) -> bool| -> Vec<Row> {
            let spans = graph.spans().iter().filter(|span| part(span.place));
            spans.map(|span| Row::of(&graph, span)).collect()
        };
        Self {
            name: literal::escaped(&spec.name),
            arch_id: spec.arch_id().to_string(),
            params: cost.params,
            madds: cost.madds,
            input_channels: spec.input_channels,
            resolution: spec.resolution,
            mean: notes.normalisation.map(|n| literal::list(n.mean())),
            std: notes.normalisation.map(|n| literal::list(n.std())),
            class_names: notes
                .class_names
                .map(|names| names.iter().map(|name| literal::string(name)).collect()),
            eps: literal::number(spec.batch_norm.eps),
            momentum: literal::number(spec.batch_norm.momentum),
            stem: Row::of(&graph, &graph.spans()[0]),
            blocks: rows(|place| matches!(place, Place::Block(_))),
            head: rows(|place| matches!(place, Place::Head(_))),
            features: graph.spans().last().map_or(0, |classifier| classifier.input.channels),
            classes: spec.classes,
            dropout: (spec.dropout > 0.0).then(|| literal::number(spec.dropout)),
            uses: Used::by(&graph, spec.padding),
        }
    }
}
