//! Latency of a layer at channel counts that a table has no row for, from the rows that differ only in channels.
//!
//! Method: kriging (Gaussian-process regression) with a physical trend, one model per family of rows.
//! The trend is a non-negative sum of cost terms ([`cost_terms`]) and carries extrapolation; the relative deviation
//! from it is a random field over the logarithms of the channel counts and carries interpolation:
//!
//! ```text
//! latency(x) = trend(x) (1 + d(x) + noise)
//! d(x) = a(x) A(c_in, expanded) + b(x) B(expanded, c_out) + s(x) S(c_in)      inverted residual
//! d(x) = A(c_in, c_out)                                                        dense,  A(c_in)  per channel
//! ```
//!
//! `A`, `B`, `S` are independent fields with the exponential covariance `exp(-distance / RANGE)`, under which one
//! varying channel count is interpolated almost linearly; `a` and `b` are the shares of the block's halves in its
//! latency, `s` that of the shortcut's addition (0 where there is none). Written so, a projection that is slow at
//! `(expanded, c_out)` is slow whatever stands before it. The scale of the deviations comes from the closed-form
//! leave-one-out errors of the family, shrunk towards a prior where rows are few.
//!
//! Invariants: predictions are positive and finite, depend on the set of rows and not on a seed or a thread, and
//! carry a standard deviation. Hyper-parameters are constants, chosen on held-out rows of the Pixel 1 table.

mod cost_terms;
mod field;
mod geometry;
mod nonnegative;

use super::row::RowSource;
use crate::cholesky::{InverseCholesky, dot};
use cost_terms::{Channels, CostTrend};
use field::{NOISE, Point};
pub use geometry::{Geometry, Structure};

/// Rows that a family needs before anything is predicted from it.
pub const FEWEST_ROWS: usize = 3;

/// How far outside the rows a channel count may lie, as a factor.
pub const EXTRAPOLATION_LIMIT: f64 = 2.0;

/// Variance of the relative deviations before any row is seen, and how many rows that belief is worth.
const PRIOR_VARIANCE: f64 = 0.08;
const PRIOR_ROWS: f64 = 4.0;

/// A prediction stays above this fraction of the trend.
const SMALLEST_FRACTION: f64 = 0.1;

/// One table row of a family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// `[c_in, expanded, c_out]`; places that the structure lacks are ignored and may be 0.
    pub channels: [u32; 3],
    /// Measured latency in ms.
    pub latency_ms: f64,
}

/// A predicted latency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Predicted latency in ms, positive.
    pub latency_ms: f64,
    /// Standard deviation of the prediction's error in ms.
    pub stddev_ms: f64,
    /// Whether it lies within the rows or, by at most [`EXTRAPOLATION_LIMIT`], outside of them.
    pub source: RowSource,
}

/// Why a family can't be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// The family is too small.
    #[error("{found} rows differ only in channels, interpolation needs {FEWEST_ROWS}")]
    TooFewRows {
        /// Rows in the family.
        found: usize,
    },
    /// A row can't be used.
    #[error("row with channels {channels:?} and {latency_ms} ms: channels and latency must be positive")]
    BadSample {
        /// `[c_in, expanded, c_out]` of the row.
        channels: [u32; 3],
        /// Its latency in ms.
        latency_ms: f64,
    },
}

/// Why a family has no prediction for some channel counts.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum OutOfRange {
    /// A channel count is further out than extrapolation can be trusted.
    #[error(
        "{name} = {asked} is more than a factor of {EXTRAPOLATION_LIMIT} outside the rows' {smallest} to {largest}"
    )]
    TooFar {
        /// Which channel count.
        name: &'static str,
        /// The value asked for.
        asked: u32,
        /// Smallest value in the rows.
        smallest: u32,
        /// Largest value in the rows.
        largest: u32,
    },
    /// The rows say nothing about how latency depends on a channel count.
    #[error("{name} = {asked}, but it is {only} in every row")]
    NeverVaried {
        /// Which channel count.
        name: &'static str,
        /// The value asked for.
        asked: u32,
        /// The one value in the rows.
        only: u32,
    },
    /// All rows have an expansion and the block asked for has none, or the other way round.
    #[error("the block {} an expansion convolution, but {} row does",
        if *.expands { "has" } else { "lacks" }, if *.expands { "no" } else { "every" })]
    ExpansionUnseen {
        /// Whether the block asked for has an expansion.
        expands: bool,
    },
}

