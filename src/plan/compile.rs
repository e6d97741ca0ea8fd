//! From a `LayerGraph` to layers, features and places.
//!
//! Batch norms, activations and gates become properties of the feature they follow. A feature's gradient is gathered
//! by the layers that read it, the last reader first; the first reader contributes last and finishes it. An addition
//! stores nothing on the way back: a summand that nobody else reads shares the gradient of the sum, and one that
//! others read takes its place over.

use std::collections::BTreeMap;

use super::add::Add;
use super::arena::{Arena, Layout, Lifetime, Slot};
use super::depthwise::Depthwise;
use super::dropout::Dropout;
use super::excite::{Excite, ExciteSlots, ExciteTensors};
use super::expansion::Expansion;
use super::feature::{Edge, Feature, Source};
use super::full_conv::FullConv;
use super::gram::Gram;
use super::layer::{Gradients, Layer, Workspace};
use super::linear::Linear;
use super::norm::{Norm, NormTensors};
use super::pointwise::Pointwise;
use super::pool::Pool;
use super::{Plan, Purpose, Recompute};
use crate::graph::ops::{BatchNorm, Operator, SqueezeExcite};
use crate::graph::{LayerGraph, Node, Shape};
use crate::kernels::aligned::Aligned;
use crate::kernels::{Activation, Window};

/// A network that a plan can't be made for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no plan for `{node}`: {reason}")]
pub struct PlanError {
    /// The path of the operator.
    pub node: String,
    /// What about it is not planned.
    pub reason: &'static str,
}

/// Most input channels of an expansion that is computed anew where it is read.
const MOST_RECOMPUTED_FROM: u32 = 64;
/// Fewest values of its output in a batch: what exceeds a core's own cache by far.
const FEWEST_RECOMPUTED: usize = 1 << 20;

/// A layer before places are known.
#[derive(Debug, Clone, Copy)]
struct Draft {
    /// The node that computes.
    node: usize,
    inputs: [Option<usize>; 2],
    output: usize,
    /// The squeeze-excite node in front of it.
    excite: Option<usize>,
    /// The expansion in front of it that is not stored: its node and its feature.
    expansion: Option<(usize, usize)>,
    /// Whether it is such an expansion itself, and leaves its output to the layer behind it.
    recomputed: bool,
}

/// Features and layers of a graph.
struct Outline<'g> {
    graph: &'g LayerGraph,
    batch: usize,
    recompute: Recompute,
    /// Feature of every node.
    of_node: Vec<usize>,
    features: Vec<Feature>,
    drafts: Vec<Draft>,
    norms: Vec<(usize, usize)>,
    /// Squeeze-excite nodes that wait for the convolution behind them, by feature.
    excites: BTreeMap<usize, usize>,
    /// Activations of linear layers, by draft.
    linear_activations: BTreeMap<usize, Activation>,
}

/// Makes a plan for batches of up to `batch` images.
pub(super) fn compile(
    graph: &LayerGraph,
    batch: usize,
    purpose: Purpose,
    recompute: Recompute,
) -> Result<Plan, PlanError> {
    let mut outline = Outline {
        graph,
        batch,
        recompute,
        of_node: Vec::new(),
        features: Vec::new(),
        drafts: Vec::new(),
        norms: Vec::new(),
        excites: BTreeMap::new(),
        linear_activations: BTreeMap::new(),
    };
    for index in 0..graph.nodes().len() {
        let feature = outline.take(index)?;
        outline.of_node.push(feature);
    }
    outline.check_gates()?;
    Ok(Planner::new(outline, purpose).finish())
}

