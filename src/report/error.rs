//! What can go wrong while a report is made: a value that cannot be drawn, or a file that cannot be written.

use std::path::{Path, PathBuf};

use crate::whole_file::{PathError, write_whole_file};

/// A failure to draw or to write a part of a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A value has no place on its axis: NaN, infinite, or outside what the quantity can be.
    #[error("{what} is {value}, which cannot be drawn; it must be {allowed}")]
    Value {
        /// Which value, for example `latency of trial 7`.
        what: String,
        /// The value as given.
        value: f64,
        /// The values that can be drawn.
        allowed: &'static str,
    },
    /// A label or a prediction is none of the classes.
    #[error("class {class} is not among the {classes} classes; they are counted from 0")]
    Class {
        /// The class as given.
        class: u32,
        /// How many classes there are.
        classes: usize,
    },
    /// There are not as many names as classes.
    #[error("{names} names of classes stand beside counts of {classes} classes")]
    Classes {
        /// Names.
        names: usize,
        /// Classes that were counted.
        classes: usize,
    },
    /// A file cannot be written; the earlier file under that name, if any, is untouched.
    #[error(transparent)]
    Write(#[from] PathError),
    /// A row cannot become a line of a CSV file.
    #[error("cannot write row {row} of {}: {source}", path.display())]
    CsvRow {
        /// The file that should have been written.
        path: PathBuf,
        /// The row, counted from 1 without the header.
        row: usize,
        /// The CSV writer's answer.
        source: csv::Error,
    },
    /// The drawing library refused a figure.
    #[error("cannot draw {}: {reason}", path.display())]
    Draw {
        /// The file that should have been written.
        path: PathBuf,
        /// The drawing library's answer.
        reason: String,
    },
}

/// Writes a file of the report as a whole.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    Ok(write_whole_file(path, bytes)?)
}

/// Checks a latency in milliseconds.
pub(super) fn check_latency(what: impl Fn() -> String, ms: f64) -> Result<(), ReportError> {
    check(what, ms, (0.0..=1e9).contains(&ms), "a latency from 0 to 1e9 ms")
}

/// Checks a latency in milliseconds to which others are compared.
pub(super) fn check_positive_latency(what: impl Fn() -> String, ms: f64) -> Result<(), ReportError> {
    check(what, ms, (1e-6..=1e9).contains(&ms), "a latency from 1e-6 to 1e9 ms")
}

/// Checks an accuracy in percent.
pub(super) fn check_percent(what: impl Fn() -> String, percent: f64) -> Result<(), ReportError> {
    check(what, percent, (0.0..=100.0).contains(&percent), "a percentage from 0 to 100")
}

/// Checks the ends of an interval around `accuracy`, all in percent.
pub(super) fn check_interval(
    what: impl Fn() -> String,
    accuracy: f64,
    (low, high): (f64, f64),
) -> Result<(), ReportError> {
    // An end that is computed may miss the value that it equals by a rounding.
    const ROUNDING: f64 = 1e-9;
    let below = (-ROUNDING..=accuracy + ROUNDING).contains(&low);
    check(|| format!("lower end of {}", what()), low, below, "a percentage of at most the accuracy")?;
    let above = (accuracy - ROUNDING..=100.0 + ROUNDING).contains(&high);
    check(|| format!("upper end of {}", what()), high, above, "a percentage of at least the accuracy")
}

/// Checks a cost in whatever unit.
pub(super) fn check_cost(what: impl Fn() -> String, cost: f64) -> Result<(), ReportError> {
    check(what, cost, (0.0..=1e12).contains(&cost), "a number from 0 to 1e12")
}

/// Checks the number of a layer's channels.
pub(super) fn check_width(what: impl Fn() -> String, width: u32) -> Result<(), ReportError> {
    check(what, f64::from(width), width > 0, "at least 1")
}

/// Checks a loss, which is not a number once a training has diverged.
pub(super) fn check_loss(what: impl Fn() -> String, loss: f64) -> Result<(), ReportError> {
    check(what, loss, loss.is_nan() || loss >= 0.0, "at least 0, or not a number")
}

/// Checks a learning rate.
pub(super) fn check_rate(what: impl Fn() -> String, rate: f64) -> Result<(), ReportError> {
    check(what, rate, (0.0..=1e9).contains(&rate), "a rate from 0 to 1e9")
}

/// Checks a quantity that has no natural bounds.
pub(super) fn check_quantity(what: impl Fn() -> String, value: f64) -> Result<(), ReportError> {
    check(what, value, value.abs() <= 1e12, "finite and at most 1e12 in size")
}

fn check(
    what: impl Fn() -> String,
    value: f64,
    valid: bool,
    allowed: &'static str,
) -> Result<(), ReportError> {
    if valid { Ok(()) } else { Err(ReportError::Value { what: what(), value, allowed }) }
}
