//! Whether a device became slower or faster while it was measured: a sentinel network is timed again and again.
//!
//! Test: Mann (1945) and Kendall (1975), which asks nothing of the distribution of times. Size: the slope of Theil (1950)
//! and Sen (1968), which single bad times do not move.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::robust::median;

/// What the times of the sentinel say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    /// How often it was timed.
    pub times: usize,
    /// Median, ms.
    pub median_ms: f64,
    /// Change from the first time to the last, as a share of the median.
    pub change: f64,
    /// How many standard deviations the test's statistic lies from that of times without a trend.
    pub z: f64,
}

/// Probability 1 % under no trend.
const SIGNIFICANT_Z: f64 = 2.576;

/// A change that is worth a warning, as a share.
const NOTABLE_CHANGE: f64 = 0.02;

impl Drift {
    /// Of times in ms, in order; `None` of fewer than four, which can show no trend.
    pub fn of(times_ms: &[f64]) -> Option<Self> {
        let count = times_ms.len();
        if count < 4 {
            return None;
        }
        let mut sum = 0.0;
        let mut slopes = Vec::with_capacity(count * (count - 1) / 2);
        for (at, first) in times_ms.iter().enumerate() {
            for (steps, second) in times_ms[at + 1..].iter().enumerate() {
                sum += (second - first).partial_cmp(&0.0).map_or(0.0, |order| f64::from(order as i8));
                slopes.push((second - first) / (steps + 1) as f64);
            }
        }
        let n = count as f64;
        let variance = n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
        let median_ms = median(times_ms)?;
        Some(Self {
            times: count,
            median_ms,
            change: median(&slopes)? * (n - 1.0) / median_ms,
            z: (sum - f64::signum(sum) * f64::from(u8::from(sum != 0.0))) / variance.sqrt(),
        })
    }

    /// True if the times have a trend that is no accident and matters.
    pub fn is_notable(&self) -> bool {
        self.z.abs() > SIGNIFICANT_Z && self.change.abs() > NOTABLE_CHANGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_heats_up_is_noticed_and_noise_is_not() {
        let noise = [0.01, -0.02, 0.0, 0.02, -0.01, 0.015, -0.015, 0.005];
        let times = |slope: f64| -> Vec<f64> {
            (0..40_u8)
                .map(|i| 10.0 * (1.0 + slope * f64::from(i) / 39.0 + noise[usize::from(i) % 8]))
                .collect()
        };
        let hot = Drift::of(&times(0.10)).unwrap();
        assert!(hot.is_notable() && (hot.change - 0.10).abs() < 0.02, "{hot:?}");
        let steady = Drift::of(&times(0.0)).unwrap();
        assert!(!steady.is_notable(), "{steady:?}");
        assert_eq!(Drift::of(&[1.0, 2.0, 3.0]), None);
    }

    /// Gilbert (1987), Statistical Methods for Environmental Pollution Monitoring, section 16.4: four times, S = 4.
    #[test]
    fn the_statistic_is_that_of_the_text_book() {
        let drift = Drift::of(&[1.0, 2.0, 4.0, 3.0]).unwrap();
        let variance: f64 = 4.0 * 3.0 * 13.0 / 18.0;
        assert!((drift.z - 3.0 / variance.sqrt()).abs() < 1e-12);
    }
}
