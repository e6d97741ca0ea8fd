//! Images on the command line.

use std::path::PathBuf;

use clap::Args;
use miette::{IntoDiagnostic, Report};

use crate::data::{DataSource, open_images};

/// The images of every command that trains.
#[derive(Debug, Clone, Args)]
pub struct ImageArgs {
    /// A folder of images: IDX (MNIST), CIFAR-10 binary, or one folder a class
    /// [default: 12,000 images of Fashion-MNIST inside the program]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// For a quick look: use about N training images and N test images, drawn by the seed;
    /// every class gives its share, at least two [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit_images: Option<u32>,
    /// Memory for decoded images; those that do not fit are decoded whenever they are needed.
    /// The results are the same for any
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    image_memory: u32,
}

impl ImageArgs {
    /// Opens the images; nothing is decoded yet.
    pub(super) fn open(&self, seed: u64) -> Result<DataSource, Report> {
        let source = open_images(self.data.as_deref(), self.limit(), seed).into_diagnostic()?;
        Ok(source.with_memory((self.image_memory as usize).saturating_mul(1 << 20)))
    }

    /// How a run names its images: the folder as given, or the name of the embedded ones.
    pub(super) fn name(&self, source: &DataSource) -> String {
        self.data
            .as_ref()
            .map_or_else(|| source.train().name().to_owned(), |folder| folder.display().to_string())
    }

    /// Images of each part, where not all are used.
    pub(super) fn limit(&self) -> Option<usize> {
        self.limit_images.map(|limit| limit as usize)
    }
}
