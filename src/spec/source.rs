//! Checks that network and search space files share: ranges, batch-norm constants, dropout.

use std::ops::Range;

use toml::Spanned;

use super::BatchNormSpec;
use crate::diagnostic::{FileError, Source};

impl Source<'_> {
    /// A number that must lie in `range`.
    pub(crate) fn in_range(
        &self,
        value: &Spanned<u32>,
        name: &str,
        range: Range<u32>,
    ) -> Result<u32, FileError> {
        let number = *value.get_ref();
        if range.contains(&number) {
            return Ok(number);
        }
        Err(self.error(value.span(), format!("{name} = {number} is out of range")).with_remedy(format!(
            "use a number from {} to {}",
            range.start,
            range.end - 1
        )))
    }

    /// Batch-norm constants that make sense.
    pub(crate) fn batch_norm(&self, constants: &Spanned<BatchNormSpec>) -> Result<BatchNormSpec, FileError> {
        let spec = *constants.get_ref();
        if spec.eps > 0.0 && spec.eps < 1.0 && spec.momentum > 0.0 && spec.momentum <= 1.0 {
            return Ok(spec);
        }
        Err(self.error(constants.span(), "batch_norm constants are out of range").with_remedy(
            "eps lies between 0 and 1 (1e-3 or 1e-5), momentum is above 0 and at most 1 (0.01 or 0.1)",
        ))
    }

    /// A dropout rate.
    pub(crate) fn dropout(&self, rate: &Spanned<f64>) -> Result<f64, FileError> {
        if (0.0..1.0).contains(rate.get_ref()) {
            return Ok(*rate.get_ref());
        }
        Err(self
            .error(rate.span(), format!("dropout = {} is out of range", rate.get_ref()))
            .with_remedy("use a rate from 0 to below 1"))
    }
}

pub(crate) fn rgb_value() -> u32 {
    3
}

/// Input channels where a file states none.
pub(crate) fn rgb() -> Spanned<u32> {
    Spanned::new(0..0, rgb_value())
}

pub(crate) fn no_dropout_value() -> f64 {
    0.0
}

/// Dropout where a file states none.
pub(crate) fn no_dropout() -> Spanned<f64> {
    Spanned::new(0..0, no_dropout_value())
}