/// A fitted family: predicts latency from channel counts.
#[derive(Debug, Clone)]
pub struct ChannelModel {
    geometry: Geometry,
    samples: Vec<Sample>,
    bounds: [(u32, u32); 3],
    trend: CostTrend,
    points: Vec<Point>,
    covariance: InverseCholesky,
    /// `K⁻¹ d`: weights of the rows' covariances in a prediction.
    weights: Vec<f64>,
    /// Diagonal of `K⁻¹`.
    precision: Vec<f64>,
    /// Scale of the fields' variance.
    variance: f64,
}

impl ChannelModel {
    /// Fits the rows of one family; `O(rows³)`, about 10 ms for 330 rows.
    ///
    /// # Errors
    /// Fewer than [`FEWEST_ROWS`] rows, or a row whose latency or channel count isn't positive.
    pub fn fit(geometry: Geometry, samples: &[Sample]) -> Result<Self, FitError> {
        check(geometry.structure, samples)?;
        let channels: Vec<Channels> = samples.iter().map(|s| s.channels.map(f64::from)).collect();
        let latencies: Vec<f64> = samples.iter().map(|s| s.latency_ms).collect();
        let trend = CostTrend::fit(geometry, &channels, &latencies);
        let points: Vec<Point> = channels.iter().map(|&c| Point::new(geometry, &trend, c)).collect();
        let deviations: Vec<f64> =
            latencies.iter().zip(&points).map(|(ms, p)| ms / p.trend_ms - 1.0).collect();
        let covariance = InverseCholesky::of(points.len(), NOISE, |row, column| {
            let noise = if row == column { points[row].noise } else { 0.0 };
            points[row].covariance(&points[column]) + noise
        });
        let weights = covariance.solve(&deviations);
        let precision = covariance.inverse_diagonal();
        Ok(Self {
            geometry,
            bounds: bounds(samples),
            samples: samples.to_vec(),
            trend,
            variance: variance(&weights, &precision),
            points,
            covariance,
            weights,
            precision,
        })
    }

    /// Predicts the latency at `[c_in, expanded, c_out]`; well under 50 us for 330 rows.
    ///
    /// # Errors
    /// See [`OutOfRange`].
    pub fn estimate(&self, channels: [u32; 3]) -> Result<Estimate, OutOfRange> {
        let source = self.locate(channels)?;
        let point = Point::new(self.geometry, &self.trend, channels.map(f64::from));
        let covariances: Vec<f64> = self.points.iter().map(|row| row.covariance(&point)).collect();
        let deviation = dot(&covariances, &self.weights);
        let white = self.covariance.whiten(&covariances);
        let unexplained = point.covariance(&point) - dot(&white, &white);
        let variance = self.variance * (unexplained.max(0.0) + point.noise);
        Ok(Estimate {
            latency_ms: point.trend_ms * (1.0 + deviation).max(SMALLEST_FRACTION),
            stddev_ms: point.trend_ms * variance.sqrt(),
            source,
        })
    }

    /// What the other rows predict for the row at exactly these channels (leave-one-out, in closed form); `None`
    /// without such a row, and where the others say nothing positive.
    pub fn left_out(&self, channels: [u32; 3]) -> Option<Estimate> {
        let row = self.row(channels)?;
        let latency_ms = self.samples[row].latency_ms - self.surprise_of(row);
        let stddev_ms = self.points[row].trend_ms * (self.variance / self.precision[row]).sqrt();
        let source = self.locate(channels).ok()?;
        (latency_ms > 0.0).then_some(Estimate { latency_ms, stddev_ms, source })
    }

    /// The row at exactly these channels minus what the other rows predict for it, in ms; `None` without such a row.
    ///
    /// Families that differ in kernel size or squeeze-and-excitation share their 1x1 convolutions and so much of this
    /// surprise: where one of them has a row for the wanted channels, see [`Estimate::informed_by`].
    pub fn surprise_ms(&self, channels: [u32; 3]) -> Option<f64> {
        self.row(channels).map(|row| self.surprise_of(row))
    }

