//! The number of networks in a space.

use super::SearchSpace;
use super::layout::{BlockChoices, HeadPart, Stage};

impl SearchSpace {
    /// Number of distinct genotypes in canonical form, as a float: real spaces
    /// pass 2^64.
    pub fn size(&self) -> f64 {
        let head: f64 = self.head.iter().map(HeadPart::size).product();
        let stages: f64 = self.stages.iter().map(Stage::size).product();
        self.resolution.values.len() as f64 * self.stem.size() * stages * head
    }
}

impl Stage {
    fn size(&self) -> f64 {
        let width = self.width.as_ref().map_or(1, |w| w.values.len()) as f64;
        let mut counted = Vec::new();
        let mut networks = 0.0;
        let mut product = 1.0;
        for (index, block) in self.blocks.iter().enumerate() {
            product *= block.new_choices(&mut counted);
            if self.depth.values.contains(&(index as u32 + 1)) {
                networks += product;
            }
        }
        width * networks
    }
}

impl BlockChoices {
    /// Product of the choices that no earlier block shares.
    fn new_choices(&self, counted: &mut Vec<usize>) -> f64 {
        let dimensions = [
            (self.kernel.slot, self.kernel.values.len()),
            (self.expansion.slot, self.expansion.values.len()),
            (self.se.slot, self.se.values.len()),
            (self.activation.slot, self.activation.values.len()),
        ];
        let mut product = 1.0;
        for (slot, choices) in dimensions {
            if let Some(slot) = slot.filter(|slot| !counted.contains(slot)) {
                counted.push(slot);
                product *= choices as f64;
            }
        }
        product
    }
}

impl HeadPart {
    fn size(&self) -> f64 {
        match self {
            Self::Pool => 1.0,
            Self::Conv { width, activation } | Self::Linear { width, activation } => {
                (width.values.len() * activation.values.len()) as f64
            }
        }
    }
}
