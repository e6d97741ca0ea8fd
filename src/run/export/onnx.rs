//! An ONNX file, in floats or quantised, proven in the runtimes at hand.

use std::num::NonZeroUsize;
use std::path::Path;

use prost::Message;

use super::error::ExportError;
use super::int8::{self, Int8Report, Int8Side};
use super::logits::{BATCH, OfModel, OfNetwork};
use super::pending::{Pending, read_back};
use super::proof::Proof;
use super::source::Source;
use super::{ExportReport, RunProof};
use crate::data::Loader;
use crate::export::{Batch as ModelBatch, InferenceGraph, OnnxOptions, Opset, onnx_model};
use crate::graph::LayerGraph;
use crate::run::Images;
use crate::runtime::{OnnxRuntime, Runtime, Tract};

/// The most test images that both accuracies of a quantised network are measured on.
const MOST_TESTED: usize = 10_000;

/// The runtimes that a file is run in.
#[derive(Debug, Default)]
pub struct Runtimes {
    /// ONNX Runtime, where its library is at hand.
    pub onnx_runtime: Option<OnnxRuntime>,
}

impl Runtimes {
    fn all(&self) -> Vec<&dyn Runtime> {
        let onnx_runtime = self.onnx_runtime.as_ref().map(|runtime| runtime as &dyn Runtime);
        std::iter::once(&Tract as &dyn Runtime).chain(onnx_runtime).collect()
    }

    /// The one that accuracies are measured with: ONNX Runtime if it is at hand.
    fn best(&self) -> &dyn Runtime {
        self.onnx_runtime.as_ref().map_or(&Tract, |runtime| runtime as &dyn Runtime)
    }
}

/// How an ONNX file is written.
#[derive(Clone, Copy)]
pub struct OnnxExport<'a> {
    /// Edition of the operators.
    pub opset: Opset,
    /// Batch norm inside the convolutions.
    pub fold: bool,
    /// Images in a call.
    pub batch: ModelBatch,
    /// Images that the proof is made on.
    pub proof_images: usize,
    /// What runs it.
    pub runtimes: &'a Runtimes,
    /// Told what is being done.
    pub stage: &'a dyn Fn(&str),
}

