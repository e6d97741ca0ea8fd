//! timm's builders: names such as `mobilenetv3_small_100`, each of one width.
//!
//! Padding, batch-norm constants, a uniform activation and image channels are arguments of all of them.

use super::width::widths;
use super::{Builder, NoTwin, Twin, difference};
use crate::pytorch::families::family;
use crate::pytorch::origin::{Package, TIMM_TF_BATCH_NORM, with_activation};
use crate::spec::block::Conv;
use crate::spec::{
    Activation, BatchNormSpec, BlockSpec, NetworkSpec, Padding, Slot, WidthRule, squeeze_width,
};

/// Dropout where the call states none.
const DEFAULT_DROPOUT: f64 = 0.0;
/// Channels of images where the call states none.
const DEFAULT_CHANNELS: u32 = 3;

/// A name that timm builds a network by.
#[derive(Clone, Copy)]
struct Registered {
    name: &'static str,
    /// The reference network that it is a form of.
    family: &'static str,
    width: f64,
    form: Form,
}

/// What a name has of its own beside the width.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Plain,
    /// The stem keeps the width of the reference network.
    FixedStem,
    /// The last convolution keeps the width of the reference network.
    FixedHead,
    /// A 1x1 convolution before pooling.
    HeadConvolution,
    /// Padding and eps of TensorFlow.
    Tf,
}

const fn registered(name: &'static str, family: &'static str, width: f64, form: Form) -> Registered {
    Registered { name, family, width, form }
}

/// All names; where two build the same, the one whose conventions are nearer is taken.
const REGISTERED: [Registered; 23] = [
    registered("mobilenetv1_100", "mobilenet_v1", 1.0, Form::Plain),
    registered("mobilenetv1_100h", "mobilenet_v1", 1.0, Form::HeadConvolution),
    registered("mobilenetv1_125", "mobilenet_v1", 1.25, Form::Plain),
    registered("mobilenetv2_035", "mobilenet_v2", 0.35, Form::Plain),
    registered("mobilenetv2_050", "mobilenet_v2", 0.5, Form::Plain),
    registered("mobilenetv2_075", "mobilenet_v2", 0.75, Form::Plain),
    registered("mobilenetv2_100", "mobilenet_v2", 1.0, Form::Plain),
    registered("mobilenetv2_140", "mobilenet_v2", 1.4, Form::Plain),
    registered("mobilenetv3_large_075", "mobilenet_v3_large", 0.75, Form::Plain),
    registered("mobilenetv3_large_100", "mobilenet_v3_large", 1.0, Form::Plain),
    registered("mobilenetv3_small_050", "mobilenet_v3_small", 0.5, Form::FixedStem),
    registered("mobilenetv3_small_075", "mobilenet_v3_small", 0.75, Form::Plain),
    registered("mobilenetv3_small_100", "mobilenet_v3_small", 1.0, Form::Plain),
    registered("tf_mobilenetv3_large_075", "mobilenet_v3_large", 0.75, Form::Tf),
    registered("tf_mobilenetv3_large_100", "mobilenet_v3_large", 1.0, Form::Tf),
    registered("tf_mobilenetv3_large_minimal_100", "mobilenet_v3_large_minimalistic", 1.0, Form::Tf),
    registered("tf_mobilenetv3_small_075", "mobilenet_v3_small", 0.75, Form::Tf),
    registered("tf_mobilenetv3_small_100", "mobilenet_v3_small", 1.0, Form::Tf),
    registered("tf_mobilenetv3_small_minimal_100", "mobilenet_v3_small_minimalistic", 1.0, Form::Tf),
    registered("mnasnet_050", "mnasnet_b1", 0.5, Form::FixedHead),
    registered("mnasnet_075", "mnasnet_b1", 0.75, Form::FixedHead),
    registered("mnasnet_100", "mnasnet_b1", 1.0, Form::FixedHead),
    registered("mnasnet_140", "mnasnet_b1", 1.4, Form::FixedHead),
];

impl Registered {
    /// The network that the bare name builds, for the images and classes of `reference`.
    fn network(self, reference: &NetworkSpec) -> NetworkSpec {
        let mut network = Package::Timm.activations(&reference.scaled(self.width, WidthRule::Reference));
        match self.form {
            Form::Plain | Form::Tf => {}
            Form::FixedStem => fix_stem(&mut network, reference),
            Form::FixedHead => network.head.clone_from(&reference.head),
            Form::HeadConvolution => network.head.insert(0, head_convolution(&network)),
        }
        let (padding, batch_norm) = match self.form {
            Form::Tf => (Padding::Same, TIMM_TF_BATCH_NORM),
            _ => (Padding::Symmetric, Package::Timm.batch_norm(&network)),
        };
        NetworkSpec { padding, batch_norm, ..network }
    }
}

