//! The one reader and the one writer of safetensors files.
//!
//! A file is checked against its size before any tensor is read. The `safetensors` crate checks offsets and shapes. It
//! keeps the last of tensors of one name and buffers headers of any kind, which the first pass over the header here
//! does not.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use safetensors::{Dtype, SafeTensors, View};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};

/// Bytes of the length that a file begins with.
const LENGTH_BYTES: usize = 8;
/// The largest header that is read, thousands of times that of a network.
const LARGEST_HEADER: usize = 16 << 20;

/// A tensor of a file, as `f32`.
#[derive(Debug, Clone, PartialEq)]
pub struct FileTensor {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its values, the last dimension fastest.
    pub values: Vec<f32>,
}

impl View for FileTensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn data_len(&self) -> usize {
        self.values.len() * size_of::<f32>()
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorFile {
    /// Its tensors by name.
    pub tensors: BTreeMap<String, FileTensor>,
    /// The texts that stand beside them.
    metadata: HashMap<String, String>,
}

/// A file's tensors cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorFileError {
    /// It contradicts itself or is cut off.
    #[error("{0}")]
    Damaged(String),
    /// It holds something else than tensors by name.
    #[error("{0}")]
    NoTensors(String),
    /// A tensor holds something else than floating-point numbers.
    #[error("`{name}` holds {format} numbers, not floating-point ones")]
    Numbers {
        /// The tensor's name.
        name: String,
        /// What it holds.
        format: String,
    },
}

/// The floating-point numbers of `data`, little-endian and whole, rounded to `f32`; none for numbers of other kinds.
pub fn decode_floats(kind: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    Some(match kind {
        Dtype::F16 => halves(data).map(|bits| half::f16::from_bits(bits).to_f32()).collect(),
        Dtype::BF16 => halves(data).map(|bits| half::bf16::from_bits(bits).to_f32()).collect(),
        Dtype::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Dtype::F64 => data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect(),
        _ => return None,
    })
}

fn halves(data: &[u8]) -> impl Iterator<Item = u16> {
    data.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes))
}

/// The bytes of a safetensors file with these tensors, and a text beside them under a key of the metadata.
///
/// # Errors
/// If a tensor's shape contradicts its values.
pub fn tensor_file_bytes<V: View>(
    tensors: impl IntoIterator<Item = (String, V)>,
    header: Option<(&str, String)>,
) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let metadata = header.map(|(key, text)| HashMap::from([(key.to_owned(), text)]));
    safetensors::serialize(tensors, metadata)
}

impl TensorFile {
    /// Reads a safetensors file without the tensors that `is_skipped`, rounding wider numbers.
    ///
    /// # Errors
    /// If the file is cut off, repeats a name or contradicts itself, or a tensor holds no floating-point numbers.
    pub fn parse(file: &[u8], is_skipped: impl Fn(&str) -> bool) -> Result<Self, TensorFileError> {
        Self::read(file, is_skipped, |_, _| Ok(()))
    }

    /// Reads a safetensors file that holds what this program wrote: `f32` and nothing else.
    ///
    /// # Errors
    /// As [`Self::parse`], and if a tensor holds other numbers.
    pub fn parse_own(file: &[u8]) -> Result<Self, TensorFileError> {
        Self::read(
            file,
            |_| false,
            |name, kind| match kind {
                Dtype::F32 => Ok(()),
                other => Err(TensorFileError::Damaged(format!("`{name}` holds {other}, not F32"))),
            },
        )
    }

    fn read(
        file: &[u8],
        is_skipped: impl Fn(&str) -> bool,
        check: impl Fn(&str, Dtype) -> Result<(), TensorFileError>,
    ) -> Result<Self, TensorFileError> {
        check_header(file).map_err(TensorFileError::Damaged)?;
        let damaged = |error: safetensors::SafeTensorError| TensorFileError::Damaged(error.to_string());
        let (_, metadata) = SafeTensors::read_metadata(file).map_err(damaged)?;
        let metadata = metadata.metadata().clone().unwrap_or_default();
        let mut tensors = BTreeMap::new();
        for (name, tensor) in SafeTensors::deserialize(file).map_err(damaged)?.iter() {
            if is_skipped(name) {
                continue;
            }
            check(name, tensor.dtype())?;
            let values = decode_floats(tensor.dtype(), tensor.data());
            let values = values.ok_or_else(|| TensorFileError::Numbers {
                name: name.to_owned(),
                format: tensor.dtype().to_string(),
            })?;
            tensors.insert(name.to_owned(), FileTensor { shape: tensor.shape().to_vec(), values });
        }
        Ok(Self { tensors, metadata })
    }

