//! Weights for this program.

use std::path::Path;

use super::error::ExportError;
use super::logits::{BATCH, OfNetwork};
use super::pending::Pending;
use super::proof::Proof;
use super::source::Source;
use super::{ExportReport, RunProof};
use crate::graph::LayerGraph;
use crate::nn::{Network, load_network, weight_bytes};
use crate::run::Images;

/// Writes the tensors of the network to `path`, and the network beside it.
///
/// # Errors
/// See [`ExportError`]; nothing is kept then.
pub fn write_own(
    source: &Source,
    images: &Images,
    proof_images: usize,
    path: &Path,
) -> Result<ExportReport, ExportError> {
    let graph = LayerGraph::lower(&source.spec);
    let network = Network::with_values(graph.clone(), &source.values)?;
    let mut pending = Pending::default();
    let bytes = weight_bytes(network.parameters()).map_err(candle_core::Error::wrap)?;
    let written = pending.write(path, &bytes, "weights under this program's names")?;
    let toml = path.with_extension("toml");
    pending.write(&toml, source.spec.to_toml().as_bytes(), "the network they belong to")?;
    let reloaded = load_network(graph, &written)?;
    let proof = prove(source, &reloaded, images, proof_images)?;
    Ok(ExportReport { files: pending.keep()?, proofs: vec![proof], int8: None, notes: source.notes.clone() })
}

/// The logits of a network that was read back against those of the source.
pub(super) fn prove(
    source: &Source,
    reloaded: &Network,
    images: &Images,
    proof_images: usize,
) -> Result<RunProof, ExportError> {
    let loader = images.some_to_test_with(proof_images, BATCH)?;
    let mut expected = OfNetwork::new(&source.spec, &source.values, BATCH.get())?;
    let mut found = OfNetwork::of(reloaded, BATCH.get())?;
    let proof = Proof::of(&mut expected, &mut found, &loader)?;
    let by = "this program".to_owned();
    Ok(RunProof { proof: proof.within_tolerance(&by)?, by })
}
