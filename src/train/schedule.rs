//! Learning-rate schedules: a linear warm-up, then a decay.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::Serialize;

/// The learning rate over the steps of a training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Schedule {
    /// How the rate falls.
    #[serde(flatten)]
    pub decay: Decay,
    /// The rate after the warm-up.
    pub learning_rate: f64,
    /// Epochs of linear warm-up; may be a fraction.
    #[serde(default)]
    pub warmup_epochs: f64,
}

/// How a learning rate falls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Decay {
    /// Half a cosine (arXiv:1608.03983, equation 5) from the end of the warm-up to the last step.
    Cosine {
        /// The rate at the end; default 0.
        #[serde(default)]
        final_rate: f64,
    },
    /// Times `factor` after every `every` epochs.
    Step {
        /// Epochs between two falls.
        every: f64,
        /// What is left of the rate.
        factor: f64,
    },
    /// As `step`, but smoothly: a little in every step.
    Exponential {
        /// Epochs in which the rate falls to `factor` of itself.
        every: f64,
        /// What is left of the rate.
        factor: f64,
    },
}

impl Schedule {
    /// Learning rate of a step, counted from 0, of a training of `epochs`.
    ///
    /// A warm-up ends after half of the training at the latest.
    pub fn rate_at(&self, step: u64, steps_per_epoch: u64, epochs: u32) -> f64 {
        let total = f64::from(epochs) * steps_per_epoch as f64;
        let warmup = (self.warmup_epochs * steps_per_epoch as f64).min(total / 2.0);
        let now = step as f64;
        if now < warmup {
            return self.learning_rate * (now + 1.0) / (warmup + 1.0);
        }
        let epoch = now / steps_per_epoch.max(1) as f64;
        match self.decay {
            Decay::Cosine { final_rate } => {
                let progress = ((now - warmup) / (total - warmup).max(1.0)).min(1.0);
                (self.learning_rate - final_rate) * 0.5 * (1.0 + (PI * progress).cos()) + final_rate
            }
            Decay::Step { every, factor } => self.learning_rate * factor.powf((epoch / every).floor()),
            Decay::Exponential { every, factor } => self.learning_rate * factor.powf(epoch / every),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(decay: Decay, warmup_epochs: f64) -> Vec<f64> {
        let schedule = Schedule { decay, learning_rate: 0.5, warmup_epochs };
        (0..400).map(|step| schedule.rate_at(step, 100, 4)).collect()
    }

    #[test]
    fn a_cosine_rises_then_falls_to_its_end() {
        for final_rate in [0.0, 0.1] {
            let rates = rates(Decay::Cosine { final_rate }, 1.0);
            assert!(rates[0] > 0.0 && rates[..100].is_sorted());
            assert!(rates[100..].is_sorted_by(|a, b| a >= b));
            assert!((rates[100] - 0.5).abs() < 1e-12);
            assert!((rates[399] - final_rate).abs() < 1e-3 * 0.5, "{}", rates[399]);
        }
    }

    #[test]
    fn steps_fall_at_once_and_exponentials_in_between() {
        let stairs = rates(Decay::Step { every: 2.0, factor: 0.1 }, 0.0);
        assert!(stairs[..200].iter().all(|&rate| rate == 0.5));
        assert!(stairs[200..].iter().all(|rate| (rate - 0.05).abs() < 1e-15));
        let smooth = rates(Decay::Exponential { every: 2.0, factor: 0.25 }, 0.0);
        assert!(smooth.is_sorted_by(|a, b| a > b));
        assert!((smooth[100] - 0.25).abs() < 1e-15 && (smooth[200] - 0.125).abs() < 1e-15);
    }

    #[test]
    fn a_warm_up_takes_half_of_the_training_at_most() {
        let rates = rates(Decay::Cosine { final_rate: 0.0 }, 50.0);
        assert!(rates[..200].is_sorted() && rates[200..].is_sorted_by(|a, b| a >= b));
        assert!((rates[200] - 0.5).abs() < 1e-12);
    }
}
