//! `model.json`: what one must know to use the weights beside it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::folder::{FolderError, read_json};
use crate::data::Normalisation;
use crate::latency::{Bounds, Confidence, Interval};

/// The file's name, in the folder of every trained network.
pub const MODEL_CARD: &str = "model.json";

/// A trained network: its files and what they were made with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// The file of the network that the weights belong to, beside this one.
    pub network: String,
    /// The file of the weights, beside this one.
    pub weights: String,
    /// What images are normalised with.
    pub normalisation: Normalisation,
    /// Names of the classes, in the order of the logits.
    pub classes: Vec<String>,
    /// The folder of the images, or the name of the embedded ones.
    pub data: String,
    /// Top-1 on held-out images, where the network was chosen by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
    /// Top-1 on the test images.
    pub test_accuracy: f64,
    /// Latency of the network that was searched for or narrowed, which may take other images than this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<CardLatency>,
}

/// A predicted latency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardLatency {
    /// The device.
    pub device: String,
    /// Predicted milliseconds for an image.
    pub ms: f64,
    /// Standard deviation of the prediction.
    pub stddev_ms: f64,
    /// Side of the images that it holds for.
    pub resolution: u32,
    /// What the measured latency does not exceed, where the table can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<CardBound>,
}

/// An upper bound of a latency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardBound {
    /// Milliseconds for an image.
    pub ms: f64,
    /// Probability that it holds.
    pub confidence: Confidence,
}

impl CardBound {
    /// The bound of a prediction, where there is one.
    pub(super) fn of(bounds: Bounds, predicted_ms: f64) -> Option<Self> {
        let of_interval = |interval: Interval| Self {
            ms: interval.upper_bound(predicted_ms),
            confidence: interval.confidence,
        };
        bounds.interval().map(of_interval)
    }
}

impl ModelCard {
    /// The card in a folder, if there is one.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, FolderError> {
        read_json(&folder.join(MODEL_CARD))
    }
}
