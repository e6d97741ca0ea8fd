//! One number for quality and cost together, for strategies that compare networks by a score.
//!
//! - MnasNet (Tan et al. 2019, eq. 2): `ACC * (LAT / TARGET)^w`, with w = -0.07; MobileNetV3-Small
//!   was found with w = -0.15 (Howard et al. 2019, section 4.1.1).
//! - Absolute (Bender et al. 2020, "TuNAS"): `ACC + beta * |LAT / TARGET - 1|`, with beta = -0.10
//!   in the released code.
//!
//! The budget is a hard constraint of the search in any case; a reward only orders what meets it.

use serde::{Deserialize, Serialize};

use super::error::SearchError;
use super::pareto::Point;

/// How a network's quality and cost are joined into a score; higher is better.
///
/// Targets are in the unit of the search's first resource. Their key, `target_ms`, is older than the other resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reward {
    /// The accuracy alone.
    #[default]
    Accuracy,
    /// MnasNet's weighted product.
    Mnasnet {
        /// Wanted cost.
        #[serde(rename = "target_ms")]
        target: f64,
        /// The exponent w, negative to prefer cheap networks.
        exponent: f64,
    },
    /// TuNAS's absolute reward.
    Absolute {
        /// Wanted cost.
        #[serde(rename = "target_ms")]
        target: f64,
        /// Weight of the relative distance from the target, negative.
        beta: f64,
    },
}

impl Reward {
    /// MnasNet's reward with its published exponent.
    pub fn mnasnet(target: f64) -> Self {
        Self::Mnasnet { target, exponent: -0.07 }
    }

    /// TuNAS's absolute reward with its released weight.
    pub fn absolute(target: f64) -> Self {
        Self::Absolute { target, beta: -0.10 }
    }

    /// The score of a network.
    pub fn score(&self, point: Point) -> f64 {
        match *self {
            Self::Accuracy => point.quality(),
            Self::Mnasnet { target, exponent } => point.quality() * (point.cost() / target).powf(exponent),
            Self::Absolute { target, beta } => point.quality() + beta * (point.cost() / target - 1.0).abs(),
        }
    }

    /// Checks that the parameters make a score.
    ///
    /// # Errors
    /// [`SearchError::InvalidOption`].
    pub fn validate(&self) -> Result<(), SearchError> {
        let (target, option, weight) = match *self {
            Self::Accuracy => return Ok(()),
            Self::Mnasnet { target, exponent } => (target, "reward exponent", exponent),
            Self::Absolute { target, beta } => (target, "reward beta", beta),
        };
        if !(target.is_finite() && target > 0.0) {
            return Err(SearchError::InvalidOption {
                option: "reward target",
                value: target,
                expected: "a positive number",
            });
        }
        if !(weight.is_finite() && weight <= 0.0) {
            return Err(SearchError::InvalidOption {
                option,
                value: weight,
                expected: "zero or negative, so that dear networks don't score higher",
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(quality: f64, cost: f64) -> Point {
        Point::new(quality, cost).unwrap()
    }

    #[test]
    fn mnasnet_reward_follows_its_equation() {
        let reward = Reward::mnasnet(50.0);
        assert_eq!(reward.score(point(0.75, 50.0)), 0.75);
        // The paper's rule of thumb: doubling the latency is worth about 5 % relative accuracy.
        let doubled = reward.score(point(0.75, 100.0)) / 0.75;
        assert!((doubled - 0.952_638).abs() < 1e-6, "{doubled}");
    }

    #[test]
    fn absolute_reward_falls_on_both_sides_of_the_target() {
        let reward = Reward::absolute(50.0);
        assert_eq!(reward.score(point(0.75, 50.0)), 0.75);
        assert!((reward.score(point(0.75, 60.0)) - 0.73).abs() < 1e-12);
        assert!((reward.score(point(0.75, 40.0)) - 0.73).abs() < 1e-12);
    }

    #[test]
    fn rewards_without_a_meaning_are_refused() {
        assert_eq!(Reward::Accuracy.validate(), Ok(()));
        assert_eq!(Reward::mnasnet(15.0).validate(), Ok(()));
        for target in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Reward::mnasnet(target).validate().is_err());
            assert!(Reward::absolute(target).validate().is_err());
        }
        let beta = 0.1;
        let target = 15.0;
        let error = Reward::Absolute { target, beta }.validate().unwrap_err();
        assert!(error.to_string().contains("reward beta"), "{error}");
    }
}
