//! The data set that is compiled into the program, so that a copied program runs offline.
//!
//! The bytes are those of `datasets/fashion-mnist-small`: 10,000 training and 2,000 test images of
//! Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, MIT licence), the same number of each class.

use std::path::Path;

use super::class_names;
use super::error::DataError;
use super::idx::{assemble, read_part};
use super::source::DataSource;
use super::stream::ByteStream;

/// Its name.
pub const EMBEDDED: &str = "fashion-mnist-small (embedded)";

/// A file of the data set: the name for error messages, and the contents.
macro_rules! file {
    ($name:literal) => {
        (
            concat!("embedded/", $name),
            include_bytes!(concat!("../../datasets/fashion-mnist-small/", $name)) as &[u8],
        )
    };
}

const TRAIN_IMAGES: (&str, &[u8]) = file!("train-images-idx3-ubyte.gz");
const TRAIN_LABELS: (&str, &[u8]) = file!("train-labels-idx1-ubyte.gz");
const TEST_IMAGES: (&str, &[u8]) = file!("t10k-images-idx3-ubyte.gz");
const TEST_LABELS: (&str, &[u8]) = file!("t10k-labels-idx1-ubyte.gz");
const CLASSES: (&str, &[u8]) = file!("classes.txt");

/// Unpacks fashion-mnist-small: 28x28 grey images of 10 classes, 10,000 to train and 2,000 to test.
///
/// # Errors
/// Only when the program itself is damaged.
pub fn embedded() -> Result<DataSource, DataError> {
    let stream = |(name, bytes)| ByteStream::gzip(Path::new(name), bytes);
    let names = class_names::parse(Path::new(CLASSES.0), CLASSES.1)?;
    let train = read_part(stream(TRAIN_IMAGES)?, stream(TRAIN_LABELS)?)?;
    let test = read_part(stream(TEST_IMAGES)?, stream(TEST_LABELS)?)?;
    assemble(EMBEDDED, Some(names), train, Some(test))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Normalisation, TestOrigin, open};
    use sha2::{Digest, Sha256};

    /// Mean and standard deviation of the training part, as printed by
    /// `datasets/fashion-mnist-small/make.py` (Python 3.11), six decimals.
    const GOLDEN_MEAN: f32 = 0.286_682;
    const GOLDEN_STD: f32 = 0.354_013;

    #[test]
    fn counts_classes_and_moments() {
        let source = embedded().unwrap();
        let (train, test) = (source.train(), source.test());
        assert_eq!(train.name(), "fashion-mnist-small (embedded)");
        assert_eq!((train.height(), train.width(), train.channels()), (28, 28, 1));
        assert_eq!(train.class_counts(), [1000; 10]);
        assert_eq!(test.class_counts(), [200; 10]);
        assert_eq!(train.class_names()[0], "T-shirt/top");
        assert_eq!(train.class_names()[9], "Ankle boot");
        // The first labels of the full data set are 9 0 0 3 0 2 7 2 5 5; order is kept.
        assert_eq!(train.labels()[..10], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
        assert_eq!(source.test_origin(), TestOrigin::Own);
        let all: Vec<usize> = (0..train.len()).collect();
        let fitted = Normalisation::fit(train, &all).unwrap();
        assert!((fitted.mean()[0] - GOLDEN_MEAN).abs() < 1e-6, "{:?}", fitted);
        assert!((fitted.std()[0] - GOLDEN_STD).abs() < 1e-6, "{:?}", fitted);
    }

    #[test]
    fn the_folder_holds_the_same_data() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/fashion-mnist-small");
        let read = open(&folder).unwrap();
        assert_eq!(read.train().name(), "fashion-mnist-small");
        assert_eq!(read.fingerprint().unwrap(), embedded().unwrap().fingerprint().unwrap());
    }

    #[test]
    fn the_fingerprint_is_that_of_older_runs() {
        let fingerprint = embedded().unwrap().fingerprint().unwrap();
        assert_eq!(fingerprint, "5809a8055c2b5a99eaa5cafdfcb1b22641ec31ebaab40895eafe926ed525a37e");
    }

    #[test]
    fn the_readme_states_the_sums_of_the_files() {
        let readme = include_str!("../../datasets/fashion-mnist-small/README.md");
        for (name, bytes) in [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS, CLASSES] {
            let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            let name = name.trim_start_matches("embedded/");
            let row = readme.lines().find(|line| line.contains(name) && line.contains(&digest));
            assert!(row.is_some(), "README.md lacks {digest} for {name}");
        }
    }
}
