//! Blocks in a row, with what leads from one to the next.

use super::Carrier;
use crate::measure::plan::{BATCH_NORM, Piece, PieceBlock, Plan};
use crate::spec::block::{Conv, Linear};
use crate::spec::{BlockSpec, NetworkSpec, Place};

/// A network in the making.
pub struct Chain {
    /// Stem and body.
    body: Vec<BlockSpec>,
    head: Vec<BlockSpec>,
    /// Positions of planned blocks.
    planned: Vec<Part>,
    side: u32,
    channels: u32,
    classes: u32,
}

#[derive(Clone, Copy)]
enum Part {
    Body(usize),
    Head(usize),
    Classifier,
}

/// Colours of an image that a carrier without a planned stem begins with.
const COLOURS: u32 = 3;

impl Chain {
    /// The carrier of some blocks, which are in order.
    pub fn of(pieces: &[Piece], plan: &Plan) -> Carrier {
        let first = pieces[0];
        let colours = if plan.is_image(&first) { first.channels } else { COLOURS };
        let mut chain = Self {
            body: Vec::new(),
            head: Vec::new(),
            planned: Vec::new(),
            side: first.side,
            channels: colours,
            classes: 1,
        };
        if !plan.is_image(&first) {
            chain.convolve(1, first.channels);
        }
        for piece in pieces {
            chain.append(piece, plan);
        }
        chain.finish(first.side, colours, plan)
    }

    fn append(&mut self, piece: &Piece, plan: &Plan) {
        match piece.block {
            PieceBlock::Block(BlockSpec::Linear(_)) => self.lead_to_features(piece.channels),
            PieceBlock::Classifier { classes } => {
                self.lead_to_features(piece.channels);
                self.classes = classes;
                self.planned.push(Part::Classifier);
                return;
            }
            PieceBlock::Block(_) => self.lead_to_map(piece),
        }
        let PieceBlock::Block(block) = piece.block else { return };
        let output = piece.output(plan.padding);
        (self.side, self.channels) = (output.height, output.channels);
        let (part, blocks): (fn(usize) -> Part, _) = match block {
            BlockSpec::Pool | BlockSpec::Linear(_) => (Part::Head, &mut self.head),
            _ => (Part::Body, &mut self.body),
        };
        self.planned.push(part(blocks.len()));
        blocks.push(block);
    }

    fn lead_to_map(&mut self, piece: &Piece) {
        if (self.side, self.channels) != (piece.side, piece.channels) {
            let stride = stride_between(self.side, piece.side)
                .expect("pieces are chained where a stride leads to their side");
            self.convolve(stride, piece.channels);
            self.side = piece.side;
        }
    }

    fn lead_to_features(&mut self, channels: u32) {
        self.pool();
        if self.channels != channels {
            self.head.push(BlockSpec::Linear(Linear { channels, activation: None }));
            self.channels = channels;
        }
    }

    fn pool(&mut self) {
        if self.head.is_empty() {
            self.head.push(BlockSpec::Pool);
            self.side = 1;
        }
    }

    fn convolve(&mut self, stride: u32, channels: u32) {
        self.body.push(BlockSpec::Conv(Conv { kernel: 1, stride, channels, activation: None }));
        self.channels = channels;
    }

    fn finish(mut self, resolution: u32, input_channels: u32, plan: &Plan) -> Carrier {
        self.pool();
        let place = |part: &Part| match *part {
            Part::Body(0) => Place::Stem,
            Part::Body(index) => Place::Block(index as u32 - 1),
            Part::Head(index) => Place::Head(index as u32),
            Part::Classifier => Place::Classifier,
        };
        let places = self.planned.iter().map(place).collect();
        let stem = self.body.remove(0);
        let network = NetworkSpec {
            name: "carrier".to_owned(),
            resolution,
            input_channels,
            classes: self.classes,
            padding: plan.padding,
            batch_norm: BATCH_NORM,
            dropout: 0.0,
            stem,
            blocks: self.body,
            head: self.head,
        };
        Carrier { network, places }
    }
}

/// The stride with which a map of one side becomes a map of another.
pub fn stride_between(from: u32, to: u32) -> Option<u32> {
    (1..=from).find(|stride| from.div_ceil(*stride) == to)
}
