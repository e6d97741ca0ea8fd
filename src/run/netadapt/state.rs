//! The networks between two iterations as one safetensors file.
//!
//! Tensors are `<key>/<part>/<path>`, flat; the metadata hold one JSON text
//! under `members` with the channels, steps and marks of each network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::NetadaptRunError;
use super::race::Trained;
use crate::graph::Values;
use crate::netadapt::{Channels, Surgery};
use crate::nn::{FileTensor, TensorFile, tensor_file_bytes};
use crate::train::TrainingState;
use crate::whole_file::{PathError, write_whole_file};

const HEADER: &str = "members";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    channels: Channels,
    steps: u64,
    /// One character for each held-out image.
    right: String,
}

/// Writes networks by their keys.
pub(super) fn write(path: &Path, members: &BTreeMap<u64, Trained>) -> Result<(), PathError> {
    let mut headers = BTreeMap::new();
    let mut tensors = Vec::new();
    for (key, trained) in members {
        let right = trained.right.iter().map(|&right| if right { '1' } else { '0' }).collect();
        let (channels, steps) = (trained.channels.clone(), trained.steps);
        headers.insert(key.to_string(), Header { channels, steps, right });
        for (part, values) in &trained.state.parts {
            tensors.extend(values.iter().map(|(path, values)| {
                let tensor = FileTensor { shape: vec![values.len()], values: values.clone() };
                (format!("{key}/{part}/{path}"), tensor)
            }));
        }
    }
    let header = serde_json::to_string(&headers).expect("plain data with text keys");
    let bytes = tensor_file_bytes(tensors, Some((HEADER, header))).map_err(PathError::on("write", path))?;
    write_whole_file(path, &bytes)
}

/// Reads the networks that [`write`] wrote, which were narrowed from one original.
///
/// # Errors
/// If the file cannot be read, is damaged, or a network has other tensors than its channels say.
pub(super) fn read(path: &Path, surgery: Surgery<'_>) -> Result<BTreeMap<u64, Trained>, NetadaptRunError> {
    let bytes = std::fs::read(path).map_err(PathError::on("read", path))?;
    parse(&bytes, surgery).map_err(|reason| NetadaptRunError::State { path: path.to_owned(), reason })
}

fn parse(bytes: &[u8], surgery: Surgery<'_>) -> Result<BTreeMap<u64, Trained>, String> {
    let file = TensorFile::parse_own(bytes).map_err(|error| error.to_string())?;
    let headers: BTreeMap<u64, Header> = file.header(HEADER).map_err(|error| error.to_string())?;
    // A network has the moments that its recipe's optimizer keeps once it was trained: what begins is to be whole.
    let begun: BTreeSet<(u64, String)> = file.tensors.keys().filter_map(|name| part_of(name)).collect();
    let mut members = BTreeMap::new();
    let mut places = Vec::new();
    for (key, header) in headers {
        if !header.channels.are_of(surgery.groups) {
            return Err(format!("the channels of network {key} are not those of this adaptation"));
        }
        let tensors = surgery.tensors(&header.channels);
        let own = begun.iter().filter(|(of, part)| *of == key && part != TrainingState::NETWORK);
        for part in own.map(|(_, part)| part.as_str()).chain([TrainingState::NETWORK]) {
            let has_all = !part.starts_with(TrainingState::MOMENTS);
            let kept = tensors.iter().filter(|(_, parameter)| has_all || parameter.trained);
            places.extend(kept.map(|(path, parameter)| {
                (key, part.to_owned(), path.clone(), vec![parameter.shape.iter().product::<usize>()])
            }));
        }
        let right = header.right.chars().map(|c| match c {
            '0' => Ok(false),
            '1' => Ok(true),
            other => Err(format!("network {key} has the mark {other:?}, which is neither 0 nor 1")),
        });
        let right = right.collect::<Result<_, _>>()?;
        let state = TrainingState::of_network(Values::new());
        members.insert(key, Trained { channels: header.channels, state, steps: header.steps, right });
    }
    let names = places.iter().map(|(key, part, path, shape)| (format!("{key}/{part}/{path}"), shape.clone()));
    let values = file.into_values(names, "adaptation")?;
    for ((key, part, path, _), values) in places.into_iter().zip(values) {
        let member: &mut Trained = members.get_mut(&key).expect("every place is of a member");
        member.state.parts.entry(part).or_default().insert(path, values);
    }
    Ok(members)
}

