//! Tensors as views of storages: `torch._utils._rebuild_tensor_v2` and its relatives.

use std::cell::Cell;
use std::collections::BTreeMap;

use safetensors::Dtype;

use super::pickle::{Id, Object, Pickle};
use crate::nn::{FileTensor, TensorFileError, decode_floats};

/// Calls around a tensor that are looked through: parameters, subclasses.
const MOST_WRAPPERS: usize = 4;
/// Dimensions of a tensor.
const MOST_DIMENSIONS: usize = 8;
/// Bytes of a storage's key, which is a number in practice.
const LONGEST_KEY: usize = 64;

/// What a storage of a class of the module `torch` holds; none for what is not known or has no name in safetensors.
fn kind_of(class: &str) -> Option<Dtype> {
    Some(match class {
        "FloatStorage" => Dtype::F32,
        "DoubleStorage" => Dtype::F64,
        "HalfStorage" => Dtype::F16,
        "BFloat16Storage" => Dtype::BF16,
        "BoolStorage" => Dtype::BOOL,
        "ByteStorage" | "QUInt8Storage" => Dtype::U8,
        "CharStorage" | "QInt8Storage" => Dtype::I8,
        "ShortStorage" => Dtype::I16,
        "IntStorage" | "QInt32Storage" => Dtype::I32,
        "LongStorage" => Dtype::I64,
        "ComplexFloatStorage" => Dtype::C64,
        _ => return None,
    })
}

/// Bytes of a number.
pub(super) fn width(kind: Dtype) -> usize {
    kind.bitsize() / 8
}

/// The kinds of all storages that a pickle names, by their keys.
pub(super) fn kinds<'a>(pickle: &Pickle<'a>) -> BTreeMap<&'a str, Option<Dtype>> {
    let references = pickle.persistent().filter_map(|id| Reference::read(pickle, id));
    references.map(|reference| (reference.key, kind_of(reference.class))).collect()
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
        let not_floats = || TensorFileError::Numbers {
            name: name.to_owned(),
            format: view.storage.class.replace("Storage", ""),
        };
        let is_float = |kind: &Dtype| decode_floats(*kind, &[]).is_some();
        let kind = kind_of(view.storage.class).filter(is_float).ok_or_else(not_floats)?;
        let storage = (self.find)(key)
            .ok_or_else(|| outside(format!("its storage `{key}` is missing or compressed")))?;
        let width = width(kind);
        let (count, end) = view
            .extent()
            .filter(|&(_, end)| end <= storage.len() / width)
            .ok_or_else(|| outside(format!("it lies outside of its storage `{key}`")))?;
        let left = count.checked_mul(width).and_then(|bytes| self.left.get().checked_sub(bytes));
        self.left
            .set(left.ok_or_else(|| outside("with it the tensors are larger than the file".to_owned()))?);
        let gathered;
        let data = if count == 0 {
            &[]
        } else if view.is_contiguous() {
            &storage[view.offset * width..end * width]
        } else {
            gathered = gather(&view, width, storage, count);
            &gathered[..]
        };
        Ok(FileTensor {
            values: decode_floats(kind, data).ok_or_else(not_floats)?,
            shape: view.shape.clone(),
        })
    }
}

/// The bytes of the elements, each of so many, of a view that skips or permutes and lies inside of the storage.
fn gather(view: &TensorView<'_>, width: usize, storage: &[u8], count: usize) -> Vec<u8> {
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
    data
}
