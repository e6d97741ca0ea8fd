//! How far a prediction may lie from the truth: split-conformal intervals.
//!
//! A network drawn like the held-out ones is as likely to rank anywhere among them as any of them. So, whatever the
//! errors look like, its ratio of measured over predicted latency exceeds the `⌈(n + 1) c⌉`-th smallest of `n`
//! held-out ratios with a probability of at most `1 - c`: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random
//! World" (2005); Lei et al., "Distribution-Free Predictive Inference for Regression" (2018), section 2.2.

use std::fmt;
use std::str::FromStr;

use miette::Diagnostic;

use crate::latency::LatencyTable;
use crate::latency::file::decimal;

/// Room for the rounding of `(n + 1) c`, which is a whole number in the cases that matter.
const ROUNDING: f64 = 1e-9;

/// The probability that a bound holds: above 0 and below 1.
#[derive(
    Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "f64", into = "f64")]
pub struct Confidence(f64);

impl Confidence {
    /// The one that most people ask for.
    pub const USUAL: Self = Self(0.95);

    /// As a fraction.
    pub fn fraction(self) -> f64 {
        self.0
    }

    /// For people: `95 %`.
    pub fn percent(self) -> String {
        format!("{} %", decimal(100.0 * self.0))
    }

    /// Held-out networks that an upper bound of this confidence needs: `⌈c / (1 - c)⌉`.
    pub fn networks_needed(self) -> usize {
        (self.0 / (1.0 - self.0) - ROUNDING).ceil() as usize
    }

    /// The rank, from 1, of the ratio among `n` that is the bound; `None` if `n` are too few.
    fn upper_rank(self, n: usize) -> Option<usize> {
        let rank = ((n + 1) as f64 * self.0 - ROUNDING).ceil().max(1.0) as usize;
        (rank <= n).then_some(rank)
    }
}

fn no_confidence(text: &str) -> String {
    format!("`{text}` is not a confidence: give a number above 0 and below 1, such as 0.95")
}

impl TryFrom<f64> for Confidence {
    type Error = String;

    fn try_from(fraction: f64) -> Result<Self, String> {
        if fraction > 0.0 && fraction < 1.0 {
            Ok(Self(fraction))
        } else {
            Err(no_confidence(&fraction.to_string()))
        }
    }
}

impl From<Confidence> for f64 {
    fn from(confidence: Confidence) -> Self {
        confidence.0
    }
}

impl FromStr for Confidence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fraction: f64 = text.parse().map_err(|_| no_confidence(text))?;
        Self::try_from(fraction)
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a predicted latency is multiplied with to bound the measured one.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Interval {
    /// Probability of the bounds.
    pub confidence: Confidence,
    /// Held-out networks that they rest on.
    pub networks: usize,
    /// The measured latency is below this times the prediction: the bound for budgets.
    pub upper: f64,
    /// The measured latency is between these times the prediction. It takes about twice as many networks as the upper
    /// bound alone; `None` if there are not so many.
    pub two_sided: Option<[f64; 2]>,
}

/// Why a table has no interval of some confidence.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Diagnostic)]
pub enum IntervalError {
    /// The table was never compared with whole networks.
    #[error(
        "{table} was not validated on whole networks, so nothing is known of the error of its predictions"
    )]
    #[diagnostic(help(
        "`mbn-latency validate --target {table}` measures whole networks; a confidence of {confidence} takes {needed} or more that the fit does not see"
    ))]
    NotValidated {
        /// The table's name.
        table: String,
        /// What was asked for.
        confidence: Confidence,
        /// Held-out networks that it takes.
        needed: usize,
    },
    /// The table was compared with fewer networks than the confidence takes.
    #[error(
        "{table} was validated on {networks} held-out networks, which can't tell a confidence of {confidence}"
    )]
    #[diagnostic(help(
        "measure more with `mbn-latency validate --target {table}`: it takes {needed} or more that the fit does not see; {networks} are enough for a confidence of {possible}"
    ))]
    TooFewNetworks {
        /// The table's name.
        table: String,
        /// Held-out networks of the table.
        networks: usize,
        /// What was asked for.
        confidence: Confidence,
        /// Held-out networks that it takes.
        needed: usize,
        /// The largest confidence that the table can give, rounded down to percents.
        possible: f64,
    },
}

impl Interval {
    /// The interval that these ratios of measured over predicted latency give, sorted from the smallest; `None` if
    /// they are too few.
    pub fn of(ratios: &[f64], confidence: Confidence) -> Option<Self> {
        let networks = ratios.len();
        let upper = ratios[confidence.upper_rank(networks)? - 1];
        let half = Confidence((1.0 + confidence.0) / 2.0);
        let two_sided = half.upper_rank(networks).map(|rank| [ratios[networks - rank], ratios[rank - 1]]);
        Some(Self { confidence, networks, upper, two_sided })
    }

    /// What the measured latency of a network does not exceed, in the unit of its prediction.
    pub fn upper_bound(&self, predicted: f64) -> f64 {
        self.upper * predicted
    }

    /// The largest prediction whose upper bound is within a budget, in the budget's unit.
    pub fn largest_prediction(&self, budget: f64) -> f64 {
        let limit = budget / self.upper;
        // The quotient may be rounded up.
        if self.upper_bound(limit) > budget { limit.next_down() } else { limit }
    }
}

impl LatencyTable {
    /// How far the measured latency of a network may lie from what the table predicts.
    ///
    /// # Errors
    /// If the table was compared with no whole networks, or with too few for that confidence.
    pub fn interval(&self, confidence: Confidence) -> Result<Interval, IntervalError> {
        let ratios = &self.header.held_out;
        let (table, needed, networks) = (self.name.clone(), confidence.networks_needed(), ratios.len());
        if ratios.is_empty() {
            return Err(IntervalError::NotValidated { table, confidence, needed });
        }
        Interval::of(ratios, confidence).ok_or_else(|| {
            let possible = (100.0 * networks as f64 / (networks + 1) as f64).floor() / 100.0;
            IntervalError::TooFewNetworks { table, networks, confidence, needed, possible }
        })
    }
}
