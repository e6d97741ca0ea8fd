//! Image folders written here as PNG and JPEG files, well-formed and not.

use std::path::Path;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use rstest::rstest;
use tempfile::tempdir;

use crate::data::fixtures::{pixels, write};
use crate::data::{DataError, ImageSize, TestOrigin, open, open_images};

fn grey(level: u8, height: u32, width: u32) -> DynamicImage {
    GrayImage::from_pixel(width, height, Luma([level])).into()
}

fn rgb(colour: [u8; 3], height: u32, width: u32) -> DynamicImage {
    RgbImage::from_pixel(width, height, Rgb(colour)).into()
}

/// Saves an image in the format that the name's extension says.
fn save(folder: &Path, name: &str, image: &DynamicImage) {
    let format = ImageFormat::from_path(name.to_lowercase()).unwrap();
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    write(folder, name, bytes.get_ref());
}

fn shape(dataset: &crate::data::Dataset) -> [usize; 4] {
    [dataset.len(), dataset.height(), dataset.width(), dataset.channels()]
}

fn message(folder: &Path) -> String {
    let text = open(folder).unwrap_err().to_string();
    text.replace(&folder.display().to_string(), "ROOT")
}

#[rstest]
fn train_and_test_folders(#[values("test", "val")] test_folder: &str) {
    let root = tempdir().unwrap();
    let path = root.path();
    let gradient = GrayImage::from_fn(3, 2, |x, y| Luma([(10 * y + x) as u8]));
    save(path, "train/cat/b.png", &gradient.into());
    save(path, "train/cat/a.PNG", &grey(50, 2, 3));
    save(path, "train/dog/a.png", &grey(60, 2, 3));
    save(path, &format!("{test_folder}/cat/a.png"), &grey(70, 2, 3));
    save(path, &format!("{test_folder}/dog/a.png"), &grey(80, 2, 3));
    write(path, "train/cat/notes.txt", b"not an image");
    write(path, "train/.hidden/a.png", b"not an image");
    let source = open(path).unwrap();
    assert_eq!(source.test_origin(), TestOrigin::Own);
    assert_eq!(shape(source.train()), [3, 2, 3, 1]);
    assert_eq!(source.train().class_names(), ["cat", "dog"]);
    assert_eq!(source.train().labels(), [0, 0, 1]);
    assert_eq!(*source.train().image(0).unwrap(), [50; 6]);
    assert_eq!(*source.train().image(1).unwrap(), [0, 1, 2, 10, 11, 12]);
    assert_eq!(source.test().labels(), [0, 1]);
    assert_eq!(*source.test().image(1).unwrap(), [80; 6]);
}

#[test]
fn one_colour_image_anywhere_makes_all_rgb() {
    let root = tempdir().unwrap();
    save(root.path(), "train/a/1.png", &grey(50, 2, 2));
    save(root.path(), "test/a/1.png", &rgb([1, 2, 3], 2, 2));
    let source = open(root.path()).unwrap();
    assert_eq!(shape(source.train()), [1, 2, 2, 3]);
    assert_eq!(*source.train().image(0).unwrap(), [50; 12]);
    assert_eq!(source.test().image(0).unwrap()[..6], [1, 2, 3, 1, 2, 3]);
}

#[test]
fn jpeg_files_are_read_and_alpha_is_dropped() {
    let root = tempdir().unwrap();
    save(root.path(), "train/a/1.jpg", &rgb([200, 100, 50], 16, 16));
    save(root.path(), "train/a/2.jpeg", &rgb([200, 100, 50], 16, 16));
    let transparent = RgbaImage::from_pixel(16, 16, Rgba([9, 8, 7, 0]));
    save(root.path(), "train/b/1.png", &transparent.into());
    save(root.path(), "test/a/1.JPG", &grey(128, 16, 16));
    save(root.path(), "test/b/1.JPG", &grey(128, 16, 16));
    let source = open(root.path()).unwrap();
    for image in 0..2 {
        for (value, expected) in
            source.train().image(image).unwrap().iter().zip([200u8, 100, 50].iter().cycle())
        {
            assert!(value.abs_diff(*expected) <= 3, "{value} for {expected}");
        }
    }
    assert_eq!(source.train().image(2).unwrap()[..3], [9, 8, 7]);
    assert!(source.test().image(0).unwrap().iter().all(|value| value.abs_diff(128) <= 2));
}

