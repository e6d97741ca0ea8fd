//! What can be wrong with data, told with the place and the remedy.

use std::io;
use std::path::PathBuf;

/// Why a data set cannot be read, split or batched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused to read a file or folder.
    #[error("cannot read {path}: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The bytes of a file are not what its format says.
    #[error("{path}, byte {offset}: expected {expected}, found {found}; {remedy}", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Place of the fault; for a gzip file, in the uncompressed contents.
        offset: u64,
        /// What the format asks for.
        expected: String,
        /// What is there.
        found: String,
        /// What to do about it.
        remedy: &'static str,
    },

    /// A file that lists class names is not usable.
    #[error("{path}, line {line}: {problem}; write one class name per line, in the order of the labels", path = .path.display())]
    ClassNames {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },

    /// A file of images and its file of labels disagree on how many there are.
    #[error(
        "{images_path} holds {images} images but {labels_path} holds {labels} labels; take both files from the same data set",
        images_path = .images_path.display(), labels_path = .labels_path.display()
    )]
    CountMismatch {
        /// The file of images.
        images_path: PathBuf,
        /// Number of images.
        images: usize,
        /// The file of labels.
        labels_path: PathBuf,
        /// Number of labels.
        labels: usize,
    },

    /// The folder holds nothing that looks like a data set.
    #[error("no data set recognised in {path}: looked for {looked_for}; found {found}", path = .path.display())]
    Unrecognised {
        /// The folder.
        path: PathBuf,
        /// The names that would have been recognised.
        looked_for: &'static str,
        /// What lies there instead.
        found: String,
    },

    /// A data set lacks one of its files.
    #[error("{folder} lacks {missing}; {remedy}", folder = .folder.display())]
    MissingFile {
        /// The folder of the data set.
        folder: PathBuf,
        /// The file, or the names under which it is looked for.
        missing: String,
        /// What to do about it.
        remedy: &'static str,
    },

    /// An image file cannot be decoded.
    #[error("cannot decode the image {path}: {reason}; remove it, or save it again as PNG or JPEG", path = .path.display())]
    UnreadableImage {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },

    /// A picture is no longer what it was when the data set was opened.
    #[error("the picture {path} is {found}: the folder changed while it was read; put the picture back as it was and run the same command again, or start a new run", path = .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// How it is now.
        found: String,
    },

    /// A class folder holds no image.
    #[error("the class folder {path} holds no .png, .jpg or .jpeg file (found {found}); add images or remove the folder", path = .path.display())]
    EmptyClass {
        /// The class folder.
        path: PathBuf,
        /// What lies there instead.
        found: String,
    },

    /// The training and the test part of an image folder have different classes.
    #[error(
        "{train} and {test} have different classes (only in the first: {only_train}; only in the second: {only_test}); give both the same class folders",
        train = .train.display(), test = .test.display()
    )]
    ClassesDiffer {
        /// The folder of the training part.
        train: PathBuf,
        /// The folder of the test part.
        test: PathBuf,
        /// Names, joined by commas, or "none".
        only_train: String,
        /// Names, joined by commas, or "none".
        only_test: String,
    },

    /// An image folder has more than one part that could be the test part.
    #[error("{path} holds {candidates}, and only one of them can be the test part; move the images of the other into train/, or move it elsewhere", path = .path.display())]
    AmbiguousTest {
        /// The folder of the data set.
        path: PathBuf,
        /// The folders that could be the test part.
        candidates: String,
    },

    /// The parts of a data set contradict each other.
    #[error("data set {name}: {problem}")]
    Inconsistent {
        /// The name of the data set.
        name: String,
        /// The contradiction.
        problem: String,
    },

    /// A normalisation of images with other channels.
    #[error("the images have {images} channel(s), but the normalisation is for {normalisation}")]
    Channels {
        /// Channels of the images.
        images: usize,
        /// Channels that the normalisation is for.
        normalisation: usize,
    },

    /// An image size of zero, or one that is absurdly large.
    #[error("an image size of {height}x{width} is not possible; both sides must lie in 1..={max}")]
    ImageSize {
        /// Rows asked for.
        height: usize,
        /// Columns asked for.
        width: usize,
        /// The largest side.
        max: usize,
    },

    /// A class has too few images to be split.
    #[error(
        "class {class} has {count} image(s), but a split needs at least 2 of each class; add images, or leave the class out"
    )]
    ClassTooSmall {
        /// The name of the class, or its label where no name is known.
        class: String,
        /// Number of its images.
        count: usize,
    },

    /// A fraction to hold out that leaves one side empty.
    #[error("cannot hold out a fraction of {fraction}: it must lie strictly between 0 and 1")]
    Fraction {
        /// The fraction asked for.
        fraction: f64,
    },

    /// No images were given where some are needed.
    #[error("no images given for {purpose}")]
    NoImages {
        /// What they are needed for.
        purpose: &'static str,
    },

    /// An index beyond the last image.
    #[error("image {index} asked for, but data set {name} has {len}")]
    IndexOutOfRange {
        /// The name of the data set.
        name: String,
        /// The index asked for.
        index: usize,
        /// Number of images.
        len: usize,
    },

    /// The loading thread cannot be started.
    #[error("cannot start the loading thread: {source}")]
    Thread {
        /// What the operating system said.
        source: io::Error,
    },
}

impl DataError {
    pub(super) fn io(path: &std::path::Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
