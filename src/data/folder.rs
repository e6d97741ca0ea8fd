//! Folders of PNG and JPEG images, one folder per class.
//!
//! Either `train/<class>/` with `test/<class>/` or `val/<class>/`, or just `<class>/`. Classes and
//! images are taken in the byte order of their names, so a data set is the same on every machine;
//! names that start with a dot are left out. An alpha channel is dropped, the orientation that a
//! camera noted is applied.
//!
//! Headers are read first, to decide on size and channels; then every image is decoded straight
//! into its place, so that memory holds the result and one decoded image per thread.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader};
use rayon::prelude::*;

use super::dataset::Dataset;
use super::error::DataError;
use super::resize::{ImageSize, fill_images, resize_into, zeroed_images};
use super::source::DataSource;

const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];
const TRAIN_FOLDER: &str = "train";
const TEST_FOLDERS: [&str; 2] = ["test", "val"];

/// The image files of one part with their classes.
struct Listing {
    classes: Vec<String>,
    files: Vec<(PathBuf, u32)>,
}

/// What the header of an image file says, after applying its orientation.
struct Header {
    size: ImageSize,
    has_colour: bool,
}

/// The names in a folder without hidden ones, ascending.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>, DataError> {
    let paths = entries(folder)?;
    Ok(paths.iter().map(|path| base_name(path)).collect())
}

/// Whether `folder` has the layout of an image folder: images in `train/<class>/`, or in `<class>/`
/// where the classes are not just the parts of an unlabelled data set.
pub(super) fn lies_in(folder: &Path) -> Result<bool, DataError> {
    if holds_labelled_images(&folder.join(TRAIN_FOLDER))? {
        return Ok(true);
    }
    let is_part = |path: &PathBuf| {
        let name = base_name(path);
        name == TRAIN_FOLDER || TEST_FOLDERS.contains(&name.as_str())
    };
    Ok(holds_labelled_images(folder)? && !subfolders(folder)?.iter().all(is_part))
}

/// Reads the image folder at `size`, or at the most frequent size of its training images.
pub(super) fn read(folder: &Path, name: &str, size: Option<ImageSize>) -> Result<DataSource, DataError> {
    let train_folder = folder.join(TRAIN_FOLDER);
    if !holds_labelled_images(&train_folder)? {
        let all = list(folder)?;
        let headers = read_headers(&all.files)?;
        let size = size.map_or_else(|| most_frequent_size(&headers), Ok)?;
        let has_colour = headers.iter().any(|header| header.has_colour);
        return DataSource::set_apart(&decode(all, name, size, has_colour)?);
    }
    let train = list(&train_folder)?;
    let test_folder = find_test(folder)?;
    let test = test_folder.as_deref().map(list).transpose()?;
    if let (Some(test_folder), Some(test)) = (&test_folder, &test) {
        check_same_classes((&train_folder, &train.classes), (test_folder, &test.classes))?;
    }
    let headers = read_headers(&train.files)?;
    let test_headers = read_headers(test.as_ref().map_or(&[], |test| &test.files))?;
    let has_colour = headers.iter().chain(&test_headers).any(|header| header.has_colour);
    let size = size.map_or_else(|| most_frequent_size(&headers), Ok)?;
    let train = decode(train, name, size, has_colour)?;
    match test {
        Some(test) => DataSource::new(train, decode(test, name, size, has_colour)?),
        None => DataSource::set_apart(&train),
    }
}

/// The one test folder with class folders in it, if any. A folder of unlabelled test images is left
/// out.
fn find_test(folder: &Path) -> Result<Option<PathBuf>, DataError> {
    let mut candidates = Vec::new();
    for name in TEST_FOLDERS {
        let path = folder.join(name);
        if path.is_dir() && !subfolders(&path)?.is_empty() {
            candidates.push(path);
        }
    }
    if candidates.len() > 1 {
        return Err(DataError::AmbiguousTest {
            path: folder.to_owned(),
            candidates: TEST_FOLDERS.join("/ and ") + "/",
        });
    }
    Ok(candidates.pop())
}

/// The images of every class folder in `folder`.
fn list(folder: &Path) -> Result<Listing, DataError> {
    let mut listing = Listing { classes: Vec::new(), files: Vec::new() };
    for (label, class) in (0u32..).zip(subfolders(folder)?) {
        let images = images_in(&class)?;
        if images.is_empty() {
            return Err(DataError::EmptyClass {
                found: super::open::listing(&names_in(&class)?),
                path: class,
            });
        }
        listing.classes.push(base_name(&class));
        listing.files.extend(images.into_iter().map(|image| (image, label)));
    }
    Ok(listing)
}

