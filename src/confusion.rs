//! Which classes are taken for which: counted by training, drawn and listed by reports.

use serde::{Deserialize, Serialize};

/// Counts of images by class and prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(with = "Vec<Vec<u64>>")]
#[serde(try_from = "Vec<Vec<u64>>", into = "Vec<Vec<u64>>")]
pub struct Confusion {
    /// `rows[class][predicted]`, a square.
    rows: Vec<Vec<u64>>,
}

impl TryFrom<Vec<Vec<u64>>> for Confusion {
    type Error = &'static str;

    fn try_from(rows: Vec<Vec<u64>>) -> Result<Self, Self::Error> {
        if rows.iter().any(|row| row.len() != rows.len()) {
            return Err("every class needs a count for every prediction");
        }
        Ok(Self { rows })
    }
}

impl From<Confusion> for Vec<Vec<u64>> {
    fn from(confusion: Confusion) -> Self {
        confusion.rows
    }
}

impl Confusion {
    /// No images of that many classes.
    pub fn new(classes: usize) -> Self {
        Self { rows: vec![vec![0; classes]; classes] }
    }

    /// Counts images of a class that were taken for one.
    ///
    /// # Panics
    /// When `class` or `predicted` is no class.
    pub fn count(&mut self, class: usize, predicted: usize, images: u64) {
        self.rows[class][predicted] += images;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_are_no_square_are_refused() {
        let read = |text: &str| serde_json::from_str::<Confusion>(text);
        assert_eq!(read("[[1,2],[0,3]]").expect("a square").correct(), 4);
        assert!(read("[[1,2],[3]]").is_err() && read("[[1,2]]").is_err());
    }
}
