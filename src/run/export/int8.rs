//! Quantisation to 8 bits: calibration on real images, and both accuracies side by side.

use std::num::NonZeroUsize;

use serde::Serialize;

use super::error::ExportError;
use super::logits::{Logits, OfModel, channels_first};
use crate::data::{Batch, Loader};
use crate::export::{Calibration, Equalised, InferenceGraph, OnnxOptions, Quantised, probed_model, quantise};
use crate::run::Images;
use crate::runtime::Tract;
use crate::spec::NetworkSpec;
use crate::train::most_likely;
use prost::Message;

/// Images whose ranges are seen.
const CALIBRATION_IMAGES: usize = 512;
/// Images in a batch: all values of it are in memory at once.
const CALIBRATION_BATCH: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

/// A network in floats and in 8 bits.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Int8Report {
    /// What ran both.
    pub by: String,
    /// Test images.
    pub images: usize,
    /// Images that the ranges were taken from.
    pub calibration_images: usize,
    /// Values around depthwise convolutions, and those whose channels were brought to one range.
    #[serde(flatten)]
    pub equalised: Equalised,
    /// The network in floats.
    pub fp32: Int8Side,
    /// The network in 8 bits.
    pub int8: Int8Side,
    /// Images that both give the same class.
    pub same_class: usize,
}

/// How one of them does.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Int8Side {
    /// Top-1 on the test images.
    pub accuracy: f64,
    /// Size of its file.
    pub bytes: u64,
}

/// Quantises a folded network by the ranges that its values have on images.
pub(super) fn quantised(
    mut folded: InferenceGraph,
    spec: &NetworkSpec,
    images: &Images,
) -> Result<(Quantised, Equalised, usize), ExportError> {
    let loader = images.some_to_train_with(CALIBRATION_IMAGES, CALIBRATION_BATCH)?;
    let mut calibration = calibrate(&folded, spec, &loader)?;
    let equalised = folded.equalise(&mut calibration);
    Ok((quantise(folded, &calibration)?, equalised, loader.images()))
}

fn calibrate(
    graph: &InferenceGraph,
    spec: &NetworkSpec,
    loader: &Loader,
) -> Result<Calibration, ExportError> {
    let model = probed_model(graph, &OnnxOptions::default()).encode_to_vec();
    let mut values = OfModel::load(&Tract, &model, spec, CALIBRATION_BATCH.get())?;
    let mut calibration = Calibration::new(graph);
    let side = spec.resolution as usize;
    let image = [CALIBRATION_BATCH.get(), spec.input_channels as usize, side, side];
    let (mut batches, mut batch) = (loader.evaluation(), Batch::default());
    while batches.next_into(&mut batch)? {
        let between = values.outputs(&batch)?;
        let all = std::iter::once(channels_first(&batch.pixels, image)).chain(between);
        for ((id, _), values) in graph.iter().zip(all) {
            calibration.see(id, &values, batch.len());
        }
    }
    Ok(calibration)
}

/// Images that each of two gets right, and those that both give the same class.
pub(super) fn compare(
    fp32: &mut dyn Logits,
    int8: &mut dyn Logits,
    loader: &Loader,
) -> Result<[usize; 3], ExportError> {
    let classes = loader.dataset().classes();
    let mut counts = [0; 3];
    let (mut batches, mut batch) = (loader.evaluation(), Batch::default());
    while batches.next_into(&mut batch)? {
        let (floats, integers) = (fp32.logits(&batch)?, int8.logits(&batch)?);
        let pairs = floats.chunks_exact(classes).zip(integers.chunks_exact(classes));
        for ((floats, integers), &label) in pairs.zip(&batch.labels) {
            let (a, b) = (most_likely(floats), most_likely(integers));
            let seen = [a == label as usize, b == label as usize, a == b];
            for (count, seen) in counts.iter_mut().zip(seen) {
                *count += usize::from(seen);
            }
        }
    }
    Ok(counts)
}
