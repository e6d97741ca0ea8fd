//! The networks between two iterations as one safetensors file.
//!
//! Tensors are `<key>/<part>/<path>`, flat; the metadata hold one JSON text
//! under `members` with the channels, steps and marks of each network.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::race::Trained;
use crate::netadapt::Channels;
use crate::train::TrainingState;
use crate::whole_file::write_whole_file;

const HEADER: &str = "members";

/// The file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {reason}", path.display())]
pub struct StateFileError {
    action: &'static str,
    path: PathBuf,
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct Header {
    channels: Channels,
    steps: u64,
    /// One character for each held-out image.
    right: String,
}

/// Writes networks by their keys.
pub(super) fn write(path: &Path, members: &BTreeMap<u64, Trained>) -> Result<(), StateFileError> {
    let failed = |reason: String| StateFileError { action: "write", path: path.to_owned(), reason };
    let mut headers = BTreeMap::new();
    let mut bytes: BTreeMap<String, (usize, Vec<u8>)> = BTreeMap::new();
    for (key, trained) in members {
        let right = trained.right.iter().map(|&right| if right { '1' } else { '0' }).collect();
        let (channels, steps) = (trained.channels.clone(), trained.steps);
        headers.insert(key.to_string(), Header { channels, steps, right });
        for (part, values) in &trained.state.parts {
            for (path, tensor) in values {
                let little_endian = tensor.iter().flat_map(|value| value.to_le_bytes()).collect();
                bytes.insert(format!("{key}/{part}/{path}"), (tensor.len(), little_endian));
            }
        }
    }
    let views: Result<Vec<_>, _> = bytes
        .iter()
        .map(|(name, (len, bytes))| Ok((name, TensorView::new(Dtype::F32, vec![*len], bytes)?)))
        .collect();
    let views = views.map_err(|e: safetensors::SafeTensorError| failed(e.to_string()))?;
    let header = serde_json::to_string(&headers).map_err(|e| failed(e.to_string()))?;
    let metadata = HashMap::from([(HEADER.to_owned(), header)]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(|e| failed(e.to_string()))?;
    write_whole_file(path, &file).map_err(|e| failed(e.to_string()))
}

/// Reads the networks that [`write`] wrote.
pub(super) fn read(path: &Path) -> Result<BTreeMap<u64, Trained>, StateFileError> {
    let failed = |reason: String| StateFileError { action: "read", path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(|e| failed(e.to_string()))?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| failed(e.to_string()))?;
    let header = metadata.metadata().as_ref().and_then(|entries| entries.get(HEADER));
    let header = header.ok_or_else(|| failed(format!("its metadata have no `{HEADER}`")))?;
    let headers: BTreeMap<String, Header> =
        serde_json::from_str(header).map_err(|e| failed(e.to_string()))?;
    let mut members = BTreeMap::new();
    for (key, header) in headers {
        let number = key.parse::<u64>().map_err(|e| failed(e.to_string()))?;
        let right = header.right.chars().map(|c| c == '1').collect();
        let state = TrainingState::default();
        members.insert(number, Trained { channels: header.channels, state, steps: header.steps, right });
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|e| failed(e.to_string()))?;
    for (name, tensor) in file.tensors() {
        let mut words = name.splitn(3, '/');
        let (Some(key), Some(part), Some(path)) = (words.next(), words.next(), words.next()) else {
            return Err(failed(format!("`{name}` is no tensor of a network")));
        };
        let member = key.parse().ok().and_then(|key: u64| members.get_mut(&key));
        let Some(member) = member else { return Err(failed(format!("`{name}` belongs to no network"))) };
        let numbers = tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        member.state.parts.entry(part.to_owned()).or_default().insert(path.to_owned(), numbers.collect());
    }
    Ok(members)
}
