//! Round trips through files written here, and every way in which such files go wrong.

use std::path::Path;

use rstest::rstest;
use tempfile::{TempDir, tempdir};

use crate::data::fixtures::{gzip, idx, pixels, write};
use crate::data::{DataError, TestOrigin, open};

const TRAIN_LABELS: [u8; 4] = [0, 2, 1, 2];
const TEST_LABELS: [u8; 2] = [1, 0];

fn train_pixels() -> Vec<u8> {
    (0..24).collect()
}

fn test_pixels() -> Vec<u8> {
    (100..112).collect()
}

/// A folder with 4 training and 2 test images of 2x3.
fn write_all(folder: &Path, separator: &str, compressed: bool) {
    for (name, bytes) in [
        ("train-images", idx(&[4, 2, 3], &train_pixels())),
        ("train-labels", idx(&[4], &TRAIN_LABELS)),
        ("t10k-images", idx(&[2, 2, 3], &test_pixels())),
        ("t10k-labels", idx(&[2], &TEST_LABELS)),
    ] {
        let kind = if name.ends_with("images") { "idx3-ubyte" } else { "idx1-ubyte" };
        let name = format!("{name}{separator}{kind}");
        if compressed {
            write(folder, &format!("{name}.gz"), &gzip(&bytes));
        } else {
            write(folder, &name, &bytes);
        }
    }
}

/// A complete plain folder in which one file is replaced.
fn with(name: &str, bytes: &[u8]) -> TempDir {
    let folder = tempdir().unwrap();
    write_all(folder.path(), "-", false);
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    std::fs::remove_file(folder.path().join(plain)).unwrap();
    write(folder.path(), name, bytes);
    folder
}

/// The offset, and the message without the folder.
fn fault(folder: &TempDir) -> (u64, String) {
    let error = open(folder.path()).unwrap_err();
    let message = error.to_string().replace(&format!("{}/", folder.path().display()), "");
    match error {
        DataError::Malformed { offset, .. } => (offset, message),
        other => panic!("{other:?}"),
    }
}

#[rstest]
fn round_trip(#[values("-", ".")] separator: &str, #[values(false, true)] compressed: bool) {
    let folder = tempdir().unwrap();
    write_all(folder.path(), separator, compressed);
    let source = open(folder.path()).unwrap();
    let (train, test) = (source.train(), source.test());
    assert_eq!(source.test_origin(), TestOrigin::Own);
    assert_eq!((train.len(), train.height(), train.width(), train.channels()), (4, 2, 3, 1));
    assert_eq!(pixels(train), train_pixels());
    assert_eq!(train.labels(), [0, 2, 1, 2]);
    assert_eq!(train.class_names(), ["0", "1", "2"]);
    assert_eq!(pixels(test), test_pixels());
    assert_eq!(test.labels(), [1, 0]);
    assert_eq!(*train.image(1).unwrap(), [6, 7, 8, 9, 10, 11]);
    assert_eq!(train.name(), folder.path().file_name().unwrap().to_str().unwrap());
}

#[rstest]
fn class_names_stand_beside(#[values("classes.txt", "labels.txt")] file: &str) {
    let folder = tempdir().unwrap();
    write_all(folder.path(), "-", true);
    write(folder.path(), file, b"shirt\ncoat\nbag\n");
    let source = open(folder.path()).unwrap();
    assert_eq!(source.test().class_names(), ["shirt", "coat", "bag"]);
}

#[test]
fn without_a_test_part_one_is_set_apart() {
    let folder = tempdir().unwrap();
    let labels: Vec<u8> = (0..24).map(|i| i % 2).collect();
    write(folder.path(), "train-images-idx3-ubyte", &idx(&[24, 1, 1], &(0..24).collect::<Vec<u8>>()));
    write(folder.path(), "train-labels-idx1-ubyte", &idx(&[24], &labels));
    let source = open(folder.path()).unwrap();
    assert_eq!(source.test_origin(), TestOrigin::SetApart);
    assert_eq!(source.train().class_counts(), [10, 10]);
    assert_eq!(source.test().class_counts(), [2, 2]);
    let mut all = [pixels(source.train()), pixels(source.test())].concat();
    all.sort_unstable();
    assert_eq!(all, (0..24).collect::<Vec<u8>>());
}

#[test]
fn half_a_part_is_an_error() {
    let folder = tempdir().unwrap();
    write_all(folder.path(), "-", false);
    std::fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).unwrap();
    let message = open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("lacks t10k-labels-idx1-ubyte"), "{message}");
}

fn replace(mut bytes: Vec<u8>, at: usize, byte: u8) -> Vec<u8> {
    bytes[at] = byte;
    bytes
}

fn images() -> Vec<u8> {
    idx(&[4, 2, 3], &train_pixels())
}