#[test]
fn images_get_the_most_frequent_training_size_and_of_ties_the_smaller() {
    let root = tempdir().unwrap();
    for (name, side) in
        [("train/a/1", 8), ("train/a/2", 4), ("train/a/3", 8), ("train/b/1", 4), ("train/b/2", 6)]
    {
        save(root.path(), &format!("{name}.png"), &grey(90, side, side));
    }
    // The test part has no say, though its size is as frequent.
    for name in ["test/a/1", "test/a/2", "test/a/3", "test/b/1"] {
        save(root.path(), &format!("{name}.png"), &grey(91, 5, 7));
    }
    let source = open(root.path()).unwrap();
    assert_eq!(shape(source.train()), [5, 4, 4, 1]);
    assert_eq!(shape(source.test()), [4, 4, 4, 1]);
    assert!(pixels(source.train()).iter().all(|&value| value == 90));
    let wide = source.brought_to(ImageSize::new(3, 10).unwrap(), 1).unwrap();
    assert_eq!(shape(wide.test()), [4, 3, 10, 1]);
    assert!(pixels(wide.test()).iter().all(|&value| value == 91));
}

#[test]
fn shrinking_averages() {
    let root = tempdir().unwrap();
    let checkers = GrayImage::from_fn(8, 8, |x, y| Luma([if (x + y) % 2 == 0 { 0 } else { 200 }]));
    save(root.path(), "train/a/1.png", &checkers.clone().into());
    save(root.path(), "test/a/1.png", &checkers.into());
    let source = open(root.path()).unwrap().brought_to(ImageSize::new(2, 2).unwrap(), 1).unwrap();
    let near = |value: &u8| value.abs_diff(100) <= 5;
    assert!(pixels(source.train()).iter().all(near), "{:?}", pixels(source.train()));
}

#[test]
fn class_folders_alone_get_a_test_part_set_apart() {
    let root = tempdir().unwrap();
    for i in 0..12 {
        save(root.path(), &format!("train station/{i:02}.png"), &grey(i, 1, 1));
        save(root.path(), &format!("harbour/{i:02}.png"), &grey(100 + i, 1, 1));
    }
    let source = open(root.path()).unwrap();
    assert_eq!(source.test_origin(), TestOrigin::SetApart);
    assert_eq!(source.train().class_names(), ["harbour", "train station"]);
    assert_eq!(source.train().class_counts(), [10, 10]);
    assert_eq!(source.test().class_counts(), [2, 2]);
    assert_eq!(open(root.path()).unwrap().fingerprint().unwrap(), source.fingerprint().unwrap());
}

#[test]
fn setting_apart_needs_two_images_of_a_class() {
    let root = tempdir().unwrap();
    save(root.path(), "cat/1.png", &grey(1, 1, 1));
    save(root.path(), "cat/2.png", &grey(1, 1, 1));
    save(root.path(), "dog/1.png", &grey(1, 1, 1));
    let text = message(root.path());
    assert!(text.starts_with("class dog has 1 image(s)"), "{text}");
}

#[test]
fn unlabelled_test_images_are_left_out() {
    let root = tempdir().unwrap();
    for i in 0..4 {
        save(root.path(), &format!("train/a/{i}.png"), &grey(i, 1, 1));
    }
    save(root.path(), "test/1.png", &grey(9, 1, 1));
    assert_eq!(open(root.path()).unwrap().test_origin(), TestOrigin::SetApart);
}

#[test]
fn camera_orientation_is_applied() {
    use image::ImageEncoder;
    let root = tempdir().unwrap();
    // A TIFF block with one entry: tag 0x0112 (orientation), 6 = rotate by 90 degrees.
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    let pixels: Vec<u8> = (0..6).map(|i| i * 40).collect();
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    encoder.set_exif_metadata(exif).unwrap();
    encoder.write_image(&pixels, 3, 2, image::ExtendedColorType::L8).unwrap();
    write(root.path(), "train/a/1.png", &bytes);
    write(root.path(), "test/a/1.png", &bytes);
    let source = open(root.path()).unwrap();
    assert_eq!(shape(source.train()), [1, 3, 2, 1]);
    assert_eq!(*source.train().image(0).unwrap(), [120, 0, 160, 40, 200, 80]);
}

#[test]
fn unreadable_images_are_told_by_the_first_path() {
    let root = tempdir().unwrap();
    let mut cut = std::io::Cursor::new(Vec::new());
    let noise = GrayImage::from_fn(64, 64, |x, y| Luma([(x * 31 + y * 17 + x * y) as u8]));
    noise.write_to(&mut cut, ImageFormat::Png).unwrap();
    let cut = &cut.get_ref()[..cut.get_ref().len() / 2];
    for i in 0..8 {
        save(root.path(), &format!("a/{i}.png"), &grey(1, 64, 64));
    }
    for name in ["a/5.png", "a/3.png"] {
        write(root.path(), name, cut);
        let error = open(root.path()).unwrap_err();
        assert!(matches!(&error, DataError::UnreadableImage { path, .. } if path.ends_with(name)), "{error}");
    }
    write(root.path(), "a/1.png", b"GIF? no");
    let text = message(root.path());
    assert!(text.starts_with("cannot decode the image ROOT/a/1.png: "), "{text}");
    assert!(text.ends_with("; remove it, or save it again as PNG or JPEG"), "{text}");
}

