//! A plain or gzip-compressed file read from front to back, with the place of every fault.
//!
//! Memory grows with the bytes that are really there: a size that a file merely declares is never
//! allocated.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::error::DataError;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What to do about a file that ends too early or is damaged.
const FETCH_AGAIN: &str = "the file is damaged or was not copied completely: fetch it again";

/// The uncompressed bytes of a file.
pub(super) struct ByteStream<'a> {
    path: PathBuf,
    reader: Box<dyn Read + 'a>,
    offset: u64,
}

impl<'a> ByteStream<'a> {
    /// Opens `path`; its contents are taken for gzip when the name ends in `.gz`.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|source| DataError::io(path, source))?;
        let reader = BufReader::with_capacity(1 << 16, file);
        if path.extension().is_some_and(|extension| extension == "gz") {
            Self::gzip(path, reader)
        } else {
            Ok(Self { path: path.to_owned(), reader: Box::new(reader), offset: 0 })
        }
    }

    /// Reads gzip bytes; `path` stands in error messages.
    pub(super) fn gzip(path: &Path, mut compressed: impl io::BufRead + 'a) -> Result<Self, DataError> {
        let start = compressed.fill_buf().map_err(|source| DataError::io(path, source))?;
        if !start.starts_with(&GZIP_MAGIC) {
            return Err(DataError::Malformed {
                path: path.to_owned(),
                offset: 0,
                expected: "a gzip stream (1f 8b)".to_owned(),
                found: hex_or_end(&start[..start.len().min(2)]),
                remedy: "fetch the file again, or drop .gz from its name if it is not compressed",
            });
        }
        Ok(Self { path: path.to_owned(), reader: Box::new(MultiGzDecoder::new(compressed)), offset: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next `N` bytes, or an error that `what` ends too early.
    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], DataError> {
        let bytes = self.bytes(N as u64, what)?;
        // `bytes` has exactly N elements, so the fallback is never taken.
        Ok(<[u8; N]>::try_from(bytes).unwrap_or([0; N]))
    }

    /// The next `len` bytes, or an error that `what` ends too early.
    pub(super) fn bytes(&mut self, len: u64, what: &str) -> Result<Vec<u8>, DataError> {
        let start = self.offset;
        let bytes = self.up_to(len)?;
        if (bytes.len() as u64) < len {
            return Err(self.malformed(
                self.offset,
                format!("{len} bytes of {what} from byte {start} on"),
                format!("the end of the file after {} of them", bytes.len()),
                FETCH_AGAIN,
            ));
        }
        Ok(bytes)
    }

    /// Checks that nothing follows; for gzip this also checks the checksum.
    pub(super) fn end(&mut self) -> Result<(), DataError> {
        let offset = self.offset;
        if self.up_to(1)?.is_empty() {
            return Ok(());
        }
        Err(self.malformed(
            offset,
            "the end of the file".to_owned(),
            "further bytes".to_owned(),
            "the header does not describe this file: fetch it again, or write it anew",
        ))
    }

    /// An error about the byte at `offset`.
    pub(super) fn malformed(
        &self,
        offset: u64,
        expected: String,
        found: String,
        remedy: &'static str,
    ) -> DataError {
        DataError::Malformed { path: self.path.clone(), offset, expected, found, remedy }
    }

    fn up_to(&mut self, limit: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        let result = (&mut self.reader).take(limit).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        match result {
            Ok(_) => Ok(bytes),
            Err(source) if is_corruption(&source) => Err(self.malformed(
                self.offset,
                "an intact gzip stream".to_owned(),
                source.to_string(),
                FETCH_AGAIN,
            )),
            Err(source) => Err(DataError::io(&self.path, source)),
        }
    }
}

/// Whether the decompressor, not the operating system, raised the error.
fn is_corruption(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}

/// Bytes as two-digit hexadecimal numbers, or "the end of the file".
pub(super) fn hex_or_end(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "the end of the file".to_owned();
    }
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}