impl Outline<'_> {
    fn node(&self, index: usize) -> &Node {
        &self.graph.nodes()[index]
    }

    fn refuse(&self, index: usize, reason: &'static str) -> PlanError {
        PlanError { node: self.graph.name(self.node(index)), reason }
    }

    /// The feature that a node's output is.
    fn take(&mut self, index: usize) -> Result<usize, PlanError> {
        let node = *self.node(index);
        let inputs: Vec<usize> = node.inputs().iter().map(|id| self.of_node[id.index()]).collect();
        match (node.op, inputs.as_slice()) {
            (Operator::Input(shape), _) => Ok(self.feature(shape, Source::Images)),
            (Operator::BatchNorm(_), &[input]) => self.norm(index, input),
            (Operator::Activate(activation), &[input]) => self.activate(index, input, activation.0.into()),
            (Operator::SqueezeExcite(_), &[input]) => {
                if self.features[input].norm.is_none() {
                    return Err(self.refuse(index, "its input is not normalised"));
                }
                self.excites.insert(input, index);
                Ok(input)
            }
            (Operator::Depthwise(_), &[input])
                if self.readers_of(node.inputs()[0].index()) == 1 && self.is_worth_recomputing(input) =>
            {
                Ok(self.recompute(index, input))
            }
            (_, &[input]) => {
                let excite = match node.op {
                    Operator::Conv(op) if op.receptive.kernel == 1 && op.receptive.stride == 1 => {
                        self.excites.remove(&input)
                    }
                    _ => None,
                };
                Ok(self.draft(index, [Some(input), None], excite))
            }
            (_, &[a, b]) => Ok(self.draft(index, [Some(a), Some(b)], None)),
            _ => Err(self.refuse(index, "it has no inputs")),
        }
    }

    fn feature(&mut self, shape: Shape, source: Source) -> usize {
        self.features.push(Feature {
            height: shape.height as usize,
            width: shape.width as usize,
            channels: shape.channels as usize,
            source,
            norm: None,
            activation: Activation::Identity,
            gate: None,
            gradient: None,
            finishes: Vec::new(),
        });
        self.features.len() - 1
    }

    fn draft(&mut self, node: usize, inputs: [Option<usize>; 2], excite: Option<usize>) -> usize {
        let shape = self.node(node).output;
        let output = self.feature(shape, Source::Images);
        self.drafts.push(Draft { node, inputs, output, excite, expansion: None, recomputed: false });
        output
    }

    /// How many nodes read a node's output.
    fn readers_of(&self, index: usize) -> usize {
        let inputs = self.graph.nodes().iter().flat_map(|node| node.inputs());
        inputs.filter(|input| input.index() == index).count()
    }

    /// Whether `feature` comes straight from a 1x1 convolution that costs less to repeat, row by row where it is read,
    /// than to write to memory and read again: from few channels, and too large for the caches.
    fn is_worth_recomputing(&self, feature: usize) -> bool {
        let Some(draft) = self.drafts.last().filter(|draft| draft.output == feature) else { return false };
        let Feature { norm, .. } = self.features[feature];
        let values = self.batch * self.features[feature].image();
        match self.node(draft.node).op {
            Operator::Conv(op) => {
                op.receptive.kernel == 1
                    && op.receptive.stride == 1
                    && norm.is_some()
                    && draft.excite.is_none()
                    && match self.recompute {
                        Recompute::WherePaid => {
                            op.c_in <= MOST_RECOMPUTED_FROM && values >= FEWEST_RECOMPUTED
                        }
                        Recompute::Always => true,
                        Recompute::Never => false,
                    }
            }
            _ => false,
        }
    }

    /// The output of the depthwise convolution `node` behind an expansion that is not stored.
    fn recompute(&mut self, node: usize, feature: usize) -> usize {
        let mut expansion = None;
        let mut input = None;
        if let Some(draft) = self.drafts.last_mut() {
            draft.recomputed = true;
            expansion = Some((draft.node, feature));
            input = draft.inputs[0];
        }
        self.features[feature].source = Source::Recomputed;
        let output = self.draft(node, [input, None], None);
        if let Some(draft) = self.drafts.last_mut() {
            draft.expansion = expansion;
        }
        output
    }

    /// Whether the last layer made this feature, so that what follows can still belong to it.
    fn is_fresh(&self, feature: usize) -> bool {
        self.drafts.last().is_some_and(|draft| draft.output == feature)
    }

    fn norm(&mut self, index: usize, input: usize) -> Result<usize, PlanError> {
        let fresh = self.is_fresh(input) && self.features[input].norm.is_none();
        let convolved = self.drafts.last().is_some_and(|draft| {
            matches!(self.node(draft.node).op, Operator::Conv(_) | Operator::Depthwise(_))
        });
        if !fresh || !convolved || self.node(index).output.pixels() == 0 {
            return Err(self.refuse(index, "it does not follow a convolution"));
        }
        self.features[input].norm = Some(self.norms.len());
        self.norms.push((index, input));
        Ok(input)
    }

    fn activate(&mut self, index: usize, input: usize, activation: Activation) -> Result<usize, PlanError> {
        let last = self.drafts.len().wrapping_sub(1);
        let linear = self.drafts.last().is_some_and(|d| matches!(self.node(d.node).op, Operator::Linear(_)));
        if !self.is_fresh(input) || self.excites.contains_key(&input) {
            return Err(self.refuse(index, "it does not follow a batch norm or linear layer"));
        }
        if linear {
            self.linear_activations.insert(last, activation);
        } else if self.features[input].norm.is_some() {
            self.features[input].activation = activation;
        } else {
            return Err(self.refuse(index, "it does not follow a batch norm or linear layer"));
        }
        Ok(input)
    }

    fn check_gates(&self) -> Result<(), PlanError> {
        if let Some(&index) = self.excites.values().next() {
            return Err(self.refuse(index, "no 1x1 convolution follows it"));
        }
        for draft in self.drafts.iter().filter(|draft| draft.excite.is_some()) {
            let readers = |d: &&Draft| d.inputs.contains(&draft.inputs[0]);
            if self.drafts.iter().filter(readers).count() != 1 {
                return Err(self.refuse(draft.node, "others read its gated input, too"));
            }
        }
        Ok(())
    }
}

