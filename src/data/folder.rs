//! Folders of PNG and JPEG images, one folder per class.
//!
//! Either `train/<class>/` with `test/<class>/` or `val/<class>/`, or just `<class>/`. Classes and
//! images are taken in the byte order of their names, so a data set is the same on every machine;
//! names that start with a dot are left out. An alpha channel is dropped, the orientation that a
//! camera noted is applied.
//!
//! Headers are read on opening, to decide on size and channels; pixels are decoded when they are needed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::dataset::Dataset;
use super::error::DataError;
use super::picture::Picture;
use super::resize::ImageSize;
use super::source::{DataSource, TestOrigin, set_apart};

const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];
const TRAIN_FOLDER: &str = "train";
const TEST_FOLDERS: [&str; 2] = ["test", "val"];

/// The image files of one part with their classes.
struct Listing {
    classes: Vec<String>,
    files: Vec<(PathBuf, u32)>,
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

/// Opens the image folder; images are shown at the most frequent size of its training images. `choose` says which
/// images of a part are used, by their labels; the others are not even opened.
pub(super) fn read(
    folder: &Path,
    name: &str,
    choose: &dyn Fn(&[u32]) -> Vec<usize>,
) -> Result<DataSource, DataError> {
    let train_folder = folder.join(TRAIN_FOLDER);
    let (train, test, test_origin) = if holds_labelled_images(&train_folder)? {
        let train = list(&train_folder)?;
        match find_test(folder)? {
            Some(test_folder) => {
                let test = list(&test_folder)?;
                check_same_classes((&train_folder, &train.classes), (&test_folder, &test.classes))?;
                (train, test, TestOrigin::Own)
            }
            None => set_apart_of(&train)?,
        }
    } else {
        set_apart_of(&list(folder)?)?
    };
    let (train, test) = (train.chosen(choose), test.chosen(choose));
    let (train_pictures, test_pictures) = (train.open()?, test.open()?);
    let size = most_frequent_size(&train_pictures)?;
    let has_colour = train_pictures.iter().chain(&test_pictures).any(Picture::has_colour);
    let channels = if has_colour { 3 } else { 1 };
    let train = Dataset::of_pictures(name, train_pictures, train.labels(), size, channels, train.classes)?;
    let test = Dataset::of_pictures(name, test_pictures, test.labels(), size, channels, test.classes)?;
    DataSource::with_origin(train, test, test_origin)
}

fn set_apart_of(all: &Listing) -> Result<(Listing, Listing, TestOrigin), DataError> {
    let split = set_apart(&all.labels(), &all.classes)?;
    Ok((all.subset(&split.search), all.subset(&split.validation), TestOrigin::SetApart))
}

impl Listing {
    fn labels(&self) -> Vec<u32> {
        self.files.iter().map(|&(_, label)| label).collect()
    }

    fn subset(&self, indices: &[usize]) -> Self {
        let files = indices.iter().map(|&index| self.files[index].clone()).collect();
        Self { classes: self.classes.clone(), files }
    }

    fn chosen(&self, choose: &dyn Fn(&[u32]) -> Vec<usize>) -> Self {
        self.subset(&choose(&self.labels()))
    }

    /// The pictures, whose headers are read in parallel.
    fn open(&self) -> Result<Vec<Picture>, DataError> {
        let pictures: Vec<Result<Picture, DataError>> =
            self.files.par_iter().map(|(path, _)| Picture::open(path.clone())).collect();
        // Collected in order first, so that the error is that of the first file, whatever the threads.
        pictures.into_iter().collect()
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

/// The most frequent size; of equally frequent ones the smallest.
fn most_frequent_size(pictures: &[Picture]) -> Result<ImageSize, DataError> {
    let mut counts = BTreeMap::<ImageSize, usize>::new();
    for picture in pictures {
        *counts.entry(picture.size()).or_default() += 1;
    }
    counts
        .into_iter()
        .min_by_key(|&(size, count)| (std::cmp::Reverse(count), size))
        .map(|(size, _)| size)
        .ok_or(DataError::NoImages { purpose: "training" })
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
