//! Times of one unit, and what they say.

use serde::Serialize;

use crate::robust::{Robust, median};

/// What some times of a unit say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// The median.
    pub median_ms: f64,
    /// Bounds of the median with a confidence of 95 % or more, by order statistics (Conover 1999, section 3.2): they
    /// hold for any distribution.
    pub median_within_ms: [f64; 2],
    /// Standard deviation of one time, from the median absolute deviation.
    pub stddev_ms: f64,
    /// Number of times.
    pub count: usize,
    /// Times with a modified z-score above 3.5 (Iglewicz and Hoaglin 1993).
    pub outliers: usize,
}

const OUTLIER_Z: f64 = 3.5;

impl Summary {
    /// Of at least one time.
    pub fn of(times_ms: &[f64]) -> Option<Self> {
        let robust = Robust::of(times_ms)?;
        let mut sorted = times_ms.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let below = rank_below_median(count);
        Some(Self {
            median_ms: robust.median,
            median_within_ms: [sorted[below], sorted[count - 1 - below]],
            stddev_ms: robust.stddev(),
            count,
            outliers: sorted.iter().filter(|time| robust.z_score(**time).abs() > OUTLIER_Z).count(),
        })
    }

    /// The same, with a median of at least `least_ms`.
    #[must_use]
    pub fn at_least(self, least_ms: f64) -> Self {
        let [low, high] = self.median_within_ms.map(|bound| bound.max(least_ms));
        Self { median_ms: self.median_ms.max(least_ms), median_within_ms: [low, high], ..self }
    }

    /// Standard error of the median over the median, as if the times were normal.
    pub fn relative_standard_error(&self) -> f64 {
        (std::f64::consts::FRAC_PI_2 / self.count as f64).sqrt() * self.stddev_ms / self.median_ms
    }

    /// Half the width of the median's bounds over the median.
    pub fn relative_error(&self) -> f64 {
        let [low, high] = self.median_within_ms;
        (high - low) / 2.0 / self.median_ms
    }
}

/// The median of times that were taken with a clock that ticks every `tick_ms` (0: as finely as needed), as that of
/// grouped data: within the tick that holds the middle, times are taken to be spread evenly. 0 of no times.
pub fn grouped_median(times_ms: &[f64], tick_ms: f64) -> f64 {
    let median = median(times_ms).unwrap_or_default();
    let lower = median - tick_ms / 2.0;
    let below = times_ms.iter().filter(|time| **time < lower).count();
    let within = times_ms.iter().filter(|time| **time < lower + tick_ms).count() - below;
    if within == 0 {
        median
    } else {
        lower + tick_ms * (times_ms.len() as f64 / 2.0 - below as f64) / within as f64
    }
}

/// The largest rank (from 0) whose value is below the median with a probability of 97.5 % or more: as many of `count`
/// times fall below the median as heads fall in `count` tosses.
fn rank_below_median(count: usize) -> usize {
    if count > 1000 {
        // The binomial distribution is normal by then, and its smallest probability no longer a number.
        return (count as f64 / 2.0 - 0.98 * (count as f64).sqrt()) as usize - 1;
    }
    let mut probability = 0.5_f64.powi(count as i32);
    let mut sum = 0.0;
    for rank in 0..count / 2 {
        sum += probability;
        if sum > 0.025 {
            return rank.saturating_sub(1);
        }
        probability *= (count - rank) as f64 / (rank + 1) as f64;
    }
    (count / 2).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranks of the 95 % interval in tables of the sign test: 2nd and 9th of 10, 6th and 15th of 20.
    #[test]
    fn ranks_are_those_of_the_sign_test() {
        for (count, rank) in [(1, 0), (5, 0), (6, 0), (10, 1), (20, 5), (30, 9), (100, 39), (1100, 516)] {
            assert_eq!(rank_below_median(count), rank, "{count}");
        }
    }

    #[test]
    fn one_wild_time_is_flagged_and_changes_little() {
        let mut times: Vec<f64> = (0..20).map(|i| 1.0 + 0.001 * f64::from(i)).collect();
        let calm = Summary::of(&times).unwrap();
        times[19] = 50.0;
        let wild = Summary::of(&times).unwrap();
        assert_eq!((calm.outliers, wild.outliers, wild.count), (0, 1, 20));
        assert_eq!((calm.median_ms, calm.median_within_ms), (wild.median_ms, wild.median_within_ms));
        assert!(calm.relative_error() < 0.006);
        assert_eq!(Summary::of(&[]), None);
    }

    /// 6.3 ticks are seen as 6 ticks in 70 of 100 cases and as 7 in the others.
    #[test]
    fn a_coarse_clock_tells_fractions_of_its_tick() {
        let times: Vec<f64> = (0..100).map(|i| if i % 10 < 7 { 6.0 } else { 7.0 }).collect();
        let median = grouped_median(&times, 1.0);
        assert!((median - 6.214).abs() < 0.001, "{median}");
        assert_eq!(grouped_median(&times, 0.0), 6.0);
        assert_eq!(grouped_median(&[5.0, 6.0], 1e-9), 5.5);
    }
}