impl From<crate::spec::Activation> for Activation {
    fn from(activation: crate::spec::Activation) -> Self {
        match activation {
            crate::spec::Activation::Relu => Self::Relu,
            crate::spec::Activation::Relu6 => Self::Relu6,
            crate::spec::Activation::Hswish => Self::HardSwish,
        }
    }
}

/// Finds places and edges.
///
/// Time is counted in steps: layer `i` runs forward at `i` and backward at `2 * layers - i`.
struct Planner<'g> {
    outline: Outline<'g>,
    purpose: Purpose,
    layout: Layout,
    parameters: BTreeMap<String, usize>,
    /// Gradient edges by layer.
    edges: Vec<Vec<Edge>>,
}

impl<'g> Planner<'g> {
    fn new(outline: Outline<'g>, purpose: Purpose) -> Self {
        let names = outline.graph.parameters().enumerate();
        let parameters = names.map(|(index, (name, _))| (name, index)).collect();
        let edges = vec![Vec::new(); outline.drafts.len()];
        Self { outline, purpose, layout: Layout::default(), parameters, edges }
    }

    fn training(&self) -> bool {
        self.purpose == Purpose::Train
    }

    fn finish(mut self) -> Plan {
        self.place_values();
        if self.training() {
            self.place_gradients();
        }
        let layers = (0..self.outline.drafts.len()).map(|index| self.layer(index)).collect();
        let norms =
            self.outline.norms.clone().into_iter().map(|(node, feature)| self.norm(node, feature)).collect();
        let graph = self.outline.graph;
        let trained = |p: &crate::graph::ops::Parameter| if p.trained { p.count() as usize } else { 0 };
        let gradients = match self.purpose {
            Purpose::Train => graph.parameters().map(|(_, p)| Aligned::zeros(trained(&p))).collect(),
            Purpose::Infer => Vec::new(),
        };
        let output = self.outline.features.len() - 1;
        let outputs = self.outline.drafts.iter().map(|draft| draft.output).collect();
        Plan {
            purpose: self.purpose,
            batch: self.outline.batch,
            output,
            images: 0,
            features: self.outline.features,
            layers,
            outputs,
            norms,
            arena: Arena::new(self.layout.place()),
            gradients: Gradients(gradients),
            work: Workspace::default(),
            dropout: None,
        }
    }

    /// Steps of a pass there and back.
    fn end(&self) -> usize {
        2 * self.outline.drafts.len()
    }

    /// The layers that read a feature, in order.
    fn readers(&self, feature: usize) -> Vec<usize> {
        let reads = |(_, draft): &(usize, &Draft)| draft.inputs.contains(&Some(feature));
        self.outline.drafts.iter().enumerate().filter(reads).map(|(index, _)| index).collect()
    }

    fn place_values(&mut self) {
        for index in 0..self.outline.drafts.len() {
            let Draft { output, recomputed, .. } = self.outline.drafts[index];
            if recomputed {
                continue;
            }
            let last = match self.purpose {
                Purpose::Train => self.end(),
                // The logits outlive the pass.
                Purpose::Infer => self.readers(output).last().copied().unwrap_or_else(|| self.end()),
            };
            let size = self.outline.batch * self.outline.features[output].image();
            let slot = self.layout.ask(size, Lifetime { first: index, last });
            self.outline.features[output].source = Source::Stored(slot);
        }
    }

    /// Goes back through the layers: who contributes to which gradient, and where it is.
    fn place_gradients(&mut self) {
        let output = self.outline.features.len() - 1;
        let (size, end) = (self.outline.batch * self.outline.features[output].image(), self.end());
        let first = self.outline.drafts.len();
        let slot = self.layout.ask(size, Lifetime { first, last: end });
        self.outline.features[output].gradient = Some(slot);
        for feature in 0..self.outline.features.len() {
            if self.outline.features[feature].norm.is_some() {
                self.outline.features[feature].finishes = vec![feature];
            }
        }
        self.share_finishes();
        for index in (0..self.outline.drafts.len()).rev() {
            let draft = self.outline.drafts[index];
            let step = self.end() - index;
            if let Some(slot) = self.outline.features[draft.output].gradient {
                self.layout.extend(slot, step);
            }
            for input in draft.inputs.into_iter().flatten() {
                self.contribute(index, input, step);
            }
        }
    }

