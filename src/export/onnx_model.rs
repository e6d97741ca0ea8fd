//! An inference graph written as ONNX, in floats or with its quantisation (QuantizeLinear - DequantizeLinear pairs).

use std::collections::BTreeSet;

use super::inference::{Conv, InferenceGraph, Layer, Linear, Norm, Op, ValueId};
use super::quantise::{Affine, Quantised, QuantisedWeights};
use crate::onnx::{
    AttributeProto, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, attribute, node, tensor, value,
};
use crate::spec::Activation;

/// The editions of ONNX's operators that are written.
pub const OPSETS: std::ops::RangeInclusive<u32> = 17..=21;

/// Name of the model's input.
pub const IMAGE: &str = "image";
/// Name of the model's output.
pub const LOGITS: &str = "logits";

/// An edition of ONNX's operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opset(u32);

impl TryFrom<u32> for Opset {
    type Error = String;

    fn try_from(asked: u32) -> Result<Self, String> {
        if OPSETS.contains(&asked) {
            return Ok(Self(asked));
        }
        let (oldest, newest) = (OPSETS.start(), OPSETS.end());
        Err(format!("opset {asked} is not supported; the supported ones are {oldest} to {newest}"))
    }
}

impl Default for Opset {
    fn default() -> Self {
        Self(*OPSETS.start())
    }
}

impl std::str::FromStr for Opset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse::<u32>().map_err(|_| format!("`{text}` is not a number"))?;
        Self::try_from(number)
    }
}

impl Opset {
    /// The number.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The version of the file format that came with it.
    fn ir_version(self) -> i64 {
        match self.0 {
            ..=18 => 8,
            19 | 20 => 9,
            _ => 10,
        }
    }
}

/// Images in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Batch {
    /// Any number.
    #[default]
    Any,
    /// Always this number.
    Fixed(u32),
}

impl Batch {
    fn dimension(self) -> Dimension {
        match self {
            Self::Any => Dimension::Any("batch"),
            Self::Fixed(images) => Dimension::Fixed(u64::from(images)),
        }
    }
}

/// How a model is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnnxOptions {
    /// A name for people.
    pub name: String,
    /// Edition of the operators.
    pub opset: Opset,
    /// Images in a call.
    pub batch: Batch,
    /// Texts that travel with the model, by name.
    pub metadata: Vec<(String, String)>,
}

/// The model of a network: `image [n, c, h, w]` to `logits [n, classes]`.
pub fn onnx_model(graph: &InferenceGraph, options: &OnnxOptions) -> ModelProto {
    model(Writer::new(graph, None, options).graph(&[]), options)
}

/// The same model which also returns every value between, named and ordered as the layers of the graph.
pub fn probed_model(graph: &InferenceGraph, options: &OnnxOptions) -> ModelProto {
    let probes: Vec<ValueId> = graph.iter().map(|(id, _)| id).skip(1).collect();
    model(Writer::new(graph, None, options).graph(&probes[..probes.len() - 1]), options)
}

impl Quantised {
    /// The model of the quantised network.
    pub fn onnx_model(&self, options: &OnnxOptions) -> ModelProto {
        model(Writer::new(self.graph(), Some(self), options).graph(&[]), options)
    }
}

fn model(graph: GraphProto, options: &OnnxOptions) -> ModelProto {
    let entry = |(key, value): &(String, String)| StringStringEntryProto {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    ModelProto {
        ir_version: Some(options.opset.ir_version()),
        producer_name: Some(env!("CARGO_PKG_NAME").to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(GraphProto { name: Some(options.name.clone()), ..graph }),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(i64::from(options.opset.number())),
        }],
        metadata_props: options.metadata.iter().map(entry).collect(),
    }
}

/// Writes a graph, layer by layer.
struct Writer<'a> {
    graph: &'a InferenceGraph,
    quantised: Option<&'a Quantised>,
    batch: Dimension,
    written: GraphProto,
    /// Values without spatial dimensions, `[n, c]`.
    flat: BTreeSet<ValueId>,
}

impl<'a> Writer<'a> {
    fn new(graph: &'a InferenceGraph, quantised: Option<&'a Quantised>, options: &OnnxOptions) -> Self {
        let batch = options.batch.dimension();
        Self { graph, quantised, batch, written: GraphProto::default(), flat: BTreeSet::new() }
    }

