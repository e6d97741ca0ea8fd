//! IDX, the format of MNIST and its many successors.
//!
//! Big-endian. Bytes 0-1 are zero, byte 2 is the type code (08 = unsigned byte), byte 3 the number
//! of dimensions, then one `u32` per dimension, then the values. Images have the dimensions
//! `[n, h, w]`, labels `[n]`. Files may be gzip-compressed; their names are those of MNIST.

use std::path::{Path, PathBuf};

use super::class_names;
use super::dataset::Dataset;
use super::error::DataError;
use super::resize::ImageSize;
use super::source::DataSource;
use super::stream::{ByteStream, hex_or_end};

/// Bytes before the first label.
const LABELS_START: u64 = 8;

const FETCH_COMPLETE: &str =
    "a part needs both its images and its labels: fetch the missing file (plain or .gz)";

/// One part of a data set, as read.
pub(super) struct Part {
    size: ImageSize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
    labels_path: PathBuf,
}

/// The files of one part, plain or compressed; either may be missing.
struct PartFiles {
    images: Option<PathBuf>,
    labels: Option<PathBuf>,
}

impl PartFiles {
    fn find(folder: &Path, prefix: &str) -> Self {
        let first = |stem: &str, kind: &str| {
            ["-", "."]
                .iter()
                .flat_map(|separator| {
                    ["", ".gz"].map(|end| folder.join(format!("{prefix}-{stem}{separator}{kind}{end}")))
                })
                .find(|path| path.is_file())
        };
        Self { images: first("images", "idx3-ubyte"), labels: first("labels", "idx1-ubyte") }
    }

    fn is_absent(&self) -> bool {
        self.images.is_none() && self.labels.is_none()
    }

    fn read(&self, folder: &Path, prefix: &str) -> Result<Part, DataError> {
        let present = |path: &Option<PathBuf>, rest: &str| {
            path.clone().ok_or_else(|| DataError::MissingFile {
                folder: folder.to_owned(),
                missing: format!("{prefix}-{rest}"),
                remedy: FETCH_COMPLETE,
            })
        };
        let images = present(&self.images, "images-idx3-ubyte")?;
        let labels = present(&self.labels, "labels-idx1-ubyte")?;
        read_part(ByteStream::open(&images)?, ByteStream::open(&labels)?)
    }
}

/// Whether `folder` holds any of the four files, whatever their separator and compression.
pub(super) fn lies_in(folder: &Path) -> bool {
    ["train", "t10k"].iter().any(|prefix| !PartFiles::find(folder, prefix).is_absent())
}

/// Reads `folder`; a plain file is preferred to a compressed one. Without a t10k part a sixth of
/// the training images is set apart. Class names come from `classes.txt` or `labels.txt`; without
/// them they are the numbers up to the largest training label.
pub(super) fn read(folder: &Path, name: &str) -> Result<DataSource, DataError> {
    let train = PartFiles::find(folder, "train").read(folder, "train")?;
    let test_files = PartFiles::find(folder, "t10k");
    let test = if test_files.is_absent() { None } else { Some(test_files.read(folder, "t10k")?) };
    let names = ["classes.txt", "labels.txt"]
        .iter()
        .map(|file| folder.join(file))
        .find(|path| path.is_file())
        .map(|path| class_names::read(&path))
        .transpose()?;
    assemble(name, names, train, test)
}

/// Joins the parts, checking every label against the class names.
pub(super) fn assemble(
    name: &str,
    class_names: Option<Vec<String>>,
    train: Part,
    test: Option<Part>,
) -> Result<DataSource, DataError> {
    let names = class_names.unwrap_or_else(|| {
        let largest = train.labels.iter().copied().max().unwrap_or(0);
        (0..=largest).map(|label| label.to_string()).collect()
    });
    let train = train.into_dataset(name, names.clone())?;
    match test {
        Some(test) => DataSource::new(train, test.into_dataset(name, names)?),
        None => DataSource::set_apart(&train),
    }
}