    /// The JSON text under `key` of the metadata.
    ///
    /// # Errors
    /// If there is none or it says something else.
    pub fn header<T: DeserializeOwned>(&self, key: &str) -> Result<T, TensorFileError> {
        let text = self.metadata.get(key);
        let text = text.ok_or_else(|| TensorFileError::Damaged(format!("its metadata have no `{key}`")))?;
        serde_json::from_str(text)
            .map_err(|error| TensorFileError::Damaged(format!("in its `{key}`, {error}")))
    }

    /// The values of exactly the `expected` tensors, in their order. `whole` is what they make up, for errors.
    ///
    /// # Errors
    /// All tensors that are missing, surplus or of another shape.
    pub fn into_values(
        mut self,
        expected: impl IntoIterator<Item = (String, Vec<usize>)>,
        whole: &str,
    ) -> Result<Vec<Vec<f32>>, String> {
        let (mut values, mut differences) = (Vec::new(), Vec::new());
        for (name, shape) in expected {
            match self.tensors.remove(&name) {
                Some(tensor) if tensor.shape == shape => values.push(tensor.values),
                Some(tensor) => differences.push(format!("{name} is {:?}, not {shape:?}", tensor.shape)),
                None => differences.push(format!("{name} {shape:?} is missing")),
            }
        }
        let surplus = self.tensors.iter();
        differences.extend(surplus.map(|(name, t)| format!("{name} {:?} is not in the {whole}", t.shape)));
        if differences.is_empty() { Ok(values) } else { Err(differences.join("; ")) }
    }
}

/// Reads the header without keeping it.
fn check_header(file: &[u8]) -> Result<(), String> {
    let Some((length, rest)) = file.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(format!("it has {} bytes", file.len()));
    };
    let length = u64::from_le_bytes(*length);
    let header = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let Some((header, data)) = header else {
        return Err(format!("its header would have {length} bytes, and {} follow", rest.len()));
    };
    if header.len() > LARGEST_HEADER {
        return Err(format!("its header has {length} bytes, more than {LARGEST_HEADER}"));
    }
    let mut json = serde_json::Deserializer::from_slice(header);
    let last = json.deserialize_map(LastTensor).and_then(|last| json.end().map(|()| last));
    match last.map_err(|e| format!("in its header, {e}"))? {
        Some((name, end)) if end > data.len() => {
            Err(format!("`{name}` ends at byte {end} of the data, of which there are {}", data.len()))
        }
        _ => Ok(()),
    }
}

/// The part of a tensor's entry that matters here.
#[derive(Deserialize)]
struct Entry {
    data_offsets: (usize, usize),
}

/// Reads a header for the tensor that ends last, and where.
struct LastTensor;