    /// Sums that a summand shares are taken where the gradient of the sum is complete.
    fn share_finishes(&mut self) {
        for index in 0..self.outline.drafts.len() {
            let draft = self.outline.drafts[index];
            for input in self.shared_inputs(&draft) {
                let more = std::mem::take(&mut self.outline.features[input].finishes);
                self.outline.features[draft.output].finishes.extend(more);
            }
        }
    }

    /// Summands whose gradient is that of the sum for good.
    fn shared_inputs(&self, draft: &Draft) -> Vec<usize> {
        if !matches!(self.outline.node(draft.node).op, Operator::Add(_)) {
            return Vec::new();
        }
        let shared = |&input: &usize| {
            let feature = &self.outline.features[input];
            self.readers(input).len() == 1
                && feature.activation == Activation::Identity
                && feature.gate.is_none()
                && self.outline.drafts.iter().any(|d| d.output == input)
        };
        let inputs: Vec<usize> = draft.inputs.into_iter().flatten().filter(shared).collect();
        // A feature added to itself reads once and contributes twice.
        if draft.inputs[0] == draft.inputs[1] { Vec::new() } else { inputs }
    }

    fn contribute(&mut self, index: usize, input: usize, step: usize) {
        if self.outline.features[input].source == Source::Images {
            return;
        }
        let draft = self.outline.drafts[index];
        let readers = self.readers(input);
        let (first, last) = (readers.last() == Some(&index), readers.first() == Some(&index));
        if self.shared_inputs(&draft).contains(&input) {
            self.outline.features[input].gradient = self.outline.features[draft.output].gradient;
            return;
        }
        if first && self.may_take_over(&draft, input) {
            self.outline.features[input].gradient = self.outline.features[draft.output].gradient;
            return;
        }
        let already = self.outline.features[input].gradient;
        let slot = already.unwrap_or_else(|| {
            let size = self.outline.batch * self.outline.features[input].image();
            self.layout.ask(size, Lifetime { first: step, last: step })
        });
        self.layout.extend(slot, step);
        self.outline.features[input].gradient = Some(slot);
        let twice = draft.inputs[0] == draft.inputs[1];
        let before = self.edges[index].iter().any(|edge| edge.feature == input);
        self.edges[index].push(Edge {
            feature: input,
            accumulate: already.is_some(),
            last: last && (!twice || before),
        });
    }

    /// Whether a summand's gradient may grow in the place of the sum's: the other summand, which shares it, must have
    /// gone back before anybody adds to it.
    fn may_take_over(&self, draft: &Draft, input: usize) -> bool {
        if !matches!(self.outline.node(draft.node).op, Operator::Add(_)) {
            return false;
        }
        let readers = self.readers(input);
        let Some(&next) = readers.len().checked_sub(2).and_then(|position| readers.get(position)) else {
            return false;
        };
        let other = draft.inputs.into_iter().flatten().find(|&other| other != input);
        let made = other.and_then(|other| self.outline.drafts.iter().position(|d| d.output == other));
        match (other, made) {
            (Some(other), Some(made)) => self.shared_inputs(draft).contains(&other) && made > next,
            _ => false,
        }
    }

    fn parameter(&self, node: usize, name: &str) -> usize {
        let path = self.outline.graph.name(self.outline.node(node));
        let parameter = self.parameters.get(&format!("{path}.{name}"));
        *parameter.expect("`LayerGraph::parameters` lists every operator's under its path")
    }

    fn weight(&self, draft: &Draft) -> usize {
        self.parameter(draft.node, "weight")
    }

    fn norm(&self, node: usize, feature: usize) -> Norm {
        let Operator::BatchNorm(BatchNorm { eps, momentum, .. }) = self.outline.node(node).op else {
            unreachable!("the norm of a feature is a batch norm");
        };
        let tensors = NormTensors {
            gamma: self.parameter(node, "weight"),
            beta: self.parameter(node, "bias"),
            running_mean: self.parameter(node, "running_mean"),
            running_var: self.parameter(node, "running_var"),
        };
        Norm::new(tensors, self.outline.features[feature].channels, eps, momentum)
    }

