//! Decisions: the places of a space where something is chosen.

use std::fmt;

use super::Genotype;

/// What a decision chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// Side of the depthwise kernel.
    Kernel,
    /// Hidden over input channels.
    Expansion,
    /// Squeeze-excite on or off.
    Se,
    /// Activation.
    Activation,
    /// Output channels.
    Width,
    /// Number of blocks in a stage.
    Depth,
    /// Side of the input image.
    Resolution,
}

impl Dimension {
    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Expansion => "expansion",
            Self::Se => "se",
            Self::Activation => "activation",
            Self::Width => "width",
            Self::Depth => "depth",
            Self::Resolution => "resolution",
        }
    }
}

/// One place where something is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The part of the network, for example `stage 3, block 2`.
    pub place: String,
    /// What is chosen.
    pub dimension: Dimension,
    /// The choices as text.
    pub choices: Vec<String>,
    /// Stage and block, for decisions of a block that a shallower stage lacks.
    pub(super) optional: Option<(usize, usize)>,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of {}", self.place, self.dimension.name(), self.choices.join(", "))
    }
}

/// The values of one decision, or the only value there is.
#[derive(Debug, Clone)]
pub(super) struct Choices<T> {
    pub values: Vec<T>,
    /// Index of the decision; `None` where there is nothing to choose.
    pub slot: Option<usize>,
}

impl<T: Copy> Choices<T> {
    /// The value a genotype picks.
    pub fn pick(&self, genotype: &Genotype) -> T {
        self.values[self.slot.map_or(0, |slot| usize::from(genotype.0[slot]))]
    }

    /// All values with their indices.
    pub fn each(&self) -> impl Iterator<Item = (u8, T)> + '_ {
        self.values.iter().enumerate().map(|(index, value)| (index as u8, *value))
    }

    /// Writes the choice `index` into a genotype.
    pub fn set(&self, genotype: &mut [u8], index: u8) {
        if let Some(slot) = self.slot {
            genotype[slot] = index;
        }
    }
}
