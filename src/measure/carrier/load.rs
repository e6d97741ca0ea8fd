//! Which blocks share a carrier.

use std::cmp::Reverse;

use super::Carrier;
use super::chain::{Chain, stride_between};
use crate::measure::plan::{Piece, PieceBlock, Plan};
use crate::spec::BlockSpec;

/// Blocks of a carrier that keep the size of their map, on every size: about as many as in a network.
const BLOCKS_OF_A_SIDE: usize = 4;

/// The blocks of one carrier, in order.
pub struct Load {
    placed: Vec<(Role, Piece)>,
}

/// The part of a carrier that a block takes; carriers have their parts in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Stem,
    /// On a map of this side, which the block keeps or makes smaller.
    Body(Reverse<u32>, Size),
    Pool,
    Linear,
    Classifier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Size {
    Kept,
    Shrunk,
}

impl Role {
    fn of(piece: &Piece, plan: &Plan) -> Self {
        let PieceBlock::Block(block) = piece.block else { return Self::Classifier };
        let stride = match block {
            BlockSpec::Pool => return Self::Pool,
            BlockSpec::Linear(_) => return Self::Linear,
            BlockSpec::Conv(b) => b.stride,
            BlockSpec::DepthwiseSeparable(b) => b.stride,
            BlockSpec::InvertedResidual(b) => b.stride,
        };
        match plan.is_image(piece) {
            true => Self::Stem,
            false => Self::Body(Reverse(piece.side), if stride > 1 { Size::Shrunk } else { Size::Kept }),
        }
    }

    /// How many blocks of a carrier can take it.
    fn room(self) -> usize {
        match self {
            Self::Stem | Self::Body(_, Size::Shrunk) | Self::Pool | Self::Classifier => 1,
            Self::Body(_, Size::Kept) | Self::Linear => BLOCKS_OF_A_SIDE,
        }
    }
}

impl Load {
    /// A carrier of one block.
    pub fn of(piece: Piece, plan: &Plan) -> Self {
        Self { placed: vec![(Role::of(&piece, plan), piece)] }
    }

    /// Adds a block if it has room and its map can follow from the one before and lead to the one behind.
    pub fn with(&mut self, piece: Piece, plan: &Plan) -> Option<()> {
        let role = Role::of(&piece, plan);
        let at = self.placed.partition_point(|(other, _)| *other <= role);
        let taken = self.placed[..at].iter().rev().take_while(|(other, _)| *other == role).count();
        let leads = |from: Option<&(Role, Piece)>, to: Option<&(Role, Piece)>| match (from, to) {
            (Some((role, from)), Some((_, to))) => follows(*role, from, to, plan),
            _ => true,
        };
        let this = (role, piece);
        let before = at.checked_sub(1).map(|before| &self.placed[before]);
        let fits =
            taken < role.room() && leads(before, Some(&this)) && leads(Some(&this), self.placed.get(at));
        fits.then(|| self.placed.insert(at, this))
    }

    /// The carrier of these blocks.
    pub fn carrier(self, plan: &Plan) -> Carrier {
        let pieces: Vec<Piece> = self.placed.into_iter().map(|(_, piece)| piece).collect();
        Chain::of(&pieces, plan)
    }
}

/// Whether a map of one block can become that of another.
fn follows(role: Role, from: &Piece, to: &Piece, plan: &Plan) -> bool {
    // What lies behind the pooling is a single pixel.
    role >= Role::Pool || to.side == 1 || stride_between(from.output(plan.padding).height, to.side).is_some()
}
