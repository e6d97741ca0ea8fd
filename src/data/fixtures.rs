//! Small data sets and files for the tests of this folder.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Dataset, ImageSize};

/// A data set whose pixels are all different from their neighbours, with labels `i % classes`.
pub(super) fn dataset(n: usize, h: usize, w: usize, c: usize, classes: u32) -> Dataset {
    let pixels = (0..n * h * w * c).map(|i| (i * 37 % 251) as u8).collect();
    let labels = (0..n as u32).map(|i| i % classes).collect();
    let names = (0..classes).map(|class| format!("class {class}")).collect();
    let size = ImageSize::new(h, w).unwrap();
    Dataset::new("fixture", pixels, labels, size, c, names).unwrap()
}

/// The pixels of all images, `[n, h, w, c]`.
pub(super) fn pixels(dataset: &Dataset) -> Vec<u8> {
    (0..dataset.len()).flat_map(|index| dataset.image(index).unwrap().into_owned()).collect()
}

/// An IDX file of unsigned bytes.
pub(super) fn idx(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    for dimension in dimensions {
        bytes.extend(dimension.to_be_bytes());
    }
    bytes.extend(values);
    bytes
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes a file, making its folders.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Writes the CIFAR-10 record files, `per_file` records each; the image of record `i` of a file
/// has red `i`, green `100 + i` and blue = position in the plane modulo 256.
pub(super) fn write_cifar(folder: &Path, per_file: u8) {
    for file in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
    {
        let mut bytes = Vec::new();
        for i in 0..per_file {
            bytes.push(i % 10);
            bytes.extend([i; 1024]);
            bytes.extend([100 + i; 1024]);
            bytes.extend((0..1024).map(|position| (position % 256) as u8));
        }
        write(folder, &format!("{file}.bin"), &bytes);
    }
}
