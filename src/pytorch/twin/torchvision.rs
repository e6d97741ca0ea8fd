//! torchvision's builders: `mobilenet_v2`, `mobilenet_v3_small` and `mobilenet_v3_large` of any width.

use super::width::width_multiplier;
use super::{Builder, NoTwin, Twin, difference};
use crate::pytorch::families::family;
use crate::pytorch::origin::Package;
use crate::spec::{BatchNormSpec, NetworkSpec, Padding, WidthRule};

/// Builders, each named as its reference network.
const BUILDERS: [&str; 3] = ["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"];
/// Dropout where the call states none.
const DEFAULT_DROPOUT: f64 = 0.2;
/// Channels of the images of every builder.
const IMAGE_CHANNELS: u32 = 3;

pub(super) fn find(spec: &NetworkSpec) -> Result<Twin, NoTwin> {
    let package = Package::Torchvision;
    let reference = family(&spec.blocks);
    let found = reference.as_ref().and_then(|reference| {
        let name = BUILDERS.into_iter().find(|name| *name == reference.name)?;
        Some((name, reference))
    });
    let Some((name, reference)) = found else {
        let reasons = vec![format!("its blocks are none of those of {}", BUILDERS.join(", "))];
        return Err(NoTwin { package, reasons });
    };
    let width = width_multiplier(reference, WidthRule::Torchvision, spec);
    let mut reasons = Vec::new();
    match width {
        None => reasons.push(format!("no width multiplier of {name} gives its channels")),
        Some(width) => {
            reasons.extend(difference(spec, &reference.scaled(width, WidthRule::Torchvision), name));
        }
    }
    reasons.extend(other_conventions(spec, package.batch_norm(spec)));
    match width {
        Some(width) if reasons.is_empty() => {
            Ok(Twin { package, builder: Builder::Function(name), arguments: arguments(spec, width) })
        }
        _ => Err(NoTwin { package, reasons }),
    }
}

/// What no argument of a builder changes.
fn other_conventions(spec: &NetworkSpec, batch_norm: BatchNormSpec) -> Vec<String> {
    let mut reasons = Vec::new();
    if spec.padding != Padding::Symmetric {
        reasons.push("it pads as TensorFlow, torchvision symmetrically".to_owned());
    }
    if spec.batch_norm != batch_norm {
        let (ours, theirs) = (spec.batch_norm, batch_norm);
        reasons.push(format!(
            "its batch norm has eps {} and momentum {}, torchvision's {} and {}",
            ours.eps, ours.momentum, theirs.eps, theirs.momentum
        ));
    }
    if spec.input_channels != IMAGE_CHANNELS {
        reasons.push(format!(
            "its images have {} channels, torchvision's {IMAGE_CHANNELS}",
            spec.input_channels
        ));
    }
    reasons
}

fn arguments(spec: &NetworkSpec, width: f64) -> Vec<(&'static str, String)> {
    let mut arguments = vec![("num_classes", spec.classes.to_string())];
    if width != 1.0 {
        arguments.push(("width_mult", width.to_string()));
    }
    if spec.dropout != DEFAULT_DROPOUT {
        arguments.push(("dropout", spec.dropout.to_string()));
    }
    arguments
}
