//! The files of `torch.save`: a pickle of a state dict, and the storages that it names.
//!
//! Since version 1.6 a file is a zip archive with an entry for each storage; before, pickles and storages follow each
//! other.

use std::collections::BTreeMap;

use safetensors::Dtype;

use super::archive::Archive;
use super::bytes::Bytes;
use super::pickle::{Object, Pickle};
use super::state::State;
use super::storage::{Storages, kinds, width};
use crate::nn::TensorFileError;

/// What a file before version 1.6 begins with: the pickle of a number.
const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Whether a file begins as one of `torch.save`.
pub(super) fn is_pth(file: &[u8]) -> bool {
    Archive::is_one(file) || file.starts_with(LEGACY_MAGIC)
}

/// The state dict of a file.
pub(super) fn read(file: &[u8]) -> Result<State, TensorFileError> {
    match file.strip_prefix(LEGACY_MAGIC) {
        Some(rest) => read_legacy(file.len(), rest),
        None => read_archive(file),
    }
}

fn read_archive(file: &[u8]) -> Result<State, TensorFileError> {
    let archive = Archive::open(file).map_err(TensorFileError::Damaged)?;
    let mut pickles = archive.names().filter(|name| name.ends_with("data.pkl"));
    let folder = pickles.next().and_then(|name| name.strip_suffix("data.pkl"));
    let folder = folder.ok_or_else(|| TensorFileError::NoTensors("it has no `data.pkl`".to_owned()))?;
    let entry = |name: &str| archive.get(&format!("{folder}{name}"));
    if entry("byteorder").is_some_and(|order| order.trim_ascii() != b"little") {
        return Err(TensorFileError::Damaged("its numbers are big-endian".to_owned()));
    }
    let pickle = entry("data.pkl").ok_or_else(|| {
        TensorFileError::Damaged("it is compressed, which torch.save does not do".to_owned())
    })?;
    let (pickle, _) = Pickle::read(pickle).map_err(TensorFileError::Damaged)?;
    let find = |key: &str| entry(&format!("data/{key}"));
    State::of(&pickle, &Storages::new(file.len(), &find))
}

/// Version, description of the machine, object, keys of the storages, storages.
fn read_legacy(file_bytes: usize, rest: &[u8]) -> Result<State, TensorFileError> {
    let next = |bytes| Pickle::read(bytes).map_err(TensorFileError::Damaged);
    let (_version, rest) = next(rest)?;
    let (machine, rest) = next(rest)?;
    if is_big_endian(&machine) {
        return Err(TensorFileError::Damaged("its numbers are big-endian".to_owned()));
    }
    let (pickle, rest) = next(rest)?;
    let (keys, rest) = next(rest)?;
    let stored = legacy_storages(&keys, &kinds(&pickle), rest)
        .ok_or_else(|| TensorFileError::Damaged("its storages are cut off".to_owned()))?;
    let find = |key: &str| stored.get(key).copied();
    State::of(&pickle, &Storages::new(file_bytes, &find))
}

fn is_big_endian(machine: &Pickle<'_>) -> bool {
    let Object::Dict(items) = machine.root() else { return false };
    let mut items = items.iter();
    items.any(|&(key, value)| {
        machine.text(key) == Some("little_endian") && machine.object(value) == &Object::Bool(false)
    })
}

/// Each storage: its number of elements, then they themselves.
fn legacy_storages<'a>(
    keys: &Pickle<'a>,
    kinds: &BTreeMap<&'a str, Option<Dtype>>,
    rest: &'a [u8],
) -> Option<BTreeMap<&'a str, &'a [u8]>> {
    let Object::List(keys_of) = keys.root() else { return None };
    let mut bytes = Bytes::new(rest);
    let mut storages = BTreeMap::new();
    for &key in keys_of {
        let key = keys.text(key)?;
        let elements = usize::try_from(bytes.u64()?).ok()?;
        let size = elements.checked_mul(width((*kinds.get(key)?)?))?;
        storages.insert(key, bytes.take(size)?);
    }
    Some(storages)
}
