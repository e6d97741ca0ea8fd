//! The images of a run: a part to train on, a part to choose by if asked for, a part to test with.
//!
//! Every command gets its images from here: brought to a square of the side that its network takes, split by the seed,
//! normalised, and checked against the network.

use std::num::NonZeroUsize;
use std::sync::Arc;

use miette::Diagnostic;
use rand::seq::SliceRandom;

use super::proxy::proxy_network;
use crate::data::{self, DataError, DataSource, Dataset, ImageSize, Loader, Normalisation, TestOrigin};
use crate::seed;
use crate::spec::NetworkSpec;

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

/// Images of one square size with their parts and their normalisation, which is fitted on the part that is trained on.
#[derive(Debug, Clone)]
pub struct Images {
    /// As they were opened, to be brought to other sizes.
    source: Arc<DataSource>,
    train: Arc<Dataset>,
    test: Arc<Dataset>,
    trained: Arc<[usize]>,
    validated: Arc<[usize]>,
    normalisation: Normalisation,
}

impl Images {
    /// Brings images to `side` x `side` and holds out a `validation` share of the training images, if asked for. They are
    /// normalised as told, or by the part that is trained on.
    ///
    /// # Errors
    /// If a class has too few images, or a picture cannot be read or decoded.
    pub fn new(
        source: DataSource,
        side: u32,
        validation: Option<f64>,
        normalisation: Option<Normalisation>,
        seed: u64,
    ) -> Result<Self, DataError> {
        let (trained, validated) = match validation {
            None => ((0..source.train().len()).collect(), Vec::new()),
            Some(share) => {
                let split = data::holdout(source.train().labels(), share, seed)?;
                (split.search, split.validation)
            }
        };
        let (train, test) = brought_to(&source, side)?;
        let normalisation = match normalisation {
            Some(given) => given,
            None => Normalisation::fit(&train, &trained)?,
        };
        Ok(Self {
            source: Arc::new(source),
            train,
            test,
            trained: trained.into(),
            validated: validated.into(),
            normalisation,
        })
    }

    /// The same images with the same split and normalisation at another side.
    ///
    /// # Errors
    /// If the side is not possible.
    pub fn at(&self, side: u32) -> Result<Self, DataError> {
        if side == self.side() {
            return Ok(self.clone());
        }
        let (train, test) = brought_to(&self.source, side)?;
        Ok(Self { train, test, ..self.clone() })
    }

    /// Decodes all images now if memory has room for them, so that a damaged picture of a small set is told before
    /// anything is trained. Larger sets are decoded while they are trained on, to the same bytes.
    ///
    /// # Errors
    /// If a picture cannot be read or decoded.
    pub fn load(&self) -> Result<(), DataError> {
        self.train.load()?;
        self.test.load()
    }

    /// Rows and columns of every image.
    pub fn side(&self) -> u32 {
        self.train.height() as u32
    }

    /// The longer side of the images as they were opened, of most of them where they differ.
    pub fn own_side(&self) -> u32 {
        self.source.side()
    }

    /// Channels of every image: 1 for grey, 3 for colour.
    pub fn channels(&self) -> u32 {
        self.train.channels() as u32
    }

    /// The network of `spec`'s blocks that takes these images; see [`proxy_network`].
    pub fn proxy(&self, spec: &NetworkSpec) -> NetworkSpec {
        proxy_network(spec, self.side(), self.channels(), self.train.classes() as u32)
    }

    /// Whether a network takes these images; see [`check_fit`].
    ///
    /// # Errors
    /// What the network takes and what the images are.
    pub fn check_fit(&self, spec: &NetworkSpec, remedy: Option<&str>) -> Result<(), Misfit> {
        check_fit(&self.source, self.side(), spec, remedy)
    }

