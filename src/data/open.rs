//! Opening a data set by what lies in its folder.
//!
//! Formats are tried in this order: IDX, CIFAR-10 binary, image folder; the first whose files are
//! there is read, and an incomplete data set of that format is an error.

use std::path::{Path, PathBuf};

use super::error::DataError;
use super::resize::ImageSize;
use super::source::DataSource;
use super::{cifar, folder, idx};

const LOOKED_FOR: &str = "IDX files (train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz], t10k-...), \
    CIFAR-10 binary files (data_batch_1.bin ..., test_batch.bin), \
    and folders of .png, .jpg or .jpeg images (train/<class>/ and test/<class>/, or <class>/)";

/// How many names of a folder an error message lists.
const NAMES_SHOWN: usize = 8;

/// How a data set lies in its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// IDX files; all images have one size.
    Idx,
    /// The binary files of CIFAR-10; all images are 32x32.
    Cifar10 {
        /// Where they lie: the folder itself or one in it.
        folder: PathBuf,
    },
    /// PNG and JPEG files of any size, in one folder for each class.
    ClassFolders,
}

/// The format in which [`open`] and [`open_at`] read the folder `path`.
///
/// # Errors
/// When the folder cannot be read, or no format is recognised (the message lists what was looked for and found).
pub fn recognise(path: &Path) -> Result<Format, DataError> {
    // Fails for a path that is not a readable folder.
    let found = folder::names_in(path)?;
    if idx::lies_in(path) {
        return Ok(Format::Idx);
    }
    if let Some(folder) = cifar::find(path) {
        return Ok(Format::Cifar10 { folder });
    }
    if folder::lies_in(path)? {
        return Ok(Format::ClassFolders);
    }
    Err(DataError::Unrecognised { path: path.to_owned(), looked_for: LOOKED_FOR, found: listing(&found) })
}

/// Reads the data set in the folder `path`.
///
/// - IDX: the file names of MNIST, with `-` or `.` before `idx`, plain or `.gz`; class names in
///   `classes.txt` or `labels.txt`.
/// - CIFAR-10 binary: `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, there or in
///   `cifar-10-batches-bin`.
/// - Image folder: `train/<class>/` with `test/<class>/` or `val/<class>/`, or just `<class>/`,
///   holding PNG or JPEG files. Images are brought to the most frequent size of the training images
///   (of equally frequent ones the smallest), and are RGB as soon as one of them is.
///
/// An IDX set or image folder without a test part gets one set apart; see
/// [`TestOrigin::SetApart`](super::TestOrigin::SetApart).
///
/// # Errors
/// Those of [`recognise`]; and when files are missing, damaged or contradict each other.
pub fn open(path: &Path) -> Result<DataSource, DataError> {
    read(path, None)
}

/// Reads the data set in the folder `path` like [`open`], and brings its images to `size`.
///
/// # Errors
/// Those of [`open`]; and when the images do not fit into memory.
pub fn open_at(path: &Path, size: ImageSize) -> Result<DataSource, DataError> {
    read(path, Some(size))
}

fn read(path: &Path, size: Option<ImageSize>) -> Result<DataSource, DataError> {
    let name = folder_name(path);
    let resized = |source: DataSource| match size {
        Some(size) => source.resized(size),
        None => Ok(source),
    };
    match recognise(path)? {
        Format::Idx => resized(idx::read(path, &name)?),
        Format::Cifar10 { folder } => resized(cifar::read(&folder, &name)?),
        Format::ClassFolders => folder::read(path, &name, size),
    }
}

/// The last component of the resolved path, so that `.` has a name too.
fn folder_name(path: &Path) -> String {
    let resolved = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    resolved.file_name().unwrap_or(resolved.as_os_str()).to_string_lossy().into_owned()
}

/// The first few of `names`, or "nothing".
pub(super) fn listing(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut text = names[..names.len().min(NAMES_SHOWN)].join(", ");
    if names.len() > NAMES_SHOWN {
        text += &format!(" and {} more", names.len() - NAMES_SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixtures::{idx, write, write_cifar};
    use tempfile::tempdir;

    #[test]
    fn an_unknown_folder_lists_what_was_looked_for_and_found() {
        let folder = tempdir().unwrap();
        let message = open(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("found nothing"), "{message}");
        for i in 0..10 {
            write(folder.path(), &format!("file{i}.parquet"), b"");
        }
        let message = open(folder.path()).unwrap_err().to_string();
        for expected in ["train-images-idx3-ubyte[.gz]", "data_batch_1.bin", "train/<class>/"] {
            assert!(message.contains(expected), "{message}");
        }
        assert!(message.contains("found file0.parquet, file1.parquet, "), "{message}");
        assert!(message.ends_with("file7.parquet and 2 more"), "{message}");
    }

    #[test]
    fn a_missing_folder_and_a_file_are_told_by_their_path() {
        let folder = tempdir().unwrap();
        write(folder.path(), "file", b"");
        for name in ["missing", "file"] {
            let error = open(&folder.path().join(name)).unwrap_err();
            assert!(matches!(&error, DataError::Io { path, .. } if path.ends_with(name)), "{error}");
        }
    }

    #[test]
    fn any_format_can_be_opened_at_another_size() {
        let folder = tempdir().unwrap();
        write_cifar(folder.path(), 1);
        let cifar = Format::Cifar10 { folder: folder.path().to_owned() };
        assert_eq!(recognise(folder.path()).unwrap(), cifar);
        let source = open_at(folder.path(), ImageSize::new(16, 8).unwrap()).unwrap();
        let train = source.train();
        assert_eq!((train.height(), train.width(), train.channels()), (16, 8, 3));
        assert!(train.images().chunks_exact(3).all(|pixel| pixel[..2] == [0, 100]));
    }

    #[test]
    fn idx_files_win_over_class_folders() {
        let folder = tempdir().unwrap();
        write(folder.path(), "class/1.png", b"never read");
        assert_eq!(recognise(folder.path()).unwrap(), Format::ClassFolders);
        write(folder.path(), "train-images-idx3-ubyte", &idx(&[2, 1, 1], &[1, 2]));
        write(folder.path(), "train-labels-idx1-ubyte", &idx(&[2], &[0, 0]));
        assert_eq!(recognise(folder.path()).unwrap(), Format::Idx);
        assert_eq!(open(folder.path()).unwrap().train().len(), 1);
    }
}
