//! What a calibration is learned from, and why nothing can be learned.

use miette::Diagnostic;

use crate::latency::calibration::TermSums;

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

/// Checks that all latencies can be.
pub(super) fn check(networks: &[MeasuredNetwork]) -> Result<(), CalibrationError> {
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
