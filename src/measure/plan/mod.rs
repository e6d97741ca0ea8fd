//! `Plan`: what has to be measured so that a table covers search spaces and networks.

mod coarsest;
mod cover;
mod file;
mod grid;
mod piece;

pub use coarsest::{Grid, NoGrid};
pub use piece::{BATCH_NORM, Piece, PieceBlock};

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::graph::{BlockSpan, LatencyUnit, LayerGraph};
use crate::space::{SearchSpace, Step};
use crate::spec::{NetworkSpec, Padding, Place};

/// The blocks to measure, and what they were chosen for.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The spaces and networks that it covers.
    pub covers: Vec<Covered>,
    /// Padding of every convolution.
    pub padding: Padding,
    /// Sides and channels of the images.
    pub images: Vec<(u32, u32)>,
    /// Factor by which the channels of a unit without a row may differ from those of one with a row.
    pub ratio: f64,
    /// Units of the spaces and the networks.
    pub wanted: usize,
    /// Units that get a row of their own.
    pub chosen: usize,
    /// Blocks that hold the chosen units.
    pub pieces: Vec<Piece>,
}

impl Plan {
    /// Sides of the images.
    pub fn sides(&self) -> Vec<u32> {
        let mut sides: Vec<u32> = self.images.iter().map(|(side, _)| *side).collect();
        sides.dedup();
        sides
    }

    /// Digest of everything that the plan says.
    pub fn digest(&self) -> String {
        short_hash(&self.to_toml())
    }

    /// Whether what enters a block is an image.
    pub fn is_image(&self, piece: &Piece) -> bool {
        self.images.contains(&(piece.side, piece.channels))
    }
}

/// A search space or a network that a plan covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Covered {
    /// Its name.
    pub name: String,
    /// Digest of the blocks that it may contain.
    pub digest: String,
}

/// Everything that a plan has to cover.
#[derive(Debug, Default)]
pub struct Wanted {
    pieces: Vec<Piece>,
    images: BTreeSet<(u32, u32)>,
    covers: Vec<Covered>,
    /// That of the first space or network: where zeros lie does not change how much is computed.
    padding: Option<Padding>,
}

impl Wanted {
    /// Adds every block of every network of a space.
    pub fn space(&mut self, space: &SearchSpace) {
        let classes = space.classes();
        let mut seen = HashSet::new();
        let mut pieces = Vec::new();
        space.cheapest(|a, b| a + b, &mut |Step { block, side, channels }| {
            let block = block.map_or(PieceBlock::Classifier { classes }, PieceBlock::Block);
            let piece = Piece { block, side, channels };
            if seen.insert(piece) {
                pieces.push(piece);
            }
            0.0
        });
        let images = space.resolutions().iter().map(|&side| (side, space.input_channels()));
        let digest = digest(images.clone(), &pieces);
        self.add(Covered { name: space.name.clone(), digest }, space.conventions().0, images, pieces);
    }

    /// Adds the blocks of a network.
    pub fn network(&mut self, spec: &NetworkSpec) {
        let graph = LayerGraph::lower(spec);
        let piece = |span: &BlockSpan| {
            let block = match span.place {
                Place::Classifier => PieceBlock::Classifier { classes: spec.classes },
                _ => PieceBlock::Block(span.block),
            };
            Piece { block, side: span.input.height, channels: span.input.channels }
        };
        let covered = Covered { name: spec.name.clone(), digest: spec.arch_id().to_string() };
        let image = (spec.resolution, spec.input_channels);
        self.add(covered, spec.padding, [image], graph.spans().iter().map(piece).collect());
    }

    fn add(
        &mut self,
        covered: Covered,
        padding: Padding,
        images: impl IntoIterator<Item = (u32, u32)>,
        pieces: Vec<Piece>,
    ) {
        self.covers.push(covered);
        self.padding.get_or_insert(padding);
        self.images.extend(images);
        self.pieces.extend(pieces);
    }

    /// What was added, by name.
    pub fn covers(&self) -> &[Covered] {
        &self.covers
    }

    /// Every unit of the networks.
    fn units(&self) -> BTreeSet<LatencyUnit> {
        let padding = self.padding();
        self.pieces.iter().flat_map(|piece| piece.units(padding)).collect()
    }

    fn padding(&self) -> Padding {
        self.padding.unwrap_or(Padding::Same)
    }

    /// The plan with the fewest blocks that greed finds. Channels of units that get no row differ by a factor of
    /// `ratio` at most from those of a unit that does.
    pub fn plan(mut self, ratio: f64) -> Plan {
        let padding = self.padding();
        let wanted = self.units();
        let twins: Vec<Piece> =
            self.pieces.iter().filter_map(|piece| piece.without_addition(padding)).collect();
        self.pieces.extend(twins);
        let mut seen = HashSet::new();
        self.pieces.retain(|piece| seen.insert(*piece));
        let units: Vec<Vec<LatencyUnit>> =
            self.pieces.iter().map(|piece| piece.timed_units(padding)).collect();
        let chosen = grid::thinned(&wanted, ratio);
        let index: BTreeMap<LatencyUnit, usize> =
            chosen.iter().enumerate().map(|(index, unit)| (*unit, index)).collect();
        let held =
            |units: &Vec<LatencyUnit>| units.iter().filter_map(|unit| index.get(unit).copied()).collect();
        let held: Vec<Vec<usize>> = units.iter().map(held).collect();
        let pieces = cover::cover(&held, chosen.len()).into_iter().map(|at| self.pieces[at]).collect();
        Plan {
            covers: self.covers,
            padding,
            images: self.images.into_iter().collect(),
            ratio,
            wanted: wanted.len(),
            chosen: chosen.len(),
            pieces,
        }
    }
}

/// The first 16 hexadecimal digits of the hash of images and blocks.
fn digest(images: impl Iterator<Item = (u32, u32)>, pieces: &[Piece]) -> String {
    let mut lines: Vec<String> = images.map(|(side, channels)| format!("{side}x{side}x{channels}")).collect();
    lines.extend(pieces.iter().map(Piece::to_string));
    lines.sort_unstable();
    short_hash(&lines.join("\n"))
}

/// 16 hexadecimal digits.
fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
