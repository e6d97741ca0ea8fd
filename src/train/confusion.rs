//! Which classes are taken for which.

use serde::{Deserialize, Serialize};

/// Counts of images by class and prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Confusion {
    /// `rows[class][predicted]`.
    rows: Vec<Vec<u64>>,
}

impl Confusion {
    /// No images of that many classes.
    pub fn new(classes: usize) -> Self {
        Self { rows: vec![vec![0; classes]; classes] }
    }

    /// Counts an image.
    ///
    /// # Panics
    /// When `class` or `predicted` is no class.
    pub(super) fn count(&mut self, class: usize, predicted: usize) {
        self.rows[class][predicted] += 1;
    }

    /// Images of each class by prediction: `rows[class][predicted]`.
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.rows
    }

    /// Images whose class was predicted.
    pub fn correct(&self) -> u64 {
        self.rows.iter().enumerate().map(|(class, row)| row[class]).sum()
    }

    /// Images.
    pub fn total(&self) -> u64 {
        self.rows.iter().flatten().sum()
    }
}

/// The position of the largest logit; the first one of equals.
pub fn most_likely(logits: &[f32]) -> usize {
    let mut best = 0;
    for (class, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = class;
        }
    }
    best
}
