//! CIFAR-10 in its binary version.
//!
//! A record has 3,073 bytes: the label, then 32x32 bytes of red, of green and of blue. The training
//! part is `data_batch_1.bin` to `data_batch_5.bin`, the test part `test_batch.bin`; the files may
//! lie in a subfolder `cifar-10-batches-bin`. Planes are interleaved to NHWC on reading.

use std::path::{Path, PathBuf};

use super::class_names;
use super::dataset::Dataset;
use super::error::DataError;
use super::resize::ImageSize;
use super::source::DataSource;

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const CHANNELS: usize = 3;
const RECORD: usize = 1 + CHANNELS * PLANE;
const TRAIN_FILES: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST_FILE: &str = "test_batch.bin";
const NAMES_FILE: &str = "batches.meta.txt";

/// The classes of CIFAR-10, for when [`NAMES_FILE`] is missing.
const NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The folder with the binary files: `folder` itself or its subfolder `cifar-10-batches-bin`.
pub(super) fn find(folder: &Path) -> Option<PathBuf> {
    [folder.to_owned(), folder.join("cifar-10-batches-bin")]
        .into_iter()
        .find(|folder| TRAIN_FILES.iter().chain([&TEST_FILE]).any(|file| folder.join(file).is_file()))
}

/// Reads the data set in `folder`, in which [`find`] found it.
pub(super) fn read(folder: &Path, name: &str) -> Result<DataSource, DataError> {
    let names = read_names(folder)?;
    let train = read_part(folder, &TRAIN_FILES, name, names.clone())?;
    let test = read_part(folder, &[TEST_FILE], name, names)?;
    DataSource::new(train, test)
}

fn read_names(folder: &Path) -> Result<Vec<String>, DataError> {
    let path = folder.join(NAMES_FILE);
    if !path.is_file() {
        return Ok(NAMES.map(str::to_owned).to_vec());
    }
    let names = class_names::read(&path)?;
    if names.len() == NAMES.len() {
        return Ok(names);
    }
    Err(DataError::ClassNames {
        path,
        line: names.len(),
        problem: format!("{} names, but CIFAR-10 has {}", names.len(), NAMES.len()),
    })
}

fn read_part(
    folder: &Path,
    files: &[&str],
    name: &str,
    class_names: Vec<String>,
) -> Result<Dataset, DataError> {
    let mut images = Vec::new();
    let mut labels = Vec::new();
    for file in files {
        let path = folder.join(file);
        if !path.is_file() {
            return Err(DataError::MissingFile {
                folder: folder.to_owned(),
                missing: (*file).to_owned(),
                remedy: "CIFAR-10 has data_batch_1.bin to data_batch_5.bin and test_batch.bin: unpack the binary version again",
            });
        }
        append_records(&path, &mut images, &mut labels)?;
    }
    let size = ImageSize::new(SIDE, SIDE)?;
    Dataset::new(name, images, labels, size, CHANNELS, class_names)
}

fn append_records(path: &Path, images: &mut Vec<u8>, labels: &mut Vec<u32>) -> Result<(), DataError> {
    let bytes = std::fs::read(path).map_err(|source| DataError::io(path, source))?;
    let malformed =
        |offset: usize, expected: &str, found: String, remedy: &'static str| DataError::Malformed {
            path: path.to_owned(),
            offset: offset as u64,
            expected: expected.to_owned(),
            found,
            remedy,
        };
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if records.is_empty() || !rest.is_empty() {
        return Err(malformed(
            records.len() * RECORD,
            "whole records of 3073 bytes (a label and 32x32x3 pixels)",
            format!("the end of the file after {} bytes of a record", rest.len()),
            "unpack the binary version of CIFAR-10 again",
        ));
    }
    images.reserve(records.len() * CHANNELS * PLANE);
    for (index, record) in records.iter().enumerate() {
        let label = record[0];
        if usize::from(label) >= NAMES.len() {
            return Err(malformed(
                index * RECORD,
                "a label below 10",
                label.to_string(),
                "this is not the binary version of CIFAR-10, or it is damaged: unpack it again",
            ));
        }
        labels.push(u32::from(label));
        let (red, rest) = record[1..].split_at(PLANE);
        let (green, blue) = rest.split_at(PLANE);
        for ((&red, &green), &blue) in red.iter().zip(green).zip(blue) {
            images.extend([red, green, blue]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixtures::{write, write_cifar};
    use crate::data::open;
    use rstest::rstest;
    use tempfile::tempdir;

    #[rstest]
    fn round_trip(#[values("", "cifar-10-batches-bin")] inner: &str) {
        let root = tempdir().unwrap();
        write_cifar(&root.path().join(inner), 12);
        let source = open(root.path()).unwrap();
        let (train, test) = (source.train(), source.test());
        assert_eq!((train.len(), test.len()), (60, 12));
        assert_eq!((train.height(), train.width(), train.channels()), (32, 32, 3));
        assert_eq!(train.class_names(), NAMES);
        assert_eq!(train.labels()[12..24], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
        assert_eq!(train.image(14).unwrap()[..6], [2, 102, 0, 2, 102, 1]);
        assert_eq!(test.image(11).unwrap()[3 * 1023..], [11, 111, 255]);
    }

    #[test]
    fn names_stand_beside() {
        let root = tempdir().unwrap();
        write_cifar(root.path(), 1);
        write(root.path(), NAMES_FILE, b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
        assert_eq!(open(root.path()).unwrap().test().class_names()[9], "j");
        write(root.path(), NAMES_FILE, b"a\nb\nc\n");
        let message = open(root.path()).unwrap_err().to_string();
        assert!(message.contains("batches.meta.txt, line 3: 3 names, but CIFAR-10 has 10"), "{message}");
    }

    #[rstest]
    #[case::cut(2 * RECORD - 1, None, "byte 3073: expected whole records of 3073 bytes (a label and 32x32x3 pixels), found the end of the file after 3072 bytes of a record;")]
    #[case::longer(2 * RECORD + 1, None, "byte 6146: expected whole records of 3073 bytes (a label and 32x32x3 pixels), found the end of the file after 1 bytes of a record;")]
    #[case::empty(0, None, "byte 0: expected whole records")]
    #[case::label(2 * RECORD, Some(RECORD), "byte 3073: expected a label below 10, found 10;")]
    fn faults(#[case] len: usize, #[case] label_at: Option<usize>, #[case] expected: &str) {
        let root = tempdir().unwrap();
        write_cifar(root.path(), 2);
        let mut bytes = vec![0; len];
        if let Some(at) = label_at {
            bytes[at] = 10;
        }
        write(root.path(), "data_batch_3.bin", &bytes);
        let message = open(root.path()).unwrap_err().to_string();
        assert!(message.contains(&format!("data_batch_3.bin, {expected}")), "{message}");
    }

    #[rstest]
    fn missing_files_are_told(
        #[values("data_batch_1.bin", "data_batch_5.bin", "test_batch.bin")] file: &str,
    ) {
        let root = tempdir().unwrap();
        write_cifar(root.path(), 1);
        std::fs::remove_file(root.path().join(file)).unwrap();
        let message = open(root.path()).unwrap_err().to_string();
        assert!(message.contains(&format!(" lacks {file};")), "{message}");
    }
}