    fn surprise_of(&self, row: usize) -> f64 {
        self.points[row].trend_ms * self.weights[row] / self.precision[row]
    }

    fn row(&self, channels: [u32; 3]) -> Option<usize> {
        let coordinates = self.geometry.structure.coordinates();
        let same =
            |sample: &Sample| coordinates.iter().all(|&place| sample.channels[place] == channels[place]);
        self.samples.iter().position(same)
    }

    fn locate(&self, channels: [u32; 3]) -> Result<RowSource, OutOfRange> {
        const NAMES: [&str; 3] = ["c_in", "expanded", "c_out"];
        let mut source = RowSource::Interpolated;
        for &place in self.geometry.structure.coordinates() {
            let (name, asked) = (NAMES[place], channels[place]);
            let (smallest, largest) = self.bounds[place];
            if (smallest..=largest).contains(&asked) {
                continue;
            }
            let excess = if asked < smallest {
                f64::from(smallest) / f64::from(asked)
            } else {
                f64::from(asked) / f64::from(largest)
            };
            if smallest == largest {
                return Err(OutOfRange::NeverVaried { name, asked, only: smallest });
            }
            if excess > EXTRAPOLATION_LIMIT {
                return Err(OutOfRange::TooFar { name, asked, smallest, largest });
            }
            source = RowSource::Extrapolated;
        }
        self.check_expansion(channels)?;
        Ok(source)
    }

    /// Refuses a block with an expansion where no row has one, and the reverse: the rows can't price the difference.
    fn check_expansion(&self, channels: [u32; 3]) -> Result<(), OutOfRange> {
        let expands = |[c_in, expanded, _]: [u32; 3]| c_in != expanded;
        let asked = expands(channels);
        let seen = self.samples.iter().any(|sample| expands(sample.channels) == asked);
        if self.geometry.structure == Structure::InvertedResidual && !seen {
            return Err(OutOfRange::ExpansionUnseen { expands: asked });
        }
        Ok(())
    }
}

impl Estimate {
    /// Adds the mean [`ChannelModel::surprise_ms`] of families that have a row at these very channels and differ in
    /// kernel size or squeeze-and-excitation only. The standard deviation is left as it is, which is cautious.
    #[must_use]
    pub fn informed_by(self, surprises_ms: &[f64]) -> Self {
        if surprises_ms.is_empty() {
            return self;
        }
        let mean = surprises_ms.iter().sum::<f64>() / surprises_ms.len() as f64;
        Self { latency_ms: (self.latency_ms + mean).max(SMALLEST_FRACTION * self.latency_ms), ..self }
    }
}

fn check(structure: Structure, samples: &[Sample]) -> Result<(), FitError> {
    let usable = |sample: &&Sample| {
        sample.latency_ms > 0.0
            && sample.latency_ms.is_finite()
            && structure.coordinates().iter().all(|&place| sample.channels[place] > 0)
    };
    if let Some(&Sample { channels, latency_ms }) = samples.iter().find(|sample| !usable(sample)) {
        return Err(FitError::BadSample { channels, latency_ms });
    }
    if samples.len() < FEWEST_ROWS {
        return Err(FitError::TooFewRows { found: samples.len() });
    }
    Ok(())
}

/// Smallest and largest channel counts of the rows.
fn bounds(samples: &[Sample]) -> [(u32, u32); 3] {
    std::array::from_fn(|place| {
        samples.iter().fold((u32::MAX, 0), |(low, high), sample| {
            (low.min(sample.channels[place]), high.max(sample.channels[place]))
        })
    })
}

/// Scale of the fields: the mean squared leave-one-out error in units of its predicted variance (Dubrule 1983), together
/// with [`PRIOR_ROWS`] rows' worth of [`PRIOR_VARIANCE`].
fn variance(weights: &[f64], precision: &[f64]) -> f64 {
    let errors: f64 = weights.iter().zip(precision).map(|(w, p)| w * w / p).sum();
    (errors + PRIOR_ROWS * PRIOR_VARIANCE) / (weights.len() as f64 + PRIOR_ROWS)
}

#[cfg(test)]
mod tests;
