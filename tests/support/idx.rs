//! Small images for tests.

use std::path::Path;

/// IDX files of `per_class` 8x8 images of 4 classes: a bright quarter each, with some noise.
pub fn write_idx(folder: &Path, part: &str, per_class: u32) {
    const CLASSES: u32 = 4;
    let count = per_class * CLASSES;
    let mut images =
        [&[0, 0, 8, 3][..], &count.to_be_bytes(), &8u32.to_be_bytes(), &8u32.to_be_bytes()].concat();
    let mut labels = [&[0, 0, 8, 1][..], &count.to_be_bytes()].concat();
    for index in 0..count {
        let class = index % CLASSES;
        labels.push(class as u8);
        for pixel in 0..64u32 {
            let quarter = pixel / 32 * 2 + pixel % 8 / 4;
            let noise = (index * 31 + pixel * 17) % 64;
            images.push(if quarter == class { 190 + noise as u8 } else { noise as u8 });
        }
    }
    std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).expect("disk");
    std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).expect("disk");
}
