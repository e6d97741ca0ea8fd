//! How well predictions agree with measurements of whole networks: the figures of a validation report.
//!
//! Errors are relative to what was measured, `(predicted - measured) / measured`, as in nn-Meter (Zhang et al. 2021),
//! so that the shares can be compared with what others report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A whole network, predicted and measured, in ms; both above 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What the table says.
    pub predicted_ms: f64,
    /// What the device took.
    pub measured_ms: f64,
}

impl Comparison {
    /// Error of the prediction as a fraction of the measured latency.
    pub fn error(self) -> f64 {
        self.predicted_ms / self.measured_ms - 1.0
    }

    /// Measured over predicted latency: what a prediction must be multiplied with to be right.
    pub fn ratio(self) -> f64 {
        self.measured_ms / self.predicted_ms
    }
}

/// Agreement of predictions with measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// Networks that were compared.
    pub networks: usize,
    /// Mean error in percent; positive where predictions are too high.
    pub bias_percent: f64,
    /// Root of the mean squared error in ms.
    pub rmse_ms: f64,
    /// Root of the mean squared relative error in percent.
    pub rmse_percent: f64,
    /// Mean absolute relative error in percent.
    pub mean_absolute_percent: f64,
    /// Share of networks within 5 % of what was measured, as a fraction.
    pub within_5_percent: f64,
    /// Share of networks within 10 % of what was measured, as a fraction.
    pub within_10_percent: f64,
    /// Agreement of the order, see [`kendall_tau`]; `None` where there is no order.
    pub kendall_tau: Option<f64>,
}

impl Figures {
    /// The figures of these networks; `None` of none.
    pub fn of(networks: &[Comparison]) -> Option<Self> {
        if networks.is_empty() {
            return None;
        }
        let mean = |value: &dyn Fn(&Comparison) -> f64| {
            networks.iter().map(value).sum::<f64>() / networks.len() as f64
        };
        let within = |limit: f64| mean(&|network| f64::from(u8::from(network.error().abs() <= limit)));
        Some(Self {
            networks: networks.len(),
            bias_percent: 100.0 * mean(&|network| network.error()),
            rmse_ms: mean(&|network| (network.predicted_ms - network.measured_ms).powi(2)).sqrt(),
            rmse_percent: 100.0 * mean(&|network| network.error().powi(2)).sqrt(),
            mean_absolute_percent: 100.0 * mean(&|network| network.error().abs()),
            within_5_percent: within(0.05),
            within_10_percent: within(0.10),
            kendall_tau: kendall_tau(networks),
        })
    }
}

/// Kendall's tau-b of predicted and measured latencies: concordant minus discordant pairs, over the geometric mean of
/// the pairs that are not tied in the one and in the other (Kendall 1945). `None` where all of either are equal.
pub fn kendall_tau(networks: &[Comparison]) -> Option<f64> {
    let (mut agreement, mut predicted_pairs, mut measured_pairs) = (0_i64, 0_u64, 0_u64);
    for (index, one) in networks.iter().enumerate() {
        for other in &networks[..index] {
            let predicted = one.predicted_ms.total_cmp(&other.predicted_ms) as i64;
            let measured = one.measured_ms.total_cmp(&other.measured_ms) as i64;
            agreement += predicted * measured;
            predicted_pairs += predicted.unsigned_abs();
            measured_pairs += measured.unsigned_abs();
        }
    }
    let pairs = (predicted_pairs as f64 * measured_pairs as f64).sqrt();
    (pairs > 0.0).then(|| agreement as f64 / pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn networks(pairs: &[(f64, f64)]) -> Vec<Comparison> {
        pairs.iter().map(|&(predicted_ms, measured_ms)| Comparison { predicted_ms, measured_ms }).collect()
    }

    #[test]
    fn figures_by_hand() {
        // Errors of +8 %, -20 %, 0 and +4 %; differences of 0.8, -4, 0 and 2 ms.
        let found = Figures::of(&networks(&[(10.8, 10.0), (16.0, 20.0), (40.0, 40.0), (52.0, 50.0)]));
        let found = found.expect("figures");
        let close = |value: f64, wanted: f64| assert!((value - wanted).abs() < 1e-9, "{value}, not {wanted}");
        assert_eq!(found.networks, 4);
        close(found.bias_percent, -8.0 / 4.0);
        close(found.rmse_ms, (20.64_f64 / 4.0).sqrt());
        close(found.rmse_percent, ((64.0 + 400.0 + 16.0) / 4.0_f64).sqrt());
        close(found.mean_absolute_percent, 32.0 / 4.0);
        close(found.within_5_percent, 0.5);
        close(found.within_10_percent, 0.75);
        assert_eq!(found.kendall_tau, Some(1.0));
        assert_eq!(Figures::of(&[]), None);
    }

    #[rstest]
    #[case::reversed(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)], Some(-1.0))]
    // Five of six pairs agree, one does not.
    #[case::one_swap(&[(1.0, 1.0), (2.0, 3.0), (3.0, 2.0), (4.0, 4.0)], Some(4.0 / 6.0))]
    // Two pairs agree, one is tied in the predictions: 2 / sqrt(2 * 3).
    #[case::tie(&[(1.0, 1.0), (1.0, 2.0), (2.0, 3.0)], Some(0.816_496_580_927_726))]
    #[case::one_network(&[(1.0, 1.0)], None)]
    #[case::no_order(&[(1.0, 1.0), (1.0, 2.0)], None)]
    fn order(#[case] pairs: &[(f64, f64)], #[case] wanted: Option<f64>) {
        match (kendall_tau(&networks(pairs)), wanted) {
            (Some(found), Some(wanted)) => assert!((found - wanted).abs() < 1e-12, "{found}"),
            (found, wanted) => assert_eq!(found, wanted),
        }
    }
}