    /// The graph that returns the logits, and these values before them.
    fn graph(mut self, probes: &[ValueId]) -> GraphProto {
        for (id, layer) in self.graph.iter() {
            self.layer(id, layer);
            if let Some(affine) = self.quantised.and_then(|quantised| quantised.activation(id)) {
                self.quantise(id, affine);
            }
        }
        let outputs = probes.iter().copied().chain([self.graph.logits()]);
        self.written.output = outputs.map(|id| self.value(id, &self.name(id))).collect();
        self.written.value_info = self
            .graph
            .iter()
            .map(|(id, _)| id)
            .filter(|id| id.index() > 0 && *id != self.graph.logits() && !probes.contains(id))
            .map(|id| self.value(id, &self.name(id)))
            .chain(self.written.value_info.iter().cloned())
            .collect();
        self.written
    }

    /// The name of a value as its layer makes it.
    fn name(&self, id: ValueId) -> String {
        match id {
            id if id.index() == 0 => IMAGE.to_owned(),
            id if id == self.graph.logits() => LOGITS.to_owned(),
            id => self.graph.layer(id).name.clone(),
        }
    }

    /// The name of a value as others read it.
    fn read(&self, id: ValueId) -> String {
        let name = self.name(id);
        match self.quantised.and_then(|quantised| quantised.activation(id)) {
            Some(_) => format!("{name}.dequantised"),
            None => name,
        }
    }

    fn value(&self, id: ValueId, name: &str) -> crate::onnx::ValueInfoProto {
        let shape = self.graph.layer(id).output;
        let [h, w, c] = [shape.height, shape.width, shape.channels].map(|size| Dimension::Fixed(size.into()));
        match self.flat.contains(&id) {
            true => value(name, &[self.batch, c]),
            false => value(name, &[self.batch, c, h, w]),
        }
    }

    fn add(&mut self, node: NodeProto) {
        self.written.node.push(node);
    }

    fn constant(&mut self, constant: TensorProto) {
        self.written.initializer.push(constant);
    }

    fn layer(&mut self, id: ValueId, layer: &Layer) {
        let output = self.name(id);
        let inputs: Vec<String> = layer.inputs.iter().map(|&input| self.read(input)).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        match &layer.op {
            Op::Image => self.written.input.push(self.value(id, &output)),
            Op::Conv(conv) => self.conv(id, conv, inputs[0], &output),
            Op::Norm(norm) => self.norm(norm, inputs[0], &output),
            Op::Activation(activation) => {
                if self.flat.contains(&layer.inputs[0]) {
                    self.flat.insert(id);
                }
                self.activation(*activation, inputs[0], &output);
            }
            Op::HardSigmoid => {
                let slope = [attribute::float("alpha", 1.0 / 6.0), attribute::float("beta", 0.5)];
                self.add(node("HardSigmoid", &inputs, &output, slope.into()));
            }
            Op::Scale => self.add(node("Mul", &inputs, &output, Vec::new())),
            Op::Add => self.add(node("Add", &inputs, &output, Vec::new())),
            Op::GlobalPool => self.add(node("GlobalAveragePool", &inputs, &output, Vec::new())),
            Op::Linear(linear) => self.linear(id, linear, layer.inputs[0], &output),
        }
    }

    fn conv(&mut self, id: ValueId, conv: &Conv, input: &str, output: &str) {
        let weight = self.weight(id, &format!("{output}.weight"), &conv.weight_shape(), &conv.weight);
        let bias = conv.bias.as_ref().map(|bias| self.bias(id, &format!("{output}.bias"), bias));
        let inputs: Vec<&str> = [input, &weight].into_iter().chain(bias.as_deref()).collect();
        let [before, after] = conv.pads.map(|zeros| zeros as i64);
        let both = |value: usize| [value as i64; 2];
        let attributes: Vec<AttributeProto> = vec![
            attribute::ints("dilations", [1, 1]),
            attribute::int("group", conv.groups as i64),
            attribute::ints("kernel_shape", both(conv.kernel)),
            attribute::ints("pads", [before, before, after, after]),
            attribute::ints("strides", both(conv.stride)),
        ];
        self.add(node("Conv", &inputs, output, attributes));
    }

