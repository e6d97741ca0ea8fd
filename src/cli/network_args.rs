//! A network on the command line: a file or name, and what to change in it.

use clap::Args;

use crate::spec::{self, NetworkSpec, WidthRule};
use crate::text_file::ReadError;

/// Changes to a network that every command taking one understands.
#[derive(Debug, Clone, Args)]
pub struct NetworkArgs {
    /// Width multiplier alpha: scales every layer's channels
    #[arg(long, value_name = "ALPHA", value_parser = positive_width)]
    pub width: Option<f64>,
    /// Rounding rule of the width multiplier: reference or torchvision
    #[arg(long, value_name = "RULE", default_value_t)]
    pub width_rule: WidthRule,
    /// Side of the input image in pixels (the resolution multiplier rho)
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..=4096))]
    pub resolution: Option<u32>,
    /// Channels of the input image: 1 for grey, 3 for colour
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub channels: Option<u32>,
    /// Outputs of the classifier
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub classes: Option<u32>,
}

fn positive_width(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(width) if (0.01..=16.0).contains(&width) => Ok(width),
        _ => Err("a width multiplier is a number from 0.01 to 16, such as 0.75".to_owned()),
    }
}

impl NetworkArgs {
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
