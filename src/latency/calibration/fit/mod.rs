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
//! Invariants: factors stay above [`bounds::SMALLEST`] times the global one, and the constant takes at most half of what the
//! units of the smallest network take by the global scale; the result depends on the networks and their order only.

mod bounds;
mod data;
mod frame;
mod leave_one_out;
mod network;
mod posterior;
mod scales;
mod solution;
mod weights;

use super::{Calibration, TermSums};
use bounds::Bounds;
use frame::Frame;
pub use leave_one_out::leave_one_out;
use network::check;
pub use network::{CalibrationError, MeasuredNetwork};
use posterior::Posterior;

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

#[cfg(test)]
mod tests;
