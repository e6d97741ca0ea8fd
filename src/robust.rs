//! Location and scale that single bad numbers do not move, and ranks instead of numbers.

/// The median; `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// The median of values with weights above 0: the smallest of those up to which half of the weight lies; `None` of
/// nothing.
pub fn weighted_median(weighted: &[(f64, f64)]) -> Option<f64> {
    let mut sorted = weighted.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = sorted.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut up_to_here = 0.0;
    sorted.iter().find_map(|(value, weight)| {
        up_to_here += weight;
        (up_to_here >= half).then_some(*value)
    })
}

/// Standard deviation of a normal distribution over its median absolute deviation.
const STDDEV_OVER_MAD: f64 = 1.4826;

/// Median and median absolute deviation of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Robust {
    /// The median.
    pub median: f64,
    mad: f64,
}

impl Robust {
    /// Of at least one value.
    pub fn of(values: &[f64]) -> Option<Self> {
        let centre = median(values)?;
        let deviations: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
        Some(Self { median: centre, mad: median(&deviations)? })
    }

    /// What the standard deviation would be if the values were normal.
    pub fn stddev(&self) -> f64 {
        STDDEV_OVER_MAD * self.mad
    }

    /// The modified z-score `0.6745 (x - median) / MAD` of Iglewicz and Hoaglin (1993), who call a value an outlier
    /// where it is above 3.5 in size. Infinite where most values are equal and this one is not.
    pub fn z_score(&self, value: f64) -> f64 {
        let deviation = value - self.median;
        if deviation == 0.0 { 0.0 } else { 0.6745 * deviation / self.mad }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_count_as_repetitions() {
        assert_eq!(weighted_median(&[(3.0, 1.0), (1.0, 1.0), (2.0, 5.0)]), Some(2.0));
        assert_eq!(weighted_median(&[(3.0, 9.0), (1.0, 1.0), (2.0, 5.0)]), Some(3.0));
        assert_eq!(weighted_median(&[]), None);
    }

    #[test]
    fn one_wild_value_moves_neither() {
        let calm = Robust::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("values");
        let wild = Robust::of(&[1.0, 2.0, 3.0, 4.0, 5e9]).expect("values");
        assert_eq!(calm, wild);
        assert!((calm.z_score(6.0) - 0.6745 * 3.0).abs() < 1e-12);
        assert!((calm.stddev() - 1.4826).abs() < 1e-12);
    }

    #[test]
    fn small_samples() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        let equal = Robust::of(&[2.0, 2.0, 2.0]).expect("values");
        assert_eq!((equal.z_score(2.0), equal.z_score(3.0)), (0.0, f64::INFINITY));
    }
}
