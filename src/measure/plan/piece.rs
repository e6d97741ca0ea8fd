//! A block at the map that enters it: what a plan lists.

use std::fmt;
use std::str::FromStr;

use crate::graph::{LatencyUnit, LayerGraph, Shape, Surroundings, UnitKind};
use crate::spec::{BatchNormSpec, BlockSpec, Padding};

/// A block, or the classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PieceBlock {
    /// A block of any kind.
    Block(BlockSpec),
    /// The last linear layer.
    Classifier {
        /// Its outputs.
        classes: u32,
    },
}

/// A block and the square map that enters it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Piece {
    /// The block.
    pub block: PieceBlock,
    /// Side of the map.
    pub side: u32,
    /// Channels of the map.
    pub channels: u32,
}

/// Batch norm is inside the convolutions when latency is measured, so its constants say nothing.
pub const BATCH_NORM: BatchNormSpec = BatchNormSpec { eps: 1e-3, momentum: 0.1 };

impl Piece {
    /// The piece as a graph of its own.
    pub fn graph(&self, padding: Padding) -> LayerGraph {
        let input = Shape { height: self.side, width: self.side, channels: self.channels };
        let around = |classes| Surroundings { input, classes, padding, batch_norm: BATCH_NORM };
        match &self.block {
            PieceBlock::Block(block) => LayerGraph::lower_block(Some(block), around(1)),
            PieceBlock::Classifier { classes } => LayerGraph::lower_block(None, around(*classes)),
        }
    }

    /// The shape that it makes.
    pub fn output(&self, padding: Padding) -> Shape {
        let graph = self.graph(padding);
        graph.spans().last().map_or(graph.image(), |span| span.output)
    }

    /// The units that it holds.
    pub fn units(&self, padding: Padding) -> Vec<LatencyUnit> {
        let graph = self.graph(padding);
        graph.spans().iter().flat_map(|span| graph.operator_units(span)).collect()
    }

    /// Those of its units that can be timed in it: all but the convolution before a residual addition, which cannot be
    /// told from it.
    pub fn timed_units(&self, padding: Padding) -> Vec<LatencyUnit> {
        let units = self.units(padding);
        let before_addition =
            |at: usize| units.get(at + 1).is_some_and(|next| next.family.kind == UnitKind::Add);
        units.iter().enumerate().filter(|(at, _)| !before_addition(*at)).map(|(_, unit)| *unit).collect()
    }

    /// The block behind a map of other channels, so that there is no residual addition; `None` where there is none
    /// anyway.
    pub fn without_addition(&self, padding: Padding) -> Option<Self> {
        let has_addition =
            |piece: &Self| piece.units(padding).iter().any(|unit| unit.family.kind == UnitKind::Add);
        let other = Self { channels: self.channels + 8, ..*self };
        (has_addition(self) && !has_addition(&other)).then_some(other)
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.block {
            PieceBlock::Block(block) => write!(f, "{block}")?,
            PieceBlock::Classifier { classes } => write!(f, "classifier_c{classes}")?,
        }
        write!(f, " @ {side}x{side}x{}", self.channels, side = self.side)
    }
}

/// A text that is no block with its map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PieceError {
    /// The parts are missing.
    #[error("`{0}` is not of the form `BLOCK @ 56x56x24`")]
    Form(String),
    /// The map is none.
    #[error("`{0}` is not a square map such as 56x56x24, with sides and channels from 1 to {LARGEST}")]
    Map(String),
    /// The block is none.
    #[error("{0}")]
    Block(String),
}

/// Larger maps and layers than these are a mistake, not a network.
const LARGEST: u32 = 1 << 16;

impl FromStr for Piece {
    type Err = PieceError;

    fn from_str(text: &str) -> Result<Self, PieceError> {
        let (block, map) = text.split_once(" @ ").ok_or_else(|| PieceError::Form(text.to_owned()))?;
        let wrong_map = || PieceError::Map(map.to_owned());
        let sizes: Result<Vec<u32>, _> = map.split('x').map(str::parse).collect();
        let [height, side, channels] = sizes.map_err(|_| wrong_map())?[..] else { return Err(wrong_map()) };
        let plausible = |size| (1..=LARGEST).contains(&size);
        if height != side || !plausible(side) || !plausible(channels) {
            return Err(wrong_map());
        }
        let wrong_block = |message: String| PieceError::Block(format!("`{block}` is not a block: {message}"));
        let block = match block.strip_prefix("classifier_c") {
            Some(classes) => match classes.parse() {
                Ok(classes) if plausible(classes) => PieceBlock::Classifier { classes },
                _ => return Err(wrong_block("a classifier is written classifier_c1000".to_owned())),
            },
            None => {
                PieceBlock::Block(block.parse::<BlockSpec>().map_err(|error| wrong_block(error.to_string()))?)
            }
        };
        Ok(Self { block, side, channels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("ir_k5_s2_h72_c40_se24_relu @ 56x56x24")]
    #[case("classifier_c1000 @ 1x1x1024")]
    #[case("pool @ 7x7x576")]
    fn written_and_read(#[case] text: &str) {
        assert_eq!(text.parse::<Piece>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("pool", "form")]
    #[case("pool @ 7x8x576", "square map")]
    #[case("pool @ 7x7x0", "square map")]
    #[case("pool @ 7x7", "square map")]
    #[case("pool @ 7x7x99999999999", "square map")]
    #[case("classifier_cx @ 1x1x8", "classifier_c1000")]
    #[case("ir_k4 @ 7x7x8", "not a block")]
    fn no_piece(#[case] text: &str, #[case] says: &str) {
        let error = text.parse::<Piece>().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