fn check_same_classes(
    (train_folder, train): (&Path, &[String]),
    (test_folder, test): (&Path, &[String]),
) -> Result<(), DataError> {
    if train == test {
        return Ok(());
    }
    let only_in = |some: &[String], others: &[String]| {
        let only: Vec<&str> = some.iter().filter(|name| !others.contains(name)).map(String::as_str).collect();
        if only.is_empty() { "none".to_owned() } else { only.join(", ") }
    };
    Err(DataError::ClassesDiffer {
        train: train_folder.to_owned(),
        test: test_folder.to_owned(),
        only_train: only_in(train, test),
        only_test: only_in(test, train),
    })
}

/// The headers of all files, read in parallel.
fn read_headers(files: &[(PathBuf, u32)]) -> Result<Vec<Header>, DataError> {
    let headers: Vec<Result<Header, DataError>> = files
        .par_iter()
        .map(|(path, _)| {
            let (decoder, orientation) = decoder(path)?;
            let (width, height) = decoder.dimensions();
            let (height, width) = if swaps_sides(orientation) { (width, height) } else { (height, width) };
            let size =
                ImageSize::new(height as usize, width as usize).map_err(|error| unreadable(path, &error))?;
            Ok(Header { size, has_colour: decoder.color_type().has_color() })
        })
        .collect();
    // Collected in order first, so that the error is that of the first file, whatever the threads.
    headers.into_iter().collect()
}

/// The most frequent size; of equally frequent ones the smallest.
fn most_frequent_size(headers: &[Header]) -> Result<ImageSize, DataError> {
    let mut counts = BTreeMap::<ImageSize, usize>::new();
    for header in headers {
        *counts.entry(header.size).or_default() += 1;
    }
    counts
        .into_iter()
        .min_by_key(|&(size, count)| (std::cmp::Reverse(count), size))
        .map(|(size, _)| size)
        .ok_or(DataError::NoImages { purpose: "training" })
}

/// Decodes every image to `size`, in parallel.
fn decode(listing: Listing, name: &str, size: ImageSize, has_colour: bool) -> Result<Dataset, DataError> {
    let channels = if has_colour { 3 } else { 1 };
    let files = &listing.files;
    let mut images = zeroed_images(name, files.len(), size, channels)?;
    fill_images(&mut images, size.pixels() * channels, |index, output| {
        decode_into(&files[index].0, output, size, has_colour)
    })?;
    let labels = files.iter().map(|&(_, label)| label).collect();
    Dataset::new(name, images, labels, size, channels, listing.classes)
}

fn decode_into(path: &Path, output: &mut [u8], size: ImageSize, has_colour: bool) -> Result<(), DataError> {
    let (decoder, orientation) = decoder(path)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| unreadable(path, &error))?;
    image.apply_orientation(orientation);
    let from = ImageSize::new(image.height() as usize, image.width() as usize)?;
    let (pixels, channels) =
        if has_colour { (image.into_rgb8().into_raw(), 3) } else { (image.into_luma8().into_raw(), 1) };
    resize_into(&pixels, from, output, size, channels).map_err(|reason| unreadable(path, &reason))
}

/// A decoder that has read the header; the format is told by the contents, not by the name.
fn decoder(path: &Path) -> Result<(impl ImageDecoder, Orientation), DataError> {
    let reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|source| DataError::io(path, source))?;
    let mut decoder = reader.into_decoder().map_err(|error| unreadable(path, &error))?;
    let orientation = decoder.orientation().map_err(|error| unreadable(path, &error))?;
    Ok((decoder, orientation))
}

fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn unreadable(path: &Path, reason: &impl ToString) -> DataError {
    DataError::UnreadableImage { path: path.to_owned(), reason: reason.to_string() }
}

/// Whether some subfolder of `folder` holds images; false if there is no such folder.
fn holds_labelled_images(folder: &Path) -> Result<bool, DataError> {
    if !folder.is_dir() {
        return Ok(false);
    }
    for class in subfolders(folder)? {
        if !images_in(&class)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut paths = entries(folder)?;
    paths.retain(|path| path.is_dir());
    Ok(paths)
}

fn images_in(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let is_image = |path: &Path| {
        path.extension()
            .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
    };
    let mut paths = entries(folder)?;
    paths.retain(|path| is_image(path) && path.is_file());
    Ok(paths)
}

/// The entries of a folder without hidden ones, in the byte order of their names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let io = |source| DataError::io(folder, source);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if !base_name(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn base_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