impl Part {
    fn into_dataset(self, name: &str, class_names: Vec<String>) -> Result<Dataset, DataError> {
        let classes = class_names.len();
        let out_of_range = |&label: &u8| usize::from(label) >= classes;
        if let Some(index) = self.labels.iter().position(out_of_range) {
            return Err(DataError::Malformed {
                path: self.labels_path,
                offset: LABELS_START + index as u64,
                expected: format!("a label below {classes}, the number of classes"),
                found: self.labels[index].to_string(),
                remedy: "complete the list of class names (classes.txt), or take training and test files from the same data set",
            });
        }
        let labels = self.labels.into_iter().map(u32::from).collect();
        Dataset::new(name, self.pixels, labels, self.size, 1, class_names)
    }
}

/// Reads the images and the labels of one part.
pub(super) fn read_part(images: ByteStream, labels: ByteStream) -> Result<Part, DataError> {
    let (images_path, labels_path) = (images.path().to_owned(), labels.path().to_owned());
    let (count, size, pixels) = read_images(images)?;
    let labels = read_labels(labels)?;
    if count != labels.len() {
        return Err(DataError::CountMismatch {
            images_path,
            images: count,
            labels_path,
            labels: labels.len(),
        });
    }
    Ok(Part { size, pixels, labels, labels_path })
}

fn read_images(mut stream: ByteStream) -> Result<(usize, ImageSize, Vec<u8>), DataError> {
    read_magic(&mut stream, 3)?;
    let [count, height, width] = read_dimensions(&mut stream)?;
    let size = ImageSize::new(height as usize, width as usize).map_err(|error| {
        stream.malformed(
            8,
            "the height and width of an image".to_owned(),
            error.to_string(),
            "fetch the file again, or write it anew",
        )
    })?;
    // A count is below 2^32 and an image has at most 2^28 pixels, so this cannot overflow.
    let pixels = stream.bytes(u64::from(count) * size.pixels() as u64, "pixels")?;
    stream.end()?;
    Ok((count as usize, size, pixels))
}

fn read_labels(mut stream: ByteStream) -> Result<Vec<u8>, DataError> {
    read_magic(&mut stream, 1)?;
    let [count] = read_dimensions(&mut stream)?;
    let labels = stream.bytes(u64::from(count), "labels")?;
    stream.end()?;
    Ok(labels)
}

fn read_magic(stream: &mut ByteStream, dimensions: u8) -> Result<(), DataError> {
    let magic: [u8; 4] = stream.array("the magic number")?;
    let (offset, expected, found, remedy) = match magic {
        [0x1f, 0x8b, ..] => (
            0,
            "an IDX file (00 00)".to_owned(),
            "a gzip stream (1f 8b)".to_owned(),
            "give the file a name that ends in .gz, or decompress it",
        ),
        [0, 0, 0x08, found] if found == dimensions => return Ok(()),
        [0, 0, 0x08, found] => (
            3,
            format!("{dimensions} dimension(s)"),
            found.to_string(),
            "images have 3 dimensions and labels have 1: check that the files are not swapped",
        ),
        [0, 0, code, _] => (
            2,
            "the type code 08 (unsigned byte)".to_owned(),
            format!("{code:02x}{}", type_name(code)),
            "convert the values to unsigned bytes",
        ),
        [first, second, ..] => (
            0,
            "an IDX file (00 00)".to_owned(),
            hex_or_end(&[first, second]),
            "this is not an IDX file, or it is damaged: fetch it again",
        ),
    };
    Err(stream.malformed(offset, expected, found, remedy))
}

fn type_name(code: u8) -> &'static str {
    match code {
        0x09 => " (signed byte)",
        0x0b => " (16-bit integer)",
        0x0c => " (32-bit integer)",
        0x0d => " (32-bit float)",
        0x0e => " (64-bit float)",
        _ => "",
    }
}

/// The dimensions, the first of which is the number of items and must not be zero.
fn read_dimensions<const N: usize>(stream: &mut ByteStream) -> Result<[u32; N], DataError> {
    let mut dimensions = [0; N];
    for dimension in &mut dimensions {
        *dimension = u32::from_be_bytes(stream.array("the dimensions")?);
    }
    if dimensions[0] == 0 {
        return Err(stream.malformed(
            4,
            "at least one item".to_owned(),
            "a count of 0".to_owned(),
            "fetch the file again, or write it anew",
        ));
    }
    Ok(dimensions)
}

#[cfg(test)]
mod tests;