/// The network and the part that a tensor belongs to.
fn part_of(name: &str) -> Option<(u64, String)> {
    let (key, rest) = name.split_once('/')?;
    let (part, _) = rest.split_once('/')?;
    Some((key.parse().ok()?, part.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{ChannelGroups, LayerGraph};
    use crate::spec::{self, NetworkSpec};

    fn graph() -> (LayerGraph, ChannelGroups) {
        let spec = spec::load("mobilenet_v2_cifar").expect("shipped");
        let spec = NetworkSpec { resolution: 8, classes: 2, blocks: spec.blocks[..2].to_vec(), ..spec };
        let graph = LayerGraph::lower(&spec.scaled(0.25, spec::WidthRule::Reference));
        let groups = graph.channel_groups();
        (graph, groups)
    }

    /// The original, and a network that was trained.
    fn members(graph: &LayerGraph, groups: &ChannelGroups) -> BTreeMap<u64, Trained> {
        let state = TrainingState::of_network(graph.initial_values(3));
        let mut trained = state.clone();
        let moments = graph.parameters().filter(|(_, parameter)| parameter.trained);
        let moments = moments.map(|(path, _)| (path.clone(), vec![0.5; state.network()[&path].len()]));
        trained.parts.insert("optimizer.velocity".to_owned(), moments.collect());
        let member = |state, steps, right: &[bool]| Trained {
            channels: Channels::all(groups),
            state,
            steps,
            right: right.to_vec(),
        };
        BTreeMap::from([(0, member(state, 0, &[true, false])), (7, member(trained, 30, &[true, true]))])
    }

    #[test]
    fn networks_are_read_as_they_were_written() {
        let (graph, groups) = graph();
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("state/0001.safetensors");
        let members = members(&graph, &groups);
        write(&path, &members).expect("written");
        let surgery = Surgery { graph: &graph, groups: &groups };
        assert_eq!(read(&path, surgery).expect("its own"), members);
    }

    /// The same bytes, the first tensor said to be of half precision and twice as many numbers.
    fn in_half_precision(file: &[u8]) -> Vec<u8> {
        let (length, rest) = file.split_first_chunk::<8>().expect("a length");
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let mut header: serde_json::Value = serde_json::from_slice(header).expect("JSON");
        let entries = header.as_object_mut().expect("tensors").values_mut();
        let tensor = entries.filter_map(|entry| entry.as_object_mut()).find(|t| t.contains_key("dtype"));
        let tensor = tensor.expect("a tensor");
        let size = tensor["shape"][0].as_u64().expect("a size");
        tensor.insert("dtype".to_owned(), "F16".into());
        tensor.insert("shape".to_owned(), vec![2 * size].into());
        let header = header.to_string();
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn a_file_that_is_not_what_was_written_is_refused_with_its_path() {
        let (graph, groups) = graph();
        let surgery = Surgery { graph: &graph, groups: &groups };
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("0001.safetensors");
        let refused = |bytes: &[u8], says: &str| {
            std::fs::write(&path, bytes).expect("disk");
            let error = read(&path, surgery).expect_err(says).to_string();
            assert!(error.contains("0001.safetensors") && error.contains(says), "{error}");
        };
        let whole = |members: &BTreeMap<u64, Trained>| {
            write(&path, members).expect("written");
            std::fs::read(&path).expect("there")
        };
        let good = members(&graph, &groups);
        let bytes = whole(&good);
        refused(&bytes[..bytes.len() - 1], "of the data, of which there are");
        refused(&bytes[..100], "its header would have");
        refused(&in_half_precision(&bytes), "holds F16, not F32");
        let changed = |change: &dyn Fn(&mut Trained)| {
            let mut members = good.clone();
            change(members.get_mut(&7).expect("trained"));
            whole(&members)
        };
        let weight = graph.parameters().next().expect("a tensor").0;
        let network = TrainingState::NETWORK;
        let part = |trained: &mut Trained, part: &str| trained.state.parts.remove(part).expect("there");
        let surplus = changed(&|trained| {
            let mut values = part(trained, network);
            values.insert("x".to_owned(), vec![1.0]);
            trained.state.parts.insert(network.to_owned(), values);
        });
        refused(&surplus, "7/network/x [1] is not in the adaptation");
        for of in [network, "optimizer.velocity"] {
            let missing = changed(&|trained| {
                let mut values = part(trained, of);
                values.remove(&weight).expect("there");
                trained.state.parts.insert(of.to_owned(), values);
            });
            refused(&missing, &format!("7/{of}/{weight} ["));
        }
        let short = changed(&|trained| {
            let mut values = part(trained, network);
            values.get_mut(&weight).expect("there").pop();
            trained.state.parts.insert(network.to_owned(), values);
        });
        refused(&short, &format!("7/network/{weight} is ["));
        refused(&changed(&|trained| drop(part(trained, network))), "is missing");
    }
}
