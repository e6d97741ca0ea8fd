//! The images of a training: a part to train on, a part to choose by if asked for, a part to test with.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use miette::Diagnostic;
use rand::seq::SliceRandom;

use crate::data::{
    self, DataError, DataSource, Dataset, Format, ImageSize, Loader, Normalisation, TestOrigin,
};
use crate::seed;
use crate::spec::NetworkSpec;

/// The images in `folder`, or the embedded ones.
///
/// Class folders hold files of many sizes: these are brought to `side`. Images of packed sets (IDX, CIFAR-10) have one
/// size, which stays as it is.
///
/// # Errors
/// If they cannot be read.
pub fn open_images(folder: Option<&Path>, side: u32) -> Result<DataSource, DataError> {
    let Some(folder) = folder else { return data::embedded() };
    match data::recognise(folder)? {
        Format::Idx | Format::Cifar10 { .. } => data::open(folder),
        Format::ClassFolders => data::open_at(folder, ImageSize::new(side as usize, side as usize)?),
    }
}

/// A network that does not fit the images.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("{network} takes {takes}, but {data} has {has}")]
#[diagnostic(help("{remedy}"))]
pub struct Misfit {
    network: String,
    takes: String,
    data: String,
    has: String,
    remedy: String,
}

/// Images with their parts and their normalisation, which is fitted on the part that is trained on.
#[derive(Debug, Clone)]
pub struct TrainingImages {
    train: Arc<Dataset>,
    test: Arc<Dataset>,
    test_origin: TestOrigin,
    trained: Vec<usize>,
    validated: Vec<usize>,
    normalisation: Normalisation,
}

impl TrainingImages {
    /// Holds out a `validation` share of the training images, if asked for.
    ///
    /// # Errors
    /// If a class has too few images.
    pub fn new(source: DataSource, validation: Option<f64>, seed: u64) -> Result<Self, DataError> {
        let test_origin = source.test_origin();
        let (train, test) = source.into_parts();
        let (trained, validated) = match validation {
            None => ((0..train.len()).collect(), Vec::new()),
            Some(share) => {
                let split = data::holdout(train.labels(), share, seed)?;
                (split.search, split.validation)
            }
        };
        let normalisation = Normalisation::fit(&train, &trained)?;
        Ok(Self {
            train: Arc::new(train),
            test: Arc::new(test),
            test_origin,
            trained,
            validated,
            normalisation,
        })
    }

    /// Whether a network takes these images and has their classes. `remedy` is told where it does not; without one,
    /// the options that make it fit.
    ///
    /// # Errors
    /// What the network takes and what the images are.
    pub fn check_fit(&self, spec: &NetworkSpec, remedy: Option<&str>) -> Result<(), Misfit> {
        let data = &self.train;
        let (height, width) = (data.height() as u32, data.width() as u32);
        let (channels, classes) = (data.channels() as u32, data.classes() as u32);
        let changes: Vec<String> = [
            ("resolution", spec.resolution, height),
            ("channels", spec.input_channels, channels),
            ("classes", spec.classes, classes),
        ]
        .iter()
        .filter(|(_, takes, has)| takes != has)
        .map(|(option, _, has)| format!("--{option} {has}"))
        .collect();
        if changes.is_empty() && width == height {
            return Ok(());
        }
        let remedy = match remedy {
            Some(remedy) => remedy.to_owned(),
            None if width != height => "networks take square images: cut them, or give them as a folder of \
                 PNG or JPEG files, which are brought to the network's resolution"
                .to_owned(),
            None => format!("add {}", changes.join(" ")),
        };
        Err(Misfit {
            network: spec.name.clone(),
            takes: format!(
                "{r}x{r}x{} images of {} classes",
                spec.input_channels,
                spec.classes,
                r = spec.resolution
            ),
            data: data.name().to_owned(),
            has: format!("{height}x{width}x{channels} images of {classes} classes"),
            remedy,
        })
    }

    /// What there is, in a sentence for people.
    pub fn describe(&self) -> String {
        let held_out = match self.validated.len() {
            0 => String::new(),
            count => format!(", {count} held out to choose the best epoch by"),
        };
        let origin = match self.test_origin {
            TestOrigin::Own => "",
            TestOrigin::SetApart => " (set apart, as there is no test part)",
        };
        format!(
            "{}: {} images to train on{held_out}, {} to test with once at the end{origin}",
            self.train.name(),
            self.trained.len(),
            self.test.len()
        )
    }

    /// Height, width and channels of the images to train on.
    pub fn shape(&self) -> [u32; 3] {
        [self.train.height(), self.train.width(), self.train.channels()].map(|size| size as u32)
    }

    /// Names of the classes.
    pub fn class_names(&self) -> &[String] {
        self.train.class_names()
    }

    /// Mean and standard deviation that pixels are normalised with.
    pub fn normalisation(&self) -> &Normalisation {
        &self.normalisation
    }

    /// Batches to train on.
    ///
    /// # Errors
    /// Never for images that were read.
    pub fn training(&self, batch: NonZeroUsize) -> Result<Loader, DataError> {
        Loader::new(Arc::clone(&self.train), &self.trained, &self.normalisation, batch)
    }

