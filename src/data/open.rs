//! Opening a data set by what lies in its folder.
//!
//! Formats are tried in this order: IDX, CIFAR-10 binary, image folder; the first whose files are
//! there is read, and an incomplete data set of that format is an error.

use std::path::Path;

use super::embedded::embedded;
use super::error::DataError;
use super::source::DataSource;
use super::split::limited;
use super::{cifar, folder, idx};

const LOOKED_FOR: &str = "IDX files (train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz], t10k-...), \
    CIFAR-10 binary files (data_batch_1.bin ..., test_batch.bin), \
    and folders of .png, .jpg or .jpeg images (train/<class>/ and test/<class>/, or <class>/)";

/// How many names of a folder an error message lists.
const NAMES_SHOWN: usize = 8;

/// Reads the data set in the folder `path`.
///
/// - IDX: the file names of MNIST, with `-` or `.` before `idx`, plain or `.gz`; class names in
///   `classes.txt` or `labels.txt`.
/// - CIFAR-10 binary: `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, there or in
///   `cifar-10-batches-bin`.
/// - Image folder: `train/<class>/` with `test/<class>/` or `val/<class>/`, or just `<class>/`,
///   holding PNG or JPEG files, which are decoded when they are needed. Images are shown at the most frequent size of the training images
///   (of equally frequent ones the smallest), and are RGB as soon as one of them is.
///
/// An IDX set or image folder without a test part gets one set apart; see
/// [`TestOrigin::SetApart`](super::TestOrigin::SetApart).
///
/// # Errors
/// When the folder cannot be read, no format is recognised (the message lists what was looked for and found), or files
/// are missing, damaged or contradict each other.
pub fn open(path: &Path) -> Result<DataSource, DataError> {
    open_images(Some(path), None, 0)
}

/// The images in `folder` as [`open`] reads them, or the embedded ones; with a `limit`, about so many of the training
/// part and as many of the test part, drawn by `seed`: every class gives its share, at least two.
///
/// # Errors
/// Those of [`open`].
pub fn open_images(folder: Option<&Path>, limit: Option<usize>, seed: u64) -> Result<DataSource, DataError> {
    let choose = |labels: &[u32]| limited(labels, limit.unwrap_or(usize::MAX), seed);
    let Some(path) = folder else { return embedded()?.chosen(&choose) };
    // Fails for a path that is not a readable folder.
    let found = folder::names_in(path)?;
    let name = folder_name(path);
    if idx::lies_in(path) {
        return idx::read(path, &name)?.chosen(&choose);
    }
    if let Some(folder) = cifar::find(path) {
        return cifar::read(&folder, &name)?.chosen(&choose);
    }
    if folder::lies_in(path)? {
        return folder::read(path, &name, &choose);
    }
    Err(DataError::Unrecognised { path: path.to_owned(), looked_for: LOOKED_FOR, found: listing(&found) })
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
    fn any_format_can_be_brought_to_another_size() {
        let folder = tempdir().unwrap();
        write_cifar(folder.path(), 1);
        let size = crate::data::ImageSize::new(16, 8).unwrap();
        let source = open(folder.path()).unwrap().brought_to(size, 3).unwrap();
        let train = source.train();
        assert_eq!((train.height(), train.width(), train.channels()), (16, 8, 3));
        assert!(train.is_packed());
        assert!(train.image(4).unwrap().chunks_exact(3).all(|pixel| pixel[..2] == [0, 100]));
    }

    #[test]
    fn idx_files_win_over_class_folders() {
        let folder = tempdir().unwrap();
        write(folder.path(), "class/1.png", b"never read");
        assert!(matches!(open(folder.path()), Err(DataError::ClassTooSmall { .. })));
        write(folder.path(), "train-images-idx3-ubyte", &idx(&[2, 1, 1], &[1, 2]));
        write(folder.path(), "train-labels-idx1-ubyte", &idx(&[2], &[0, 0]));
        assert_eq!(open(folder.path()).unwrap().train().len(), 1);
    }
}
