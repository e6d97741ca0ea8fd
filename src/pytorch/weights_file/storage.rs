//! Tensors as views of storages: `torch._utils._rebuild_tensor_v2` and its relatives.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::pickle::{Id, Object, Pickle};
use crate::nn::{FileTensor, FloatFormat, TensorFileError};

/// Calls around a tensor that are looked through: parameters, subclasses.
const MOST_WRAPPERS: usize = 4;
/// Dimensions of a tensor.
const MOST_DIMENSIONS: usize = 8;
/// Bytes of a storage's key, which is a number in practice.
const LONGEST_KEY: usize = 64;

/// What a storage holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StorageKind {
    /// Floating-point numbers.
    Float(FloatFormat),
    /// Other numbers of so many bytes.
    Other(usize),
    /// A kind that is not known.
    Unknown,
}

impl StorageKind {
    /// The kind of a class of the module `torch`.
    fn of_class(name: &str) -> Self {
        match name {
            "FloatStorage" => Self::Float(FloatFormat::F32),
            "DoubleStorage" => Self::Float(FloatFormat::F64),
            "HalfStorage" => Self::Float(FloatFormat::F16),
            "BFloat16Storage" => Self::Float(FloatFormat::Bf16),
            "BoolStorage" | "ByteStorage" | "CharStorage" | "QInt8Storage" | "QUInt8Storage" => {
                Self::Other(1)
            }
            "ShortStorage" => Self::Other(2),
            "IntStorage" | "QInt32Storage" => Self::Other(4),
            "LongStorage" | "ComplexFloatStorage" => Self::Other(8),
            "ComplexDoubleStorage" => Self::Other(16),
            _ => Self::Unknown,
        }
    }

    /// Bytes of a number.
    pub(super) fn bytes(self) -> Option<usize> {
        match self {
            Self::Float(format) => Some(format.bytes()),
            Self::Other(bytes) => Some(bytes),
            Self::Unknown => None,
        }
    }
}

/// The kinds of all storages that a pickle names, by their keys.
pub(super) fn kinds<'a>(pickle: &Pickle<'a>) -> BTreeMap<&'a str, StorageKind> {
    let references = pickle.persistent().filter_map(|id| Reference::read(pickle, id));
    references.map(|reference| (reference.key, StorageKind::of_class(reference.class))).collect()
}

/// What stands for a storage in a pickle: `("storage", class, key, device, elements)`.
struct Reference<'a> {
    class: &'a str,
    key: &'a str,
}

impl<'a> Reference<'a> {
    fn read(pickle: &Pickle<'a>, id: Id) -> Option<Self> {
        let [kind, class, key, _device, _elements, view @ ..] = pickle.tuple(id)? else { return None };
        let is_whole = view.iter().all(|&view| pickle.object(view) == &Object::Other);
        let &Object::Global("torch", class) = pickle.object(*class) else { return None };
        let key = pickle.text(*key).filter(|key| key.len() <= LONGEST_KEY)?;
        (pickle.text(*kind) == Some("storage") && is_whole).then_some(Self { class, key })
    }
}

