//! `model.json`: what one must know to use the weights beside it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::folder::{FolderError, read_json};
use crate::cost::Meter;
use crate::data::Normalisation;
use crate::graph::LayerGraph;
use crate::latency::{Bounds, Confidence, Interval};
use crate::spec::{ArchId, NetworkSpec};

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
    /// Latency of this network, where a table predicts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<CardLatency>,
    /// The network that was searched for or narrowed, where this one is its proxy; its latency is not that of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_of: Option<ProxyOf>,
}

/// The network whose proxy was trained: the same blocks for other images or classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyOf {
    /// Its file, beside the card.
    pub network: String,
    /// Its name.
    pub name: String,
    /// Its identity.
    pub arch_id: ArchId,
    /// Side of its images.
    pub resolution: u32,
    /// Its classes.
    pub classes: u32,
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
    /// The card of `trained`, which is `timed` itself or its proxy, with its own latency where the table of `meter` can predict it.
    /// A bound is known only for what is timed: the networks that a table was validated on are none of proxies.
    #[must_use]
    pub(super) fn of_networks(
        self,
        timed: &NetworkSpec,
        trained: &NetworkSpec,
        meter: Option<&Meter<'_>>,
    ) -> Self {
        let is_proxy = timed.arch_id() != trained.arch_id();
        let proxy_of = is_proxy.then(|| ProxyOf {
            network: "network.toml".to_owned(),
            name: timed.name.clone(),
            arch_id: timed.arch_id(),
            resolution: timed.resolution,
            classes: timed.classes,
        });
        let latency = meter.and_then(|meter| {
            let table = meter.table()?;
            let prediction = table.predict(&LayerGraph::lower(trained)).ok()?;
            Some(CardLatency {
                device: table.header.device().to_owned(),
                ms: prediction.latency_ms,
                stddev_ms: prediction.stddev_ms(),
                resolution: trained.resolution,
                bound: CardBound::of(meter.bounds(), prediction.latency_ms).filter(|_| !is_proxy),
            })
        });
        Self { latency, proxy_of, ..self }
    }

    /// The card in a folder, if there is one.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, FolderError> {
        read_json(&folder.join(MODEL_CARD))
    }
}
