//! Where the tensors are in what was pickled.

use std::collections::BTreeMap;

use super::pickle::{Id, Object, Pickle};
use super::storage::{Storages, TensorView};
use crate::nn::{FileTensor, TensorFileError};
use crate::pytorch::names::BATCH_COUNT;

/// Keys of a checkpoint under which training programs keep the state dict, in the order of preference.
const WRAPPERS: [&str; 3] = ["state_dict", "model", "model_state_dict"];

/// The tensors of a file.
#[derive(Debug)]
pub(super) struct State {
    pub(super) tensors: BTreeMap<String, FileTensor>,
    /// The key that they stand under, if there is one.
    pub(super) wrapper: Option<&'static str>,
}

impl State {
    /// The state dict that was pickled, or that stands in the dict that was.
    pub(super) fn of(pickle: &Pickle<'_>, storages: &Storages<'_>) -> Result<Self, TensorFileError> {
        let (items, wrapper) = state_dict(pickle).map_err(TensorFileError::NoTensors)?;
        let mut tensors = BTreeMap::new();
        for &(key, value) in items {
            let name = pickle.text(key).ok_or_else(|| no_state("a key of it is not a string"))?;
            if name.ends_with(BATCH_COUNT) {
                continue;
            }
            let view = TensorView::read(pickle, value)
                .ok_or_else(|| no_state(&format!("`{name}` is not a tensor that can be read")))?;
            let tensor = storages.tensor(name, view)?;
            if tensors.insert(name.to_owned(), tensor).is_some() {
                return Err(TensorFileError::Damaged(format!("`{name}` is there twice")));
            }
        }
        Ok(Self { tensors, wrapper })
    }
}

fn no_state(reason: &str) -> TensorFileError {
    TensorFileError::NoTensors(reason.to_owned())
}

type Items<'p> = &'p [(Id, Id)];

fn state_dict<'p>(pickle: &'p Pickle<'_>) -> Result<(Items<'p>, Option<&'static str>), String> {
    let items = match pickle.root() {
        Object::Dict(items) => items,
        Object::Call { callable, .. } => {
            return Err(match pickle.object(*callable) {
                Object::Global(module, name) => format!("it holds a whole `{module}.{name}` object"),
                _ => "it holds a whole object".to_owned(),
            });
        }
        _ => return Err("what it holds is not a dict".to_owned()),
    };
    for wrapper in WRAPPERS {
        let found = items.iter().find(|(key, _)| pickle.text(*key) == Some(wrapper));
        if let Some(Object::Dict(inner)) = found.map(|(_, value)| pickle.object(*value)) {
            return Ok((inner, Some(wrapper)));
        }
    }
    let is_tensor = |&(_, value): &(Id, Id)| TensorView::read(pickle, value).is_some();
    if items.iter().any(is_tensor) {
        return Ok((items, None));
    }
    let keys: Vec<_> = items.iter().filter_map(|(key, _)| pickle.text(*key)).take(8).collect();
    Err(format!("it holds a dict without tensors; its keys are {}", keys.join(", ")))
}