    /// What there is, in a sentence for people.
    pub fn describe(&self) -> String {
        let held_out = match self.validated.len() {
            0 => String::new(),
            count => format!(", {count} held out to choose the best epoch by"),
        };
        let origin = match self.source.test_origin() {
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

    /// At what size they are trained, in a sentence for people.
    pub fn describe_size(&self) -> String {
        let (own, side) = (self.source.train().size(), self.side());
        let (height, width) = (own.height(), own.width());
        match self.source.train().is_packed() {
            true if (height, width) == (side as usize, side as usize) => {
                format!("images are {side}x{side}, as they are stored")
            }
            true => format!("images of {height}x{width} are brought to {side}x{side}"),
            false => format!("pictures, most of them {height}x{width}, are brought to {side}x{side}"),
        }
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
        Self { trained: (0..self.train.len()).collect(), validated: [].into(), ..self.clone() }
    }

    /// The same images, but what is held out is neither trained on nor chosen by.
    #[must_use]
    pub fn without_validation(&self) -> Self {
        Self { validated: [].into(), ..self.clone() }
    }

    /// Numbers of images to train on, to choose by and to test with.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.trained.len(), self.validated.len(), self.test.len())
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
        let mut order = self.validated.to_vec();
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

/// Whether a network takes images that are brought to `side` and has their classes. `remedy` is told where it does not;
/// without one, the options that make it fit.
///
/// # Errors
/// What the network takes and what the images are.
pub fn check_fit(
    source: &DataSource,
    side: u32,
    spec: &NetworkSpec,
    remedy: Option<&str>,
) -> Result<(), Misfit> {
    let data = source.train();
    let (channels, classes) = (data.channels() as u32, data.classes() as u32);
    let changes: Vec<String> = [
        ("resolution", spec.resolution, side),
        ("channels", spec.input_channels, channels),
        ("classes", spec.classes, classes),
    ]
    .iter()
    .filter(|(_, takes, has)| takes != has)
    .map(|(option, _, has)| format!("--{option} {has}"))
    .collect();
    if changes.is_empty() {
        return Ok(());
    }
    // Files are brought to whatever a network takes.
    let (height, width) = match data.is_packed() {
        true => (data.height(), data.width()),
        false => (side as usize, side as usize),
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
        remedy: remedy.map_or_else(|| format!("add {}", changes.join(" ")), str::to_owned),
    })
}

/// Both parts of images at `side` x `side`.
fn brought_to(source: &DataSource, side: u32) -> Result<(Arc<Dataset>, Arc<Dataset>), DataError> {
    let side = side as usize;
    let square = source.brought_to(ImageSize::new(side, side)?, source.train().channels())?;
    let (train, test) = square.into_parts();
    Ok((Arc::new(train), Arc::new(test)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::spec;

    /// A folder of `per_class` noisy PNG pictures of two classes, of sizes that `size` gives for their numbers.
    fn pictures(per_class: u32, size: impl Fn(u32) -> (u32, u32)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("temporary folder");
        for (class, name) in ["a", "b"].into_iter().enumerate() {
            std::fs::create_dir(folder.path().join(name)).expect("disk");
            for number in 0..per_class {
                let (width, height) = size(number);
                let image = image::RgbImage::from_fn(width, height, |x, y| {
                    let value = |salt: u32| ((x * 31 + y * 17 + number * 7) * salt % 251) as u8;
                    image::Rgb([value(3), value(5), 100 * class as u8])
                });
                image.save(folder.path().join(name).join(format!("{number:02}.png"))).expect("disk");
            }
        }
        folder
    }

    fn open(folder: &Path, side: u32, memory: usize) -> Images {
        let source = data::open(folder).expect("images").with_memory(memory);
        Images::new(source, side, Some(0.25), None, 3).expect("two of each class")
    }

    #[test]
    fn pictures_of_any_size_are_brought_to_a_square_and_packed_images_keep_theirs() {
        let folder = pictures(6, |number| (10 + number, 7));
        let images = open(folder.path(), 12, 1 << 20);
        assert_eq!((images.side(), images.channels()), (12, 3));
        let source = data::open(folder.path()).expect("images");
        assert_eq!(source.side_for(12), 12);

        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/fashion-mnist-small");
        assert_eq!(data::open(&packed).expect("images").side_for(12), 28);
    }

    #[test]
    fn batches_are_the_same_whether_images_lie_in_memory_or_are_streamed() {
        let folder = pictures(12, |number| (10 + number % 3, 9));
        let batch = NonZeroUsize::new(4).expect("above 0");
        let augment = data::Augment {
            pad: 1,
            flip: true,
            resized_crop: Some(data::ResizedCrop::default()),
            ..data::Augment::NONE
        };
        let all = open(folder.path(), 8, 1 << 20);
        all.load().expect("readable");
        for memory in [0, 8 * 8 * 3 * 5, 1 << 20] {
            let some = open(folder.path(), 8, memory);
            some.load().expect("readable");
            assert_eq!(some.normalisation(), all.normalisation());
            for augment in [data::Augment::NONE, augment] {
                let batches = |images: &Images, epoch| -> Vec<data::Batch> {
                    let loader = images.training(batch).expect("images");
                    let batches = loader.training(augment, 5, epoch).prefetch().expect("a thread");
                    batches.map(|batch| batch.expect("readable")).collect()
                };
                for epoch in 0..2 {
                    assert!(batches(&some, epoch) == batches(&all, epoch), "{memory} bytes, epoch {epoch}");
                }
            }
            let tested = |images: &Images| -> Vec<data::Batch> {
                images.test(batch).expect("images").evaluation().map(|b| b.expect("readable")).collect()
            };
            assert!(tested(&some) == tested(&all));
        }
    }

    #[test]
    fn another_side_keeps_the_split_and_the_normalisation() {
        let folder = pictures(12, |_| (16, 16));
        let images = open(folder.path(), 8, 1 << 20);
        let larger = images.at(16).expect("a side");
        assert_eq!(larger.side(), 16);
        assert_eq!(larger.counts(), images.counts());
        assert_eq!((&larger.trained, &larger.validated), (&images.trained, &images.validated));
        assert_eq!(larger.normalisation(), images.normalisation());
        let one = NonZeroUsize::MIN;
        let first = larger.training(one).expect("images").evaluation().next().expect("a batch");
        assert_eq!(first.expect("readable").shape, [1, 16, 16, 3]);
    }

    #[test]
    fn a_misfit_names_both_sides_and_what_helps() {
        let size = ImageSize::new(8, 6).expect("a size");
        let names = vec!["a".to_owned(), "b".to_owned()];
        let part =
            Dataset::new("flat", vec![0; 4 * 48], vec![0, 1, 0, 1], size, 1, names).expect("consistent");
        let source = DataSource::new(part.clone(), part).expect("alike");
        let side = source.side_for(224);
        assert_eq!(side, 8);
        let images = Images::new(source, side, Some(0.5), None, 0).expect("two of each class");
        let spec = spec::load("mobilenet_v2").expect("shipped");
        let misfit = images.check_fit(&spec, None).expect_err("flat");
        assert_eq!(
            misfit.to_string(),
            "mobilenet_v2 takes 224x224x3 images of 1000 classes, but flat has 8x6x1 images of 2 classes"
        );
        assert_eq!(misfit.remedy, "add --resolution 8 --channels 1 --classes 2");
        let spec = NetworkSpec { resolution: 8, input_channels: 1, classes: 2, ..spec };
        images.check_fit(&spec, None).expect("brought to 8x8");
    }
}