impl<'de> Visitor<'de> for LastTensor {
    type Value = Option<(String, usize)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names of tensors with their places")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut names = BTreeSet::new();
        let mut last: Option<(String, usize)> = None;
        while let Some(name) = entries.next_key::<String>()? {
            if name == "__metadata__" {
                entries.next_value::<IgnoredAny>()?;
            } else {
                let end = entries.next_value::<Entry>()?.data_offsets.1;
                if last.as_ref().is_none_or(|(_, known)| end > *known) {
                    last = Some((name.clone(), end));
                }
            }
            if !names.insert(name.clone()) {
                return Err(serde::de::Error::custom(format!("`{name}` is there twice")));
            }
        }
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn one(dtype: &str, data: &[u8], count: usize) -> Vec<u8> {
        let header =
            format!(r#"{{"a":{{"dtype":"{dtype}","shape":[{count}],"data_offsets":[0,{}]}}}}"#, data.len());
        file(&header, data)
    }

    fn cut_off(mut file: Vec<u8>, bytes: usize) -> Vec<u8> {
        file.truncate(file.len() - bytes);
        file
    }

    #[rstest]
    #[case("F32", &[0, 0, 192, 63, 0, 0, 0, 192])]
    #[case("F16", &[0, 62, 0, 192])]
    #[case("BF16", &[192, 63, 0, 192])]
    #[case("F64", &[0, 0, 0, 0, 0, 0, 248, 63, 0, 0, 0, 0, 0, 0, 0, 192])]
    fn every_float_format_becomes_f32(#[case] dtype: &str, #[case] data: &[u8]) {
        let file = TensorFile::parse(&one(dtype, data, 2), |_| false).expect(dtype);
        assert_eq!(file.tensors["a"], FileTensor { shape: vec![2], values: vec![1.5, -2.0] });
    }

    #[test]
    fn integers_are_an_error_where_they_are_not_skipped() {
        let counted = one("I64", &[3, 0, 0, 0, 0, 0, 0, 0], 1);
        let error = TensorFile::parse(&counted, |_| false).expect_err("integers");
        assert_eq!(error.to_string(), "`a` holds I64 numbers, not floating-point ones");
        assert!(TensorFile::parse(&counted, |name| name == "a").expect("skipped").tensors.is_empty());
    }

    #[rstest]
    #[case::short(vec![1, 2, 3], "it has 3 bytes")]
    #[case::huge_header(u64::MAX.to_le_bytes().to_vec(), "its header would have 18446744073709551615 bytes, and 0 follow")]
    #[case::no_json(file("[1]", &[]), "in its header, invalid type: sequence")]
    #[case::cut_off(cut_off(one("F32", &[0; 8], 2), 5), "`a` ends at byte 8 of the data, of which there are 3")]
    #[case::repeated(
        file(
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            &[0; 4],
        ),
        "`a` is there twice"
    )]
    #[case::overflow(
        file(r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, &[]),
        "overflow"
    )]
    #[case::far_offsets(
        file(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551608,18446744073709551612]}}"#, &[0; 4]),
        "ends at byte 18446744073709551612"
    )]
    #[case::overlap(
        file(
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            &[0; 4],
        ),
        "invalid offset"
    )]
    #[case::deep(file(&("{\"__metadata__\":".to_owned() + &"[".repeat(100_000)), &[]), "in its header")]
    fn what_is_wrong_with_a_file_is_told(#[case] bytes: Vec<u8>, #[case] says: &str) {
        let error = TensorFile::parse(&bytes, |_| false).expect_err(says).to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn what_is_written_is_read_with_its_header() {
        let tensor = FileTensor { shape: vec![2, 1], values: vec![1.5, -2.0] };
        let tensors = [("b".to_owned(), tensor.clone()), ("a".to_owned(), tensor.clone())];
        let bytes = tensor_file_bytes(tensors, Some(("about", "[1,2]".to_owned()))).expect("consistent");
        let file = TensorFile::parse_own(&bytes).expect("its own");
        assert_eq!(file.header::<Vec<u32>>("about"), Ok(vec![1, 2]));
        let error = file.header::<u32>("about").expect_err("a list").to_string();
        assert!(error.contains("in its `about`, invalid type"), "{error}");
        assert!(file.header::<u32>("other").is_err());
        assert_eq!(file.tensors, BTreeMap::from(["a", "b"].map(|name| (name.to_owned(), tensor.clone()))));
        let bad = FileTensor { shape: vec![3], ..tensor };
        assert!(tensor_file_bytes([("a".to_owned(), bad)], None).is_err());
    }

    #[test]
    fn a_file_of_this_program_holds_single_precision() {
        let error = TensorFile::parse_own(&one("F64", &[0; 8], 1)).expect_err("wide").to_string();
        assert_eq!(error, "`a` holds F64, not F32");
    }

    #[test]
    fn all_tensors_that_differ_are_named() {
        let tensor = |shape: &[usize]| FileTensor { shape: shape.to_vec(), values: vec![1.0; 4] };
        let tensors = [("a", [4, 1]), ("b", [2, 2]), ("c", [1, 4])];
        let tensors = tensors.map(|(name, shape)| (name.to_owned(), tensor(&shape)));
        let file = TensorFile { tensors: BTreeMap::from(tensors), metadata: HashMap::new() };
        let expected = |all: &[(&str, [usize; 2])]| {
            let all = all.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec()));
            file.clone().into_values(all.collect::<Vec<_>>(), "network")
        };
        let error = expected(&[("a", [1, 4]), ("b", [2, 2]), ("d", [1, 1])]).expect_err("differences");
        assert_eq!(error, "a is [4, 1], not [1, 4]; d [1, 1] is missing; c [1, 4] is not in the network");
        let values = expected(&[("c", [1, 4]), ("a", [4, 1]), ("b", [2, 2])]).expect("these");
        assert_eq!(values.len(), 3);
    }
}
