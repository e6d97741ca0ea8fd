//! Every option of a search as it was resolved.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cost::Budget;
use crate::latency::Confidence;
use crate::run::one_or_many;
use crate::search::{Reward, StrategyKind};
use crate::train::Recipe;

/// The options that decide a search's results; `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchOptions {
    /// The search space, as given.
    pub space: String,
    /// The latency tables, as given.
    #[serde(default, with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// The most that a network may cost. The front is one of the first one's resource.
    #[serde(default, with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub budget: Vec<Budget>,
    /// How surely the measured latency is to be within it; none where the predicted one has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The folder of images, or `embedded`.
    pub data: String,
    /// Images of each part, where not all are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_images: Option<usize>,
    /// Side of the images that candidates are trained on.
    pub train_resolution: u32,
    /// Side of the images that networks of the front are trained on; where left out, that which they are timed at if the
    /// images are as large, else that of the candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_resolution: Option<FinalResolution>,
    /// The strategy.
    pub strategy: StrategyKind,
    /// What regularised evolution maximises.
    pub reward: Reward,
    /// Networks to train.
    pub trials: usize,
    /// Networks of the front to train longer.
    pub finals: usize,
    /// Share of the training images held out for validation.
    pub validation_share: f64,
    /// Seed of everything.
    pub seed: u64,
    /// The recipe of candidates, as given.
    pub candidate_name: String,
    /// The recipe of networks of the front, as given.
    pub final_name: String,
    /// How candidates are trained.
    pub candidate: Recipe,
    /// How networks of the front are trained.
    #[serde(rename = "final")]
    pub final_recipe: Recipe,
}

/// At which side networks of the front are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FinalResolution {
    /// The one that they are timed at: `timed`.
    Timed,
    /// This many pixels: `96`.
    Pixels(u32),
}

impl FinalResolution {
    /// The largest side that can be asked for, as of network files.
    const MOST_PIXELS: u32 = 4096;
}

impl FromStr for FinalResolution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "timed" {
            return Ok(Self::Timed);
        }
        let pixels = text.parse().ok().filter(|pixels| (1..=Self::MOST_PIXELS).contains(pixels));
        let help = || format!("write `timed`, or a number of pixels from 1 to {}", Self::MOST_PIXELS);
        pixels.map(Self::Pixels).ok_or_else(help)
    }
}

impl fmt::Display for FinalResolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timed => f.write_str("timed"),
            Self::Pixels(pixels) => pixels.fmt(f),
        }
    }
}

impl TryFrom<String> for FinalResolution {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FinalResolution> for String {
    fn from(resolution: FinalResolution) -> Self {
        resolution.to_string()
    }
}
