//! The network whose measurement teaches most about the coefficients of a linear model: that of the largest predictive
//! variance (MacKay, "Information-Based Objective Functions for Active Data Selection", 1992).

use std::collections::BTreeSet;

use miette::Diagnostic;

use super::Fitted;
use crate::graph::LayerGraph;
use crate::latency::{LatencyTable, MissingRows};
use crate::seed;
use crate::space::SearchSpace;
use crate::spec::{ArchId, NetworkSpec};

/// Networks to choose from.
#[derive(Debug, Clone, Copy)]
pub struct Candidates<'a> {
    /// Where they are drawn from.
    pub space: &'a SearchSpace,
    /// How many.
    pub count: u32,
    /// Decides which.
    pub seed: u64,
    /// Networks that are measured already.
    pub measured: &'a BTreeSet<ArchId>,
}

/// The network to measure next.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// What to measure.
    pub network: NetworkSpec,
    /// What it is predicted to take on the new device.
    pub predicted_ms: f64,
    /// Standard deviation of that, as a fraction of it.
    pub relative_stddev: f64,
    /// Candidates that the table could price.
    pub candidates: usize,
}

/// Why no network is proposed.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ProposalError {
    /// The table has no rows for such networks.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Missing(MissingRows),
    /// All that were drawn are measured already.
    #[error("every network that was drawn from the space is measured already")]
    #[diagnostic(help("draw more with --candidates or others with --seed, or give a larger space"))]
    Exhausted,
}

/// The candidate whose latency the networks measured so far tell least of. Candidates that the table cannot price are
/// passed over.
///
/// # Errors
/// If there is no candidate that can be priced and is not measured yet.
pub fn propose(source: &LatencyTable, fitted: &Fitted, among: Candidates) -> Result<Proposal, ProposalError> {
    let mut rng = seed::rng(among.seed, "next network", among.measured.len() as u64);
    let mut best: Option<Proposal> = None;
    let mut missing = None;
    let mut candidates = 0;
    for _ in 0..among.count {
        let network = among.space.decode(&among.space.sample(&mut rng));
        if among.measured.contains(&network.arch_id()) {
            continue;
        }
        let sums = match source.term_sums(&LayerGraph::lower(&network)) {
            Ok(sums) => sums,
            Err(rows) => {
                missing = missing.or(Some(rows));
                continue;
            }
        };
        candidates += 1;
        let relative_stddev = fitted.relative_stddev(&sums);
        if best.as_ref().is_none_or(|best| relative_stddev > best.relative_stddev) {
            let predicted_ms = fitted.calibration.predict_ms(&sums);
            best = Some(Proposal { network, predicted_ms, relative_stddev, candidates: 0 });
        }
    }
    match (best, missing) {
        (Some(best), _) => Ok(Proposal { candidates, ..best }),
        (None, Some(rows)) => Err(ProposalError::Missing(rows)),
        (None, None) => Err(ProposalError::Exhausted),
    }
}