#[rstest]
#[case::bad_magic(replace(images(), 0, 7), 0, "found 07 00; this is not an IDX file")]
#[case::type_code(replace(images(), 2, 0x0d), 2, "found 0d (32-bit float); convert the values")]
#[case::swapped(replace(images(), 3, 1), 3, "expected 3 dimension(s), found 1; images have")]
#[case::compressed(gzip(&images()), 0, "found a gzip stream (1f 8b); give the file a name")]
#[case::no_images(idx(&[0, 2, 3], &[]), 4, "found a count of 0;")]
#[case::no_rows(idx(&[4, 0, 3], &[]), 8, "an image size of 0x3 is not possible")]
#[case::truncated(images()[..30].to_vec(), 30, "expected 24 bytes of pixels from byte 16 on, found the end of the file after 14 of them; the file is damaged")]
#[case::cut_header(images()[..9].to_vec(), 9, "expected 4 bytes of the dimensions from byte 8 on, found the end of the file after 1 of them")]
#[case::empty(Vec::new(), 0, "the end of the file after 0 of them")]
#[case::declared_huge(idx(&[u32::MAX, 16384, 16384], &[1, 2, 3]), 19, "expected 1152921504338411520 bytes of pixels")]
#[case::trailing([images(), vec![0]].concat(), 40, "expected the end of the file, found further bytes; the header")]
fn faulty_images(#[case] bytes: Vec<u8>, #[case] offset: u64, #[case] text: &str) {
    for (name, bytes) in
        [("train-images-idx3-ubyte", bytes.clone()), ("train-images-idx3-ubyte.gz", gzip(&bytes))]
    {
        let (found, message) = fault(&with(name, &bytes));
        assert_eq!(found, offset, "{message}");
        assert!(message.starts_with(&format!("{name}, byte {offset}: ")), "{message}");
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn labels_are_checked_against_the_class_names() {
    let folder = with("t10k-labels-idx1-ubyte", &idx(&[2], &[0, 3]));
    let (offset, message) = fault(&folder);
    assert_eq!(offset, 9);
    assert!(
        message.starts_with(
            "t10k-labels-idx1-ubyte, byte 9: expected a label below 3, the number of classes, found 3;"
        ),
        "{message}"
    );
    write(folder.path(), "classes.txt", b"a\nb\nc\nd\n");
    assert_eq!(open(folder.path()).unwrap().test().labels(), [0, 3]);
    write(folder.path(), "classes.txt", b"a\nb\n");
    let (offset, message) = fault(&folder);
    assert!(offset == 9 && message.starts_with("train-labels-idx1-ubyte"), "{message}");
}

#[test]
fn labels_and_images_must_be_as_many() {
    let folder = with("train-labels-idx1-ubyte", &idx(&[3], &[0, 1, 2]));
    let message = open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("train-images-idx3-ubyte holds 4 images but "), "{message}");
    assert!(message.contains("train-labels-idx1-ubyte holds 3 labels"), "{message}");
}

#[test]
fn parts_must_have_the_same_shape() {
    let folder = with("t10k-images-idx3-ubyte", &idx(&[2, 3, 2], &test_pixels()));
    let message = open(folder.path()).unwrap_err().to_string();
    assert!(message.ends_with("training images are 2x3x1, but test images are 3x2x1"), "{message}");
}

#[test]
fn a_plain_file_named_gz_is_told() {
    let (offset, message) = fault(&with("train-images-idx3-ubyte.gz", &images()));
    assert_eq!(offset, 0);
    assert!(
        message.contains("expected a gzip stream (1f 8b), found 00 00; fetch the file again, or drop .gz"),
        "{message}"
    );
}

#[test]
fn damaged_gzip_streams_are_told() {
    let intact = gzip(&images());
    let checksum = intact.len() - 8;
    for bytes in [
        replace(intact.clone(), checksum, intact[checksum] ^ 1),
        intact[..intact.len() - 9].to_vec(),
        intact[..12].to_vec(),
        [intact.clone(), b"junk".to_vec()].concat(),
    ] {
        let (_, message) = fault(&with("train-images-idx3-ubyte.gz", &bytes));
        assert!(message.contains("expected an intact gzip stream"), "{message}");
        assert!(message.ends_with("fetch it again"), "{message}");
    }
}

#[test]
fn every_cut_of_a_file_is_an_error() {
    let (plain, compressed) = (images(), gzip(&images()));
    for (name, bytes) in [("train-images-idx3-ubyte", plain), ("train-images-idx3-ubyte.gz", compressed)] {
        for len in 0..bytes.len() {
            let folder = with(name, &bytes[..len]);
            assert!(open(folder.path()).is_err(), "{name} cut to {len} bytes");
        }
    }
}

#[test]
fn plain_files_are_preferred_to_compressed_ones() {
    let folder = tempdir().unwrap();
    write_all(folder.path(), "-", false);
    write(folder.path(), "train-images-idx3-ubyte.gz", b"never read");
    assert_eq!(pixels(open(folder.path()).unwrap().train()), train_pixels());
}