/// Where a tensor lies in its storage.
pub(super) struct TensorView<'a> {
    storage: Reference<'a>,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl<'a> TensorView<'a> {
    /// The tensor at a place of a pickle; `None` if there is something else.
    pub(super) fn read(pickle: &Pickle<'a>, mut id: Id) -> Option<Self> {
        for _ in 0..MOST_WRAPPERS {
            let (module, name, arguments) = pickle.call(id)?;
            match (module, name) {
                ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
                    return Self::of_arguments(pickle, arguments);
                }
                ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                    id = *arguments.first()?;
                }
                ("torch._tensor", "_rebuild_from_type_v2") => {
                    let [callable, _kind, arguments, ..] = arguments else { return None };
                    let is_plain = matches!(
                        pickle.object(*callable),
                        Object::Global("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2")
                    );
                    return Self::of_arguments(pickle, pickle.tuple(*arguments)?).filter(|_| is_plain);
                }
                _ => return None,
            }
        }
        None
    }

    fn of_arguments(pickle: &Pickle<'a>, arguments: &[Id]) -> Option<Self> {
        let [storage, offset, shape, strides, ..] = arguments else { return None };
        let &Object::Persistent(storage) = pickle.object(*storage) else { return None };
        let counts = |id| {
            let items = pickle.tuple(id).filter(|items| items.len() <= MOST_DIMENSIONS)?;
            items.iter().map(|&id| pickle.count(id)).collect::<Option<Vec<_>>>()
        };
        let (shape, strides) = (counts(*shape)?, counts(*strides)?);
        let storage = Reference::read(pickle, storage)?;
        let offset = pickle.count(*offset)?;
        (shape.len() == strides.len()).then_some(Self { storage, offset, shape, strides })
    }

    /// Number of elements, and one past the last place that any has; `None` where they are beyond counting.
    fn extent(&self) -> Option<(usize, usize)> {
        let count = self.shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size))?;
        if count == 0 {
            return Some((0, 0));
        }
        let steps = self.shape.iter().zip(&self.strides);
        let last = steps.into_iter().try_fold(self.offset, |last, (&size, &stride)| {
            last.checked_add((size - 1).checked_mul(stride)?)
        })?;
        Some((count, last.checked_add(1)?))
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == expected;
            expected *= size;
            fits
        })
    }
}

/// The storages of a file.
pub(super) struct Storages<'a> {
    find: &'a dyn Fn(&str) -> Option<&'a [u8]>,
    /// Bytes that may still be read. A file whose tensors are more than itself counts a storage many times.
    left: Cell<usize>,
}

impl<'a> Storages<'a> {
    pub(super) fn new(file_bytes: usize, find: &'a dyn Fn(&str) -> Option<&'a [u8]>) -> Self {
        Self { find, left: Cell::new(file_bytes) }
    }

    /// Reads the tensor `name`.
    ///
    /// # Errors
    /// If it holds no floating-point numbers, or its storage is missing or shorter than it, or it is beyond what the
    /// file can hold.
    pub(super) fn tensor(&self, name: &str, view: TensorView<'_>) -> Result<FileTensor, TensorFileError> {
        let outside = |reason: String| TensorFileError::Damaged(format!("`{name}` cannot be read: {reason}"));
        let key = view.storage.key;
        let format = match StorageKind::of_class(view.storage.class) {
            StorageKind::Float(format) => format,
            _ => {
                let format = view.storage.class.replace("Storage", "");
                return Err(TensorFileError::Numbers { name: name.to_owned(), format });
            }
        };
        let storage = (self.find)(key)
            .ok_or_else(|| outside(format!("its storage `{key}` is missing or compressed")))?;
        let width = format.bytes();
        let (count, end) = view
            .extent()
            .filter(|&(_, end)| end <= storage.len() / width)
            .ok_or_else(|| outside(format!("it lies outside of its storage `{key}`")))?;
        let left = count.checked_mul(width).and_then(|bytes| self.left.get().checked_sub(bytes));
        self.left
            .set(left.ok_or_else(|| outside("with it the tensors are larger than the file".to_owned()))?);
        let values = if count == 0 {
            Vec::new()
        } else if view.is_contiguous() {
            format.decode(&storage[view.offset * width..end * width])
        } else {
            gathered(&view, format, storage, count)
        };
        Ok(FileTensor { shape: view.shape, values })
    }
}

/// The elements of a view that skips or permutes, all of which lie inside of the storage.
fn gathered(view: &TensorView<'_>, format: FloatFormat, storage: &[u8], count: usize) -> Vec<f32> {
    let width = format.bytes();
    let mut position = vec![0; view.shape.len()];
    let mut data = Vec::with_capacity(count * width);
    for _ in 0..count {
        let steps = position.iter().zip(&view.strides).map(|(index, stride)| index * stride);
        let at = view.offset + steps.sum::<usize>();
        data.extend_from_slice(&storage[at * width..(at + 1) * width]);
        for (index, &size) in position.iter_mut().zip(&view.shape).rev() {
            *index += 1;
            if *index < size {
                break;
            }
            *index = 0;
        }
    }
    format.decode(&data)
}
