//! Every network predicted from the others.

use super::network::{CalibrationError, MeasuredNetwork, check};
use crate::latency::{Calibration, Comparison};

/// Each network with what a calibration predicts that is fitted to all others from the start: what chooses scales and
/// weights has not seen it either.
///
/// # Errors
/// As [`Calibration::fit`], and for a single network.
pub fn leave_one_out(networks: &[MeasuredNetwork]) -> Result<Vec<Comparison>, CalibrationError> {
    check(networks)?;
    let comparison = |index: usize, network: &MeasuredNetwork| {
        let others: Vec<MeasuredNetwork> = [&networks[..index], &networks[index + 1..]].concat();
        let predicted_ms = Calibration::fit(&others)?.calibration.predict_ms(&network.sums);
        Ok(Comparison { predicted_ms, measured_ms: network.measured_ms })
    };
    networks.iter().enumerate().map(|(index, network)| comparison(index, network)).collect()
}