#[test]
fn a_class_folder_without_images_is_told() {
    let root = tempdir().unwrap();
    save(root.path(), "cat/1.png", &grey(1, 1, 1));
    write(root.path(), "dog/1.webp", b"");
    let text = message(root.path());
    assert!(
        text.starts_with("the class folder ROOT/dog holds no .png, .jpg or .jpeg file (found 1.webp)"),
        "{text}"
    );
}

#[test]
fn differing_classes_are_told() {
    let root = tempdir().unwrap();
    for name in ["train/cat", "train/dog", "test/cat", "test/cow"] {
        save(root.path(), &format!("{name}/1.png"), &grey(1, 1, 1));
    }
    let text = message(root.path());
    assert!(text.contains("(only in the first: dog; only in the second: cow)"), "{text}");
}

#[test]
fn two_test_folders_are_ambiguous() {
    let root = tempdir().unwrap();
    for name in ["train/cat", "test/cat", "val/cat"] {
        save(root.path(), &format!("{name}/1.png"), &grey(1, 1, 1));
    }
    let text = message(root.path());
    assert!(text.starts_with("ROOT holds test/ and val/, and only one of them"), "{text}");
}

#[test]
fn parts_without_class_folders_are_not_taken_for_classes() {
    let root = tempdir().unwrap();
    save(root.path(), "train/1.png", &grey(1, 1, 1));
    save(root.path(), "test/1.png", &grey(1, 1, 1));
    let text = message(root.path());
    assert!(text.starts_with("no data set recognised in ROOT: looked for IDX files"), "{text}");
    assert!(text.ends_with("found test, train"), "{text}");
}

#[test]
fn a_limit_leaves_pictures_that_are_not_opened() {
    let root = tempdir().unwrap();
    for i in 0..30 {
        save(root.path(), &format!("train/a/{i:02}.png"), &grey(i, 2, 2));
        save(root.path(), &format!("train/b/{i:02}.png"), &grey(i, 2, 2));
        save(root.path(), &format!("test/a/{i:02}.png"), &grey(i, 2, 2));
        save(root.path(), &format!("test/b/{i:02}.png"), &grey(i, 2, 2));
    }
    let limited = |seed| open_images(Some(root.path()), Some(10), seed);
    let source = limited(3).unwrap();
    assert_eq!((source.train().class_counts(), source.test().class_counts()), (vec![5, 5], vec![5, 5]));
    let all = open(root.path()).unwrap();
    assert_eq!((all.train().len(), all.test().len()), (60, 60));
    assert_ne!(source.fingerprint().unwrap(), all.fingerprint().unwrap());
    assert_ne!(source.fingerprint().unwrap(), limited(4).unwrap().fingerprint().unwrap());
    // A damaged file among those left out does not matter, one among the others does.
    let opened = (0..30).filter(|i| {
        let name = format!("train/a/{i:02}.png");
        let intact = std::fs::read(root.path().join(&name)).unwrap();
        write(root.path(), &name, b"no picture");
        let failed = limited(3).is_err();
        write(root.path(), &name, &intact);
        failed
    });
    assert_eq!(opened.count(), 5);
}

#[test]
fn a_picture_that_changes_after_it_was_opened_is_told() {
    let root = tempdir().unwrap();
    for name in ["train/a/1", "train/a/2", "train/a/3", "test/a/1"] {
        save(root.path(), &format!("{name}.png"), &grey(90, 8, 8));
    }
    let source = open(root.path()).unwrap();
    let said = |index: usize| {
        let text = source.train().image(index).unwrap_err().to_string();
        text.replace(&root.path().display().to_string(), "ROOT")
    };
    std::fs::remove_file(root.path().join("train/a/1.png")).unwrap();
    assert!(
        said(0).starts_with("the picture ROOT/train/a/1.png is no longer there: the folder changed"),
        "{}",
        said(0)
    );
    save(root.path(), "train/a/2.png", &rgb([1, 2, 3], 16, 16));
    assert!(said(1).contains("train/a/2.png is "), "{}", said(1));
    assert!(said(1).contains("bytes long instead of"), "{}", said(1));
    assert!(source.fingerprint().is_err());
    // As long as before, but no picture any more.
    let bytes = std::fs::metadata(root.path().join("train/a/3.png")).unwrap().len();
    write(root.path(), "train/a/3.png", &vec![0; bytes as usize]);
    assert!(said(2).starts_with("cannot decode the image ROOT/train/a/3.png"), "{}", said(2));
    save(root.path(), "train/a/3.png", &grey(90, 8, 8));
    assert_eq!(*source.train().image(2).unwrap(), [90; 64]);
}