impl OnnxExport<'_> {
    /// Writes the network to `path` if its logits in every runtime are those of the network.
    ///
    /// # Errors
    /// See [`ExportError`]; nothing is kept then.
    pub fn write(&self, source: &Source, images: &Images, path: &Path) -> Result<ExportReport, ExportError> {
        let graph = self.graph(source)?;
        let model = onnx_model(&graph, &self.options(source)).encode_to_vec();
        let mut pending = Pending::default();
        let content = format!("ONNX, opset {}{}", self.opset.number(), self.described());
        let model = read_back(&pending.write(path, &model, &content)?)?;
        let loader = images.some_to_test_with(self.proof_images, self.images_in_call())?;
        let mut proofs = Vec::new();
        for runtime in self.runtimes.all() {
            (self.stage)(&format!("running it in {} on {} images", runtime.name(), loader.images()));
            let proof = self.prove(source, runtime, &model, &loader)?;
            let by = runtime.name().to_owned();
            proofs.push(RunProof { proof: proof.within_tolerance(&by)?, by });
        }
        Ok(ExportReport { files: pending.keep()?, proofs, int8: None, notes: source.notes.clone() })
    }

    /// Writes the network in 8 bits to `path`, and measures it beside its original.
    ///
    /// # Errors
    /// See [`ExportError`]; nothing is kept then.
    pub fn write_int8(
        &self,
        source: &Source,
        images: &Images,
        calibrating: &Images,
        path: &Path,
    ) -> Result<ExportReport, ExportError> {
        let graph = self.lowered(source)?.folded();
        let floats = onnx_model(&graph, &self.options(source)).encode_to_vec();
        (self.stage)("taking ranges from calibration images");
        let (quantised, equalised, calibration_images) = int8::quantised(graph, &source.spec, calibrating)?;
        let model = quantised.onnx_model(&self.options(source)).encode_to_vec();
        let mut pending = Pending::default();
        let content = format!("ONNX, opset {}, 8 bits{}", self.opset.number(), self.described());
        let model = read_back(&pending.write(path, &model, &content)?)?;
        let batch = self.images_in_call();
        let loader = images.some_to_test_with(MOST_TESTED, batch)?;
        let runtime = self.runtimes.best();
        (self.stage)(&format!("testing both in {} on {} images", runtime.name(), loader.images()));
        let load = |model: &[u8]| OfModel::load(runtime, model, &source.spec, batch.get());
        let [fp32, int8, same_class] = int8::compare(&mut load(&floats)?, &mut load(&model)?, &loader)?;
        let side = |correct: usize, model: &[u8]| Int8Side {
            accuracy: correct as f64 / loader.images() as f64,
            bytes: model.len() as u64,
        };
        let report = Int8Report {
            by: runtime.name().to_owned(),
            images: loader.images(),
            calibration_images,
            equalised,
            fp32: side(fp32, &floats),
            int8: side(int8, &model),
            same_class,
        };
        Ok(ExportReport {
            files: pending.keep()?,
            proofs: Vec::new(),
            int8: Some(report),
            notes: source.notes.clone(),
        })
    }

    fn graph(&self, source: &Source) -> Result<InferenceGraph, ExportError> {
        let graph = self.lowered(source)?;
        Ok(if self.fold { graph.folded() } else { graph })
    }

    fn lowered(&self, source: &Source) -> Result<InferenceGraph, ExportError> {
        Ok(InferenceGraph::new(&LayerGraph::lower(&source.spec), &source.values)?)
    }

    fn images_in_call(&self) -> NonZeroUsize {
        match self.batch {
            ModelBatch::Any => BATCH,
            ModelBatch::Fixed(images) => {
                NonZeroUsize::new(images as usize).expect("--static-batch is at least 1")
            }
        }
    }

    fn described(&self) -> String {
        match self.batch {
            ModelBatch::Any => ", any number of images".to_owned(),
            ModelBatch::Fixed(images) => format!(", {images} images a call"),
        }
    }

    fn prove(
        &self,
        source: &Source,
        runtime: &dyn Runtime,
        model: &[u8],
        loader: &Loader,
    ) -> Result<Proof, ExportError> {
        let (spec, batch) = (&source.spec, self.images_in_call().get());
        let mut network = OfNetwork::new(spec, &source.values, batch)?;
        let mut model = OfModel::load(runtime, model, spec, batch)?;
        Proof::of(&mut network, &mut model, loader)
    }

    fn options(&self, source: &Source) -> OnnxOptions {
        OnnxOptions {
            name: source.spec.name.clone(),
            opset: self.opset,
            batch: self.batch,
            metadata: metadata(source),
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("what a model card says has text for keys")
}

/// What travels with a model, by name.
fn metadata(source: &Source) -> Vec<(String, String)> {
    let mut entries = vec![
        ("network".to_owned(), source.spec.to_toml()),
        ("arch_id".to_owned(), source.spec.arch_id().to_string()),
    ];
    let mut add = |name: &str, text: String| entries.push((name.to_owned(), text));
    if let Some(folder) = &source.folder {
        add("source", folder.display().to_string());
    }
    if let Some(card) = &source.card {
        add("input", "(pixel / 255 - mean) / std, channel by channel".to_owned());
        add("mean", json(&card.normalisation.mean()));
        add("std", json(&card.normalisation.std()));
        add("classes", json(&card.classes));
        add("test_accuracy", card.test_accuracy.to_string());
        if let Some(accuracy) = card.validation_accuracy {
            add("validation_accuracy", accuracy.to_string());
        }
        if let Some(latency) = &card.latency {
            add("latency_ms", latency.ms.to_string());
            add("latency_stddev_ms", latency.stddev_ms.to_string());
            add("latency_device", latency.device.clone());
            add("latency_resolution", latency.resolution.to_string());
        }
        if let Some(timed) = &card.proxy_of {
            add("proxy_of", timed.name.clone());
            add("proxy_of_arch_id", timed.arch_id.to_string());
            add("proxy_of_resolution", timed.resolution.to_string());
            add("proxy_of_classes", timed.classes.to_string());
        }
    }
    entries
}