/// Gives the stem its width in the reference network, and to the first block, which has no expansion, hidden channels
/// as many.
fn fix_stem(network: &mut NetworkSpec, reference: &NetworkSpec) {
    network.stem = reference.stem;
    let stem = reference.stem.channels(0);
    if let Some(BlockSpec::InvertedResidual(first)) = network.blocks.first_mut() {
        first.hidden = stem;
        first.squeeze = first.squeeze.map(|_| squeeze_width(stem));
    }
}

/// A 1x1 convolution as wide as the last block.
fn head_convolution(network: &NetworkSpec) -> BlockSpec {
    let channels = network.blocks.last().and_then(|block| block.width(Slot::Output));
    let channels = channels.expect("the reference networks end in blocks that state their width");
    let activation = uniform_activation(network);
    BlockSpec::Conv(Conv { kernel: 1, stride: 1, channels, activation })
}

pub(super) fn find(spec: &NetworkSpec) -> Result<Twin, NoTwin> {
    let package = Package::Timm;
    let failed = |reason: String| NoTwin { package, reasons: vec![reason] };
    let reference = family(&spec.blocks).ok_or_else(|| {
        failed("its blocks are none of those of mobilenetv1, mobilenetv2, mobilenetv3 and mnasnet".to_owned())
    })?;
    let of_family: Vec<_> = REGISTERED
        .into_iter()
        .filter(|registered| registered.family == reference.name)
        .map(|registered| (registered.name, registered.network(&reference)))
        .collect();
    let as_wide = of_family.iter().filter(|(_, network)| widths(network) == widths(spec));
    let nearest = as_wide.min_by_key(|(_, network)| other_conventions(spec, network).len());
    let Some((name, network)) = nearest else {
        let names: Vec<_> = of_family.iter().map(|(name, _)| *name).collect();
        return Err(failed(format!("its channels are none of those of {}", names.join(", "))));
    };
    let arguments = other_conventions(spec, network);
    let with_arguments = match (uniform_activation(spec), uniform_activation(network)) {
        (Some(activation), Some(_)) => with_activation(network, activation),
        _ => network.clone(),
    };
    match difference(spec, &with_arguments, name) {
        Some(difference) => Err(failed(difference)),
        None => Ok(Twin { package, builder: Builder::Registered(name), arguments }),
    }
}

/// The arguments that make the conventions of `network` those of `spec`.
fn other_conventions(spec: &NetworkSpec, network: &NetworkSpec) -> Vec<(&'static str, String)> {
    let mut arguments = vec![("num_classes", spec.classes.to_string())];
    if spec.input_channels != DEFAULT_CHANNELS {
        arguments.push(("in_chans", spec.input_channels.to_string()));
    }
    if spec.padding != network.padding {
        let padding = match spec.padding {
            Padding::Same => "\"same\"",
            Padding::Symmetric => "\"\"",
        };
        arguments.push(("pad_type", padding.to_owned()));
    }
    let (BatchNormSpec { eps, momentum }, theirs) = (spec.batch_norm, network.batch_norm);
    if eps != theirs.eps {
        arguments.push(("bn_eps", eps.to_string()));
    }
    if momentum != theirs.momentum {
        arguments.push(("bn_momentum", momentum.to_string()));
    }
    if let (Some(ours), Some(theirs)) = (uniform_activation(spec), uniform_activation(network))
        && ours != theirs
    {
        arguments.push(("act_layer", format!("\"{}\"", activation_name(ours))));
    }
    if spec.dropout != DEFAULT_DROPOUT {
        arguments.push(("drop_rate", spec.dropout.to_string()));
    }
    arguments
}

/// The activation of all blocks, if they have the same.
fn uniform_activation(spec: &NetworkSpec) -> Option<Activation> {
    let mut activations = spec.all_blocks().filter_map(BlockSpec::activation);
    let first = activations.next()?;
    activations.all(|activation| activation == first).then_some(first)
}

fn activation_name(activation: Activation) -> &'static str {
    match activation {
        Activation::Relu => "relu",
        Activation::Relu6 => "relu6",
        Activation::Hswish => "hard_swish",
    }
}
