//! A network on the command line: a file or name, and what to change in it.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::Args;

use crate::spec::{self, NetworkSpec, WidthRule};
use crate::text_file::ReadError;

/// What a network may be changed to.
const WIDTHS: RangeInclusive<f64> = 0.01..=16.0;
const RESOLUTIONS: RangeInclusive<u32> = 8..=4096;
const CLASSES: RangeInclusive<u32> = 1..=1_000_000;

/// Changes to a network that every command taking one understands.
#[derive(Debug, Clone, Default, Args)]
pub struct NetworkArgs {
    /// Width multiplier alpha: scales every layer's channels
    #[arg(long, value_name = "ALPHA", value_parser = positive_width)]
    pub width: Option<f64>,
    /// Rounding rule of the width multiplier: reference or torchvision
    #[arg(long, value_name = "RULE", default_value_t)]
    pub width_rule: WidthRule,
    /// Side of the input image in pixels (the resolution multiplier rho)
    #[arg(long, value_name = "PIXELS", value_parser = resolution)]
    pub resolution: Option<u32>,
    /// Channels of the input image: 1 for grey, 3 for colour
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub channels: Option<u32>,
    /// Outputs of the classifier
    #[arg(long, value_name = "N", value_parser = classes)]
    pub classes: Option<u32>,
}

fn positive_width(text: &str) -> Result<f64, String> {
    within(text, WIDTHS, "a width multiplier", "0.75")
}

fn resolution(text: &str) -> Result<u32, String> {
    within(text, RESOLUTIONS, "a resolution in pixels", "224")
}

fn classes(text: &str) -> Result<u32, String> {
    within(text, CLASSES, "a number of classes", "1000")
}

fn within<T: FromStr + PartialOrd + Display>(
    text: &str,
    range: RangeInclusive<T>,
    what: &str,
    example: &str,
) -> Result<T, String> {
    let value = text.parse().ok().filter(|value| range.contains(value));
    value.ok_or_else(|| {
        format!("{what} is a number from {} to {}, such as {example}", range.start(), range.end())
    })
}

impl NetworkArgs {
    /// The changes that a file states by the names of these options.
    ///
    /// # Errors
    /// What is wrong with a value.
    pub fn stated(
        width: Option<&str>,
        resolution: Option<&str>,
        classes: Option<&str>,
    ) -> Result<Self, String> {
        Ok(Self {
            width: width.map(positive_width).transpose()?,
            resolution: resolution.map(self::resolution).transpose()?,
            classes: classes.map(self::classes).transpose()?,
            ..Self::default()
        })
    }

    /// Whether anything is to be changed.
    pub fn changes_anything(&self) -> bool {
        let numbers = [self.resolution, self.channels, self.classes];
        self.width.is_some() || numbers.iter().any(Option::is_some)
    }

    /// The network of that name or file, changed as asked.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(&self, network: &str) -> Result<NetworkSpec, ReadError> {
        let mut spec = spec::load(network)?;
        if let Some(width) = self.width {
            spec = spec.scaled(width, self.width_rule);
        }
        spec.resolution = self.resolution.unwrap_or(spec.resolution);
        spec.input_channels = self.channels.unwrap_or(spec.input_channels);
        spec.classes = self.classes.unwrap_or(spec.classes);
        Ok(spec)
    }
}
