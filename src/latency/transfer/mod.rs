//! A table of a new device, from that of another one and about ten whole networks measured on the new one.
//!
//! Rows keep what they say of one another and are corrected by a [`Calibration`] that is fitted to the networks. There
//! are too few of them to hold some out, so that each is predicted from all others instead. The ratios of what they
//! take to these predictions stand for those of held-out networks: leave-one-out conformal prediction, the jackknife of
//! Barber, Candès, Ramdas, Tibshirani, "Predictive Inference with the Jackknife+" (2021). Its coverage is that of
//! held-out networks where a fit hardly depends on one network more or less; for fits that do, their guarantee for the
//! jackknife+ is `1 - 2α`.

mod measurements;
mod proposal;

use miette::Diagnostic;

use super::calibration::{CalibrationError, Fitted, MeasuredNetwork, leave_one_out};
use super::{Calibration, Comparison, LatencyTable};
use crate::robust::median;
pub use measurements::{Measurement, Measurements};
pub use proposal::{Candidates, Proposal, ProposalError, propose};

/// Networks that it takes to say anything.
const FEWEST: usize = 3;

/// What whole networks teach about another device's table.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// What corrects the rows as the other device measured them.
    pub calibration: Calibration,
    /// What is known of the new device, in terms of the other device's calibrated table.
    pub fitted: Fitted,
    /// Each network with what the others predict for it.
    pub left_out: Vec<Comparison>,
    /// The same if the new device were the other one but for its speed: one factor for all rows.
    pub one_factor: Vec<Comparison>,
}

/// Why there is no table of the new device.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum TransferError {
    /// Too few networks.
    #[error(
        "{found} measured networks are too few: it takes {FEWEST} or more, and about ten to tell an error"
    )]
    #[diagnostic(help(
        "measure small and large ones, such as mobilenet_v3_small, mobilenet_v3_large and mobilenet_v2"
    ))]
    TooFew {
        /// How many there are.
        found: usize,
    },
    /// Nothing can be learned from them.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Calibration(#[from] CalibrationError),
}

impl Transfer {
    /// Fits the networks, whose sums are those of `source`.
    ///
    /// # Errors
    /// Too few networks, and what [`Calibration::fit`] refuses.
    pub fn fit(source: &LatencyTable, networks: &[MeasuredNetwork]) -> Result<Self, TransferError> {
        if networks.len() < FEWEST {
            return Err(TransferError::TooFew { found: networks.len() });
        }
        let fitted = Calibration::fit(networks)?;
        let before = source.header.calibration.clone().unwrap_or(Calibration::IDENTITY);
        Ok(Self {
            calibration: fitted.calibration.after(&before),
            fitted,
            left_out: leave_one_out(networks)?,
            one_factor: one_factor_left_out(networks),
        })
    }

    /// Measured over predicted latency of the networks that were left out, from the smallest.
    pub fn ratios(&self) -> Vec<f64> {
        let mut ratios: Vec<f64> = self.left_out.iter().map(|network| network.ratio()).collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }
}

/// Each network predicted by the median factor of the others.
fn one_factor_left_out(networks: &[MeasuredNetwork]) -> Vec<Comparison> {
    let factor = |network: &MeasuredNetwork| network.measured_ms / network.sums.total_ms();
    let comparison = |(index, network): (usize, &MeasuredNetwork)| {
        let others = networks.iter().enumerate().filter(|(other, _)| *other != index);
        let factors: Vec<f64> = others.map(|(_, network)| factor(network)).collect();
        let predicted_ms =
            median(&factors).expect("fewer than FEWEST networks are refused") * network.sums.total_ms();
        Comparison { predicted_ms, measured_ms: network.measured_ms }
    };
    networks.iter().enumerate().map(comparison).collect()
}

#[cfg(test)]
mod tests;
