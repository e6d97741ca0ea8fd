//! How two networks compare on the same test images.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run::training::TestReport;

/// Quantile of the normal distribution for two-sided 95 %.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// What people call the network that was narrowed.
pub(super) const ADAPTED: &str = "NetAdapt";

/// A network that was trained to the end and tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NetworkResult {
    /// What people call it.
    pub name: String,
    /// Its cost.
    pub cost: f64,
    /// What its measured latency does not exceed, see [`Summary::bounds`](super::Summary::bounds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_upper: Option<f64>,
    /// Its costs by each budget, where `cost` is the share of several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub costs: BTreeMap<String, f64>,
    /// Test images it gets right.
    pub correct: u64,
    /// Test images.
    pub images: u64,
    /// Images that it was trained on since the start, all trainings on its way together.
    pub trained_images: u64,
    /// The first network's gain over it; none for the first itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<Gain>,
}

impl NetworkResult {
    /// Top-1 accuracy as a fraction.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.images.max(1) as f64
    }

    /// Wilson's 95 % interval of the accuracy, for these many test images.
    pub fn interval(&self) -> (f64, f64) {
        let (n, p) = (self.images.max(1) as f64, self.accuracy());
        let z2 = QUANTILE * QUANTILE;
        let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = QUANTILE / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        (centre - half, centre + half)
    }
}

/// What one network gets right more often than another, in percentage points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Gain {
    /// The difference of accuracies.
    pub points: f64,
    /// Half of its 95 % interval, from the images on which the two differ. It covers the choice of test images, not
    /// that of the seed.
    pub half_interval: f64,
}

impl Gain {
    /// The paired difference of two networks on the same images.
    pub fn of(one: &TestReport, other: &TestReport) -> Self {
        let right = |report: &TestReport| {
            let hits =
                report.predictions.iter().zip(&report.labels).map(|(predicted, label)| predicted == label);
            hits.collect::<Vec<_>>()
        };
        let pairs = right(one).into_iter().zip(right(other));
        let (mut only_one, mut only_other) = (0.0, 0.0);
        for (one, other) in pairs {
            only_one += f64::from(u8::from(one && !other));
            only_other += f64::from(u8::from(other && !one));
        }
        let n = one.labels.len().max(1) as f64;
        let difference: f64 = only_one - only_other;
        let variance = (only_one + only_other - difference * difference / n) / (n * n);
        Self { points: 100.0 * difference / n, half_interval: 100.0 * QUANTILE * variance.max(0.0).sqrt() }
    }

    /// Whether the interval lies above zero.
    pub fn is_gain(self) -> bool {
        self.points > self.half_interval
    }

    /// Whether the interval lies below zero.
    pub fn is_loss(self) -> bool {
        -self.points > self.half_interval
    }

    /// In words.
    pub fn verdict(self) -> &'static str {
        match (self.is_gain(), self.is_loss()) {
            (true, _) => "gain",
            (_, true) => "worse",
            _ => "no gain",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Confusion, Evaluation};

    fn report(predictions: &[u32]) -> TestReport {
        let evaluation =
            Evaluation { loss: 0.0, confusion: Confusion::new(2), predictions: predictions.to_vec() };
        TestReport { labels: vec![0; 100], ..TestReport::new("w", 1, &[], &evaluation) }
    }

    #[test]
    fn pairs_that_agree_add_no_uncertainty() {
        let predict = |right: usize, skip: usize| -> Vec<u32> {
            (0..100).map(|i| u32::from(!(skip..skip + right).contains(&i))).collect()
        };
        let same = Gain::of(&report(&predict(80, 0)), &report(&predict(80, 0)));
        assert_eq!((same.points, same.half_interval, same.verdict()), (0.0, 0.0, "no gain"));
        // 10 images only the first gets right: McNemar's variance (10 - 10^2 / 100) / 100^2.
        let nested = Gain::of(&report(&predict(80, 0)), &report(&predict(70, 0)));
        assert!((nested.points - 10.0).abs() < 1e-9 && nested.verdict() == "gain");
        assert!((nested.half_interval - 100.0 * QUANTILE * (9.0_f64 / 1e4).sqrt()).abs() < 1e-9);
        // The same accuracies, but the two differ on many images.
        let apart = Gain::of(&report(&predict(60, 40)), &report(&predict(50, 0)));
        assert!((apart.points - 10.0).abs() < 1e-9 && apart.verdict() == "no gain");
        let worse = Gain::of(&report(&predict(70, 0)), &report(&predict(80, 0)));
        assert_eq!(worse.verdict(), "worse");
    }

    #[test]
    fn the_interval_of_an_accuracy_is_wilsons() {
        let result = NetworkResult {
            name: String::new(),
            cost: 1.0,
            cost_upper: None,
            costs: BTreeMap::new(),
            correct: 81,
            images: 263,
            trained_images: 0,
            gain: None,
        };
        // Wilson's interval for 81 of 263 (Newcombe 1998, table I).
        let (low, high) = result.interval();
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
    }
}
