//! Which blocks share a carrier.

use std::cmp::Reverse;

use super::Carrier;
use super::chain::{Chain, stride_between};
use crate::graph::Shape;
use crate::measure::plan::{Piece, PieceBlock, Plan};
use crate::spec::BlockSpec;

/// Blocks of a carrier that keep the size of their map, on every size: about as many as in a network, since more would
/// drive one another's weights out of the caches.
const BLOCKS_OF_A_SIDE: usize = 2;

/// The blocks of one carrier, in order.
pub struct Load {
    placed: Vec<Part>,
}

/// A block that a carrier may hold.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    piece: Piece,
    role: Role,
    output: Shape,
}

/// A place in a carrier that a block can take.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    at: usize,
    /// How many more blocks would follow one another without a convolution between.
    pub joins: i32,
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
            Self::Body(_, Size::Kept) => BLOCKS_OF_A_SIDE,
            Self::Stem | Self::Body(_, Size::Shrunk) | Self::Pool | Self::Linear | Self::Classifier => 1,
        }
    }
}

impl Part {
    /// A block of a plan.
    pub fn new(piece: Piece, plan: &Plan) -> Self {
        Self { piece, role: Role::of(&piece, plan), output: piece.output(plan.padding) }
    }

    /// Whether the output of this block can become the input of another.
    fn leads_to(&self, next: &Self) -> bool {
        // What lies behind the pooling is a single pixel.
        self.role >= Role::Pool
            || next.piece.side == 1
            || stride_between(self.output.height, next.piece.side).is_some()
    }

    /// Whether the output of this block is the input of another.
    fn joins(&self, next: &Self) -> bool {
        (self.output.height, self.output.channels) == (next.piece.side, next.piece.channels)
    }
}

impl Load {
    /// A carrier of one block.
    pub fn of(part: Part) -> Self {
        Self { placed: vec![part] }
    }

    /// Where a block fits best, if it fits.
    pub fn room(&self, part: &Part) -> Option<Room> {
        let first = self.placed.partition_point(|other| other.role < part.role);
        let same = self.placed[first..].iter().take_while(|other| other.role == part.role);
        let taken = same.clone().count();
        if taken >= part.role.room() || same.into_iter().any(|other| other.piece == part.piece) {
            return None;
        }
        (first..=first + taken).filter_map(|at| self.room_at(at, part)).max_by_key(|room| room.joins)
    }

    fn room_at(&self, at: usize, part: &Part) -> Option<Room> {
        let before = at.checked_sub(1).map(|before| &self.placed[before]);
        let behind = self.placed.get(at);
        let fits = before.is_none_or(|before| before.leads_to(part))
            && behind.is_none_or(|behind| part.leads_to(behind));
        let new = i32::from(before.is_some_and(|before| before.joins(part)))
            + i32::from(behind.is_some_and(|behind| part.joins(behind)));
        let broken = i32::from(before.zip(behind).is_some_and(|(before, behind)| before.joins(behind)));
        fits.then_some(Room { at, joins: new - broken })
    }

    /// Adds a block where there is room for it.
    pub fn insert(&mut self, room: Room, part: Part) {
        self.placed.insert(room.at, part);
    }

    /// Adds blocks until none has room, first those that join others.
    pub fn fill(&mut self, parts: &[Part]) {
        for least_joins in [2, 1, i32::MIN] {
            for part in parts {
                match self.room(part) {
                    Some(room) if room.joins >= least_joins => self.insert(room, *part),
                    _ => {}
                }
            }
        }
    }

    /// The carrier of these blocks.
    pub fn carrier(self, plan: &Plan) -> Carrier {
        let pieces: Vec<Piece> = self.placed.into_iter().map(|part| part.piece).collect();
        Chain::of(&pieces, plan)
    }
}
