//! Learning a calibration from whole networks that were measured.
//!
//! Bayesian linear regression on relative errors, with a hierarchical Gaussian prior. For a network whose rows sum up
//! to `T`, of which the share `s_t` falls to the term `t` (a kind of units at a side of their map) of kind `k(t)`:
//!
//! ```text
//! measured / (scale T) = a + c reference / (scale T) + Σ_t s_t (d_k(t) + e_t) + noise
//! a ~ N(1, FREE²)   c ~ N(0, constant²)   d_k ~ N(0, kind²)   e_t ~ N(0, side²)   noise ~ N(0, noise²)
//! ```
//!
//! `scale` is the median of measured over summed latency, so that the global scale is free; kinds deviate from it, and
//! sides from their kind. How far they may is chosen by the evidence of the networks ([`scales`]; MacKay, "Bayesian
//! Interpolation", 1992): three networks move little but the scale, a hundred tell the terms apart. A network that
//! fits to no others counts less, by Tukey's biweight of its leave-one-out error ([`weights`]).
//!
//! Invariants: factors stay above [`SMALLEST`] times the global one, and the constant takes at most half of what the
//! units of the smallest network take by the global scale; the result depends on the networks and their order only.

mod bounds;
mod frame;
mod leave_one_out;
mod posterior;
mod scales;
mod weights;

use miette::Diagnostic;

use super::{Calibration, TermSums};
use bounds::Bounds;
use frame::Frame;
pub use leave_one_out::leave_one_out;
use posterior::Posterior;

/// The smallest factor of a term, as a share of the global one.
const SMALLEST: f64 = 0.1;

/// A whole network that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredNetwork {
    /// Its rows in the table that is calibrated.
    pub sums: TermSums,
    /// What the device took.
    pub measured_ms: f64,
    /// Standard error of the measured latency as a fraction of it; 0 where it is not known.
    pub relative_noise: f64,
}

/// Why nothing can be learned from some networks.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Diagnostic)]
pub enum CalibrationError {
    /// There are none.
    #[error("no network was measured")]
    #[diagnostic(help("measure three networks or more, small and large ones"))]
    NoNetworks,
    /// A latency that can't be.
    #[error("network {} of the measurements takes {measured_ms} ms, and its rows {summed_ms} ms", index + 1)]
    #[diagnostic(help("latencies are above 0: measure it again or leave it out"))]
    Impossible {
        /// Its place among the networks, from 0.
        index: usize,
        /// Measured latency.
        measured_ms: f64,
        /// Sum of its rows.
        summed_ms: f64,
    },
    /// Networks that the table takes for larger are not slower.
    #[error("networks with more latency in the table do not take longer on the device")]
    #[diagnostic(help(
        "are the latencies those of the networks that they stand with, all in ms, and the table one of a device that computes alike?"
    ))]
    Unrelated,
}

/// A calibration with what is known of its errors.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The calibration, with the digits that a table keeps.
    pub calibration: Calibration,
    frame: Frame,
    posterior: Posterior,
}

impl Fitted {
    /// Standard deviation of a network's measured latency around its prediction, as a fraction of the latter: the
    /// uncertainty of the calibration, and what even a perfect one leaves.
    pub fn relative_stddev(&self, sums: &TermSums) -> f64 {
        let stddev_ms = self.posterior.stddev(&self.frame.row(sums)) * self.frame.expected_ms(sums);
        stddev_ms / self.calibration.predict_ms(sums).max(f64::MIN_POSITIVE)
    }
}

impl Calibration {
    /// The calibration that these networks, all with the rows of one table, speak for.
    ///
    /// # Errors
    /// Without networks, with latencies that are not above 0, and where the latencies have nothing to do with the
    /// table.
    pub fn fit(networks: &[MeasuredNetwork]) -> Result<Fitted, CalibrationError> {
        check(networks)?;
        let mut bounds = Bounds::default();
        loop {
            let frame = Frame::new(networks, &bounds);
            let posterior = weights::robust_posterior(&frame.data(networks));
            let solution = frame.solution(&posterior);
            if solution.all <= 0.0 {
                return Err(CalibrationError::Unrelated);
            }
            if !bounds.tighten(&solution) {
                let calibration = solution.calibration();
                let units = networks.iter().map(|network| calibration.units_ms(&network.sums));
                let least_ms = units.fold(f64::INFINITY, f64::min);
                // The bound takes its units by the global factor; by their own ones they may be far less.
                let all_ms = networks[0].sums.base_ms + least_ms;
                let constant_ms = calibration.constant_ms.max(-all_ms);
                let calibration = Calibration { constant_ms, least_ms, ..calibration }.rounded();
                return Ok(Fitted { calibration, frame, posterior });
            }
        }
    }
}

fn check(networks: &[MeasuredNetwork]) -> Result<(), CalibrationError> {
    if networks.is_empty() {
        return Err(CalibrationError::NoNetworks);
    }
    let is_possible = |ms: f64| ms.is_finite() && ms > 0.0;
    for (index, network) in networks.iter().enumerate() {
        let (measured_ms, summed_ms) = (network.measured_ms, network.sums.total_ms());
        if !(is_possible(measured_ms) && is_possible(summed_ms)) {
            return Err(CalibrationError::Impossible { index, measured_ms, summed_ms });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
