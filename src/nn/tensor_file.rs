//! Tensors of safetensors files, checked against the size of the file before any is read.
//!
//! The `safetensors` crate checks offsets and shapes. It keeps the last of tensors of one name and buffers headers of
//! any kind, which the first pass over the header here does not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

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

/// A file's tensors cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorFileError {
    /// It is not what it says it is.
    #[error("it is no whole safetensors file: {0}")]
    Damaged(String),
    /// A tensor holds something else than floating-point numbers.
    #[error("`{name}` holds {format} numbers, not floating-point ones")]
    Numbers {
        /// The tensor's name.
        name: String,
        /// What it holds.
        format: String,
    },
}

/// How a file writes floating-point numbers, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatFormat {
    /// IEEE half precision.
    F16,
    /// The upper half of an `f32`.
    Bf16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
}

impl FloatFormat {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The numbers of `data`, whose length is a multiple of theirs, rounded to `f32`.
    pub fn decode(self, data: &[u8]) -> Vec<f32> {
        match self {
            Self::F16 => halves(data).map(|bits| half::f16::from_bits(bits).to_f32()).collect(),
            Self::Bf16 => halves(data).map(|bits| half::bf16::from_bits(bits).to_f32()).collect(),
            Self::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Self::F64 => data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect(),
        }
    }
}

fn halves(data: &[u8]) -> impl Iterator<Item = u16> {
    data.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes))
}

/// The tensors of a safetensors file by name, without those that `is_skipped`.
///
/// # Errors
/// If the file is cut off, repeats a name or contradicts itself, or a tensor holds no floating-point numbers.
pub fn read_safetensors(
    file: &[u8],
    is_skipped: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, FileTensor>, TensorFileError> {
    check_header(file).map_err(TensorFileError::Damaged)?;
    let stored = SafeTensors::deserialize(file).map_err(|e| TensorFileError::Damaged(e.to_string()))?;
    let wanted = stored.iter().filter(|(name, _)| !is_skipped(name));
    let read = wanted.map(|(name, tensor)| {
        let format = match tensor.dtype() {
            Dtype::F16 => FloatFormat::F16,
            Dtype::BF16 => FloatFormat::Bf16,
            Dtype::F32 => FloatFormat::F32,
            Dtype::F64 => FloatFormat::F64,
            other => {
                let name = name.to_owned();
                return Err(TensorFileError::Numbers { name, format: other.to_string() });
            }
        };
        let values = format.decode(tensor.data());
        Ok((name.to_owned(), FileTensor { shape: tensor.shape().to_vec(), values }))
    });
    read.collect()
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
    let Header { last } = serde_json::from_slice(header).map_err(|e| format!("in its header, {e}"))?;
    match last {
        Some((name, end)) if end > data.len() => {
            Err(format!("`{name}` ends at byte {end} of the data, of which there are {}", data.len()))
        }
        _ => Ok(()),
    }
}

/// What the header says of the end of the file: the tensor that ends last, and where.
struct Header {
    last: Option<(String, usize)>,
}

/// The part of a tensor's entry that matters here.
#[derive(Deserialize)]
struct Entry {
    data_offsets: (usize, usize),
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names of tensors with their places")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Header, A::Error> {
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
        Ok(Header { last })
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
        let tensors = read_safetensors(&one(dtype, data, 2), |_| false).expect(dtype);
        assert_eq!(tensors["a"], FileTensor { shape: vec![2], values: vec![1.5, -2.0] });
    }

    #[test]
    fn integers_are_an_error_where_they_are_not_skipped() {
        let counted = one("I64", &[3, 0, 0, 0, 0, 0, 0, 0], 1);
        let error = read_safetensors(&counted, |_| false).expect_err("integers");
        assert_eq!(error.to_string(), "`a` holds I64 numbers, not floating-point ones");
        assert!(read_safetensors(&counted, |name| name == "a").expect("skipped").is_empty());
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
        let error = read_safetensors(&bytes, |_| false).expect_err(says).to_string();
        assert!(error.contains(says), "{error}");
    }
}
