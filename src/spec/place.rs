//! Where a block stands in its network, and the widths that it states.

use std::fmt;

use super::block::{Conv, InvertedResidual, Linear};
use super::{BlockSpec, DepthwiseSeparable, NetworkSpec};

/// Where a block stands in its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// The first convolution.
    Stem,
    /// The n-th block of the body.
    Block(u32),
    /// The n-th block of the head.
    Head(u32),
    /// Dropout and the last linear layer.
    Classifier,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stem => f.write_str("stem"),
            Self::Block(n) => write!(f, "blocks.{n}"),
            Self::Head(n) => write!(f, "head.{n}"),
            Self::Classifier => f.write_str("classifier"),
        }
    }
}

/// A width that a block states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// Channels of the expanded representation.
    Hidden,
    /// Width between the two layers of squeeze-excite.
    Squeeze,
    /// Output channels.
    Output,
}

impl Slot {
    /// The word in names of widths: `blocks.3.hidden`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Squeeze => "squeeze",
            Self::Output => "output",
        }
    }
}

impl BlockSpec {
    /// The width in a slot, where the block has it.
    pub fn width(&self, slot: Slot) -> Option<u32> {
        match (self, slot) {
            (Self::Conv(b), Slot::Output) => Some(b.channels),
            (Self::DepthwiseSeparable(b), Slot::Output) => Some(b.channels),
            (Self::Linear(b), Slot::Output) => Some(b.channels),
            (Self::InvertedResidual(b), Slot::Output) => Some(b.channels),
            (Self::InvertedResidual(b), Slot::Hidden) => Some(b.hidden),
            (Self::InvertedResidual(b), Slot::Squeeze) => b.squeeze,
            _ => None,
        }
    }

    /// The same block with another width in a slot; unchanged where it has none.
    #[must_use]
    pub fn with_width(self, slot: Slot, channels: u32) -> Self {
        match (self, slot) {
            (Self::Conv(b), Slot::Output) => Self::Conv(Conv { channels, ..b }),
            (Self::DepthwiseSeparable(b), Slot::Output) => {
                Self::DepthwiseSeparable(DepthwiseSeparable { channels, ..b })
            }
            (Self::Linear(b), Slot::Output) => Self::Linear(Linear { channels, ..b }),
            (Self::InvertedResidual(b), Slot::Output) => {
                Self::InvertedResidual(InvertedResidual { channels, ..b })
            }
            (Self::InvertedResidual(b), Slot::Hidden) => {
                Self::InvertedResidual(InvertedResidual { hidden: channels, ..b })
            }
            (Self::InvertedResidual(b), Slot::Squeeze) => {
                Self::InvertedResidual(InvertedResidual { squeeze: b.squeeze.map(|_| channels), ..b })
            }
            _ => self,
        }
    }
}

impl NetworkSpec {
    /// The block at a place; none for the classifier, which is no block.
    pub fn block(&self, place: Place) -> Option<&BlockSpec> {
        match place {
            Place::Stem => Some(&self.stem),
            Place::Block(n) => self.blocks.get(n as usize),
            Place::Head(n) => self.head.get(n as usize),
            Place::Classifier => None,
        }
    }

    /// Sets a width; nothing happens where the network has none of that name.
    pub fn set_width(&mut self, place: Place, slot: Slot, channels: u32) {
        let block = match place {
            Place::Stem => Some(&mut self.stem),
            Place::Block(n) => self.blocks.get_mut(n as usize),
            Place::Head(n) => self.head.get_mut(n as usize),
            Place::Classifier => None,
        };
        if let Some(block) = block {
            *block = block.with_width(slot, channels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    #[test]
    fn a_width_that_is_set_is_read_again_and_no_other_changes() {
        let network = spec::load("mobilenet_v3_small").expect("shipped");
        let places =
            [Place::Stem, Place::Block(0), Place::Block(1), Place::Head(0), Place::Head(1), Place::Head(2)];
        for place in places {
            for slot in [Slot::Hidden, Slot::Squeeze, Slot::Output] {
                let mut changed = network.clone();
                changed.set_width(place, slot, 8_000);
                let before = network.block(place).and_then(|b| b.width(slot));
                let after = changed.block(place).and_then(|b| b.width(slot));
                assert_eq!(after, before.map(|_| 8_000), "{place} {}", slot.name());
                changed.set_width(place, slot, before.unwrap_or(0));
                assert_eq!(changed, network);
            }
        }
        assert_eq!(network.block(Place::Classifier), None);
    }
}