    fn norm(&mut self, norm: &Norm, input: &str, output: &str) {
        let mut inputs = vec![input.to_owned()];
        let tensors = [
            ("weight", &norm.weight),
            ("bias", &norm.bias),
            ("running_mean", &norm.mean),
            ("running_var", &norm.var),
        ];
        for (name, values) in tensors {
            let name = format!("{output}.{name}");
            self.constant(tensor::floats(&name, &[values.len()], values));
            inputs.push(name);
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let eps = vec![attribute::float("epsilon", norm.eps as f32)];
        self.add(node("BatchNormalization", &inputs, output, eps));
    }

    fn activation(&mut self, activation: Activation, input: &str, output: &str) {
        match activation {
            Activation::Relu => self.add(node("Relu", &[input], output, Vec::new())),
            Activation::Hswish => self.add(node("HardSwish", &[input], output, Vec::new())),
            Activation::Relu6 => {
                let (zero, six) = ("relu6.zero", "relu6.six");
                if !self.written.initializer.iter().any(|known| known.name.as_deref() == Some(zero)) {
                    self.constant(tensor::floats(zero, &[], &[0.0]));
                    self.constant(tensor::floats(six, &[], &[6.0]));
                }
                self.add(node("Clip", &[input, zero, six], output, Vec::new()));
            }
        }
    }

    fn linear(&mut self, id: ValueId, linear: &Linear, input: ValueId, output: &str) {
        let mut features = self.read(input);
        if !self.flat.contains(&input) {
            let flat = format!("{output}.flat");
            self.add(node("Flatten", &[&features], &flat, vec![attribute::int("axis", 1)]));
            let channels = Dimension::Fixed(self.graph.layer(input).output.channels.into());
            self.written.value_info.push(value(&flat, &[self.batch, channels]));
            features = flat;
        }
        let (c_out, c_in) = (linear.bias.len(), linear.weight.len() / linear.bias.len());
        let weight = self.weight(id, &format!("{output}.weight"), &[c_out, c_in], &linear.weight);
        let bias = self.bias(id, &format!("{output}.bias"), &linear.bias);
        let transposed = vec![attribute::int("transB", 1)];
        self.add(node("Gemm", &[&features, &weight, &bias], output, transposed));
        self.flat.insert(id);
    }

    fn quantised_weights(&self, id: ValueId) -> Option<&'a QuantisedWeights> {
        self.quantised.and_then(|quantised| quantised.weights(id))
    }

    /// Adds a weight; the name to read it by.
    fn weight(&mut self, id: ValueId, name: &str, shape: &[usize], values: &[f32]) -> String {
        let Some(quantised) = self.quantised_weights(id) else {
            self.constant(tensor::floats(name, shape, values));
            return name.to_owned();
        };
        let integers = format!("{name}.int8");
        self.constant(tensor::int8s(&integers, shape, &quantised.weight));
        let zeros = vec![0; quantised.weight_scales.len()];
        let zero_point = format!("{name}.zero_point");
        self.constant(tensor::int8s(&zero_point, &[zeros.len()], &zeros));
        self.dequantise_channels(name, &integers, &quantised.weight_scales, Some(&zero_point))
    }

    /// Adds a bias; the name to read it by.
    fn bias(&mut self, id: ValueId, name: &str, values: &[f32]) -> String {
        let Some(quantised) = self.quantised_weights(id) else {
            self.constant(tensor::floats(name, &[values.len()], values));
            return name.to_owned();
        };
        let integers = format!("{name}.int32");
        self.constant(tensor::int32s(&integers, &[values.len()], &quantised.bias));
        self.dequantise_channels(name, &integers, &quantised.bias_scales, None)
    }

    /// `name = integers * scales`, one scale for each channel of the first dimension.
    fn dequantise_channels(
        &mut self,
        name: &str,
        integers: &str,
        scales: &[f32],
        zero_point: Option<&str>,
    ) -> String {
        let scale = format!("{name}.scale");
        self.constant(tensor::floats(&scale, &[scales.len()], scales));
        let inputs: Vec<&str> = [integers, &scale].into_iter().chain(zero_point).collect();
        self.add(node("DequantizeLinear", &inputs, name, vec![attribute::int("axis", 0)]));
        name.to_owned()
    }

    /// Rounds a value to the 8 bits that its readers see.
    fn quantise(&mut self, id: ValueId, affine: Affine) {
        let name = self.name(id);
        let [scale, zero, integers] =
            ["scale", "zero_point", "quantised"].map(|part| format!("{name}.{part}"));
        self.constant(tensor::floats(&scale, &[], &[affine.scale]));
        self.constant(tensor::int8s(&zero, &[], &[affine.zero_point]));
        self.add(node("QuantizeLinear", &[&name, &scale, &zero], &integers, Vec::new()));
        let read = self.read(id);
        self.add(node("DequantizeLinear", &[&integers, &scale, &zero], &read, Vec::new()));
        let info = self.value(id, &read);
        self.written.value_info.push(info);
    }
}