    fn layer(&mut self, index: usize) -> Box<dyn Layer> {
        let draft = self.outline.drafts[index];
        let node = *self.outline.node(draft.node);
        let input = draft.inputs[0].expect("a layer reads a feature");
        let edge = self.edges[index].first().copied();
        let ends = (input, draft.output);
        let Feature { height, width, channels, .. } = self.outline.features[input];
        match node.op {
            Operator::Conv(op) if draft.recomputed => {
                let sizes = (op.c_in as usize, op.c_out as usize);
                let lifetime = Lifetime { first: index, last: self.end() };
                let moments = self.layout.ask(Gram::moments(sizes.0), lifetime);
                Box::new(Gram::new(ends, sizes, self.weight(&draft), edge, moments))
            }
            Operator::Conv(op) if op.receptive.kernel == 1 && op.receptive.stride == 1 => {
                let excite = draft.excite.map(|excite| self.excite(excite, input, index));
                let sizes = (op.c_in as usize, op.c_out as usize);
                Box::new(Pointwise::new(ends, sizes, self.weight(&draft), edge, excite))
            }
            Operator::Conv(op) => {
                let window = window(&op.receptive, height, width, node.output);
                let shape = [height, width, channels];
                Box::new(FullConv::new(ends, shape, op.c_out as usize, window, self.weight(&draft), edge))
            }
            Operator::Depthwise(op) => {
                let window = window(&op.receptive, height, width, node.output);
                let expansion = draft.expansion.map(|(node, feature)| {
                    Expansion::new(
                        input,
                        feature,
                        channels,
                        op.channels as usize,
                        self.parameter(node, "weight"),
                    )
                });
                let ends = (draft.expansion.map_or(input, |(_, feature)| feature), draft.output);
                let shape = [height, width, op.channels as usize];
                Box::new(Depthwise::new(ends, shape, window, self.weight(&draft), edge, expansion))
            }
            Operator::Add(_) => {
                let inputs = [input, draft.inputs[1].expect("an addition has two summands")];
                Box::new(Add::new(inputs, draft.output, self.edges[index].clone()))
            }
            Operator::GlobalPool(_) => Box::new(Pool::new(ends, edge)),
            Operator::Dropout(op) => {
                let mask = self.per_image(self.outline.features[input].image(), index);
                Box::new(Dropout::new(ends, op.0, mask, edge))
            }
            Operator::Linear(op) => {
                let sizes = (op.c_in as usize, op.c_out as usize);
                let activation = self.outline.linear_activations.get(&index).copied();
                let activation = activation.map(|activation| (activation, self.per_image(sizes.1, index)));
                let tensors = (self.weight(&draft), self.parameter(draft.node, "bias"));
                Box::new(Linear::new(ends, sizes, tensors, activation, edge))
            }
            Operator::Input(_)
            | Operator::BatchNorm(_)
            | Operator::Activate(_)
            | Operator::SqueezeExcite(_) => {
                unreachable!("these are properties of features")
            }
        }
    }

    /// A place for `size` values of every image, kept for the way back.
    fn per_image(&mut self, size: usize, layer: usize) -> Slot {
        let last = if self.training() { self.end() } else { layer };
        self.layout.ask(self.outline.batch * size, Lifetime { first: layer, last })
    }

    fn excite(&mut self, node: usize, feature: usize, layer: usize) -> Excite {
        let (c, s) = match self.outline.node(node).op {
            Operator::SqueezeExcite(SqueezeExcite { channels, squeeze }) => {
                (channels as usize, squeeze as usize)
            }
            _ => (0, 0),
        };
        let tensors = ExciteTensors {
            reduce_weight: self.parameter(node, "reduce.weight"),
            reduce_bias: self.parameter(node, "reduce.bias"),
            expand_weight: self.parameter(node, "expand.weight"),
            expand_bias: self.parameter(node, "expand.bias"),
        };
        let slots = ExciteSlots {
            pooled: self.per_image(c, layer),
            squeezed: self.per_image(s, layer),
            logits: self.per_image(c, layer),
            gates: self.per_image(c, layer),
            squeezed_gradient: self.per_image(s, layer),
            sums: self.per_image(c, layer),
        };
        self.outline.features[feature].gate = Some(slots.gates);
        Excite::new(feature, c, s, tensors, slots)
    }
}

fn window(receptive: &crate::graph::Receptive, height: usize, width: usize, output: Shape) -> Window {
    Window {
        kernel: receptive.kernel as usize,
        stride: receptive.stride as usize,
        pad_top: receptive.leading_zeros(height as u32) as usize,
        pad_left: receptive.leading_zeros(width as u32) as usize,
        out_h: output.height as usize,
        out_w: output.width as usize,
    }
}
