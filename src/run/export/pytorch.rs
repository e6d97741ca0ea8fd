//! Weights for PyTorch: under the names of torchvision or timm where they build the network, else with a module of its own.

use std::path::Path;

use super::ExportReport;
use super::error::ExportError;
use super::pending::{Pending, read_back};
use super::source::Source;
use super::weights::prove;
use crate::graph::LayerGraph;
use crate::nn::{Network, tensor_file_bytes};
use crate::pytorch::{
    ModuleNotes, Origin, Package, TensorNames, Twin, WeightsFile, import, module_text, state_dict,
};
use crate::run::Images;
use crate::spec::Padding;

/// What the tensors are written for.
struct Target {
    origin: Origin,
    names: TensorNames,
    content: String,
    note: String,
}

/// Writes the tensors for a package to a file in `folder`; if it builds no such network, with a module that does beside it.
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
    let graph = LayerGraph::lower(&source.spec);
    let mut pending = Pending::default();
    let target = match Twin::find(&source.spec, package) {
        Ok(twin) => of_package(source, &twin, &graph)?,
        Err(none) => {
            let module = format!("{}.py", source.file_stem());
            let text = module_text(&source.spec, notes(source))?;
            pending.write(&folder.join(&module), text.as_bytes(), "a PyTorch module")?;
            Target {
                origin: Origin::Module,
                names: TensorNames::module(&graph),
                content: format!("weights of {module}"),
                note: format!("{none}; {module} rebuilds it with torch alone"),
            }
        }
    };
    let state = state_dict(&target.names, &source.values)?;
    let bytes = tensor_file_bytes(state, None).map_err(candle_core::Error::wrap)?;
    let path = folder.join(file_name(source, target.origin));
    let written = pending.write(&path, &bytes, &target.content)?;
    let read = WeightsFile::parse(&written, &read_back(&written)?)?;
    let imported = import(&source.spec, read, Some(target.origin), 0).map_err(Box::new)?;
    let reloaded = Network::with_values(LayerGraph::lower(&imported.network), &imported.values)?;
    let proof = prove(source, &reloaded, images, proof_images)?;
    let notes = source.notes.iter().cloned().chain([target.note]).collect();
    Ok(ExportReport { files: pending.keep()?, proofs: vec![proof], int8: None, notes })
}

fn of_package(source: &Source, twin: &Twin, graph: &LayerGraph) -> Result<Target, ExportError> {
    let origin = match (twin.package, source.spec.padding) {
        (Package::Torchvision, _) => Origin::Torchvision,
        (Package::Timm, Padding::Symmetric) => Origin::Timm,
        (Package::Timm, Padding::Same) => Origin::TimmTf,
    };
    let note = format!(
        "in Python: model = {twin}; model.load_state_dict(safetensors.torch.load_file(\"{}\"), strict=True)",
        file_name(source, origin)
    );
    Ok(Target { origin, names: twin.names(graph)?, content: format!("weights of {twin}"), note })
}

fn file_name(source: &Source, origin: Origin) -> String {
    let whose = match origin {
        Origin::Torchvision => "torchvision",
        Origin::Timm | Origin::TimmTf => "timm",
        Origin::Own | Origin::Module => "pytorch",
    };
    format!("{}_{whose}.safetensors", source.file_stem())
}

fn notes(source: &Source) -> ModuleNotes<'_> {
    match &source.card {
        Some(card) => ModuleNotes {
            class_names: Some(card.classes.as_slice()),
            normalisation: Some(&card.normalisation),
        },
        None => ModuleNotes::default(),
    }
}