    /// The same images with all of the training part to train on; the normalisation stays.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self { trained: (0..self.train.len()).collect(), validated: Vec::new(), ..self.clone() }
    }

    /// The same images, but what is held out is neither trained on nor chosen by.
    #[must_use]
    pub fn without_validation(&self) -> Self {
        Self { validated: Vec::new(), ..self.clone() }
    }

    /// Numbers of images to train on, to choose by and to test with.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.trained.len(), self.validated.len(), self.test.len())
    }

    /// The same images, normalised as they were for another network.
    #[must_use]
    pub fn normalised_with(self, normalisation: Normalisation) -> Self {
        Self { normalisation, ..self }
    }

    /// Up to `count` of the images to test with, spread evenly over them.
    ///
    /// # Errors
    /// If the normalisation is for other images.
    pub fn some_to_test_with(&self, count: usize, batch: NonZeroUsize) -> Result<Loader, DataError> {
        let some = data::spread(self.test.len(), count);
        Loader::new(Arc::clone(&self.test), &some, &self.normalisation, batch)
    }

    /// Up to `count` of the images to train on, spread evenly over them.
    ///
    /// # Errors
    /// If the normalisation is for other images.
    pub fn some_to_train_with(&self, count: usize, batch: NonZeroUsize) -> Result<Loader, DataError> {
        let some = data::spread(self.trained.len(), count);
        let some: Vec<usize> = some.into_iter().map(|position| self.trained[position]).collect();
        Loader::new(Arc::clone(&self.train), &some, &self.normalisation, batch)
    }

    /// Classes of the test images, in order.
    pub fn test_labels(&self) -> &[u32] {
        self.test.labels()
    }

    /// The held-out images in an order drawn by `seed`, from the first on up to each of these shares of them.
    ///
    /// # Errors
    /// If no images are held out.
    pub fn validation_prefixes(
        &self,
        batch: NonZeroUsize,
        shares: &[f64],
        seed: u64,
    ) -> Result<Vec<Loader>, DataError> {
        let mut order = self.validated.clone();
        order.shuffle(&mut seed::rng(seed, "run/validation", 0));
        let prefix = |share: &f64| {
            let count = ((share * order.len() as f64).round() as usize).clamp(1, order.len().max(1));
            let images = order.get(..count).unwrap_or_default();
            Loader::new(Arc::clone(&self.train), images, &self.normalisation, batch)
        };
        shares.iter().map(prefix).collect()
    }

    /// Batches to choose by, if images are held out.
    ///
    /// # Errors
    /// Never for images that were read.
    pub fn validation(&self, batch: NonZeroUsize) -> Result<Option<Loader>, DataError> {
        if self.validated.is_empty() {
            return Ok(None);
        }
        Loader::new(Arc::clone(&self.train), &self.validated, &self.normalisation, batch).map(Some)
    }

    /// Batches to test with.
    ///
    /// # Errors
    /// Never for images that were read.
    pub fn test(&self, batch: NonZeroUsize) -> Result<Loader, DataError> {
        let all: Vec<usize> = (0..self.test.len()).collect();
        Loader::new(Arc::clone(&self.test), &all, &self.normalisation, batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{self, NetworkSpec};

    #[test]
    fn images_of_class_folders_are_brought_to_the_network_and_packed_ones_are_not() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for class in ["a", "b"] {
            std::fs::create_dir(folder.path().join(class)).expect("disk");
            for number in 0..3 {
                let image = image::RgbImage::new(10 + number, 7);
                image.save(folder.path().join(class).join(format!("{number}.png"))).expect("disk");
            }
        }
        let source = open_images(Some(folder.path()), 12).expect("images");
        assert_eq!((source.train().height(), source.train().width()), (12, 12));

        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/fashion-mnist-small");
        let source = open_images(Some(&packed), 12).expect("images");
        assert_eq!((source.train().height(), source.train().width()), (28, 28));
    }

    #[test]
    fn a_misfit_names_both_sides_and_what_helps() {
        let size = ImageSize::new(8, 6).expect("a size");
        let names = vec!["a".to_owned(), "b".to_owned()];
        let part =
            Dataset::new("flat", vec![0; 4 * 48], vec![0, 1, 0, 1], size, 1, names).expect("consistent");
        let source = DataSource::new(part.clone(), part).expect("alike");
        let images = TrainingImages::new(source, Some(0.5), 0).expect("two of each class");
        let spec = spec::load("mobilenet_v2").expect("shipped");
        let misfit = images.check_fit(&spec, None).expect_err("flat");
        assert_eq!(
            misfit.to_string(),
            "mobilenet_v2 takes 224x224x3 images of 1000 classes, but flat has 8x6x1 images of 2 classes"
        );
        assert!(misfit.remedy.contains("square"), "{}", misfit.remedy);
        let spec = NetworkSpec { resolution: 8, input_channels: 1, classes: 2, ..spec };
        assert!(images.check_fit(&spec, None).is_err(), "8x6 is not 8x8");
    }
}
