//! Weights for PyTorch: under the names of torchvision or timm where they build the network, else with a module of its own.

use std::path::Path;

use candle_core::safetensors::load_buffer;
use candle_core::{DType, Device};

use super::error::ExportError;
use super::images::Images;
use super::pending::{Pending, read_back};
use super::source::Source;
use super::weights::prove;
use super::{ExportReport, RunProof};
use crate::graph::LayerGraph;
use crate::pytorch::{ModuleNotes, Package, TensorNames, Twin, module_text};

/// Writes the tensors for a package to a file in `folder`; if it builds no such network, a module that does beside it.
///
/// # Errors
/// See [`ExportError`]; nothing is kept then.
pub fn write_pytorch(
    source: &Source,
    package: Package,
    images: &Images,
    proof_images: usize,
    folder: &Path,
) -> Result<ExportReport, ExportError> {
    let (graph, stem) = (LayerGraph::lower(&source.spec), source.file_stem());
    let mut pending = Pending::default();
    let mut notes = source.notes.clone();
    let (names, ending, content) = match Twin::find(&source.spec, package) {
        Ok(twin) => {
            notes.push(loading_text(&twin, &format!("{stem}_{package}.safetensors")));
            (twin.names(&graph)?, package.name(), format!("weights of {twin}"))
        }
        Err(none) => {
            let module = format!("{stem}.py");
            notes.push(format!("{none}; {module} rebuilds it with torch alone"));
            let card = source.card.as_ref();
            let text = module_text(
                &source.spec,
                ModuleNotes {
                    class_names: card.map(|card| card.classes.as_slice()),
                    normalisation: card.map(|card| &card.normalisation),
                },
            )?;
            pending.write(&folder.join(&module), text.as_bytes(), "a PyTorch module")?;
            (TensorNames::module(&graph), "pytorch", format!("weights of {module}"))
        }
    };
    let state = names.state_dict(&source.values)?;
    let bytes = safetensors::serialize(&state, None).map_err(candle_core::Error::wrap)?;
    let path = folder.join(format!("{stem}_{ending}.safetensors"));
    let written = pending.write(&path, &bytes, &content)?;
    let reloaded = names.values(&load_buffer(&read_back(&written)?, &Device::Cpu)?)?;
    let proof = prove(source, &reloaded, images, proof_images)?;
    Ok(ExportReport { files: pending.keep()?, proofs: vec![proof], int8: None, notes })
}

fn loading_text(twin: &Twin, file: &str) -> String {
    format!(
        "in Python: import safetensors.torch, {}; model = {twin}; \
         model.load_state_dict(safetensors.torch.load_file(\"{file}\"), strict=True)",
        twin.import()
    )
}
