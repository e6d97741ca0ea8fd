//! The logits of an exported file against those of the network.

use serde::Serialize;

use super::error::ExportError;
use super::logits::Logits;
use crate::data::{Batch, Loader};
use crate::train::most_likely;

/// The largest difference of logits that rounding makes, in units of the largest logit.
pub const TOLERANCE: f64 = 1e-4;

/// How the logits of a file compare with those of the network that was written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Proof {
    /// Images compared.
    pub images: usize,
    /// Largest difference of two logits.
    pub largest_difference: f64,
    /// Largest logit of the network, in absolute value.
    pub largest_logit: f64,
    /// Images with the same most likely class.
    pub same_class: usize,
}

impl Proof {
    /// No images.
    const NONE: Self = Self { images: 0, largest_difference: 0.0, largest_logit: 0.0, same_class: 0 };

    /// Compares the logits of two on the same images.
    pub(super) fn of(
        expected: &mut dyn Logits,
        found: &mut dyn Logits,
        loader: &Loader,
    ) -> Result<Self, ExportError> {
        let mut proof = Self::NONE;
        let (mut batches, mut batch) = (loader.evaluation(), Batch::default());
        while batches.next_into(&mut batch)? {
            let (expected, found) = (expected.logits(&batch)?, found.logits(&batch)?);
            proof.see(&expected, &found, expected.len() / batch.len());
        }
        Ok(proof)
    }

    /// Compares the logits `[n, classes]` of a batch.
    fn see(&mut self, expected: &[f32], found: &[f32], classes: usize) {
        for (expected, found) in expected.chunks_exact(classes).zip(found.chunks_exact(classes)) {
            self.images += 1;
            self.same_class += usize::from(most_likely(expected) == most_likely(found));
            for (&expected, &found) in expected.iter().zip(found) {
                let difference = f64::from((expected - found).abs());
                // A logit that is not a number differs from every other.
                let difference = if difference.is_nan() { f64::INFINITY } else { difference };
                self.largest_difference = self.largest_difference.max(difference);
                self.largest_logit = self.largest_logit.max(f64::from(expected.abs()));
            }
        }
    }

    /// The largest difference in units of the largest logit.
    pub fn relative_difference(&self) -> f64 {
        if self.largest_difference == 0.0 { 0.0 } else { self.largest_difference / self.largest_logit }
    }

    /// The proof, if it holds.
    pub(super) fn within_tolerance(self, by: &str) -> Result<Self, ExportError> {
        if self.images > 0 && self.relative_difference() <= TOLERANCE {
            return Ok(self);
        }
        Err(ExportError::Unequal { by: by.to_owned(), proof: self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(expected: &[f32], found: &[f32]) -> Proof {
        let mut proof = Proof::NONE;
        proof.see(expected, found, 2);
        proof
    }

    #[test]
    fn counts_images_and_classes_and_finds_the_largest_difference() {
        let proof = proof(&[1.0, 2.0, 5.0, -20.0], &[1.0, 2.0005, -6.0, -4.0]);
        assert_eq!((proof.images, proof.same_class), (2, 1));
        assert!((proof.largest_difference - 16.0).abs() < 1e-6);
        assert!((proof.relative_difference() - 0.8).abs() < 1e-6, "16 of 20");
    }

    #[test]
    fn holds_within_rounding_only_and_never_for_what_is_no_number() {
        assert!(proof(&[0.5, 0.1], &[0.500_04, 0.1]).within_tolerance("x").is_ok());
        assert!(proof(&[0.5, 0.1], &[0.5001, 0.1]).within_tolerance("x").is_err());
        assert!(proof(&[50.0, 0.1], &[50.004, 0.1]).within_tolerance("x").is_ok(), "of 50");
        assert!(proof(&[1e-6, 0.0], &[2e-6, 0.0]).within_tolerance("x").is_err(), "small logits count too");
        assert!(proof(&[0.0, 0.0], &[0.0, 0.0]).within_tolerance("x").is_ok());
        assert!(proof(&[0.0, 0.0], &[1e-9, 0.0]).within_tolerance("x").is_err());
        assert!(proof(&[0.5, f32::NAN], &[0.5, f32::NAN]).within_tolerance("x").is_err());
        assert!(Proof::NONE.within_tolerance("x").is_err(), "nothing was compared");
    }
}
